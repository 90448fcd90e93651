// A chunk holds up to 65,536 events of one kind as columns (docs/recording-format.md, "Chunks").
// The events of one thread lie together, because each is predicted from the one before it in its
// thread; decoding delivers them by ts, events of equal ts in order of their thread's first
// appearance. System calls are kept and delivered as they were told (syscall_chunk.cpp).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "event/event.h"
#include "recording/column.h"
#include "recording/dictionary.h"
#include "recording/syscall_foresight.h"

namespace ft::recording {

enum class ChunkKind : std::uint8_t {
  Fault = 1,
  PageAlloc = 2,
  TlbFlush = 3,
  Sample = 4,
  Syscall = 5,
};
inline constexpr ChunkKind kLastChunkKind = ChunkKind::Syscall;

std::string_view name_of(ChunkKind kind);

// The checksum that ends a chunk.
// REQUIRES: at least 8 bytes.
std::uint64_t chunk_checksum(std::string_view chunk);

inline constexpr std::size_t kMaxChunkEvents = 65536;

// A chunk of pure noise is smaller: some 110 bytes for each of 65,536 system calls.
inline constexpr std::size_t kMaxChunkBytes = 8U << 20U;

// Level 1: what higher levels gain on these columns is not worth their time (docs/benchmarks.md).
inline constexpr int kChunkZstdLevel = 1;

// Which slot each event of a chunk takes when the events of a thread lie together.
struct Lanes {
  std::vector<std::uint32_t> lane_of;  // by event
  std::vector<std::uint32_t> next;     // by lane: the next free slot
};

// Of any kind.
inline constexpr std::size_t kMostColumns = 13;

class ChunkEncoder {
 public:
  explicit ChunkEncoder(int zstd_level = kChunkZstdLevel) : out_(zstd_level) {}

  // The chunk's bytes, valid until the next call.
  // REQUIRES: 1 to kMaxChunkEvents events, in any order.
  std::string_view encode(std::span<const event::Fault> faults);
  std::string_view encode(std::span<const event::PageAlloc> allocs);
  std::string_view encode(std::span<const event::TlbFlush> flushes);
  std::string_view encode(std::span<const event::Sample> samples);
  // REQUIRES: likewise, and numbers that event/syscall_table.h lists.
  std::string_view encode(std::span<const event::Syscall> calls);

 private:
  static constexpr std::size_t kColumns = 8;

  void begin(ChunkKind kind, std::size_t size, Nanoseconds base_ts, std::size_t columns);
  // Of the kinds whose events are ordered by thread.
  template <typename Event>
  void begin(ChunkKind kind, std::span<const Event> events);
  std::string_view finish();
  void dictionary_column(const Dictionary& dictionary, std::span<const std::uint64_t> indices);

  ColumnWriter out_;
  Dictionary tids_;
  Lanes lanes_;
  std::int64_t base_ts_ = 0;
  std::array<Dictionary, 3> dictionaries_;
  std::array<std::vector<std::uint64_t>, kMostColumns> columns_;
  SyscallForesight foresight_;
};

// Takes any bytes. Memory is bounded by kMaxChunkEvents; errors name the byte of the chunk.
class ChunkDecoder {
 public:
  // Replaces what `events` held. On failure its content is unspecified.
  Result<void> decode(std::string_view chunk, std::vector<event::Fault>& faults);
  Result<void> decode(std::string_view chunk, std::vector<event::PageAlloc>& allocs);
  Result<void> decode(std::string_view chunk, std::vector<event::TlbFlush>& flushes);
  Result<void> decode(std::string_view chunk, std::vector<event::Sample>& samples);
  Result<void> decode(std::string_view chunk, std::vector<event::Syscall>& calls);

 private:
  // As far as all kinds are alike.
  Result<ColumnReader> open(std::string_view chunk, ChunkKind kind);
  // Of the kinds whose events are ordered by thread.
  Result<ColumnReader> begin(std::string_view chunk, ChunkKind kind);
  Result<void> lanes(ColumnReader& in);
  Result<std::span<std::uint64_t>> column(ColumnReader& in, std::size_t which, std::size_t size);
  // Replaces the indices of column `which` by what they stand for.
  Result<std::span<std::uint64_t>> dictionary_column(ColumnReader& in, std::size_t which,
                                                     std::size_t size);
  // The list alone, into `dictionary_`, and the indices as they are.
  Result<std::span<std::uint64_t>> indices_column(ColumnReader& in, std::size_t which,
                                                  std::size_t size);
  void restore_ts(std::span<std::uint64_t> ts, std::span<const std::uint64_t> durations);
  Result<void> finish(const ColumnReader& in);
  void sort_by_ts(std::span<const std::uint64_t> ts);

  ColumnScratch scratch_;
  std::size_t size_ = 0;
  std::int64_t base_ts_ = 0;
  std::vector<std::uint64_t> lane_tids_;
  std::vector<std::uint64_t> lane_sizes_;
  std::vector<std::uint64_t> dictionary_;
  std::array<std::vector<std::uint64_t>, kMostColumns> columns_;
  SyscallForesight foresight_;
  std::vector<event::Tid> tids_;      // by slot
  std::vector<std::uint32_t> order_;  // slots by ts
  std::vector<std::uint32_t> merged_;
  std::vector<std::uint32_t> runs_;
};

}  // namespace ft::recording
