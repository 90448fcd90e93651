// Store puts rows into the tables of a recording's database and keeps each table's total: how many
// rows it has and the sum of their checksums, so that a reader finds rows that changed, vanished or
// came up. Used by one thread. What lies between begin() and commit() is there as a whole or not at
// all, whenever the process is killed.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "event/event.h"
#include "recording/checksum.h"
#include "recording/chunk_codec.h"
#include "recording/format.h"
#include "recording/sqlite.h"

struct ZSTD_CCtx_s;

namespace ft::recording {

class Store {
 public:
  // The bytes of a recording without rows.
  static Result<std::string> empty_image();
  // REQUIRES: the file is an empty_image() that nobody else writes to.
  static Result<std::unique_ptr<Store>> open(const std::string& path);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  Result<void> begin();
  Result<void> commit();
  // Gives up the transaction, if there is one, and closes.
  Result<void> close();

  // REQUIRES: between begin() and commit(), for all of these.
  Result<void> put_meta(std::string_view key, std::string_view value);
  Result<void> put(const event::Process& process);
  Result<void> put(const event::Thread& thread);
  Result<void> put(event::FileId id, const event::File& file);
  Result<void> put(event::StackId id, const event::Stack& stack);
  Result<void> put(const event::MmEvent& event);
  Result<void> put(const event::Phase& phase);
  Result<void> put(const event::Snapshot& snapshot);
  Result<void> put(const event::Loss& loss);
  // REQUIRES: 1 to kMaxChunkEvents events of one kind.
  template <typename Event>
  Result<void> put_chunk(std::span<const Event> events);

 private:
  struct Total {
    std::int64_t rows = 0;
    std::uint64_t checksum = 0;
    bool changed = false;
  };
  class Row;
  // Looks texts up without copying them.
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };

  explicit Store(Database database);
  Result<void> prepare();
  Row row(Table table, std::int64_t id);
  std::int64_t next_id(Table table) const;
  Result<std::int64_t> string_id(std::string_view text);
  std::string_view compress(std::string_view text);

  Database database_;
  std::array<Statement, kTableCount> inserts_;
  Statement update_total_;
  std::array<Total, kTableCount> totals_;
  bool in_transaction_ = false;

  // Rows that a later word on the same thing replaces, by id: what they added to their total.
  std::array<std::unordered_map<std::int64_t, std::uint64_t>, kTableCount> replaceable_;
  std::map<std::string, std::int64_t, std::less<>> meta_ids_;
  std::map<std::pair<event::Pid, Nanoseconds>, std::int64_t> process_ids_;
  std::map<std::pair<event::Tid, Nanoseconds>, std::int64_t> thread_ids_;
  std::map<std::string, std::int64_t, std::less<>> loss_ids_;
  std::unordered_map<std::string, std::int64_t, TextHash, std::equal_to<>> string_ids_;

  ChunkEncoder encoder_;
  ZSTD_CCtx_s* compressor_;
  std::string compressed_;
};

}  // namespace ft::recording
