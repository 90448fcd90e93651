#include "sim/numa/topology.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "base/units.h"
#include "sim/phys/memory.h"

namespace ft::sim::numa {
namespace {

using ::testing::HasSubstr;

TopologySettings nodes_with_cpus(unsigned count) {
  TopologySettings settings;
  for (unsigned i = 0; i < count; ++i) {
    settings.nodes.push_back({.id = i, .memory_bytes = kGiB, .cpus = {2 * i, 2 * i + 1}});
  }
  return settings;
}

std::string error_of(TopologySettings settings) {
  const auto topology = Topology::make(std::move(settings));
  return topology ? "no error" : topology.error().message();
}

TEST(Topology, SaysWhatIsWrong) {
  EXPECT_THAT(error_of({}), HasSubstr("it has no node"));
  auto settings = nodes_with_cpus(2);
  settings.nodes[1].memory_bytes = 0;
  EXPECT_THAT(error_of(settings), HasSubstr("node 1: it has no memory (leave it out"));

  settings = nodes_with_cpus(2);
  settings.distances = {{10, 21}, {20, 10}};
  EXPECT_THAT(error_of(settings),
              HasSubstr("distance from node 0 to node 1: 21, but 20 the other way"));
  settings.distances = {{10, 21}};
  EXPECT_THAT(error_of(settings), HasSubstr("1 rows for 2 nodes"));
  settings.distances = {{10, 21}, {21}};
  EXPECT_THAT(error_of(settings), HasSubstr("1 columns in row 1"));
  settings.distances = {{20, 21}, {21, 10}};
  EXPECT_THAT(error_of(settings), HasSubstr("a node is 10 from itself"));
  settings.distances = {{10, 10}, {10, 10}};
  EXPECT_THAT(error_of(settings), HasSubstr("11 to 254 are allowed"));
  settings.distances = {{10, 255}, {255, 10}};
  EXPECT_THAT(error_of(settings), HasSubstr("11 to 254 are allowed"));

  settings = nodes_with_cpus(2);
  settings.nodes[1].cpus = {1, 2};
  EXPECT_THAT(error_of(settings), HasSubstr("node 1: CPU 1 belongs to node 0 already"));
  settings.nodes[1].cpus = {3};
  EXPECT_THAT(error_of(settings), HasSubstr("CPU 2 belongs to no node"));
  settings.nodes[1].cpus = {4000000000};
  EXPECT_THAT(error_of(settings), HasSubstr("the model takes 0 to 8191"));
  settings.nodes[0].cpus = settings.nodes[1].cpus = {};
  EXPECT_THAT(error_of(settings), HasSubstr("no node has a CPU"));

  settings = nodes_with_cpus(2);
  settings.nodes[1].id = 0;
  EXPECT_THAT(error_of(settings), HasSubstr("node 0: it is there twice"));
  settings.nodes[1].id = 64;
  EXPECT_THAT(error_of(settings), HasSubstr("numbered 0 to 63"));
  settings = nodes_with_cpus(1);
  settings.nodes[0].memory_bytes = 1ULL << 63U;
  EXPECT_THAT(Topology::make(settings)->memory_start().error().message(),
              HasSubstr("beyond the 4096 GiB the model takes"));
}

using Orders = std::vector<std::vector<NodeId>>;

// What "Fallback order for Node" of the kernel's log says on such machines.
TEST(Topology, FallsBackByDistanceThenToHigherNumbers) {
  EXPECT_EQ(Topology::make(nodes_with_cpus(2))->fallback_orders(), (Orders{{0, 1}, {1, 0}}));
  // Four equals: each next one is the one that others have not chosen first yet.
  const Orders four = Topology::make(nodes_with_cpus(4))->fallback_orders();
  EXPECT_EQ(four, (Orders{{0, 1, 2, 3}, {1, 2, 3, 0}, {2, 3, 0, 1}, {3, 0, 1, 2}}));
}

TEST(Topology, PrefersNodesOfEqualDistanceWithoutCpus) {
  auto settings = nodes_with_cpus(3);
  settings.nodes[2].cpus.clear();
  EXPECT_EQ(Topology::make(settings)->fallback_orders()[0], (std::vector<NodeId>{0, 2, 1}));
}

TEST(Topology, PutsNearNodesFirst) {
  auto settings = nodes_with_cpus(4);
  settings.distances = {{10, 12, 32, 32}, {12, 10, 32, 32}, {32, 32, 10, 12}, {32, 32, 12, 10}};
  const Orders orders = Topology::make(settings)->fallback_orders();
  EXPECT_EQ(orders[0], (std::vector<NodeId>{0, 1, 2, 3}));
  EXPECT_EQ(orders[1], (std::vector<NodeId>{1, 0, 3, 2}));
  EXPECT_EQ(orders[3][1], 2U);
}

TEST(Topology, MakesZones) {
  TopologySettings settings;
  settings.nodes = {{.id = 0, .memory_bytes = 16 * kGiB, .cpus = {0, 2}},
                    {.id = 1, .memory_bytes = 16 * kGiB + 12345, .cpus = {1, 3}}};
  const auto start = Topology::make(settings)->memory_start();
  ASSERT_TRUE(start) << start.error().message();
  EXPECT_EQ(start->node_of_cpu, (std::vector<NodeId>{0, 1, 0, 1}));
  ASSERT_EQ(start->zones.size(), 4U);  // DMA, DMA32 and Normal of node 0, Normal of node 1
  EXPECT_EQ(start->zones[3].shape.span, (phys::PfnRange{4ULL << 20U, 8ULL << 20U}));
  const auto memory = phys::Memory::make(*start);
  ASSERT_TRUE(memory) << memory.error().message();
  const auto& list = (*memory)->find_node(1)->zonelist;
  ASSERT_EQ(list.size(), 4U);
  EXPECT_EQ(list[0]->node(), 1U);
  EXPECT_EQ(list[1]->kind(), phys::ZoneKind::Normal);  // of node 0, highest first
  EXPECT_EQ(list[3]->kind(), phys::ZoneKind::Dma);
}

RC_GTEST_PROP(TopologyProperty, EveryOrderNamesEachNodeOnceNearestFirst, ()) {
  const auto count = *rc::gen::inRange<std::size_t>(1, 12);
  TopologySettings settings = nodes_with_cpus(static_cast<unsigned>(count));
  settings.distances.assign(count, std::vector<unsigned>(count, 10));
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      settings.distances[i][j] = settings.distances[j][i] = *rc::gen::inRange(11U, 40U);
    }
  }
  const auto topology = Topology::make(settings);
  RC_ASSERT(topology.has_value());
  const Orders orders = topology->fallback_orders();
  for (NodeId own = 0; own < count; ++own) {
    RC_ASSERT(orders[own].front() == own);
    std::vector<NodeId> sorted = orders[own];
    std::ranges::sort(sorted);
    for (NodeId i = 0; i < count; ++i) RC_ASSERT(sorted[i] == i);
    for (std::size_t i = 1; i < count; ++i) {
      // Lower numbers count as one further away.
      RC_ASSERT(topology->distance(own, orders[own][i - 1]) <=
                topology->distance(own, orders[own][i]) + 1);
    }
  }
}

}  // namespace
}  // namespace ft::sim::numa
