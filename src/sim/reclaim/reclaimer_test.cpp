#include "sim/reclaim/reclaimer.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <memory>
#include <set>

#include "base/units.h"

namespace ft::sim::reclaim {
namespace {

// Processes that touch pages, on a machine or only in groups.
class World final : public Owner {
 public:
  explicit World(CgroupVersion version = CgroupVersion::Two, ReclaimRules rules = {},
                 std::uint64_t machine_bytes = 0, unsigned swappiness = kUsualSwappiness)
      : groups(version, 1, rules) {
    if (machine_bytes != 0) {
      const phys::NodeSize node = {.bytes = machine_bytes, .cpus = 1};
      auto made = phys::Memory::make(*phys::plain_memory({&node, 1}));
      EXPECT_TRUE(made) << made.error().message();
      memory = std::move(*made);
    }
    reclaimer.emplace(ReclaimSettings{.swappiness = swappiness, .rules = rules}, groups, swap,
                      *this, memory.get());
  }

  GroupId add_group(const GroupLimits& limits, GroupId parent = kRootGroup) {
    const GroupId id = groups.add(parent, limits);
    reclaimer->add_group();
    return id;
  }

  // One page of a process; kNoPage where it got none.
  PageId touch(std::int32_t pid, GroupId group, PageKind kind = PageKind::Anonymous,
               bool young = true) {
    Page page = {.group = group, .kind = kind, .young = young};
    if (memory != nullptr) {
      const auto frame = memory->request(phys::Request::user(0));
      if (!frame) return kNoPage;
      page.frame = *frame;
      page.zone = memory->zone_of(*frame).index();
      memory->frames()[*frame] = {.kind = phys::FrameKind::Anonymous};
    }
    if (!reclaimer->charge(group, 1, {})) {
      if (memory != nullptr) memory->free(page.frame, 0);
      return kNoPage;
    }
    const PageId id = reclaimer->add(page);
    owner_of[id] = pid;
    return id;
  }

  void release(PageId id) {
    const Page page = reclaimer->lists().page(id);
    owner_of.erase(id);
    reclaimer->remove(id);
    if (memory != nullptr) memory->free(page.frame, 0);
  }

  void evicted(PageId id, const Page& page, const Evicted& how) override {
    gone.emplace_back(page, how);
    if (how.to_swap) ++swapped[owner_of[id]];
    order.push_back(id);
    owner_of.erase(id);
    if (memory != nullptr) memory->free(page.frame, 0);
  }

  std::vector<OomCandidate> processes(GroupId group) override {
    std::map<std::int32_t, OomCandidate> found;
    for (const auto& [id, pid] : owner_of) {
      if (!groups.below(reclaimer->lists().page(id).group, group)) continue;
      ++found[pid].resident_pages;
    }
    std::vector<OomCandidate> list;
    for (auto& [pid, candidate] : found) {
      candidate.pid = pid;
      candidate.swapped_pages = swapped[pid];
      candidate.score_adj = score_adj[pid];
      list.push_back(candidate);
    }
    return list;
  }

  void kill(std::int32_t pid, GroupId /*group*/) override {
    killed.push_back(pid);
    std::vector<PageId> pages;
    for (const auto& [id, owner] : owner_of) {
      if (owner == pid) pages.push_back(id);
    }
    for (const PageId id : pages) release(id);
  }

  void compressed_memory(std::uint64_t pages) override { compressed = pages; }

  Groups groups;
  Swap swap;
  std::unique_ptr<phys::Memory> memory;
  std::optional<Reclaimer> reclaimer;
  std::map<PageId, std::int32_t> owner_of;
  std::map<std::int32_t, std::uint64_t> swapped;
  std::map<std::int32_t, int> score_adj;
  std::vector<std::pair<Page, Evicted>> gone;
  std::vector<PageId> order;
  std::vector<std::int32_t> killed;
  std::uint64_t compressed = 0;
};

TEST(GroupLimit, WithoutSwapOrFilesTheLargestIsKilled) {
  World world;
  const GroupId group = world.add_group({.max = 1000});
  for (int i = 0; i < 300; ++i) ASSERT_NE(world.touch(1, group), kNoPage);
  for (int i = 0; i < 700; ++i) ASSERT_NE(world.touch(2, group), kNoPage);
  EXPECT_TRUE(world.killed.empty());
  EXPECT_EQ(world.groups.memory(group).pages, 1000U);
  ASSERT_NE(world.touch(1, group), kNoPage);
  EXPECT_EQ(world.killed, std::vector<std::int32_t>{2});
  EXPECT_EQ(world.groups.events(group).oom, 1U);
  EXPECT_EQ(world.groups.events(group).oom_kill, 1U);
  world.groups.drain(group);
  EXPECT_EQ(world.groups.memory(group).pages, 301U);
  world.reclaimer->check();
}

TEST(GroupLimit, AdjustmentSavesTheLargest) {
  World world;
  const GroupId group = world.add_group({.max = 10'000});
  world.score_adj[2] = -500;
  for (int i = 0; i < 4000; ++i) world.touch(1, group);
  for (int i = 0; i < 6001; ++i) world.touch(2, group);
  EXPECT_EQ(world.killed, std::vector<std::int32_t>{1});  // 4000 against 6000 - 500 * 10
}

TEST(GroupLimit, WhoMayNotReclaimFailsAtOnce) {
  World world;
  const GroupId group = world.add_group({.max = 512});
  EXPECT_TRUE(world.reclaimer->charge(group, 512, {.one_try = true, .order = 9}));
  EXPECT_FALSE(world.reclaimer->charge(group, 512, {.reclaims = false, .order = 9}));
  EXPECT_EQ(world.groups.events(group).max, 0U);
  EXPECT_FALSE(world.reclaimer->charge(group, 512, {.one_try = true, .order = 9}));
  EXPECT_EQ(world.groups.events(group).oom, 0U);
  EXPECT_GT(world.groups.events(group).max, 0U);
  world.reclaimer->check();
}

TEST(GroupLimit, CleanFilePagesGoBeforeAnybodyIsKilled) {
  World world;
  const GroupId group = world.add_group({.max = 1000});
  for (int i = 0; i < 500; ++i) world.touch(1, group, PageKind::File, false);
  for (int i = 0; i < 900; ++i) ASSERT_NE(world.touch(1, group), kNoPage);
  EXPECT_TRUE(world.killed.empty());
  EXPECT_GE(world.reclaimer->counts().dropped, 400U);
  EXPECT_EQ(world.reclaimer->counts().swapped, 0U);
  world.reclaimer->check();
}

// A page that was just used is passed over once (folio_check_references), then goes: of pages
// touched once, the oldest first.
TEST(GroupLimit, TheOldestPagesAreSwapped) {
  World world;
  world.swap.add({.slots = 10'000, .compression = 3.0});
  const GroupId group = world.add_group({.max = 1000});
  for (int i = 0; i < 1200; ++i) ASSERT_NE(world.touch(1, group), kNoPage);
  EXPECT_TRUE(world.killed.empty());
  EXPECT_LE(world.groups.memory(group).pages, 1000U);
  EXPECT_GE(world.reclaimer->counts().swapped, 200U);
  EXPECT_EQ(world.groups.swap(group).pages, world.reclaimer->counts().swapped);
  EXPECT_EQ(world.order.front(), 0U);
  EXPECT_EQ(world.compressed, (world.swap.used() + 2) / 3);
  world.reclaimer->check();
}

TEST(GroupLimit, SwapMaxStopsSwapping) {
  World world;
  world.swap.add({.slots = 10'000, .compression = 1.0});
  const GroupId group = world.add_group({.max = 1000, .swap_max = 100});
  for (int i = 0; i < 1100; ++i) ASSERT_NE(world.touch(1, group), kNoPage);
  EXPECT_TRUE(world.killed.empty());
  EXPECT_EQ(world.groups.swap(group).pages, 100U);
  world.touch(1, group);
  EXPECT_EQ(world.killed.size(), 1U);
  world.reclaimer->check();
}

TEST(GroupLimit, VersionOneSwapsNothingForTheLimitOfBoth) {
  World world(CgroupVersion::One);
  world.swap.add({.slots = 10'000, .compression = 1.0});
  const GroupId group = world.add_group({.max = 1000, .memory_and_swap_max = 1000});
  for (int i = 0; i < 1000; ++i) ASSERT_NE(world.touch(1, group), kNoPage);
  world.touch(1, group);
  EXPECT_EQ(world.reclaimer->counts().swapped, 0U);
  EXPECT_EQ(world.killed.size(), 1U);
}

TEST(GroupLimit, SwappinessZeroOfAGroupNeverSwaps) {
  World world(CgroupVersion::One);
  world.swap.add({.slots = 10'000, .compression = 1.0});
  const GroupId group = world.add_group({.max = 1000, .swappiness = 0});
  for (int i = 0; i < 1001; ++i) world.touch(1, group);
  EXPECT_EQ(world.reclaimer->counts().swapped, 0U);
  EXPECT_EQ(world.killed.size(), 1U);
}

TEST(GroupLimit, OnADiskAPageGoesOnceItIsWritten) {
  World world;
  world.swap.add({.slots = 10'000});
  const GroupId group = world.add_group({.max = 100});
  for (int i = 0; i < 100; ++i) world.touch(1, group, PageKind::Anonymous, false);
  EXPECT_EQ(world.reclaimer->counts().swapped, 0U);
  ASSERT_NE(world.touch(1, group), kNoPage);
  EXPECT_GE(world.reclaimer->counts().swapped, 1U);
  EXPECT_LE(world.groups.memory(group).pages, 100U);
  world.reclaimer->check();
}

TEST(GroupHigh, IsPassedAndReclaimedNeverKilled) {
  World world;
  const GroupId group = world.add_group({.high = 500});
  for (int i = 0; i < 1000; ++i) ASSERT_NE(world.touch(1, group), kNoPage);
  EXPECT_TRUE(world.killed.empty());
  EXPECT_GT(world.groups.events(group).high, 0U);
  EXPECT_GE(world.groups.memory(group).pages, 1000U);  // nothing could be reclaimed
  EXPECT_EQ(world.groups.events(group).max, 0U);
}

// (overage in 2^-20)^2 * HZ >> 34, times pages / 64: 10 % over, 64 pages: 0.1^2 * 64 s = 0.64 s.
TEST(GroupHigh, DelayGrowsWithTheSquareOfTheOverage) {
  EXPECT_EQ(high_delay_ms(1000, 1000, 64), 0U);
  EXPECT_NEAR(static_cast<double>(high_delay_ms(1100, 1000, 64)), 640.0, 1.0);
  EXPECT_NEAR(static_cast<double>(high_delay_ms(1100, 1000, 32)), 320.0, 1.0);
  EXPECT_EQ(high_delay_ms(1010, 1000, 64), 0U);  // 6.4 ms: not worth it
  EXPECT_EQ(high_delay_ms(1200, 1000, 64), 2000U);
  EXPECT_EQ(high_delay_ms(~std::uint64_t{0} >> 24U, 1, 64), 2000U);
}

TEST(Protected, ASiblingBelowMinIsNotTouched) {
  World world;
  const GroupId parent = world.add_group({.max = 1000});
  const GroupId kept = world.add_group({.min = 400}, parent);
  const GroupId other = world.add_group({}, parent);
  for (int i = 0; i < 300; ++i) world.touch(1, kept, PageKind::File, false);
  for (int i = 0; i < 1000; ++i) ASSERT_NE(world.touch(2, other, PageKind::File, false), kNoPage);
  for (const auto& [page, how] : world.gone) EXPECT_EQ(page.group, other);
  EXPECT_FALSE(world.gone.empty());
  world.reclaimer->check();
}

TEST(Protected, LowGivesWayBeforeAnybodyIsKilled) {
  World world;
  const GroupId parent = world.add_group({.max = 1000});
  const GroupId kept = world.add_group({.low = 600}, parent);
  const GroupId other = world.add_group({}, parent);
  for (int i = 0; i < 500; ++i) world.touch(1, kept, PageKind::File, false);
  for (int i = 0; i < 900; ++i) ASSERT_NE(world.touch(2, other), kNoPage);
  EXPECT_TRUE(world.killed.empty());
  EXPECT_GT(world.groups.events(kept).low, 0U);
  EXPECT_GE(world.gone.size(), 400U);
}

TEST(Refault, ASoonReturnIsActiveALateOneIsNot) {
  World world;
  const GroupId group = world.add_group({.max = 1000});
  for (int i = 0; i < 200; ++i) world.touch(1, group, PageKind::File, false);
  world.reclaimer->reclaim_group(group, 32);
  ASSERT_FALSE(world.gone.empty());
  // Nothing is active, nothing can be swapped: the working set is empty, and other pages left
  // since.
  const auto first = world.gone.front();
  const auto late = world.reclaimer->read_back(first.first, first.second);
  ASSERT_TRUE(late);
  EXPECT_EQ(world.reclaimer->lists().list_of(*late), ListKind::InactiveFile);
  // With swap, anonymous pages count as what it has to compete with.
  world.swap.add({.slots = 1000, .compression = 1.0});
  for (int i = 0; i < 200; ++i) world.touch(1, group);
  const auto second = world.gone[1];
  const auto soon = world.reclaimer->read_back(second.first, second.second);
  ASSERT_TRUE(soon);
  EXPECT_EQ(world.reclaimer->lists().list_of(*soon), ListKind::ActiveFile);
  EXPECT_EQ(world.reclaimer->counts().refaults, 2U);
  EXPECT_EQ(world.reclaimer->counts().refaults_activated, 1U);
  world.owner_of[*late] = world.owner_of[*soon] = 1;
  world.reclaimer->check();
}

TEST(Refault, ASwappedPageComesBackAndGivesItsSlot) {
  World world;
  world.swap.add({.slots = 1000, .compression = 2.0});
  const GroupId group = world.add_group({.max = 100});
  for (int i = 0; i < 120; ++i) world.touch(1, group, PageKind::Anonymous, false);
  ASSERT_FALSE(world.gone.empty());
  const std::uint64_t used = world.swap.used();
  const auto [page, how] = world.gone.front();
  const auto back = world.reclaimer->swap_in(page, how);
  ASSERT_TRUE(back);
  world.owner_of[*back] = 1;
  // One slot less for it; making room for it may have taken others.
  EXPECT_EQ(world.groups.swap(group).pages, world.swap.used());
  EXPECT_EQ(world.reclaimer->counts().swapped, world.swap.used() + 1);
  EXPECT_GE(world.swap.used() + 1, used);
  world.reclaimer->check();
}

TEST(Machine, KswapdKeepsItAboveTheHighWatermarkWithoutDirectReclaim) {
  World world(CgroupVersion::Two, {}, 256 * kMiB);
  world.swap.add({.slots = 1U << 20U});
  const std::uint64_t pages = world.memory->managed_pages();
  for (std::uint64_t i = 0; i < pages + 20'000; ++i) ASSERT_NE(world.touch(1, kRootGroup), kNoPage);
  EXPECT_TRUE(world.killed.empty());
  EXPECT_GT(world.reclaimer->counts().kswapd_wakeups, 0U);
  EXPECT_EQ(world.reclaimer->counts().freed_direct, 0U);
  EXPECT_GT(world.reclaimer->counts().freed_kswapd, 20'000U);
  world.reclaimer->check();
  world.memory->check();
}

TEST(Machine, WithoutSwapTheLargestProcessIsKilled) {
  World world(CgroupVersion::Two, {}, 128 * kMiB);
  for (int i = 0; i < 5000; ++i) ASSERT_NE(world.touch(1, kRootGroup), kNoPage);
  const std::uint64_t pages = world.memory->managed_pages();
  for (std::uint64_t i = 0; i < pages && world.killed.empty(); ++i) world.touch(2, kRootGroup);
  EXPECT_EQ(world.killed, std::vector<std::int32_t>{2});
  EXPECT_EQ(world.reclaimer->counts().kills, 1U);
  EXPECT_GT(world.reclaimer->counts().direct_runs, 0U);
  EXPECT_GT(world.reclaimer->counts().kswapd_failures, 0U);
  world.memory->check();
  world.reclaimer->check();
}

TEST(Machine, FilePagesGoFirst) {
  World world(CgroupVersion::Two, {}, 256 * kMiB);
  world.swap.add({.slots = 1U << 20U});
  const std::uint64_t pages = world.memory->managed_pages();
  for (std::uint64_t i = 0; i < pages / 2; ++i) {
    world.touch(1, kRootGroup, PageKind::File, false);
  }
  for (std::uint64_t i = 0; i < pages / 2; ++i) ASSERT_NE(world.touch(1, kRootGroup), kNoPage);
  EXPECT_GT(world.reclaimer->counts().dropped, 0U);
  EXPECT_EQ(world.reclaimer->counts().swapped, 0U);  // plenty of cache that nobody wants
  world.reclaimer->check();
}

// What is compressed takes memory of its own: with a ratio of 1 nothing is won.
TEST(Machine, CompressedSwapIsToldHowMuchItTakes) {
  World world;
  world.swap.add({.slots = 1000, .compression = 4.0});
  const GroupId group = world.add_group({.max = 100});
  for (int i = 0; i < 200; ++i) world.touch(1, group, PageKind::Anonymous, false);
  EXPECT_EQ(world.compressed, (world.swap.used() + 3) / 4);
}

TEST(Costs, OlderKernelsCountOnlyWhatIsWritten) {
  for (const bool older : {true, false}) {
    World world(CgroupVersion::Two, older ? ReclaimRules::linux_6_1() : ReclaimRules::linux_6_18());
    world.swap.add({.slots = 100'000, .compression = 2.0});
    const GroupId group = world.add_group({.max = 50'000});
    // Young pages: the first look rotates them, nothing is written.
    for (int i = 0; i < 40'000; ++i) world.touch(1, group);
    world.reclaimer->reclaim_group(group, 32);
    const ListCosts& costs = world.reclaimer->lists().costs(group, 0);
    EXPECT_EQ(costs.anonymous == 0, older) << costs.anonymous;
  }
}

RC_GTEST_PROP(ReclaimerProperty, PagesAreInMemoryInSwapOrGone, ()) {
  const auto version = *rc::gen::element(CgroupVersion::One, CgroupVersion::Two);
  const auto rules = *rc::gen::element(0, 1, 2);
  World world(version, rules == 0   ? ReclaimRules::linux_6_1()
                       : rules == 1 ? ReclaimRules::linux_6_12()
                                    : ReclaimRules::linux_6_18());
  const auto slots = *rc::gen::inRange<std::uint64_t>(0, 400);
  const bool compressed = *rc::gen::arbitrary<bool>();
  world.swap.add({.slots = slots, .compression = compressed ? std::optional(2.5) : std::nullopt});
  const GroupId parent = world.add_group({.max = 500, .high = 450});
  const std::array<GroupId, 2> leaves = {world.add_group({.max = 300, .low = 50}, parent),
                                         world.add_group({.swap_max = 100}, parent)};
  std::uint64_t made = 0;
  std::uint64_t released = 0;
  const auto steps = *rc::gen::inRange(0, 60);
  for (int step = 0; step < steps; ++step) {
    const GroupId group = leaves[*rc::gen::inRange<std::size_t>(0, 2)];
    const auto kind = *rc::gen::element(PageKind::Anonymous, PageKind::File);
    const auto count = *rc::gen::inRange(0, 40);
    switch (*rc::gen::inRange(0, 4)) {
      case 0:
      case 1:
        for (int i = 0; i < count; ++i) {
          if (world.touch(count % 3, group, kind, count % 2 == 0) != kNoPage) ++made;
        }
        break;
      case 2:
        for (int i = 0; i < count && !world.owner_of.empty(); ++i) {
          world.release(world.owner_of.begin()->first);
          ++released;
        }
        break;
      default:
        world.reclaimer->reclaim_group(parent, static_cast<std::uint64_t>(count));
        break;
    }
    world.reclaimer->check();
    RC_ASSERT(world.groups.memory(leaves[0]).pages <= 300);
    RC_ASSERT(world.groups.memory(parent).pages <= 500);
    RC_ASSERT(world.reclaimer->lists().count() == world.owner_of.size());
    // Nothing vanishes but what was released, evicted or killed.
    if (world.killed.empty()) {
      RC_ASSERT(made == released + world.gone.size() + world.owner_of.size());
    }
  }
}

RC_GTEST_PROP(PageListsProperty, AnyOrderOfMovesKeepsThemWhole, ()) {
  PageLists lists(2, 3);
  lists.add_group();
  std::vector<PageId> ids;
  const auto steps = *rc::gen::inRange(0, 200);
  for (int step = 0; step < steps; ++step) {
    const auto what = *rc::gen::inRange(0, 5);
    if (what < 2 || ids.empty()) {
      Page page;
      page.node = *rc::gen::inRange<std::uint16_t>(0, 2);
      page.zone = *rc::gen::inRange<std::uint16_t>(0, 3);
      page.group = *rc::gen::inRange<GroupId>(0, 2);
      page.kind = *rc::gen::element(PageKind::Anonymous, PageKind::File);
      page.order = *rc::gen::element<std::uint8_t>(0, 4, 9);
      ids.push_back(lists.add(page));
    } else {
      const auto at = *rc::gen::inRange<std::size_t>(0, ids.size());
      const bool file = lists.page(ids[at]).file();
      if (what == 2) {
        lists.remove(ids[at]);
        ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(at));
      } else if (what == 3) {
        lists.put(ids[at], active_list(file));
      } else {
        lists.put_last(ids[at], inactive_list(file));
      }
    }
    lists.check();
  }
  RC_ASSERT(lists.count() == ids.size());
}

}  // namespace
}  // namespace ft::sim::reclaim
