#include "sim/tlb/entry_array.h"

#include <bit>

#include "base/check.h"
#include "sim/tlb/keep_missed.h"

namespace ft::sim::tlb {

namespace {

// With one set each use waits for the one before, and lists are quicker to hand over.
EntryArray::Ways make_ways(const ArrayShape& shape) {
  const unsigned sets = shape.sets();
  if (shape.replacement == Replacement::TreePlru) return PlruArray(sets, shape.ways);
  const bool masked = shape.index != SetIndex::Modulo;
  if (sets > 1 && masked && shape.ways <= WideArray::kMaxWays && WideArray::supported()) {
    return WideArray(sets, shape.ways);
  }
  if (sets > 1 && shape.ways <= LaneArray::kMaxWays) return LaneArray(sets, shape.ways);
  return ListArray(sets, shape.ways);
}

}  // namespace

EntryArray::EntryArray(const ArrayShape& shape)
    : shape_(shape), masks_(SetMasks::of(shape)), ways_(make_ways(shape)) {}

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
  if (WideArray* wide = std::get_if<WideArray>(&ways_)) return wide->use_all(keys, masks_);
  return with_ways([&](auto& ways, auto set_of) {
    return ways.with_use(set_of, [&](auto use) { return keep_missed(keys, use); });
  });
}

std::size_t EntryArray::use_all_by_parity(std::span<EntryKey> keys, EntryArray& odd) {
  WideArray* const wide = std::get_if<WideArray>(&ways_);
  WideArray* const wide_odd = std::get_if<WideArray>(&odd.ways_);
  if (wide && wide_odd && wide->ways() == wide_odd->ways()) {
    return wide->use_all_by_parity(keys, masks_, *wide_odd, odd.masks_);
  }
  return keep_missed(keys,
                     [&](EntryKey key) { return key.in_odd_half() ? odd.use(key) : use(key); });
}

MissedKeys EntryArray::use_all_with_directories(std::span<EntryKey> keys, unsigned bits_above) {
  if (WideArray* wide = std::get_if<WideArray>(&ways_)) {
    return wide->use_all_with_directories(keys, bits_above, masks_);
  }
  return with_ways([&](auto& ways, auto set_of) {
    return ways.with_use(set_of,
                         [&](auto use) { return keep_missed_directories(keys, bits_above, use); });
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
