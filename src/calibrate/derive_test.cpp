#include "calibrate/derive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace ft::calibrate {
namespace {

using sim::profile::Cost;
using ::testing::ElementsAre;

// A kernel whose costs are known exactly.
Round round_of(double factor = 1) {
  Round round;
  round[{Kind::NullCall}] = 100;
  round[{Kind::AnonWrite, 1}] = 500;
  round[{Kind::AnonWrite, 16}] = 2500;
  round[{Kind::AnonWrite, 512}] = 90'000;
  round[{Kind::AnonNewTable}] = 500 + 300;
  round[{Kind::FileRead, 1}] = 400;
  round[{Kind::FileRead, 16}] = 400 + 15 * 30;
  round[{Kind::Munmap, 0}] = 1200;
  for (const std::uint32_t pages : {64U, 512U, 2048U}) {
    round[{Kind::Munmap, pages}] = 3000 + 55.0 * pages;
  }
  round[{Kind::Mprotect, 0}] = 900;
  round[{Kind::Mprotect, 1}] = 900 + 200 + 10;
  round[{Kind::Mprotect, 32}] = 900 + 200 + 32 * 10 + 31 * 70;
  round[{Kind::Mprotect, 64}] = 1500 + 64 * 10;
  round[{Kind::Mprotect, 512}] = 1500 + 512 * 10;
  round[{Kind::MprotectTwoCpus, 1}] = 900 + 200 + 10 + 2600;
  for (auto& [key, value] : round) value *= factor;
  return round;
}

TEST(Derive, TakesEachOperationFromWhatItsExercisesDifferBy) {
  const Derived derived = derive({round_of(), round_of(), round_of()});
  const auto cost = [&](Cost which) { return derived.costs.of(which).value_or(-1); };
  EXPECT_DOUBLE_EQ(cost(Cost::Syscall), 100);
  EXPECT_DOUBLE_EQ(cost(Cost::FaultAnon), 500);
  EXPECT_DOUBLE_EQ(cost(Cost::FaultAnon64k), 2500);
  EXPECT_DOUBLE_EQ(cost(Cost::FaultAnon2m), 90'000);
  EXPECT_DOUBLE_EQ(cost(Cost::PageTable), 300);
  EXPECT_DOUBLE_EQ(cost(Cost::FaultFile), 400);
  EXPECT_DOUBLE_EQ(cost(Cost::FaultFilePage), 30);
  EXPECT_DOUBLE_EQ(cost(Cost::Munmap), 1200);
  EXPECT_NEAR(cost(Cost::MunmapPage), 55, 1e-6);
  EXPECT_NEAR(cost(Cost::MprotectPage), 10, 1e-6);
  EXPECT_NEAR(cost(Cost::FlushLocal), 200, 1e-6);
  EXPECT_NEAR(cost(Cost::FlushLocalPage), 70, 1e-6);
  EXPECT_DOUBLE_EQ(cost(Cost::FlushRemote), 2600);
}

TEST(Derive, KeepsColdAndWarmApart) {
  Round round = round_of();
  round[{Kind::Mmap}] = 2000;
  round[{Kind::Mmap, 0, true}] = 5000;
  round[{Kind::Munmap, 64, true}] = 1e9;  // in no slope of the warm ones
  const std::vector<Round> rounds(3, round);
  EXPECT_DOUBLE_EQ(*derive(rounds).costs.of(Cost::Mmap), 2000);
  EXPECT_NEAR(*derive(rounds).costs.of(Cost::MunmapPage), 55, 1e-6);
  const Derived cold = derive(cold_rounds(rounds));
  EXPECT_THAT(cold.costs.known(), ElementsAre(Cost::Mmap));
  EXPECT_DOUBLE_EQ(*cold.costs.of(Cost::Mmap), 5000);
}

TEST(Derive, WhatWasNotDoneIsNotKnown) {
  const Derived derived = derive({round_of(), round_of(), round_of()});
  for (const Cost cost : {Cost::FaultAnon16k, Cost::FaultHugetlb2m, Cost::FaultReuse, Cost::Mmap,
                          Cost::PopulatePage, Cost::TlbWalk4k}) {
    EXPECT_FALSE(derived.costs.of(cost)) << name_of(cost);
    EXPECT_FALSE(derived.spreads.of(cost)) << name_of(cost);
  }
  EXPECT_TRUE(derive({}).costs.empty());
  EXPECT_TRUE(derive({round_of(), round_of()}).costs.empty());  // too few rounds for a middle
}

TEST(Derive, ARoundThatWasDisturbedDoesNotCount) {
  const Derived derived = derive({round_of(), round_of(), round_of(7), round_of(), round_of(1.01)});
  EXPECT_DOUBLE_EQ(derived.costs.of(Cost::FaultAnon).value_or(0), 500);
  EXPECT_NEAR(derived.spreads.of(Cost::FaultAnon).value_or(1), 0.01, 1e-9);
}

TEST(Derive, ADifferenceBelowNothingIsToldAndLeftOut) {
  Round round = round_of();
  round[{Kind::MprotectTwoCpus, 1}] = 1000;
  const Derived derived = derive({round, round, round});
  EXPECT_FALSE(derived.costs.of(Cost::FlushRemote));
  EXPECT_THAT(derived.lost_in_noise, ElementsAre(Cost::FlushRemote));
}

}  // namespace
}  // namespace ft::calibrate
