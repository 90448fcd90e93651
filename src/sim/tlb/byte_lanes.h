// ByteLanes is sixteen bytes worked on at once: how a set of up to sixteen ways is searched and
// reordered in a few instructions. Every x86-64 processor has what it needs (SSE2); elsewhere the
// same is done byte by byte.
#pragma once

#include <algorithm>
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
  // `value` in the lowest lane, 0 in the others.
  static ByteLanes lowest(std::uint8_t value) { return ByteLanes(_mm_cvtsi32_si128(value)); }
  static ByteLanes unaligned(const std::uint8_t* from) {
    return ByteLanes(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
  }
  void store(LaneBytes& to) const { _mm_store_si128(reinterpret_cast<__m128i*>(&to), lanes_); }

  // 0xff in each lane that equals the other's, else 0.
  ByteLanes equals(ByteLanes other) const {
    return ByteLanes(_mm_cmpeq_epi8(lanes_, other.lanes_));
  }
  // Each lane moves up by one; the lowest one becomes 0.
  ByteLanes moved_up() const { return ByteLanes(_mm_slli_si128(lanes_, 1)); }
  // The highest lane as the lowest one; the others become 0.
  ByteLanes highest_as_lowest() const { return ByteLanes(_mm_srli_si128(lanes_, kLanes - 1)); }
  ByteLanes operator|(ByteLanes other) const {
    return ByteLanes(_mm_or_si128(lanes_, other.lanes_));
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
  static ByteLanes lowest(std::uint8_t value) {
    LaneBytes lanes;
    lanes.bytes[0] = value;
    return ByteLanes(lanes);
  }
  static ByteLanes unaligned(const std::uint8_t* from) {
    LaneBytes lanes;
    std::copy_n(from, kLanes, lanes.bytes.begin());
    return ByteLanes(lanes);
  }
  void store(LaneBytes& to) const { to = lanes_; }

  ByteLanes equals(ByteLanes other) const {
    return each([&](unsigned i) { return lane(i) == other.lane(i) ? 0xff : 0; });
  }
  ByteLanes moved_up() const {
    return each([&](unsigned i) { return i == 0 ? 0 : lane(i - 1); });
  }
  ByteLanes highest_as_lowest() const {
    return each([&](unsigned i) { return i == 0 ? lane(kLanes - 1) : 0; });
  }
  ByteLanes operator|(ByteLanes other) const {
    return each([&](unsigned i) { return lane(i) | other.lane(i); });
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
