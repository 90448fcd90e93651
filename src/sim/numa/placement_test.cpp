#include "sim/numa/placement.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "base/units.h"
#include "sim/numa/topology.h"

namespace ft::sim::numa {
namespace {

using phys::FrameUse;
using phys::NumaCounters;
using phys::Pfn;

NodeMask mask_of(std::initializer_list<NodeId> nodes) {
  NodeMask mask;
  for (const NodeId node : nodes) mask.set(node);
  return mask;
}

class PlacementTest : public ::testing::Test {
 protected:
  explicit PlacementTest(unsigned nodes = 4) {
    TopologySettings settings;
    for (unsigned i = 0; i < nodes; ++i) {
      settings.nodes.push_back({.id = i, .memory_bytes = 512 * kMiB, .cpus = {i}});
    }
    memory_ = std::move(*phys::Memory::make(*Topology::make(settings)->memory_start()));
    memory_->set_placer(&placement_);
    memory_->set_cpu(1);
  }

  Policy policy(Mode mode, std::initializer_list<NodeId> nodes) {
    return *Policy::make(mode, mask_of(nodes), mask_of({0, 1, 2, 3}));
  }

  // Node of a new page; it stays in use.
  NodeId touch(unsigned order = 0, FrameUse use = FrameUse::Anonymous) {
    const auto first = memory_->allocate(order, use);
    EXPECT_TRUE(first);
    for (Pfn pfn = *first; pfn < *first + (Pfn{1} << order); ++pfn) {
      memory_->frames()[pfn] = {.kind = phys::FrameKind::Anonymous};
    }
    return memory_->zone_of(*first).node();
  }

  // Takes everything that a node has.
  void exhaust(NodeId node) {
    phys::Request request = phys::Request::user(0);
    request.node = node;
    request.this_node_only = true;
    request.reclaims = false;
    while (const auto pfn = memory_->request(request)) {
      memory_->frames()[*pfn] = {.kind = phys::FrameKind::Anonymous};
    }
  }

  NumaCounters since(NodeId node, const NumaCounters& before) {
    NumaCounters now = memory_->numa(node);
    return {.hit = now.hit - before.hit,
            .miss = now.miss - before.miss,
            .foreign = now.foreign - before.foreign,
            .interleave_hit = now.interleave_hit - before.interleave_hit,
            .local_node = now.local_node - before.local_node,
            .other_node = now.other_node - before.other_node};
  }

  Placement placement_;
  std::unique_ptr<phys::Memory> memory_;
};

TEST_F(PlacementTest, IsLocalByDefault) {
  EXPECT_EQ(touch(), 1U);
  memory_->set_cpu(3);
  EXPECT_EQ(touch(), 3U);
  EXPECT_EQ(memory_->numa(3), (NumaCounters{.hit = 1, .local_node = 1}));
  memory_->check();
}

TEST_F(PlacementTest, CountsWhatWentElsewhere) {
  exhaust(1);
  const NumaCounters before1 = memory_->numa(1);
  const NumaCounters before2 = memory_->numa(2);
  EXPECT_EQ(touch(), 2U);  // next in the order of node 1
  EXPECT_EQ(since(1, before1), (NumaCounters{.foreign = 1}));
  EXPECT_EQ(since(2, before2), (NumaCounters{.miss = 1, .other_node = 1}));
  memory_->check();
}

// The node that a policy names is the preferred one: that it is far away is no miss.
TEST_F(PlacementTest, BindingFarAwayIsAHit) {
  const Policy bind = policy(Mode::Bind, {3});
  placement_.set_place({.policy = &bind});
  EXPECT_EQ(touch(), 3U);
  EXPECT_EQ(memory_->numa(3), (NumaCounters{.hit = 1, .other_node = 1}));
  memory_->check();
}

TEST_F(PlacementTest, BindingFailsRatherThanGoElsewhere) {
  const Policy bind = policy(Mode::Bind, {2});
  placement_.set_place({.policy = &bind});
  exhaust(2);
  while (const auto pfn = memory_->allocate(0, FrameUse::Anonymous)) {
    ASSERT_EQ(memory_->zone_of(*pfn).node(), 2U);
    memory_->frames()[*pfn] = {.kind = phys::FrameKind::Anonymous};
  }
  EXPECT_FALSE(memory_->allocate(0, FrameUse::Anonymous));
  EXPECT_GT(memory_->find_node(3)->zones[0]->free_pages(), 10000U);
  EXPECT_TRUE(memory_->allocate(0, FrameUse::PageTable));  // follows the task
}

TEST_F(PlacementTest, PrefersAndThenFallsBack) {
  const Policy preferred = policy(Mode::Preferred, {2, 3});
  placement_.set_place({.policy = &preferred});
  EXPECT_EQ(touch(), 2U);
  exhaust(2);
  EXPECT_EQ(touch(), 3U);
  const Policy many = policy(Mode::PreferredMany, {2, 3});
  placement_.set_place({.policy = &many});
  EXPECT_EQ(touch(), 3U);
  exhaust(3);
  EXPECT_EQ(touch(), 1U);  // anywhere: from the CPU's node on
  memory_->check();
}

TEST_F(PlacementTest, InterleavesByAddressNotByOrderOfTouch) {
  const Policy interleave = policy(Mode::Interleave, {0, 2, 3});
  const NodeId expected[] = {0, 2, 3};
  const std::uint64_t first_page = 0x600000000 >> 12U;
  for (const std::uint64_t page : {7U, 3U, 0U, 5U, 1U, 2U}) {
    placement_.set_place(
        {.policy = &interleave, .page_offset = first_page, .offset = page << kPageShift});
    EXPECT_EQ(touch(), expected[(first_page + page) % 3]) << page;
  }
  std::uint64_t hits = 0;
  for (NodeId node = 0; node < 4; ++node) hits += memory_->numa(node).interleave_hit;
  EXPECT_EQ(hits, 6U);
  memory_->check();
}

TEST_F(PlacementTest, InterleavesHugePagesByHugePage) {
  const Policy interleave = policy(Mode::Interleave, {1, 2});
  for (const std::uint64_t huge : {0U, 1U, 2U, 3U}) {
    placement_.set_place({.policy = &interleave, .offset = huge << 21U});
    EXPECT_EQ(touch(phys::kHugeOrder), 1 + huge % 2);
  }
}

TEST_F(PlacementTest, CountsNoInterleaveHitWhereTheNodeWasFull) {
  const Policy interleave = policy(Mode::Interleave, {2, 3});
  exhaust(2);
  placement_.set_place({.policy = &interleave, .page_offset = 4});
  EXPECT_NE(touch(), 2U);
  for (NodeId node = 0; node < 4; ++node) EXPECT_EQ(memory_->numa(node).interleave_hit, 0U);
}

TEST_F(PlacementTest, SharesByWeight) {
  Weights weights = {};
  weights[0] = 3;
  weights[2] = 1;
  placement_.set_weights(weights);
  const Policy weighted = policy(Mode::WeightedInterleave, {0, 2});
  std::map<NodeId, int> pages;
  for (std::uint64_t page = 0; page < 40; ++page) {
    placement_.set_place({.policy = &weighted, .offset = page << kPageShift});
    const NodeId node = touch();
    EXPECT_EQ(node, page % 4 < 3 ? 0U : 2U);
    ++pages[node];
  }
  EXPECT_EQ(pages, (std::map<NodeId, int>{{0, 30}, {2, 10}}));
  EXPECT_EQ(memory_->numa(0).interleave_hit, 0U);  // of plain interleaving only
}

TEST_F(PlacementTest, PageTablesFollowTheTaskAndCountAllocations) {
  const Policy bind = policy(Mode::Bind, {0});
  placement_.set_task_policy(policy(Mode::Interleave, {1, 2, 3}));
  placement_.set_place({.policy = &bind});
  EXPECT_EQ(touch(), 0U);
  EXPECT_EQ(touch(0, FrameUse::PageTable), 1U);
  EXPECT_EQ(touch(0, FrameUse::PageTable), 2U);
  EXPECT_EQ(touch(), 0U);
  EXPECT_EQ(touch(0, FrameUse::PageCache), 3U);
  EXPECT_EQ(touch(0, FrameUse::PageTable), 1U);
  placement_.set_task_policy(policy(Mode::Interleave, {1, 2, 3}));  // starts over
  EXPECT_EQ(touch(0, FrameUse::PageTable), 1U);
}

TEST_F(PlacementTest, CountsWeightsForPageTablesToo) {
  Weights weights = {};
  weights[1] = 2;
  placement_.set_weights(weights);
  placement_.set_task_policy(policy(Mode::WeightedInterleave, {1, 2}));
  std::vector<NodeId> nodes;
  for (int i = 0; i < 6; ++i) nodes.push_back(touch(0, FrameUse::PageTable));
  EXPECT_EQ(nodes, (std::vector<NodeId>{1, 1, 2, 1, 1, 2}));
}

// A huge page is tried for on the local node only, and far away only where it may take some effort.
TEST_F(PlacementTest, HugePagesStayLocalUnlessWorthTheEffort) {
  memory_->fragment(0);
  phys::Request request = phys::Request::user(phys::kHugeOrder);
  request.node = 1;
  request.this_node_only = true;
  request.reclaims = false;
  while (memory_->request(request)) {
  }
  memory_->set_huge_effort(phys::HugeEffort::None);
  EXPECT_FALSE(memory_->allocate(phys::kHugeOrder, FrameUse::Anonymous));
  memory_->set_huge_effort(phys::HugeEffort::Reclaim);
  EXPECT_EQ(touch(phys::kHugeOrder), 2U);
}

TEST(Policy, RefusesWhatTheKernelRefuses) {
  const NodeMask memory = mask_of({0, 1});
  EXPECT_FALSE(Policy::make(Mode::Bind, {}, memory));
  EXPECT_FALSE(Policy::make(Mode::Bind, mask_of({5}), memory));
  EXPECT_FALSE(Policy::make(Mode::Default, mask_of({0}), memory));
  EXPECT_FALSE(Policy::make(Mode::Local, mask_of({0}), memory));
  EXPECT_EQ(Policy::make(Mode::Preferred, {}, memory)->mode, Mode::Local);
  EXPECT_EQ(Policy::make(Mode::Bind, mask_of({1, 5}), memory)->nodes, mask_of({1}));
}

}  // namespace
}  // namespace ft::sim::numa
