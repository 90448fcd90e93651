// Streams of accesses after a pattern, the same for the same seed.
//
// Each make function fails with what = the key where its parameters describe no stream. All ranges
// are bytes; `accesses` is how many there are before the stream ends.
#pragma once

#include <cstdint>
#include <memory>

#include "base/range.h"
#include "sim/tlb/access_stream.h"

namespace ft::sim::tlb {

using StreamResult = Result<std::unique_ptr<AccessStream>>;

// From the start of the working set to its end in steps of `stride`, and again from the start.
struct SequentialShape {
  AddressRange range;
  std::uint64_t stride = 64;
  std::uint64_t accesses = 0;
  AccessKind kind = AccessKind::Load;
};
StreamResult make_sequential(const SequentialShape& shape);

// Each word of eight bytes as likely as any other.
struct RandomShape {
  AddressRange range;
  std::uint64_t accesses = 0;
  AccessKind kind = AccessKind::Load;
  std::uint64_t seed = 1;
};
StreamResult make_random(const RandomShape& shape);

// Items of `item` bytes; the k-th most popular is asked for k^-exponent times as often as the
// first. Popular items lie anywhere in the range. An exponent of 0 is the uniform distribution.
struct ZipfShape {
  AddressRange range;
  std::uint64_t item = 64;
  double exponent = 1;
  std::uint64_t accesses = 0;
  AccessKind kind = AccessKind::Load;
  std::uint64_t seed = 1;
};
StreamResult make_zipf(const ZipfShape& shape);

// What a collection does with HotSpot's card table: reads it word by word, and the 512 bytes of
// heap behind each dirty card cache line by cache line. From the first card to the last, again and
// again.
struct CardScanShape {
  AddressRange heap;
  std::uint64_t card_table = 0;  // address of the first card, one byte each
  double dirty = 0.01;           // share of the cards
  std::uint64_t accesses = 0;
  std::uint64_t seed = 1;
};
StreamResult make_card_scan(const CardScanShape& shape);

// One node every `stride` bytes, each naming the next, in one ring through all of them: every load
// waits for the one before, and nothing can be foreseen.
struct PointerChaseShape {
  AddressRange range;
  std::uint64_t stride = kPageSize;
  std::uint64_t accesses = 0;
  std::uint64_t seed = 1;
};
StreamResult make_pointer_chase(const PointerChaseShape& shape);

}  // namespace ft::sim::tlb
