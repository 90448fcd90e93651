#include "sim/tlb/synthetic_streams.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "base/text.h"
#include "sim/tlb/random.h"
#include "sim/tlb/zipf.h"

namespace ft::sim::tlb {

namespace {

constexpr std::uint64_t kWord = 8;
constexpr std::uint64_t kLine = 64;
constexpr std::uint64_t kCard = 512;  // bytes of heap behind a card
constexpr double kMaxExponent = 8;
// A pointer chase remembers four bytes a node: 256 MiB at most.
constexpr std::uint64_t kMaxNodes = std::uint64_t{1} << 26U;

// Makes accesses one at a time with `make()`, and ends after so many.
template <typename Make>
class MadeStream final : public AccessStream {
 public:
  MadeStream(std::uint64_t accesses, Make make) : left_(accesses), make_(std::move(make)) {}

  Result<std::size_t> next(std::span<Access> out) override {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), left_));
    for (Access& access : out.first(count)) access = make_();
    left_ -= count;
    return count;
  }

 private:
  std::uint64_t left_;
  Make make_;
};

template <typename Make>
StreamResult made(std::uint64_t accesses, Make make) {
  return std::make_unique<MadeStream<Make>>(accesses, std::move(make));
}

// How many items of `item` bytes there are room for.
Result<std::uint64_t> items_in(AddressRange range, std::uint64_t item, std::string_view item_key) {
  if (item == 0) return fail(std::string(item_key), "must be at least 1");
  if (range.start > range.end || range.size() < item) {
    return fail("range", fmt::format("{} to {} has no room for {} bytes", hex(range.start),
                                     hex(range.end), item));
  }
  return range.size() / item;
}

}  // namespace

StreamResult make_sequential(const SequentialShape& shape) {
  const std::uint64_t steps = FT_TRY(items_in(shape.range, shape.stride, "stride"));
  return made(shape.accesses, [shape, steps, at = std::uint64_t{0}]() mutable {
    const Access access{shape.range.start + at * shape.stride, shape.kind};
    at = at + 1 == steps ? 0 : at + 1;
    return access;
  });
}

StreamResult make_random(const RandomShape& shape) {
  const std::uint64_t words = FT_TRY(items_in(shape.range, kWord, "word"));
  return made(shape.accesses, [shape, words, random = Random(shape.seed)]() mutable {
    return Access{shape.range.start + random.below(words) * kWord, shape.kind};
  });
}

namespace {

// A permutation of 0..count-1 that needs no table: a bijection of the next power of two, applied
// until it lands inside (less than twice, on average).
class Scatter {
 public:
  Scatter(std::uint64_t count, std::uint64_t seed)
      : count_(count), mask_(std::bit_ceil(count) - 1), odd_(Random::mixed(seed) | 1U) {}

  std::uint64_t operator()(std::uint64_t number) const {
    do {
      number = (number * odd_ + (odd_ >> 7U)) & mask_;
      number ^= number >> half_;
      number = (number * (odd_ >> 3U | 1U)) & mask_;
    } while (number >= count_);
    return number;
  }

 private:
  std::uint64_t count_;
  std::uint64_t mask_;
  std::uint64_t odd_;
  unsigned half_ = static_cast<unsigned>(std::bit_width(mask_)) / 2 + 1;
};

}  // namespace

StreamResult make_zipf(const ZipfShape& shape) {
  const std::uint64_t items = FT_TRY(items_in(shape.range, shape.item, "item"));
  if (!(shape.exponent >= 0 && shape.exponent <= kMaxExponent)) {
    return fail("exponent",
                fmt::format("{} is not between 0 and {}", shape.exponent, kMaxExponent));
  }
  return made(shape.accesses,
              [shape, ranks = ZipfRanks(items, shape.exponent),
               scatter = Scatter(items, shape.seed), random = Random(shape.seed)]() mutable {
                const std::uint64_t item = scatter(ranks.next(random) - 1);
                return Access{shape.range.start + item * shape.item, shape.kind};
              });
}

namespace {

class CardScan {
 public:
  CardScan(const CardScanShape& shape, std::uint64_t cards)
      : shape_(shape), cards_(cards), random_(shape.seed) {}

  Access operator()() {
    if (line_ < kCard) return heap_line();
    if (dirty_left_ != 0) {
      start_dirty_card();
      return heap_line();
    }
    return card_word();
  }

 private:
  // Eight cards at once; those that are dirty are visited before the next word.
  Access card_word() {
    word_ = card_;
    const std::uint64_t here = std::min(kWord, cards_ - card_);
    for (std::uint64_t i = 0; i < here; ++i) {
      if (random_.unit() < shape_.dirty) dirty_left_ |= 1U << i;
    }
    card_ = card_ + here == cards_ ? 0 : card_ + here;
    return {shape_.card_table + word_, AccessKind::Load};
  }
  void start_dirty_card() {
    heap_card_ = word_ + static_cast<unsigned>(std::countr_zero(dirty_left_));
    dirty_left_ &= dirty_left_ - 1;
    line_ = 0;
  }
  Access heap_line() {
    const Access access{shape_.heap.start + heap_card_ * kCard + line_, AccessKind::Load};
    line_ += kLine;
    return access;
  }

  CardScanShape shape_;
  std::uint64_t cards_;
  Random random_;
  std::uint64_t card_ = 0;  // the next to be read
  std::uint64_t word_ = 0;  // first card of the word read last
  unsigned dirty_left_ = 0;
  std::uint64_t heap_card_ = 0;
  std::uint64_t line_ = kCard;  // within the dirty card; kCard: none is being read
};

}  // namespace

StreamResult make_card_scan(const CardScanShape& shape) {
  const std::uint64_t cards = FT_TRY(items_in(shape.heap, kCard, "card"));
  if (!(shape.dirty >= 0 && shape.dirty <= 1)) {
    return fail("dirty", fmt::format("{} is not between 0 and 1", shape.dirty));
  }
  if (shape.card_table + cards < shape.card_table) {
    return fail("card_table", fmt::format("{} cards from {} on pass the last address", cards,
                                          hex(shape.card_table)));
  }
  return made(shape.accesses, CardScan(shape, cards));
}

StreamResult make_pointer_chase(const PointerChaseShape& shape) {
  const std::uint64_t nodes = FT_TRY(items_in(shape.range, shape.stride, "stride"));
  if (nodes > kMaxNodes) {
    return fail("stride", fmt::format("{} nodes, at most {} are kept", nodes, kMaxNodes),
                "choose a larger stride or a smaller range");
  }
  // Sattolo's shuffle: a permutation that is one ring.
  std::vector<std::uint32_t> next_of(nodes);
  std::iota(next_of.begin(), next_of.end(), 0U);
  Random random(shape.seed);
  for (std::uint64_t last = nodes - 1; last > 0; --last) {
    std::swap(next_of[last], next_of[random.below(last)]);
  }
  return made(shape.accesses,
              [shape, next_of = std::move(next_of), at = std::uint32_t{0}]() mutable {
                at = next_of[at];
                return Access{shape.range.start + at * shape.stride, AccessKind::Load};
              });
}

}  // namespace ft::sim::tlb
