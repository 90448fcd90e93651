#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/text.h"
#include "sim/tlb/small_tlbs.h"
#include "sim/tlb/synthetic_streams.h"

namespace ft::sim::tlb {
namespace {

constexpr std::uint64_t kHeap = 0x600000000;

AddressRange pages(std::uint64_t count) {
  return AddressRange::of_size(kHeap, count * kPageSize);
}

std::vector<Access> drain(AccessStream& stream, std::size_t at_once = 7) {
  std::vector<Access> all;
  std::vector<Access> some(at_once);
  while (const std::size_t count = *stream.next(some)) {
    all.insert(all.end(), some.begin(), some.begin() + static_cast<std::ptrdiff_t>(count));
  }
  return all;
}

double miss_ratio(const Geometry& geometry, StreamResult stream, std::uint64_t warm_up = 0) {
  Tlb tlb = make_tlb(geometry);
  EXPECT_TRUE(stream) << stream.error().message();
  std::vector<Access> some(1);
  for (std::uint64_t i = 0; i < warm_up; ++i) {
    EXPECT_TRUE((*stream)->next(some));
    tlb.access(some[0].address, PageSize::Small);
  }
  tlb.reset_counts();
  EXPECT_TRUE(run(tlb, **stream, PageSize::Small));
  tlb.check();
  return static_cast<double>(tlb.counts().misses()) / static_cast<double>(tlb.counts().lookups());
}

// ---- the streams themselves --------------------------------------------------------------------

TEST(Streams, SequentialStepsAndBeginsAgain) {
  const auto stream = make_sequential(
      {.range = {1000, 1250}, .stride = 100, .accesses = 5, .kind = AccessKind::Store});
  std::vector<std::uint64_t> addresses;
  for (const Access& access : drain(**stream)) {
    EXPECT_EQ(access.kind, AccessKind::Store);
    addresses.push_back(access.address);
  }
  EXPECT_EQ(addresses, (std::vector<std::uint64_t>{1000, 1100, 1000, 1100, 1000}));
}

TEST(Streams, RandomStaysInRangeAndIsTheSameForOneSeed) {
  const RandomShape shape{.range = {kHeap + 8, kHeap + 100}, .accesses = 1000, .seed = 5};
  const auto first = drain(**make_random(shape));
  EXPECT_EQ(first, drain(**make_random(shape), 64));
  std::set<std::uint64_t> seen;
  for (const Access& access : first) seen.insert(access.address);
  EXPECT_EQ(seen.size(), 11U);  // words that fit
  EXPECT_EQ(*seen.begin(), kHeap + 8);
  EXPECT_EQ(*seen.rbegin(), kHeap + 88);
  RandomShape other = shape;
  other.seed = 6;
  EXPECT_NE(first, drain(**make_random(other)));
}

TEST(Streams, PointerChaseIsOneRingThroughAllNodes) {
  for (const std::uint64_t nodes : {1, 2, 3, 1000}) {
    const auto all = drain(**make_pointer_chase({.range = pages(nodes), .accesses = 2 * nodes}));
    std::set<std::uint64_t> seen;
    for (std::size_t i = 0; i < nodes; ++i) {
      seen.insert(all[i].address);
      EXPECT_EQ(all[i], all[i + nodes]);
    }
    EXPECT_EQ(seen.size(), nodes);
  }
}

TEST(Streams, CardScanReadsCardsAndTheHeapBehindDirtyOnes) {
  constexpr std::uint64_t kCards = 1000;
  const CardScanShape shape{.heap = AddressRange::of_size(kHeap, kCards * 512),
                            .card_table = 0x7000000,
                            .dirty = 0.1,
                            .accesses = 4000};
  std::uint64_t cards = 0;
  std::map<std::uint64_t, unsigned> lines_of_card;
  std::uint64_t word = 0;
  for (const Access& access : drain(**make_card_scan(shape))) {
    if (!shape.heap.contains(access.address)) {
      EXPECT_TRUE(AddressRange::of_size(shape.card_table, kCards).contains(access.address));
      EXPECT_EQ(access.address % 8, 0U);
      word = access.address - shape.card_table;
      ++cards;
      continue;
    }
    const std::uint64_t card = (access.address - kHeap) / 512;
    EXPECT_EQ(card / 8, word / 8);  // of the word read last
    ++lines_of_card[card];
  }
  // A word has 8 cards of which 0.8 are dirty, 8 lines each: one access in 7.4 is a word's.
  EXPECT_NEAR(static_cast<double>(cards), 4000 / 7.4, 100);
  unsigned cut = 0;  // by the end of the stream
  for (const auto& [card, lines] : lines_of_card) cut += lines % 8 != 0 ? 1 : 0;
  EXPECT_LE(cut, 1U);
}

TEST(Streams, CardScanOfCleanAndOfDirtyCards) {
  const auto clean = drain(**make_card_scan({.heap = AddressRange::of_size(kHeap, 20 * 512),
                                             .card_table = 64,
                                             .dirty = 0,
                                             .accesses = 4}));
  EXPECT_EQ(clean[0].address, 64U);
  EXPECT_EQ(clean[2].address, 64U + 16);
  EXPECT_EQ(clean[3].address, 64U);
  const auto dirty = drain(**make_card_scan({.heap = AddressRange::of_size(kHeap, 2 * 512),
                                             .card_table = 64,
                                             .dirty = 1,
                                             .accesses = 18}));
  for (std::uint64_t line = 0; line < 16; ++line) {
    EXPECT_EQ(dirty[1 + line].address, kHeap + 64 * line);
  }
  EXPECT_EQ(dirty[17].address, 64U);
}

TEST(Streams, ZipfFollowsItsLaw) {
  for (const double exponent : {0.0, 0.5, 1.0, 1.5}) {
    constexpr std::uint64_t kItems = 50;
    constexpr double kDraws = 200000;
    ZipfShape shape{.range = AddressRange::of_size(kHeap, kItems * 64),
                    .exponent = exponent,
                    .accesses = static_cast<std::uint64_t>(kDraws)};
    std::map<std::uint64_t, double> times;
    for (const Access& access : drain(**make_zipf(shape), 1000)) times[access.address] += 1;
    ASSERT_EQ(times.size(), kItems);  // the scatter hits each item
    std::vector<double> sorted;
    for (const auto& [address, count] : times) sorted.push_back(count / kDraws);
    std::ranges::sort(sorted, std::greater());
    double norm = 0;
    for (unsigned rank = 1; rank <= kItems; ++rank) norm += std::pow(rank, -exponent);
    for (unsigned rank = 1; rank <= kItems; ++rank) {
      const double expected = std::pow(rank, -exponent) / norm;
      // Four standard deviations; the sorting of nearly equal ones adds some.
      const double tolerance = 4 * std::sqrt(expected / kDraws) + 0.001;
      EXPECT_NEAR(sorted[rank - 1], expected, tolerance) << exponent << " rank " << rank;
    }
  }
}

TEST(Streams, NonsenseIsRefusedByKey) {
  EXPECT_EQ(make_sequential({.range = pages(1), .stride = 0}).error().what, "stride");
  EXPECT_EQ(make_sequential({.range = {10, 5}, .stride = 1}).error().what, "range");
  EXPECT_EQ(make_random({.range = {10, 17}}).error().what, "range");
  EXPECT_EQ(make_zipf({.range = pages(1), .item = 0}).error().what, "item");
  EXPECT_EQ(make_zipf({.range = pages(1), .exponent = -1}).error().what, "exponent");
  EXPECT_EQ(make_zipf({.range = pages(1), .exponent = std::nan("")}).error().what, "exponent");
  EXPECT_EQ(make_card_scan({.heap = {0, 511}}).error().what, "range");
  EXPECT_EQ(make_card_scan({.heap = pages(1), .dirty = 1.5}).error().what, "dirty");
  EXPECT_EQ(make_card_scan({.heap = pages(1), .card_table = ~std::uint64_t{0} - 3}).error().what,
            "card_table");
  EXPECT_EQ(make_pointer_chase({.range = {0, ~std::uint64_t{0}}, .stride = 1}).error().what,
            "stride");
}

// ---- closed forms ------------------------------------------------------------------------------

// Up to its reach, an LRU array keeps a working set that is walked round and round.
TEST(ClosedForm, NothingIsMissedUpToTheReach) {
  for (const auto& [entries, ways] : {std::pair{64U, 64U}, {64U, 4U}, {1536U, 12U}, {40U, 40U}}) {
    const Geometry geometry = one_level(entries, ways);
    const StreamResult at_reach =
        make_sequential({.range = AddressRange::of_size(kHeap, reach(geometry.l1, PageSize::Small)),
                         .stride = kPageSize,
                         .accesses = 10 * entries});
    Tlb tlb = make_tlb(geometry);
    ASSERT_TRUE(run(tlb, **at_reach, PageSize::Small));
    EXPECT_EQ(tlb.counts().misses(), entries);  // each page once
  }
}

// One page more, and true LRU misses every time.
TEST(ClosedForm, FullyAssociativeLruMissesEverythingOnePageBeyond) {
  EXPECT_EQ(
      miss_ratio(one_level(64, 64),
                 make_sequential({.range = pages(65), .stride = kPageSize, .accesses = 65 * 20})),
      1.0);
}

// With sets, those that got more pages than ways miss all of theirs, the others none.
TEST(ClosedForm, SetAssociativeLruMissesThePagesOfOverfullSets) {
  constexpr unsigned kSets = 16;
  constexpr unsigned kWays = 4;
  for (const unsigned count : {64U, 65U, 70U, 79U, 80U, 100U}) {
    unsigned missed = 0;
    for (unsigned set = 0; set < kSets; ++set) {
      const unsigned here = count / kSets + (set < count % kSets ? 1 : 0);
      missed += here > kWays ? here : 0;
    }
    const double measured = miss_ratio(
        one_level(kSets * kWays, kWays),
        make_sequential({.range = pages(count), .stride = kPageSize, .accesses = count * 20}),
        count);
    EXPECT_DOUBLE_EQ(measured, static_cast<double>(missed) / count) << count;
  }
}

// A stride of 2^k pages uses every 2^k-th set only, unless the index folds the bits above in.
TEST(ClosedForm, AStrideOfSetsUsesOneSetUnlessTheIndexIsFolded) {
  const auto stream = [] {
    return make_sequential(
        {.range = pages(16 * 16), .stride = 16 * kPageSize, .accesses = 16 * 20});
  };
  EXPECT_EQ(miss_ratio(one_level(64, 4), stream(), 16), 1.0);
  EXPECT_EQ(miss_ratio(one_level(64, 4, Replacement::Lru, SetIndex::XorFold), stream(), 16), 0.0);
}

// A page drawn at random is held with probability entries / pages, whatever LRU has kept.
TEST(ClosedForm, RandomMissRatioIsOneMinusCapacityOverPages) {
  constexpr std::uint64_t kAccesses = 200000;
  struct Case {
    std::uint32_t entries, ways;
    std::uint64_t pages;
  };
  for (const Case& c : {Case{64, 64, 128}, {64, 64, 1000}, {64, 4, 1024}, {1536, 12, 4096}}) {
    const double expected = 1 - static_cast<double>(c.entries) / static_cast<double>(c.pages);
    const double measured =
        miss_ratio(one_level(c.entries, c.ways),
                   make_random({.range = pages(c.pages), .accesses = kAccesses + 20000}), 20000);
    const double deviation = std::sqrt(expected * (1 - expected) / kAccesses);
    EXPECT_NEAR(measured, expected, 5 * deviation) << c.entries << "/" << c.ways << " " << c.pages;
  }
}

// Large pages move the same working set within reach.
TEST(ClosedForm, LargePagesMultiplyTheReachBy512) {
  const Geometry geometry = one_level(64, 64);
  const auto stream = [] {
    return make_random({.range = AddressRange::of_size(0, 128 * kMiB), .accesses = 50000});
  };
  Tlb tlb = make_tlb(geometry);
  ASSERT_TRUE(run(tlb, **stream(), PageSize::Large));
  EXPECT_EQ(tlb.counts().misses(), 64U);
  EXPECT_NEAR(miss_ratio(geometry, stream(), 1000), 1 - 64.0 / 32768, 0.002);
}

// A look-up finds what L1 and L2 hold together: measured hits equal the pages held, on average.
TEST(ClosedForm, TwoLevelsHitWhatTheyHoldTogether) {
  constexpr std::uint64_t kPages = 600;
  Tlb tlb = make_tlb(two_levels(32, 256, 8));
  const auto stream = make_random({.range = pages(kPages), .accesses = 60000});
  std::vector<Access> some(100);
  double expected = 0;
  double rounds = 0;
  while (const std::size_t count = *(*stream)->next(some)) {
    std::uint64_t held = 0;
    for (std::uint64_t page = 0; page < kPages; ++page) {
      const std::uint64_t address = kHeap + page * kPageSize;
      held += tlb.holds(TlbLevel::L1, 0, address, PageSize::Small) ||
                      tlb.holds(TlbLevel::L2, 0, address, PageSize::Small)
                  ? 1
                  : 0;
    }
    expected += static_cast<double>(held) / kPages;
    rounds += 1;
    for (std::size_t i = 0; i < count; ++i) tlb.access(some[i].address, PageSize::Small);
  }
  const double hits = 1 - static_cast<double>(tlb.counts().misses()) / 60000;
  EXPECT_NEAR(hits, expected / rounds, 0.01);
}

// More skew, or more entries, never means more misses (LRU is a stack algorithm: the second holds
// for one and the same stream exactly).
TEST(ClosedForm, ZipfMissesFallWithSkewAndWithSize) {
  const auto stream = [](double exponent) {
    return make_zipf(
        {.range = pages(4096), .item = kPageSize, .exponent = exponent, .accesses = 60000});
  };
  double before = 1;
  for (const double exponent : {0.0, 0.4, 0.8, 1.0, 1.2, 1.6}) {
    const double misses = miss_ratio(one_level(64, 64), stream(exponent), 2000);
    EXPECT_LT(misses, before) << exponent;
    before = misses;
  }
  before = 1;
  for (const std::uint32_t entries : {1U, 4U, 16U, 64U, 256U, 1024U}) {
    const double misses = miss_ratio(one_level(entries, entries), stream(1.0));
    EXPECT_LE(misses, before) << entries;
    before = misses;
  }
}

// A scan of cards uses few pages: 4 KiB of cards stand for 2 MiB of heap.
TEST(ClosedForm, ACleanCardScanMissesOncePerPageOfCards) {
  constexpr std::uint64_t kHeapBytes = 64 * kMiB;
  const auto stream = make_card_scan({.heap = AddressRange::of_size(kHeap, kHeapBytes),
                                      .card_table = 0x7f0000000000,
                                      .dirty = 0,
                                      .accesses = kHeapBytes / 512 / 8});
  Tlb tlb = make_tlb(one_level(4, 4));
  ASSERT_TRUE(run(tlb, **stream, PageSize::Small));
  EXPECT_EQ(tlb.counts().misses(), kHeapBytes / (2 * kMiB));
}

// Each 2 MiB of a sequential walk needs one PDE; each further page of it one load.
TEST(ClosedForm, LoadsOfASequentialWalk) {
  Geometry geometry = one_level(4, 4);
  geometry.walk_caches = {.pde = 1, .pdpte = 1, .pml4e = 1};
  Tlb tlb = make_tlb(geometry);
  constexpr std::uint64_t kPages = 512 * 16;
  const auto stream = make_sequential({.range = AddressRange::of_size(0, kPages * kPageSize),
                                       .stride = kPageSize,
                                       .accesses = kPages});
  ASSERT_TRUE(run(tlb, **stream, PageSize::Small));
  EXPECT_EQ(tlb.counts().loads_of(0), kPages);
  EXPECT_EQ(tlb.counts().loads_of(1), kPages / 512);
  EXPECT_EQ(tlb.counts().loads_of(2), 1U);
  EXPECT_EQ(tlb.counts().loads_of(3), 1U);
}

// ---- runs --------------------------------------------------------------------------------------

class Given final : public AccessStream {
 public:
  explicit Given(std::vector<Access> accesses) : accesses_(std::move(accesses)) {}
  Result<std::size_t> next(std::span<Access> out) override {
    const std::size_t count = std::min(out.size(), accesses_.size() - at_);
    std::copy_n(accesses_.begin() + static_cast<std::ptrdiff_t>(at_), count, out.begin());
    at_ += count;
    return count;
  }

 private:
  std::vector<Access> accesses_;
  std::size_t at_ = 0;
};

TEST(Run, AsksForTheSizeOfEachPageAndPassesOverFetches) {
  Given stream({{kHeap, AccessKind::Load},
                {kHeap + kGiB, AccessKind::Store},
                {kHeap + 64, AccessKind::Fetch},
                {kHeap + kGiB + kMiB, AccessKind::Store}});
  Tlb tlb = make_tlb(one_level(8, 8));
  const auto summary = run(tlb, stream, [](std::uint64_t address) {
    return address < kHeap + kGiB ? PageSize::Small : PageSize::Large;
  });
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->accesses, 4U);
  EXPECT_EQ(summary->fetches, 1U);
  EXPECT_EQ(tlb.counts().misses(PageSize::Small), 1U);
  EXPECT_EQ(tlb.counts().misses(PageSize::Large), 1U);
  EXPECT_EQ(tlb.counts().l1_hits[1], 1U);
}

}  // namespace
}  // namespace ft::sim::tlb
