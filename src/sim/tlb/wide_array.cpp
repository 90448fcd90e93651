#include "sim/tlb/wide_array.h"

#include <algorithm>

#include "base/check.h"

#ifdef __x86_64__
#include <immintrin.h>
#define FT_WIDE gnu::target("avx512f,bmi,bmi2")
#else
#define FT_WIDE maybe_unused
#endif

namespace ft::sim::tlb {

namespace {

using Line = WideArray::Line;
using WaysMask = std::uint32_t;  // bit i: place i

WaysMask first_places(unsigned count) {
  return static_cast<WaysMask>((std::uint64_t{1} << count) - 1);
}

#ifdef __x86_64__

// Both do the same. With a branch a miss is quicker by a third; where hits and misses come by
// chance it would be mispredicted.
enum class Expect : std::uint8_t { Misses, Anything };

// What a set holds, on its way through the processor's registers.
template <unsigned kLines>
struct Queue {
  __m512i lines[kLines];

  [[FT_WIDE, gnu::always_inline]] static Queue load(const Line* from) {
    Queue queue;
#pragma GCC unroll 4
    for (unsigned i = 0; i < kLines; ++i) queue.lines[i] = _mm512_load_si512(from + i);
    return queue;
  }
  [[FT_WIDE, gnu::always_inline]] void store(Line* to) const {
#pragma GCC unroll 4
    for (unsigned i = 0; i < kLines; ++i) _mm512_store_si512(to + i, lines[i]);
  }

  template <Expect kExpect>
  [[FT_WIDE, gnu::always_inline]] bool use(EntryKey key, WaysMask ways) {
    const __m512i wanted = _mm512_set1_epi64(static_cast<long long>(key.word()));
    const WaysMask found = places_of(wanted) & ways;
    if (kExpect == Expect::Misses && found == 0) {
      move_back(~WaysMask{0}, wanted);
      return false;
    }
    move_back(found ^ (found - 1), wanted);  // up to the place found; without one, all
    return found != 0;
  }

 private:
  [[FT_WIDE, gnu::always_inline]] WaysMask places_of(__m512i key) const {
    WaysMask places = 0;
#pragma GCC unroll 4
    for (unsigned i = 0; i < kLines; ++i) {
      places |= WaysMask{_mm512_cmpeq_epi64_mask(lines[i], key)} << (i * WideArray::kLine);
    }
    return places;
  }
  // Those at `places`, by one; `first` comes before them.
  [[FT_WIDE, gnu::always_inline]] void move_back(WaysMask places, __m512i first) {
#pragma GCC unroll 4
    for (unsigned i = 0; i < kLines; ++i) {
      const __m512i old = lines[i];
      const auto moved = static_cast<__mmask8>(places >> (i * WideArray::kLine));
      lines[i] = _mm512_mask_alignr_epi64(old, moved, old, first, WideArray::kLine - 1);
      first = old;
    }
  }
};

// Where the queue of a key's set begins.
template <unsigned kLines>
struct OneArray {
  Line* queues;
  SetMasks masks;
  Line* operator()(EntryKey key) const { return queues + masks.set_of(key) * kLines; }
};
template <unsigned kLines>
struct TwoArrays {
  std::array<OneArray<kLines>, 2> halves;
  Line* operator()(EntryKey key) const { return halves[key.in_odd_half() ? 1 : 0](key); }
};

template <unsigned kLines, Expect kExpect>
[[FT_WIDE, gnu::always_inline]] inline bool use_one(Line* lines, EntryKey key, WaysMask ways) {
  auto queue = Queue<kLines>::load(lines);
  const bool hit = queue.template use<kExpect>(key, ways);
  queue.store(lines);
  return hit;
}

template <unsigned kLines, Expect kExpect, typename QueueOf>
[[FT_WIDE]] std::size_t use_all_in(QueueOf queue_of, std::span<EntryKey> keys, WaysMask ways) {
  std::size_t missed = 0;
  for (const EntryKey key : keys) {
    keys[missed] = key;
    missed += use_one<kLines, kExpect>(queue_of(key), key, ways) ? 0 : 1;
  }
  return missed;
}

template <unsigned kLines, Expect kExpect, typename QueueOf>
[[FT_WIDE]] MissedKeys use_directories_in(QueueOf queue_of, std::span<EntryKey> keys,
                                          unsigned bits_above, WaysMask ways) {
  MissedKeys missed;
  for (const EntryKey key : keys) {
    if (use_one<kLines, kExpect>(queue_of(key), key, ways)) continue;
    ++missed.pages;
    const EntryKey directory = key.directory_above(bits_above);
    keys[missed.directories] = directory;
    missed.directories +=
        use_one<kLines, Expect::Anything>(queue_of(directory), directory, ways) ? 0 : 1;
  }
  return missed;
}

template <unsigned kLines>
[[FT_WIDE]] bool use_alone(Line* lines, EntryKey key, WaysMask ways) {
  return use_one<kLines, Expect::Anything>(lines, key, ways);
}

// Calls act<kLines, kExpect>() for what there is.
template <typename Do>
auto specialised(unsigned lines, bool expect_misses, Do act) {
  const auto with_lines = [&]<Expect kExpect>() {
    if (lines == 1) return act.template operator()<1, kExpect>();
    if (lines == 2) return act.template operator()<2, kExpect>();
    if (lines == 3) return act.template operator()<3, kExpect>();
    return act.template operator()<4, kExpect>();
  };
  if (expect_misses) return with_lines.template operator()<Expect::Misses>();
  return with_lines.template operator()<Expect::Anything>();
}

#endif

}  // namespace

bool WideArray::supported() {
#ifdef __x86_64__
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("bmi2");
#else
  return false;
#endif
}

WideArray::WideArray(unsigned sets, unsigned ways)
    : sets_(sets), ways_(ways), lines_((ways + kLine - 1) / kLine), queues_(sets_ * lines_) {
  FT_CHECK(sets >= 1 && ways >= 1 && ways <= kMaxWays && supported());
}

#ifdef __x86_64__

bool WideArray::use(EntryKey key, std::size_t set) {
  return specialised(lines_, false, [&]<unsigned kLines, Expect kExpect>() {
    return use_alone<kLines>(queues_.data() + set * kLines, key, first_places(ways_));
  });
}

std::size_t WideArray::use_all(std::span<EntryKey> keys, SetMasks masks) {
  const auto use = [&]<unsigned kLines, Expect kExpect>() {
    const OneArray<kLines> queue_of{queues_.data(), masks};
    return use_all_in<kLines, kExpect>(queue_of, keys, first_places(ways_));
  };
  const std::size_t missed = specialised(lines_, expect_misses_, use);
  expect_like(missed, keys.size());
  return missed;
}

std::size_t WideArray::use_all_by_parity(std::span<EntryKey> keys, SetMasks masks, WideArray& odd,
                                         SetMasks odd_masks) {
  FT_CHECK(odd.ways_ == ways_);
  const auto use = [&]<unsigned kLines, Expect kExpect>() {
    const TwoArrays<kLines> queue_of{{{{queues_.data(), masks}, {odd.queues_.data(), odd_masks}}}};
    return use_all_in<kLines, kExpect>(queue_of, keys, first_places(ways_));
  };
  const std::size_t missed = specialised(lines_, expect_misses_, use);
  expect_like(missed, keys.size());
  return missed;
}

MissedKeys WideArray::use_all_with_directories(std::span<EntryKey> keys, unsigned bits_above,
                                               SetMasks masks) {
  const auto use = [&]<unsigned kLines, Expect kExpect>() {
    const OneArray<kLines> queue_of{queues_.data(), masks};
    return use_directories_in<kLines, kExpect>(queue_of, keys, bits_above, first_places(ways_));
  };
  const MissedKeys missed = specialised(lines_, expect_misses_, use);
  expect_like(missed.pages, keys.size());
  return missed;
}

#else

bool WideArray::use(EntryKey key, std::size_t set) {
  const unsigned found = find(key, set);
  for (unsigned place = std::min(found, ways_ - 1); place > 0; --place) {
    key_at(set, place) = key_at(set, place - 1);
  }
  key_at(set, 0) = key;
  return found != ways_;
}

std::size_t WideArray::use_all(std::span<EntryKey> keys, SetMasks masks) {
  return keep_missed(keys, [&](EntryKey key) { return use(key, masks.set_of(key)); });
}

std::size_t WideArray::use_all_by_parity(std::span<EntryKey> keys, SetMasks masks, WideArray& odd,
                                         SetMasks odd_masks) {
  return keep_missed(keys, [&](EntryKey key) {
    return key.in_odd_half() ? odd.use(key, odd_masks.set_of(key)) : use(key, masks.set_of(key));
  });
}

MissedKeys WideArray::use_all_with_directories(std::span<EntryKey> keys, unsigned bits_above,
                                               SetMasks masks) {
  return keep_missed_directories(keys, bits_above,
                                 [&](EntryKey key) { return use(key, masks.set_of(key)); });
}

#endif

void WideArray::expect_like(std::size_t missed, std::size_t uses) {
  expect_misses_ = 8 * missed >= 7 * uses;
}

unsigned WideArray::find(EntryKey key, std::size_t set) const {
  unsigned place = 0;
  while (place < ways_ && key_at(set, place) != key) ++place;
  return place;
}

bool WideArray::erase(EntryKey key, std::size_t set) {
  const unsigned place = find(key, set);
  if (place == ways_) return false;
  erase_place(set, place);
  return true;
}

void WideArray::erase_place(std::size_t set, unsigned place) {
  for (; place + 1 < ways_; ++place) key_at(set, place) = key_at(set, place + 1);
  key_at(set, place) = EntryKey();
}

void WideArray::clear() {
  std::ranges::fill(queues_, Line());
}

void WideArray::check() const {
  for (std::size_t set = 0; set < sets_; ++set) {
    for (unsigned place = 0; place < ways_; ++place) {
      const EntryKey key = key_at(set, place);
      FT_CHECK(find(key, set) == place || !key.valid());
      FT_CHECK(place == 0 || !key.valid() || key_at(set, place - 1).valid());
    }
  }
}

}  // namespace ft::sim::tlb
