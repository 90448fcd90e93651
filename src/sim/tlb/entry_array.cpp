#include "sim/tlb/entry_array.h"

#include <bit>

#include "base/check.h"

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

std::size_t EntryArray::use_all(std::span<EntryKey> keys) {
  const auto use_with = [&](auto set_of) {
    return std::visit([&](auto& ways) { return ways.use_all(keys, set_of); }, ways_);
  };
  if (shape_.index == SetIndex::Modulo) {
    return use_with([sets = shape_.sets()](EntryKey key) { return key.number() % sets; });
  }
  return use_with([masks = masks_](EntryKey key) { return masks.set_of(key); });
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
