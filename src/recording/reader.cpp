#include "recording/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "recording/recording_file.h"

namespace ft::recording {

namespace {

template <typename Event>
constexpr ChunkKind kKindOf = ChunkKind::Fault;
template <>
constexpr ChunkKind kKindOf<event::PageAlloc> = ChunkKind::PageAlloc;
template <>
constexpr ChunkKind kKindOf<event::TlbFlush> = ChunkKind::TlbFlush;
template <>
constexpr ChunkKind kKindOf<event::Sample> = ChunkKind::Sample;
template <>
constexpr ChunkKind kKindOf<event::Syscall> = ChunkKind::Syscall;

// The first and the last ts, both inclusive.
template <typename Event>
std::pair<Nanoseconds, Nanoseconds> span_of(const std::vector<Event>& events) {
  return {events.front().ts, events.back().ts};
}
// They come in the order they were told.
std::pair<Nanoseconds, Nanoseconds> span_of(const std::vector<event::Syscall>& calls) {
  const auto [min, max] = std::ranges::minmax_element(calls, {}, &event::Syscall::ts);
  return {min->ts, max->ts};
}

}  // namespace

Result<std::unique_ptr<Reader>> Reader::open(const std::string& path) {
  Database database = FT_TRY(open_recording(path));
  std::unique_ptr<Reader> reader(new Reader(std::move(database), path));
  FT_TRY_VOID(reader->read_totals());
  reader->stack_limit_ = FT_TRY(reader->id_limit(Table::Stack));
  reader->file_limit_ = FT_TRY(reader->id_limit(Table::File));
  FT_TRY_VOID(reader->read_chunk_list());
  reader->select_body_ = FT_TRY(reader->database_.prepare("SELECT body FROM raw_chunk WHERE id=?"));
  return reader;
}

Result<void> Reader::read_totals() {
  Statement select =
      FT_TRY(database_.prepare("SELECT id, name, row_count, checksum FROM raw_total ORDER BY id"));
  std::size_t found = 0;
  while (true) {
    Result<bool> stepped = select.step();
    if (!stepped) return damaged(path_ + ": raw_total", stepped.error().why);
    if (!*stepped) break;
    const bool is_next = found < kTableCount &&
                         select.integer(0) == static_cast<std::int64_t>(found) &&
                         select.bytes(1) == shape_of(all_tables()[found]).name;
    if (!is_next || select.integer(2) < 0) {
      return damaged(path_ + ": raw_total", fmt::format("row {} is not as it should be", found));
    }
    totals_[found++] = {.rows = select.integer(2),
                        .checksum = static_cast<std::uint64_t>(select.integer(3))};
  }
  if (found != kTableCount) return damaged(path_ + ": raw_total", "rows are missing");
  return {};
}

Result<TableRows> Reader::rows(Table table) {
  return TableRows::open(database_, path_, table, totals_[static_cast<std::size_t>(table)]);
}

// How long the list of what a table numbers is: ids of gaps included.
Result<std::size_t> Reader::id_limit(Table table) {
  const TableShape& shape = shape_of(table);
  Statement select =
      FT_TRY(database_.prepare(fmt::format("SELECT min(id), max(id) FROM {}", shape.name)));
  const Result<bool> stepped = select.step();
  if (!stepped) return damaged(fmt::format("{}: {}", path_, shape.name), stepped.error().why);
  if (!*stepped || select.type(0) == Statement::Type::Null) return 0;
  const std::int64_t first = select.integer(0);
  const std::int64_t last = select.integer(1);
  const std::int64_t row_count = totals_[static_cast<std::size_t>(table)].rows;
  if (first < 0 || last < first || last > std::numeric_limits<std::int32_t>::max() ||
      last - kMaxIdGap >= row_count) {
    return damaged(fmt::format("{}: {} row {}", path_, shape.name, first < 0 ? first : last),
                   fmt::format("is not a number that one of {} rows may have", row_count));
  }
  return static_cast<std::size_t>(last) + 1;
}

Result<void> Reader::read_chunk_list() {
  TableRows in = FT_TRY(rows(Table::Chunk));
  while (FT_TRY(in.next())) {
    ChunkInfo chunk;
    chunk.id = in.id();
    chunk.kind = static_cast<ChunkKind>(FT_TRY(in.number<std::uint8_t>(
        static_cast<std::int64_t>(ChunkKind::Fault), static_cast<std::int64_t>(kLastChunkKind))));
    chunk.events = FT_TRY(in.number<std::uint32_t>(1, static_cast<std::int64_t>(kMaxChunkEvents)));
    chunk.min_ts = FT_TRY(in.integer());
    chunk.max_ts = FT_TRY(in.integer());
    chunk.bytes = FT_TRY(in.number<std::uint32_t>(8, static_cast<std::int64_t>(kMaxChunkBytes)));
    chunk.checksum = FT_TRY(in.bits());
    chunks_.push_back(chunk);
  }
  return {};
}

template <typename Event>
Result<void> Reader::load(const ChunkInfo& chunk, std::vector<Event>& events) {
  FT_CHECK(chunk.kind == kKindOf<Event>);
  const auto where = [&] {
    return fmt::format("{}: chunk {} ({})", path_, chunk.id, name_of(chunk.kind));
  };
  select_body_.reset();
  select_body_.bind(1, chunk.id);
  const Result<bool> stepped = select_body_.step();
  if (!stepped) return damaged(where(), stepped.error().why);
  if (!*stepped) return damaged(where(), "is missing");
  const std::string_view body = select_body_.bytes(0);
  if (select_body_.type(0) != Statement::Type::Blob || body.size() != chunk.bytes) {
    return damaged(where(), fmt::format("{} bytes instead of {}", body.size(), chunk.bytes));
  }
  if (chunk_checksum(body) != chunk.checksum) {
    return damaged(where(), fmt::format("byte {}: the checksum is not the one listed",
                                        body.size() - sizeof chunk.checksum));
  }
  const Result<void> decoded = decoder_.decode(body, events);
  select_body_.reset();
  if (!decoded) return damaged(where() + ", " + decoded.error().what, decoded.error().why);
  if (events.size() != chunk.events || span_of(events) != std::pair(chunk.min_ts, chunk.max_ts)) {
    return damaged(where(), "holds other events than listed");
  }
  if constexpr (std::is_same_v<Event, event::Sample> || std::is_same_v<Event, event::Syscall>) {
    return check_references(chunk, events);
  }
  return {};
}

template Result<void> Reader::load(const ChunkInfo&, std::vector<event::Fault>&);
template Result<void> Reader::load(const ChunkInfo&, std::vector<event::PageAlloc>&);
template Result<void> Reader::load(const ChunkInfo&, std::vector<event::TlbFlush>&);
template Result<void> Reader::load(const ChunkInfo&, std::vector<event::Sample>&);
template Result<void> Reader::load(const ChunkInfo&, std::vector<event::Syscall>&);

Result<void> Reader::check_references(const ChunkInfo& chunk,
                                      const std::vector<event::Sample>& samples) {
  const auto limit = static_cast<std::int64_t>(stack_limit_);
  for (const event::Sample& sample : samples) {
    if (sample.kernel_stack >= limit || sample.user_stack >= limit) {
      return damaged(fmt::format("{}: chunk {} ({})", path_, chunk.id, name_of(chunk.kind)),
                     fmt::format("a sample names stack {} of {}",
                                 std::max(sample.kernel_stack, sample.user_stack), limit));
    }
  }
  return {};
}

Result<void> Reader::check_references(const ChunkInfo& chunk,
                                      const std::vector<event::Syscall>& calls) {
  const auto stacks = static_cast<std::int64_t>(stack_limit_);
  const auto files = static_cast<std::int64_t>(file_limit_);
  for (const event::Syscall& call : calls) {
    if (call.stack >= stacks || call.file >= files) {
      return damaged(fmt::format("{}: chunk {} ({})", path_, chunk.id, name_of(chunk.kind)),
                     call.stack >= stacks
                         ? fmt::format("a system call names stack {} of {}", call.stack, stacks)
                         : fmt::format("a system call names file {} of {}", call.file, files));
    }
  }
  return {};
}

template <typename Event>
Result<void> Reader::visit_chunks(const std::function<void(std::span<const Event>)>& visit) {
  std::vector<Event> events;
  for (const ChunkInfo& chunk : chunks_) {
    if (chunk.kind != kKindOf<Event>) continue;
    FT_TRY_VOID(load(chunk, events));
    visit(events);
  }
  return {};
}

Result<void> Reader::faults(const std::function<void(std::span<const event::Fault>)>& visit) {
  return visit_chunks(visit);
}
Result<void> Reader::page_allocs(
    const std::function<void(std::span<const event::PageAlloc>)>& visit) {
  return visit_chunks(visit);
}
Result<void> Reader::tlb_flushes(
    const std::function<void(std::span<const event::TlbFlush>)>& visit) {
  return visit_chunks(visit);
}
Result<void> Reader::samples(const std::function<void(std::span<const event::Sample>)>& visit) {
  return visit_chunks(visit);
}

}  // namespace ft::recording
