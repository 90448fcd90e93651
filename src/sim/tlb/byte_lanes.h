// ByteLanes is sixteen bytes worked on at once: how a set of up to sixteen ways is searched and
// aged in a few instructions. Every x86-64 processor has what it needs (SSE2); elsewhere the same
// is done byte by byte.
#pragma once

#include <array>
#include <cstdint>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace ft::sim::tlb {

inline constexpr unsigned kLanes = 16;

struct alignas(kLanes) LaneBytes {
  std::array<std::uint8_t, kLanes> bytes{};
};

#ifdef __SSE2__

class ByteLanes {
 public:
  explicit ByteLanes(const LaneBytes& from)
      : lanes_(_mm_load_si128(reinterpret_cast<const __m128i*>(&from))) {}
  static ByteLanes filled(std::uint8_t value) {
    return ByteLanes(_mm_set1_epi8(static_cast<char>(value)));
  }
  void store(LaneBytes& to) const { _mm_store_si128(reinterpret_cast<__m128i*>(&to), lanes_); }

  // 0xff in each lane that equals the other's, else 0.
  ByteLanes equals(ByteLanes other) const {
    return ByteLanes(_mm_cmpeq_epi8(lanes_, other.lanes_));
  }
  // One more in each lane that is less than `limit`'s. REQUIRES: all lanes < 128.
  ByteLanes incremented_below(ByteLanes limit) const {
    return ByteLanes(_mm_sub_epi8(lanes_, _mm_cmpgt_epi8(limit.lanes_, lanes_)));
  }
  ByteLanes cleared_where(ByteLanes mask) const {
    return ByteLanes(_mm_andnot_si128(mask.lanes_, lanes_));
  }
  ByteLanes replaced_where(ByteLanes mask, ByteLanes by) const {
    return ByteLanes(
        _mm_or_si128(_mm_andnot_si128(mask.lanes_, lanes_), _mm_and_si128(mask.lanes_, by.lanes_)));
  }
  // The highest bit of each lane: bit i of the result is lane i's.
  unsigned mask() const { return static_cast<unsigned>(_mm_movemask_epi8(lanes_)); }

 private:
  explicit ByteLanes(__m128i lanes) : lanes_(lanes) {}
  __m128i lanes_;
};

#else

class ByteLanes {
 public:
  explicit ByteLanes(const LaneBytes& from) : lanes_(from) {}
  static ByteLanes filled(std::uint8_t value) {
    LaneBytes lanes;
    lanes.bytes.fill(value);
    return ByteLanes(lanes);
  }
  void store(LaneBytes& to) const { to = lanes_; }

  ByteLanes equals(ByteLanes other) const {
    return each([&](unsigned i) { return lane(i) == other.lane(i) ? 0xff : 0; });
  }
  ByteLanes incremented_below(ByteLanes limit) const {
    return each([&](unsigned i) { return lane(i) + (lane(i) < limit.lane(i) ? 1 : 0); });
  }
  ByteLanes cleared_where(ByteLanes mask) const {
    return each([&](unsigned i) { return lane(i) & ~mask.lane(i); });
  }
  ByteLanes replaced_where(ByteLanes mask, ByteLanes by) const {
    return each(
        [&](unsigned i) { return (lane(i) & ~mask.lane(i)) | (by.lane(i) & mask.lane(i)); });
  }
  unsigned mask() const {
    unsigned bits = 0;
    for (unsigned i = 0; i < kLanes; ++i) bits |= static_cast<unsigned>(lane(i) >> 7) << i;
    return bits;
  }

 private:
  int lane(unsigned i) const { return lanes_.bytes[i]; }
  template <typename Make>
  static ByteLanes each(Make make) {
    LaneBytes made;
    for (unsigned i = 0; i < kLanes; ++i) made.bytes[i] = static_cast<std::uint8_t>(make(i));
    return ByteLanes(made);
  }
  LaneBytes lanes_;
};

#endif

}  // namespace ft::sim::tlb
