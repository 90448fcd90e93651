#include "analysis/difference.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>

namespace ft::analysis {
namespace {

using namespace report::model;

NamedReport run_of(std::string name, Count heap_faults, Nanoseconds wall = 1000) {
  NamedReport run{std::move(name), {}};
  run.report.time.wall_ns = wall;
  run.report.target.command = {"java", "Hello"};
  Subsystem heap;
  heap.name = "Java heap";
  heap.faults = heap_faults;
  heap.reserved_bytes = 1000;
  run.report.subsystems.push_back(heap);
  return run;
}

DifferenceRow row_of(const Difference& difference, const std::string& group,
                     const std::string& figure) {
  const auto row = std::ranges::find_if(difference.rows, [&](const DifferenceRow& candidate) {
    return candidate.group == group && candidate.figure == figure;
  });
  EXPECT_NE(row, difference.rows.end()) << group << " " << figure;
  return row == difference.rows.end() ? DifferenceRow{} : *row;
}

TEST(Difference, OfOneRunEachIsWhateverIsNotEqual) {
  const NamedReport before[] = {run_of("a", 100)};
  const NamedReport after[] = {run_of("b", 90)};
  const Difference difference = difference_of(before, after);
  const DifferenceRow& faults = row_of(difference, "Java heap", "page faults");
  EXPECT_EQ(faults.verdict, Verdict::Less);
  EXPECT_EQ(faults.change, -10);
  EXPECT_EQ(row_of(difference, "Java heap", "reserved").verdict, Verdict::Same);
  EXPECT_EQ(difference.chance, 1) << "nothing is known of noise";
}

TEST(Difference, OfSeveralRunsIsWhatLiesOutsideTheirNoise) {
  const NamedReport before[] = {run_of("a1", 100, 50), run_of("a2", 110, 60), run_of("a3", 90, 70)};
  const NamedReport after[] = {run_of("b1", 105, 71), run_of("b2", 120, 80), run_of("b3", 130, 99)};
  const Difference difference = difference_of(before, after);
  const DifferenceRow& faults = row_of(difference, "Java heap", "page faults");
  EXPECT_EQ(faults.verdict, Verdict::Same) << "105 lies within 90 to 110";
  EXPECT_EQ(faults.before.median, 100U);
  EXPECT_EQ(faults.after.median, 120U);
  EXPECT_EQ(faults.before.least, 90U);
  EXPECT_EQ(faults.before.most, 110U);
  EXPECT_EQ(row_of(difference, "start", "wall time").verdict, Verdict::More);
  EXPECT_DOUBLE_EQ(difference.chance, 0.1) << "2 in (6 choose 3)";
}

TEST(Difference, APartThatIsNotThereHasNothing) {
  NamedReport with = run_of("a", 100);
  Subsystem code;
  code.name = "Code cache";
  code.faults = 7;
  with.report.subsystems.push_back(code);
  const NamedReport before[] = {run_of("b", 100)};
  const NamedReport after[] = {with};
  const DifferenceRow& row = row_of(difference_of(before, after), "Code cache", "page faults");
  EXPECT_EQ(row.verdict, Verdict::More);
  EXPECT_EQ(row.before.median, 0U);
}

TEST(Difference, WhatARunCouldNotKnowIsNoZero) {
  NamedReport blind = run_of("ptrace", 0);
  blind.report.subsystems[0].faults.reset();
  blind.report.time.wall_ns.reset();
  const NamedReport before[] = {blind};
  const NamedReport after[] = {run_of("bpf", 100)};
  const Difference difference = difference_of(before, after);
  EXPECT_EQ(row_of(difference, "Java heap", "page faults").verdict, Verdict::Unknown);
  EXPECT_EQ(row_of(difference, "start", "wall time").verdict, Verdict::Unknown);
}

TEST(Difference, TheTypicalRunIsTheMedianOne) {
  EXPECT_EQ(typical_run(std::array{run_of("a", 1, 900), run_of("b", 1, 100), run_of("c", 1, 500)}),
            2U);
  EXPECT_EQ(typical_run(std::array{run_of("a", 1, 900), run_of("b", 1, 100)}), 1U);
  NamedReport costly = run_of("a", 1, 100);
  costly.report.time.kernel_mm.emplace().total_ns = 5'000;
  EXPECT_EQ(typical_run(std::array{costly, run_of("b", 1, 900), run_of("c", 1, 10'000)}), 0U)
      << "the kernel's time counts where it is known";
}

TEST(Difference, TellsWhatWasSetOtherwiseAndWhatWasLost) {
  NamedReport other = run_of("b", 100);
  other.report.target.command = {"java", "-Xmx1g", "Hello"};
  other.report.host.thp["enabled"] = "always";
  other.report.loss.total = 3;
  const NamedReport before[] = {run_of("a", 100)};
  const NamedReport after[] = {other};
  const Difference difference = difference_of(before, after);
  ASSERT_EQ(difference.settings.size(), 2U);
  EXPECT_EQ(difference.settings[0].name, "command");
  EXPECT_EQ(difference.settings[0].after, "java -Xmx1g Hello");
  EXPECT_EQ(difference.settings[1].name, "thp.enabled");
  EXPECT_THAT(difference.warnings, testing::ElementsAre("b lost 3 events"));
}

}  // namespace
}  // namespace ft::analysis
