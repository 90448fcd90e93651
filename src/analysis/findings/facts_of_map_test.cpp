#include "analysis/findings/facts_of_map.h"

#include <gtest/gtest.h>

#include "base/units.h"

namespace ft::analysis {

namespace {

using report::model::MapFigures;
using report::model::MemoryMap;

MemoryMap a_map() {
  MemoryMap map;
  map.jvm = "HotSpot 17.0.15+6, G1";
  map.areas = 321;
  map.total.resident = kGiB;
  map.total.mapped_again = 24 * kMiB;
  map.total.huge = 6 * kMiB;
  map.subsystems.push_back({"Java heap", 1, MapFigures{.reserved = 8 * kGiB}});
  map.subsystems.back().figures.resident = 300 * kMiB;
  map.subsystems.back().figures.swapped = 5 * kMiB;
  map.subsystems.back().figures.nodes = {{0, 100 * kMiB}, {1, 200 * kMiB}};
  map.subsystems.push_back({"Java thread stacks", 3, {}});
  map.subsystems.back().figures.huge = 4 * kMiB;
  map.subsystems.push_back({"JVM thread stacks", 3, {}});
  map.subsystems.back().figures.huge = 2 * kMiB;
  return map;
}

TEST(FactsOfMap, TakesWhatTheMapKnows) {
  FindingFacts facts;
  add_facts(a_map(), {}, facts);
  EXPECT_EQ(facts.resident, kGiB - 24 * kMiB);
  EXPECT_EQ(facts.map_count, 321U);
  EXPECT_EQ(facts.heap_reserved, 8 * kGiB);
  EXPECT_EQ(facts.heap_resident, 300 * kMiB);
  EXPECT_EQ(facts.heap_swapped, 5 * kMiB);
  EXPECT_EQ(facts.stacks_huge, 6 * kMiB);
  ASSERT_TRUE(facts.heap_by_node);
  EXPECT_EQ(facts.heap_by_node->at(1), 200 * kMiB);
  EXPECT_FALSE(facts.c_heap_resident);
}

TEST(FactsOfMap, AnEmptyMapTellsNothing) {
  FindingFacts facts;
  add_facts({}, {}, facts);
  for (const auto& finding : find(facts)) {
    EXPECT_EQ(finding.state, report::model::FindingState::NotEvaluated) << finding.name;
  }
}

TEST(FactsOfMap, TheReservationOfZgcIsNoMaximum) {
  MemoryMap map = a_map();
  map.jvm = "HotSpot 25.0.3+9, Z";
  FindingFacts facts;
  add_facts(map, {}, facts);
  EXPECT_FALSE(facts.heap_reserved);
  const std::vector<std::string> words = {"java", "-Xmx1g", "-XX:MaxHeapSize=512m", "App"};
  add_facts(map, words, facts);
  EXPECT_EQ(facts.heap_reserved, 512 * kMiB);
}

TEST(FactsOfMap, ReadsSizesAsHotSpotDoes) {
  const auto given = [](std::string word) { return heap_maximum_given({{std::move(word)}}); };
  EXPECT_EQ(given("-Xmx1048576"), kMiB);
  EXPECT_EQ(given("-Xmx64K"), 64 * kKiB);
  EXPECT_EQ(given("-Xmx2T"), 2048 * kGiB);
  EXPECT_FALSE(given("-Xmx"));
  EXPECT_FALSE(given("-Xmxg"));
  EXPECT_FALSE(given("-Xmx-1g"));
  EXPECT_FALSE(given("-Xmx99999999999999999999g"));
  EXPECT_FALSE(given("-Xmx17179869184g"));
  EXPECT_FALSE(given("-Xms1g"));
}

}  // namespace

}  // namespace ft::analysis
