// What a Writer was told and has not written yet. Guarded by the Writer's lock; the events of a
// chunk are kept in blocks of a chunk's size, so that the encoding thread takes them as they are.
#pragma once

#include <sys/mman.h>

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "base/units.h"
#include "event/event.h"
#include "recording/chunk_codec.h"

namespace ft::recording {

struct MetaItem {
  std::string key;
  std::string value;
};
struct FileItem {
  event::FileId id;
  event::File file;
};
struct StackItem {
  event::StackId id;
  event::Stack stack;
};
using Item = std::variant<MetaItem, event::Process, event::Thread, FileItem, StackItem,
                          event::MmEvent, event::Phase, event::Snapshot, event::Loss>;

// About how much memory an item takes.
std::size_t bytes_of(const Item& item);

using Clock = std::chrono::steady_clock;

// How many events a block holds. System calls are encoded while they are still in a processor's
// cache: 1.8 MiB.
template <typename Event>
inline constexpr std::size_t kBlockEvents = kMaxChunkEvents;
template <>
inline constexpr std::size_t kBlockEvents<event::Syscall> = 16384;

template <typename Event>
class PendingBlocks {
 public:
  using Block = std::vector<Event>;

  // Takes the front of `events` up to a block's end; whether that filled the block.
  bool add(std::span<const Event>& events) {
    if (open_.capacity() == 0) {
      open_ = take_spare();
      opened_ = Clock::now();
    }
    const std::size_t taken = std::min(events.size(), kBlockEvents<Event> - open_.size());
    open_.insert(open_.end(), events.begin(), events.begin() + static_cast<std::ptrdiff_t>(taken));
    events = events.subspan(taken);
    if (open_.size() < kBlockEvents<Event>) return false;
    close_block();
    return true;
  }

  // The full blocks, and the one being filled where it was begun before `begun_before`.
  std::vector<Block> take(Clock::time_point begun_before) {
    if (!open_.empty() && opened_ < begun_before) close_block();
    return std::exchange(full_, {});
  }

  void give_back(std::vector<Block> blocks) {
    for (Block& block : blocks) {
      if (spare_.size() >= kSpareBlocks) return;
      block.clear();
      spare_.push_back(std::move(block));
    }
  }

  std::size_t bytes() const {
    return (full_.size() * kBlockEvents<Event> + open_.size()) * sizeof(Event);
  }
  bool has_full_block() const { return !full_.empty(); }

 private:
  static constexpr std::size_t kSpareBlocks = 3;

  void close_block() { full_.push_back(std::exchange(open_, Block())); }
  Block take_spare() {
    Block block;
    if (!spare_.empty()) {
      block = std::move(spare_.back());
      spare_.pop_back();
    } else {
      block.reserve(kBlockEvents<Event>);
      // Some 5 MiB: in 4 KiB pages filling it would cost a thousand faults, while the target runs.
      const auto from = page_ceil(reinterpret_cast<std::uintptr_t>(block.data()));
      const auto to = page_floor(reinterpret_cast<std::uintptr_t>(block.data() + block.capacity()));
      ::madvise(reinterpret_cast<void*>(from), to - from, MADV_HUGEPAGE);
    }
    return block;
  }

  Block open_;
  Clock::time_point opened_{};
  std::vector<Block> full_;
  std::vector<Block> spare_;
};

// What the encoding thread takes at once.
struct Batch {
  std::vector<Item> items;
  std::tuple<std::vector<std::vector<event::Fault>>, std::vector<std::vector<event::PageAlloc>>,
             std::vector<std::vector<event::TlbFlush>>, std::vector<std::vector<event::Sample>>,
             std::vector<std::vector<event::Syscall>>>
      blocks;

  bool empty() const {
    return items.empty() &&
           std::apply([](const auto&... kind) { return (kind.empty() && ...); }, blocks);
  }
};

class Pending {
 public:
  void add(Item item) {
    item_bytes_ += bytes_of(item);
    items_.push_back(std::move(item));
  }
  template <typename Event>
  bool add(std::span<const Event>& events) {
    return std::get<PendingBlocks<Event>>(blocks_).add(events);
  }

  Batch take(Clock::time_point begun_before) {
    Batch batch;
    batch.items = std::exchange(items_, {});
    item_bytes_ = 0;
    batch.blocks = std::apply(
        [&](auto&... kind) { return std::make_tuple(kind.take(begun_before)...); }, blocks_);
    return batch;
  }

  template <typename Event>
  void give_back(std::vector<std::vector<Event>> blocks) {
    std::get<PendingBlocks<Event>>(blocks_).give_back(std::move(blocks));
  }

  std::size_t bytes() const {
    return item_bytes_ +
           std::apply([](const auto&... kind) { return (kind.bytes() + ...); }, blocks_);
  }
  std::size_t item_count() const { return items_.size(); }
  bool has_full_block() const {
    return std::apply([](const auto&... kind) { return (kind.has_full_block() || ...); }, blocks_);
  }

 private:
  std::vector<Item> items_;
  std::size_t item_bytes_ = 0;
  std::tuple<PendingBlocks<event::Fault>, PendingBlocks<event::PageAlloc>,
             PendingBlocks<event::TlbFlush>, PendingBlocks<event::Sample>,
             PendingBlocks<event::Syscall>>
      blocks_;
};

}  // namespace ft::recording
