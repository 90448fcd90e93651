#include "sim/phys/memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <memory>

#include "base/units.h"

namespace ft::sim::phys {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<Memory> memory_of(std::uint64_t bytes, std::uint64_t cpus = 2) {
  const NodeSize node = {.bytes = bytes, .cpus = cpus};
  auto memory = Memory::make(*plain_memory({&node, 1}));
  EXPECT_TRUE(memory) << memory.error().message();
  return std::move(*memory);
}

std::optional<Pfn> touch(Memory& memory, unsigned order, FrameUse use = FrameUse::Anonymous) {
  const std::optional<Pfn> first = memory.allocate(order, use);
  if (!first) return first;
  const FrameKind kind = use == FrameUse::PageTable ? FrameKind::PageTable : FrameKind::Anonymous;
  for (Pfn pfn = *first; pfn < *first + (Pfn{1} << order); ++pfn) {
    memory.frames()[pfn] = {.kind = kind, .order = static_cast<std::uint8_t>(order)};
  }
  return first;
}

TEST(Memory, GivesOutNearlyEverythingAndTakesItBack) {
  const auto memory = memory_of(kGiB);
  const std::uint64_t free = memory->free_pages();
  EXPECT_EQ(free, memory->managed_pages());
  std::vector<Pfn> taken;
  while (const auto pfn = touch(*memory, 0)) taken.push_back(*pfn);
  memory->check();
  // What is left: the min watermark less the last refill of a list, and zones kept for others.
  const Zone& dma32 = *memory->zones()[1];
  EXPECT_LE(dma32.free_pages(), dma32.mark(Mark::Min));
  EXPECT_GE(dma32.free_pages() + 2016, dma32.mark(Mark::Min));
  EXPECT_EQ(memory->events().failures[0], 1U);
  for (const Pfn pfn : taken) memory->free(pfn, 0);
  for (const auto& zone : memory->zones()) zone->drain_cpu_lists();
  memory->check();
  EXPECT_EQ(memory->free_pages(), free);
}

TEST(Memory, MovesToLowerZonesBelowTheLowWatermark) {
  const auto memory = memory_of(6 * kGiB);
  Zone* normal = memory->nodes()[0].zonelist[0];
  ASSERT_EQ(normal->kind(), ZoneKind::Normal);
  while (memory->zone_of(*touch(*memory, 0)).kind() == ZoneKind::Normal) {
  }
  EXPECT_TRUE(normal->pressure().below_high);
  EXPECT_LE(normal->free_pages(), normal->mark(Mark::Low));
  EXPECT_GT(normal->free_pages() + 4096, normal->mark(Mark::Low));
  memory->check();
}

TEST(Memory, KeepsPageTablesAndPagesInPageblocksOfTheirOwn) {
  const auto memory = memory_of(kGiB);
  for (int i = 0; i < 1000; ++i) {
    const Pfn page = *touch(*memory, 0);
    const Pfn table = *touch(*memory, 0, FrameUse::PageTable);
    ASSERT_NE(head_of(page, kPageblockOrder), head_of(table, kPageblockOrder));
  }
  EXPECT_EQ(memory->zone_of(kFirstUsable + 300000 / 4).buddy().events().steals, 0U);
}

TEST(Memory, HugePagesFailWhereMemoryIsFragmented) {
  for (const double share : {0.0, 0.25, 0.5, 1.0}) {
    const auto memory = memory_of(2 * kGiB);
    memory->fragment(share);
    memory->check();
    const Zone& zone = *memory->zones()[1];
    EXPECT_NEAR(static_cast<double>(zone.unusable_permille(kHugeOrder)), share * 1000, 10);
    std::uint64_t huge = 0;
    while (touch(*memory, kHugeOrder)) ++huge;
    EXPECT_NEAR(static_cast<double>(huge) / 1024, 0.92 * (1 - share), 0.06) << share;
    EXPECT_TRUE(touch(*memory, 0));
    memory->check();
  }
}

TEST(Memory, TakesGigantic) {
  const auto memory = memory_of(8 * kGiB);
  const auto first = memory->allocate(18, FrameUse::Anonymous);
  ASSERT_TRUE(first);
  memory->frames()[*first].kind = FrameKind::Hugetlb;
  memory->free(*first, 18);
  memory->check();
}

TEST(Memory, TerabytesCostNothingUntilTouched) {
  const auto memory = memory_of(kMostFrames * kPageSize);  // 4 TiB
  EXPECT_LE(memory->fixed_bytes(), 8 * kMiB);
  EXPECT_TRUE(touch(*memory, 0));
}

TEST(Memory, RefusesToFreeTwice) {
  const auto memory = memory_of(kGiB);
  const Pfn pfn = *touch(*memory, 0);
  memory->free(pfn, 0);
  EXPECT_DEATH(memory->free(pfn, 0), "kind");
  EXPECT_DEATH(memory->free(1ULL << 40U, 0), "size");
}

// Frees the pages it was given, then wants to kill, without success.
class LittleByLittle final : public PressureHandler {
 public:
  explicit LittleByLittle(std::vector<Pfn> pages) : pages_(std::move(pages)) {}
  void wake_kswapd(Memory& /*memory*/, Zone& /*zone*/, const Request& /*request*/) override {
    ++wakes;
  }
  std::uint64_t reclaim(Memory& memory, const Request& /*request*/, std::uint64_t target) override {
    EXPECT_EQ(target, 32U);
    ++reclaims;
    std::uint64_t freed = 0;
    for (; freed < target && !pages_.empty(); ++freed) {
      memory.free(pages_.back(), 0);
      pages_.pop_back();
    }
    return freed;
  }
  Compaction compact(Memory& /*memory*/, const Request& /*request*/) override {
    ++compactions;
    return Compaction::Skipped;
  }
  bool worth_retrying(Memory& /*memory*/, const Request& /*request*/) override { return true; }
  bool out_of_memory(Memory& /*memory*/, const Request& /*request*/) override {
    ++kills;
    return false;
  }
  int wakes = 0;
  int reclaims = 0;
  int compactions = 0;
  int kills = 0;

 private:
  std::vector<Pfn> pages_;
};

TEST(Memory, ReclaimsBeforeItFails) {
  const auto memory = memory_of(64 * kMiB);
  std::vector<Pfn> taken;
  while (const auto pfn = touch(*memory, 0)) taken.push_back(*pfn);
  LittleByLittle handler({taken.end() - 40, taken.end()});
  memory->set_pressure_handler(&handler);
  std::uint64_t more = 0;
  while (touch(*memory, 0)) ++more;
  EXPECT_GE(more, 32U);
  EXPECT_LE(more, 40U + 63U);  // what was freed, and what the drained lists held
  EXPECT_GT(handler.wakes, 0);
  EXPECT_EQ(handler.kills, 1);
  EXPECT_EQ(handler.compactions, 0);  // of single pages
  EXPECT_FALSE(touch(*memory, kHugeOrder));
  EXPECT_EQ(handler.kills, 1);  // never for huge pages
  EXPECT_EQ(handler.compactions, 1);
  memory->check();
}

TEST(Memory, AtomicRequestsHaveAReserve) {
  const auto memory = memory_of(256 * kMiB);
  while (touch(*memory, 0)) {
  }
  int extra = 0;
  while (const auto first = memory->request(Request::atomic(0))) {
    memory->frames()[*first].kind = FrameKind::Reserved;
    ++extra;
  }
  EXPECT_GT(extra, 100);
  memory->check();
}

TEST(Memory, KeepsAPageblockForAtomicRequestsOfHigherOrder) {
  const auto memory = memory_of(2 * kGiB);
  while (touch(*memory, 0)) {
  }
  const auto first = memory->request(Request::atomic(1));
  if (!first) return;  // no pair lay free
  memory->frames()[*first].kind = FrameKind::Reserved;
  EXPECT_EQ(memory->zone_of(*first).high_atomic_pages(), kPageblockPages);
  memory->check();
}

// ---- starts
// --------------------------------------------------------------------------------------

TEST(MemoryStart, SaysWhatIsWrong) {
  const auto error_of = [](std::vector<NodeSize> nodes) {
    const auto start = plain_memory(nodes);
    return start ? std::string("no error") : start.error().message();
  };
  EXPECT_THAT(error_of({}), HasSubstr("physical memory: there is none"));
  EXPECT_THAT(error_of({{.bytes = 0, .cpus = 1}}), HasSubstr("memory of node 0: there is none"));
  EXPECT_THAT(error_of({{.bytes = kGiB + 1, .cpus = 1}}), HasSubstr("not whole 4 MiB"));
  EXPECT_THAT(error_of({{.bytes = kGiB, .cpus = 0}}), HasSubstr("processors: there is none"));
  EXPECT_THAT(error_of({{.bytes = 1ULL << 63U, .cpus = 1}}), HasSubstr("4096 GiB"));
  EXPECT_THAT(error_of({{.bytes = 4 * kMiB, .cpus = 1}}), HasSubstr("at least 8 MiB"));

  MemoryStart start = *plain_memory(std::vector<NodeSize>{{.bytes = kGiB, .cpus = 1}});
  start.zones[1].shape.span.start -= 512;
  EXPECT_THAT(start.validate().error().message(), HasSubstr("overlaps node 0, zone DMA"));
  start.zones[1].shape.span.start += 513;
  EXPECT_THAT(start.validate().error().message(), HasSubstr("cannot be present"));
  start = *plain_memory(std::vector<NodeSize>{{.bytes = kGiB, .cpus = 1}});
  start.fallback_order = {{0, 0}};
  EXPECT_THAT(start.validate().error().message(), HasSubstr("each node with memory once"));
  start.fallback_order.clear();
  start.zones[1].all_free = false;
  start.zones[1].free[1][10] = 1000;
  EXPECT_THAT(start.validate().error().message(), HasSubstr("are free, but only"));
  start.zones[1].free[1] = {130000};  // each has a buddy in use: too many for the zone
  EXPECT_THAT(Memory::make(start).error().message(),
              HasSubstr("free blocks of node 0, zone DMA32: they do not fit"));
}

RC_GTEST_PROP(MemoryStartProperty, FreeBlocksAreThereAsAskedFor, ()) {
  MemoryStart start = *plain_memory(std::vector<NodeSize>{{.bytes = kGiB, .cpus = 1}});
  ZoneStart& zone = start.zones[1];
  zone.all_free = false;
  for (unsigned type = 0; type < kPcpTypes; ++type) {
    for (unsigned order = 0; order < kOrders; ++order) {
      zone.free[type][order] = *rc::gen::inRange<std::uint64_t>(0, order < 5 ? 900 : 12);
    }
  }
  const auto memory = Memory::make(start);
  RC_ASSERT(memory.has_value());
  (*memory)->check();
  RC_ASSERT((*memory)->zones()[1]->buddy().block_counts() == zone.free);
}

struct Step {
  bool take = true;
  unsigned order = 0;
  FrameUse use = FrameUse::Anonymous;
  std::size_t which = 0;
  std::uint32_t cpu = 0;
};

void any_program_keeps_memory_sound(AllocatorRules rules) {
  const auto steps = *rc::gen::container<std::vector<Step>>(rc::gen::build<Step>(
      rc::gen::set(&Step::take), rc::gen::set(&Step::order, rc::gen::inRange(0U, 11U)),
      rc::gen::set(&Step::use,
                   rc::gen::element(FrameUse::Anonymous, FrameUse::PageTable, FrameUse::PageCache)),
      rc::gen::set(&Step::which, rc::gen::arbitrary<std::size_t>()),
      rc::gen::set(&Step::cpu, rc::gen::inRange(0U, 2U))));
  MemoryStart start = *plain_memory(std::vector<NodeSize>{{.bytes = 32 * kMiB, .cpus = 2}});
  start.rules = rules;
  const auto memory = std::move(*Memory::make(start));
  const std::uint64_t managed = memory->managed_pages();
  std::vector<std::pair<Pfn, unsigned>> in_use;
  std::uint64_t used = 0;
  for (const Step& step : steps) {
    memory->set_cpu(step.cpu);
    if (step.take) {
      if (const auto first = touch(*memory, step.order, step.use)) {
        in_use.emplace_back(*first, step.order);
        used += std::uint64_t{1} << step.order;
      }
    } else if (!in_use.empty()) {
      const auto at = in_use.begin() + static_cast<long>(step.which % in_use.size());
      memory->free(at->first, at->second);
      used -= std::uint64_t{1} << at->second;
      in_use.erase(at);
    }
    memory->check();
    std::uint64_t on_lists = 0;
    for (const auto& zone : memory->zones()) on_lists += zone->pages_on_cpu_lists();
    RC_ASSERT(memory->free_pages() + on_lists + used == managed);
  }
}

RC_GTEST_PROP(MemoryProperty, AnyProgramKeepsMemorySound, ()) {
  any_program_keeps_memory_sound(AllocatorRules::linux_6_18());
}

RC_GTEST_PROP(MemoryProperty, AnyProgramKeepsMemorySoundIn6_1, ()) {
  any_program_keeps_memory_sound(AllocatorRules::linux_6_1());
}

}  // namespace
}  // namespace ft::sim::phys
