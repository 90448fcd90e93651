#include "sim/tlb/list_array.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace ft::sim::tlb {

namespace {

// Buckets an entry: so many that most chains have one link, so few that they stay in a cache.
constexpr std::size_t kBucketsPerEntry = 8;

}  // namespace

ListArray::ListArray(unsigned sets, unsigned ways)
    : sets_(sets),
      ways_(ways),
      none_(sets * ways),
      keys_(std::size_t{none_} + 1),
      ring_(none_),
      chain_(std::size_t{none_} + 1, none_),
      heads_(sets) {
  FT_CHECK(sets >= 1 && ways >= 1 && std::uint64_t{sets} * ways < (std::uint64_t{1} << 31U));
  buckets_.resize(std::bit_ceil(std::size_t{none_} * kBucketsPerEntry), none_);
  bucket_shift_ = 64U - static_cast<unsigned>(std::countr_zero(buckets_.size()));
  reset_rings();
}

void ListArray::reset_rings() {
  for (std::size_t set = 0; set < sets_; ++set) {
    const Slot first = static_cast<Slot>(set) * ways_;
    heads_[set] = first;
    for (Slot way = 0; way < ways_; ++way) {
      ring_[first + way] = {first + (way + ways_ - 1) % ways_, first + (way + 1) % ways_};
    }
  }
}

bool ListArray::erase(EntryKey key, std::size_t set) {
  const Slot slot = find(key);
  if (slot == none_) return false;
  erase_slot(slot, set);
  return true;
}

// The slot goes to the end of the ring, so that it is filled first.
void ListArray::erase_slot(Slot slot, std::size_t set) {
  rings().unchain(slot);
  keys_[slot] = EntryKey();
  if (slot ==
      heads_[set]) {  // the second becomes the first, and this one its predecessor: the last
    heads_[set] = ring_[slot].after;
    return;
  }
  rings().unlink(slot);
  rings().link_last(slot, heads_[set]);
}

void ListArray::clear() {
  std::ranges::fill(keys_, EntryKey());
  std::ranges::fill(buckets_, none_);
  reset_rings();
}

void ListArray::check() const {
  for (std::size_t set = 0; set < sets_; ++set) {
    bool free_seen = false;
    Slot slot = heads_[set];
    for (unsigned way = 0; way < ways_; ++way) {
      FT_CHECK(slot / ways_ == set);
      FT_CHECK(ring_[ring_[slot].after].before == slot);
      FT_CHECK(way == 0 || slot != heads_[set]);
      FT_CHECK(!(free_seen && keys_[slot].valid()));
      free_seen = free_seen || !keys_[slot].valid();
      slot = ring_[slot].after;
    }
    FT_CHECK(slot == heads_[set]);
  }
  std::size_t chained = 0;
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    for (Slot slot = buckets_[bucket]; slot != none_; slot = chain_[slot]) {
      FT_CHECK(keys_[slot].valid() && keys_[slot].hash() >> bucket_shift_ == bucket);
      FT_CHECK(find(keys_[slot]) == slot);  // held once
      FT_CHECK(++chained <= none_);
    }
  }
  FT_CHECK(chained == static_cast<std::size_t>(std::ranges::count_if(keys_, &EntryKey::valid)));
}

}  // namespace ft::sim::tlb
