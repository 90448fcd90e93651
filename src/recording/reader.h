// Reader tells what a recording holds. It opens the file for reading only and never changes it;
// nothing in the file is trusted, and memory stays bounded: one chunk at a time, and the small
// tables in proportion to the file. Errors name the table and row, or the chunk and byte.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "event/trace.h"
#include "recording/chunk_codec.h"
#include "recording/format.h"
#include "recording/sqlite.h"
#include "recording/table_rows.h"

namespace ft::recording {

// One row of raw_chunk: what is known of a chunk without decoding it.
struct ChunkInfo {
  std::int64_t id = 0;
  ChunkKind kind{};
  std::size_t events = 0;
  Nanoseconds min_ts = 0;  // of the events' ts, both inclusive
  Nanoseconds max_ts = 0;
  std::size_t bytes = 0;
  std::uint64_t checksum = 0;
};

class Reader : public event::EventSource {
 public:
  static Result<std::unique_ptr<Reader>> open(const std::string& path);

  Result<event::Trace> trace() override;
  Result<void> faults(const std::function<void(std::span<const event::Fault>)>& visit) override;
  Result<void> page_allocs(
      const std::function<void(std::span<const event::PageAlloc>)>& visit) override;
  Result<void> tlb_flushes(
      const std::function<void(std::span<const event::TlbFlush>)>& visit) override;
  Result<void> samples(const std::function<void(std::span<const event::Sample>)>& visit) override;

  // Of all kinds, in the order they were written.
  std::span<const ChunkInfo> chunks() const { return chunks_; }
  // Replaces what `events` held.
  // REQUIRES: the chunk is of this kind.
  template <typename Event>
  Result<void> load(const ChunkInfo& chunk, std::vector<Event>& events);

 private:
  Reader(Database database, std::string path)
      : database_(std::move(database)), path_(std::move(path)) {}
  Result<void> read_totals();
  Result<void> read_chunk_list();
  Result<TableRows> rows(Table table);
  Result<std::size_t> id_limit(Table table);
  Result<void> check_references(const ChunkInfo& chunk, const std::vector<event::Sample>& samples);
  Result<void> check_references(const ChunkInfo& chunk, const std::vector<event::Syscall>& calls);

  Result<void> read_meta(event::Trace& trace);
  Result<void> read_processes(event::Trace& trace);
  Result<void> read_threads(event::Trace& trace);
  Result<void> read_files(event::Trace& trace);
  Result<std::vector<std::string>> read_strings();
  Result<void> read_stacks(event::Trace& trace);
  Result<void> read_syscalls(event::Trace& trace);
  Result<void> read_mm_events(event::Trace& trace);
  Result<void> read_phases(event::Trace& trace);
  Result<void> read_snapshots(event::Trace& trace);
  Result<void> read_losses(event::Trace& trace);

  template <typename Event>
  Result<void> visit_chunks(const std::function<void(std::span<const Event>)>& visit);

  Database database_;
  std::string path_;
  std::array<TableTotal, kTableCount> totals_;
  std::vector<ChunkInfo> chunks_;
  std::size_t stack_limit_ = 0;
  std::size_t file_limit_ = 0;
  Statement select_body_;
  ChunkDecoder decoder_;
};

}  // namespace ft::recording
