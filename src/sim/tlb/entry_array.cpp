#include "sim/tlb/entry_array.h"

#include <bit>

#include "base/check.h"
#include "sim/tlb/keep_missed.h"

namespace ft::sim::tlb {

namespace {

constexpr unsigned kMaxLaneWays = 32;
// With one set each use waits for the one before, and lists are quicker to hand over.
constexpr unsigned kMaxLaneWaysOfOneSet = 4;
constexpr unsigned kNoFold = 63;

std::variant<LaneArray, ListArray> make_ways(const ArrayShape& shape) {
  const unsigned most = shape.sets() == 1 ? kMaxLaneWaysOfOneSet : kMaxLaneWays;
  if (shape.ways <= most || shape.replacement == Replacement::TreePlru) {
    return LaneArray(shape.sets(), shape.ways, shape.replacement);
  }
  return ListArray(shape.sets(), shape.ways);
}

}  // namespace

EntryArray::EntryArray(const ArrayShape& shape)
    : shape_(shape),
      masks_{.mask = shape.sets() - 1U,
             .fold = shape.index == SetIndex::XorFold
                         ? static_cast<unsigned>(std::bit_width(shape.sets() - 1U))
                         : kNoFold},
      ways_(make_ways(shape)) {}

template <typename Do>
auto EntryArray::with_ways(Do act) {
  const auto with_sets = [&](auto set_of) {
    return std::visit([&](auto& ways) { return act(ways, set_of); }, ways_);
  };
  if (shape_.index == SetIndex::Modulo) {
    return with_sets([sets = shape_.sets()](EntryKey key) { return key.number() % sets; });
  }
  return with_sets([masks = masks_](EntryKey key) { return masks.set_of(key); });
}

std::size_t EntryArray::use_all(std::span<EntryKey> keys) {
  return with_ways([&](auto& ways, auto set_of) {
    return ways.with_use(set_of, [&](auto use) { return keep_missed(keys, use); });
  });
}

EntryArray::Missed EntryArray::use_all_with_directories(std::span<EntryKey> keys,
                                                        unsigned bits_above) {
  return with_ways([&](auto& ways, auto set_of) {
    return ways.with_use(set_of, [&](auto use) {
      Missed missed;
      for (const EntryKey key : keys) {
        if (use(key)) continue;
        ++missed.pages;
        const EntryKey directory = key.directory_above(bits_above);
        keys[missed.directories] = directory;
        missed.directories += use(directory) ? 0 : 1;
      }
      return missed;
    });
  });
}

std::size_t EntryArray::size() const {
  std::size_t count = 0;
  for_each([&](EntryKey) { ++count; });
  return count;
}

void EntryArray::check() const {
  std::visit(
      [&](const auto& ways) {
        ways.check();
        ways.for_each([&](EntryKey key, std::size_t set) { FT_CHECK(set_of(key) == set); });
      },
      ways_);
  FT_CHECK(size() <= shape_.entries);
}

}  // namespace ft::sim::tlb
