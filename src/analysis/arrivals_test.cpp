// Are the pages told that are there now and were not before, and no others?
#include "analysis/arrivals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

namespace ft::analysis {
namespace {

using testing::ElementsAre;
using testing::Optional;

std::optional<std::vector<AddressRange>> walk(Arrivals& arrivals,
                                              std::initializer_list<AddressRange> runs) {
  for (const AddressRange run : runs) arrivals.on_resident(run);
  return arrivals.end_walk();
}

TEST(Arrivals, TheFirstWalkTellsNothing) {
  Arrivals arrivals;
  EXPECT_FALSE(walk(arrivals, {{10, 20}}));
  EXPECT_THAT(walk(arrivals, {{10, 20}}), Optional(ElementsAre()));
}

TEST(Arrivals, PartsOfRunsOnBothSides) {
  Arrivals arrivals;
  walk(arrivals, {{10, 20}, {30, 40}, {60, 70}});
  EXPECT_THAT(walk(arrivals, {{5, 35}, {36, 50}, {80, 90}}),
              Optional(ElementsAre(AddressRange{5, 10}, AddressRange{20, 30}, AddressRange{40, 50},
                                   AddressRange{80, 90})));
  EXPECT_THAT(walk(arrivals, {}), Optional(ElementsAre()));
  EXPECT_THAT(walk(arrivals, {{1, 2}, {2, 3}}), Optional(ElementsAre(AddressRange{1, 3})));
}

TEST(Arrivals, AsSetsOfPagesSay) {
  std::mt19937 random(7);
  Arrivals arrivals;
  std::set<std::uint64_t> before;
  for (int round = 0; round < 200; ++round) {
    std::set<std::uint64_t> now;
    for (std::uint64_t page = 0; page < 200; ++page) {
      if (random() % 3 != 0) now.insert(page);
    }
    for (const std::uint64_t page : now) arrivals.on_resident({page, page + 1});
    const auto told = arrivals.end_walk();
    if (round > 0) {
      ASSERT_TRUE(told);
      std::set<std::uint64_t> pages;
      for (const AddressRange range : *told) {
        for (std::uint64_t page = range.start; page < range.end; ++page) {
          EXPECT_TRUE(pages.insert(page).second);
        }
      }
      std::set<std::uint64_t> wanted;
      for (const std::uint64_t page : now) {
        if (!before.contains(page)) wanted.insert(page);
      }
      EXPECT_EQ(pages, wanted);
    }
    before = std::move(now);
  }
}

}  // namespace
}  // namespace ft::analysis
