#include "recording/store.h"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>

#include "base/check.h"
#include "recording/column.h"
#include "recording/packed.h"

namespace ft::recording {

namespace {

// Of snapshots; /proc files shrink to a tenth at the quickest level.
constexpr int kTextZstdLevel = 1;

constexpr bool is_replaceable(Table table) {
  return table == Table::Meta || table == Table::Process || table == Table::Thread ||
         table == Table::File || table == Table::Stack || table == Table::Loss;
}

std::int64_t signed_bits(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}

template <typename Event>
constexpr ChunkKind kind_of();
template <>
constexpr ChunkKind kind_of<event::Fault>() {
  return ChunkKind::Fault;
}
template <>
constexpr ChunkKind kind_of<event::PageAlloc>() {
  return ChunkKind::PageAlloc;
}
template <>
constexpr ChunkKind kind_of<event::TlbFlush>() {
  return ChunkKind::TlbFlush;
}
template <>
constexpr ChunkKind kind_of<event::Sample>() {
  return ChunkKind::Sample;
}

template <>
constexpr ChunkKind kind_of<event::Syscall>() {
  return ChunkKind::Syscall;
}

}  // namespace

// One row on its way into a table: columns in their order, then done().
class Store::Row {
 public:
  Row(Store& store, Table table, std::int64_t id)
      : store_(store),
        table_(table),
        id_(id),
        insert_(store.inserts_[static_cast<std::size_t>(table)]),
        checksum_(static_cast<std::uint64_t>(table)) {
    insert_.bind(1, id);
    checksum_.word(static_cast<std::uint64_t>(id));
  }

  Row& integer(std::int64_t value) {
    insert_.bind(next(ColumnType::Integer), value);
    checksum_.word(static_cast<std::uint64_t>(value));
    return *this;
  }
  Row& bits(std::uint64_t value) { return integer(signed_bits(value)); }
  Row& text(std::string_view text) {
    text = text.substr(0, kMaxValueBytes);
    insert_.bind_text(next(ColumnType::Text), text);
    checksum_.bytes(text);
    return *this;
  }
  Row& blob(std::string_view bytes) {
    insert_.bind_blob(next(ColumnType::Blob), bytes);
    checksum_.bytes(bytes);
    return *this;
  }
  Row& body(std::string_view bytes) {
    insert_.bind_blob(next(ColumnType::Body), bytes);
    return *this;
  }

  Result<void> done() {
    FT_CHECK(column_ == shape_of(table_).columns.size());
    const Result<bool> stepped = insert_.step();
    insert_.reset();
    if (!stepped) return std::unexpected(stepped.error());

    Total& total = store_.totals_[static_cast<std::size_t>(table_)];
    total.changed = true;
    if (is_replaceable(table_)) {
      auto& known = store_.replaceable_[static_cast<std::size_t>(table_)];
      const auto [it, is_new] = known.try_emplace(id_, 0);
      total.checksum -= it->second;
      it->second = checksum_.value();
      if (!is_new) --total.rows;
    }
    total.checksum += checksum_.value();
    ++total.rows;
    return {};
  }

 private:
  int next(ColumnType type) {
    FT_CHECK(shape_of(table_).columns[column_].type == type);
    return static_cast<int>(++column_) + 1;
  }

  Store& store_;
  Table table_;
  std::int64_t id_;
  Statement& insert_;
  Checksum checksum_;
  std::size_t column_ = 0;
};

Store::Store(Database database) : database_(std::move(database)), compressor_(ZSTD_createCCtx()) {
  FT_CHECK(compressor_ != nullptr);
}

Store::~Store() {
  ZSTD_freeCCtx(compressor_);
}

Result<std::string> Store::empty_image() {
  Database database = FT_TRY(Database::in_memory());
  std::string sql = fmt::format(
      "PRAGMA page_size=4096; PRAGMA application_id={}; "
      "PRAGMA user_version={}; BEGIN; ",
      kApplicationId, kFormatVersion);
  sql.append(kCreateTotal).append(";");
  for (const Table table : all_tables()) {
    const TableShape& shape = shape_of(table);
    sql += create_statement(shape) + ";";
    sql += fmt::format("INSERT INTO {} VALUES({}, '{}', 0, 0);", kTotalName,
                       static_cast<unsigned>(table), shape.name);
  }
  FT_TRY_VOID(database.execute(sql + "COMMIT"));
  return database.serialize();
}

Result<std::unique_ptr<Store>> Store::open(const std::string& path) {
  Database database = FT_TRY(Database::open(path, Database::Mode::ReadWrite));
  // A rollback journal while a commit is under way makes a kill harmless; what it cannot do without
  // fsync is survive the machine's own crash, which no recording of a process needs to.
  FT_TRY_VOID(
      database.execute("PRAGMA journal_mode=DELETE; PRAGMA synchronous=OFF; "
                       "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-4096; "
                       "PRAGMA secure_delete=OFF"));
  std::unique_ptr<Store> store(new Store(std::move(database)));
  FT_TRY_VOID(store->prepare());
  return store;
}

Result<void> Store::prepare() {
  for (const Table table : all_tables()) {
    inserts_[static_cast<std::size_t>(table)] =
        FT_TRY(database_.prepare(insert_statement(shape_of(table))));
  }
  update_total_ = FT_TRY(database_.prepare(
      fmt::format("UPDATE {} SET row_count=?, checksum=? WHERE id=?", kTotalName)));
  return {};
}

Result<void> Store::begin() {
  FT_CHECK(!in_transaction_);
  FT_TRY_VOID(database_.execute("BEGIN"));
  in_transaction_ = true;
  return {};
}

Result<void> Store::commit() {
  FT_CHECK(in_transaction_);
  for (std::size_t i = 0; i < kTableCount; ++i) {
    Total& total = totals_[i];
    if (!total.changed) continue;
    update_total_.bind(1, total.rows);
    update_total_.bind(2, signed_bits(total.checksum));
    update_total_.bind(3, static_cast<std::int64_t>(i));
    const Result<bool> stepped = update_total_.step();
    update_total_.reset();
    if (!stepped) return std::unexpected(stepped.error());
    total.changed = false;
  }
  FT_TRY_VOID(database_.execute("COMMIT"));
  in_transaction_ = false;
  return {};
}

Result<void> Store::close() {
  for (Statement& insert : inserts_) insert = Statement();
  update_total_ = Statement();
  // Where SQLite already rolled back by itself there is nothing left to give up.
  if (std::exchange(in_transaction_, false)) static_cast<void>(database_.execute("ROLLBACK"));
  return database_.close();
}

Store::Row Store::row(Table table, std::int64_t id) {
  FT_CHECK(in_transaction_);
  return Row(*this, table, id);
}

std::int64_t Store::next_id(Table table) const {
  return totals_[static_cast<std::size_t>(table)].rows;
}

Result<std::int64_t> Store::string_id(std::string_view text) {
  const auto known = string_ids_.find(text);
  if (known != string_ids_.end()) return known->second;
  const std::int64_t id = next_id(Table::String);
  FT_TRY_VOID(row(Table::String, id).text(text).done());
  string_ids_.emplace(text, id);
  return id;
}

std::string_view Store::compress(std::string_view text) {
  compressed_.resize(ZSTD_compressBound(text.size()));
  const std::size_t size = ZSTD_compressCCtx(compressor_, compressed_.data(), compressed_.size(),
                                             text.data(), text.size(), kTextZstdLevel);
  FT_CHECK(ZSTD_isError(size) == 0);
  return std::string_view(compressed_).substr(0, size);
}

Result<void> Store::put_meta(std::string_view key, std::string_view value) {
  const auto known = meta_ids_.find(key);
  const std::int64_t id = known != meta_ids_.end() ? known->second : next_id(Table::Meta);
  if (known == meta_ids_.end()) meta_ids_.emplace(key, id);
  return row(Table::Meta, id).text(key).text(value).done();
}

Result<void> Store::put(const event::Process& process) {
  PackedWriter command;
  for (const std::string& word : process.command) command.string(word);
  const auto [it, is_new] =
      process_ids_.try_emplace({process.pid, process.start_ts}, next_id(Table::Process));
  return row(Table::Process, it->second)
      .integer(process.pid)
      .integer(process.parent)
      .integer(process.start_ts)
      .integer(process.exec_ts)
      .integer(process.end_ts)
      .integer(process.wait_status)
      .integer(process.present_at_start ? 1 : 0)
      .text(process.executable)
      .blob(command.take())
      .done();
}

Result<void> Store::put(const event::Thread& thread) {
  const auto [it, is_new] =
      thread_ids_.try_emplace({thread.tid, thread.start_ts}, next_id(Table::Thread));
  return row(Table::Thread, it->second)
      .integer(thread.tid)
      .integer(thread.pid)
      .integer(thread.start_ts)
      .integer(thread.end_ts)
      .text(thread.name)
      .done();
}

Result<void> Store::put(event::FileId id, const event::File& file) {
  return row(Table::File, id).text(file.path).bits(file.device).bits(file.inode).done();
}

Result<void> Store::put(event::StackId id, const event::Stack& stack) {
  PackedWriter frames;
  const std::size_t kept = std::min(stack.frames.size(), kMaxFrames);
  frames.number(kept);
  std::uint64_t last_address = 0;
  std::uint64_t last_bias = 0;
  // Neighbouring frames mostly lie in one file.
  const std::string* module = nullptr;
  std::int64_t module_id = 0;
  for (const event::Frame& frame : std::span(stack.frames).first(kept)) {
    const std::uint64_t bias = frame.address - frame.module_offset;
    frames.number(zigzag(frame.address - last_address));
    frames.number(zigzag(bias - last_bias));
    frames.number(static_cast<std::uint64_t>(FT_TRY(string_id(frame.symbol))));
    if (module == nullptr || *module != frame.module) module_id = FT_TRY(string_id(frame.module));
    module = &frame.module;
    frames.number(static_cast<std::uint64_t>(module_id));
    frames.number(frame.symbol_offset);
    last_address = frame.address;
    last_bias = bias;
  }
  return row(Table::Stack, id)
      .integer(stack.pid)
      .integer(stack.truncated || kept < stack.frames.size() ? 1 : 0)
      .blob(frames.take())
      .done();
}

Result<void> Store::put(const event::MmEvent& event) {
  return row(Table::MmEvent, next_id(Table::MmEvent))
      .integer(event.ts)
      .integer(event.dur)
      .bits(event.value)
      .integer(event.detail)
      .integer(event.tid)
      .integer(static_cast<std::int64_t>(event.kind))
      .done();
}

Result<void> Store::put(const event::Phase& phase) {
  return row(Table::Phase, next_id(Table::Phase))
      .text(phase.name)
      .integer(phase.start_ts)
      .integer(phase.end_ts)
      .done();
}

Result<void> Store::put(const event::Snapshot& snapshot) {
  const std::string_view text = std::string_view(snapshot.text).substr(0, kMaxSnapshotBytes);
  return row(Table::Snapshot, next_id(Table::Snapshot))
      .integer(snapshot.ts)
      .integer(snapshot.pid)
      .text(snapshot.moment)
      .text(snapshot.source)
      .integer(static_cast<std::int64_t>(text.size()))
      .blob(compress(text))
      .done();
}

Result<void> Store::put(const event::Loss& loss) {
  const auto [it, is_new] = loss_ids_.try_emplace(loss.kind, next_id(Table::Loss));
  return row(Table::Loss, it->second)
      .text(loss.kind)
      .bits(loss.count)
      .integer(static_cast<std::int64_t>(loss.severity))
      .text(loss.meaning)
      .done();
}

template <typename Event>
Result<void> Store::put_chunk(std::span<const Event> events) {
  const auto [min, max] = std::ranges::minmax_element(events, {}, &Event::ts);
  const std::string_view body = encoder_.encode(events);
  return row(Table::Chunk, next_id(Table::Chunk))
      .integer(static_cast<std::int64_t>(kind_of<Event>()))
      .integer(static_cast<std::int64_t>(events.size()))
      .integer(min->ts)
      .integer(max->ts)
      .integer(static_cast<std::int64_t>(body.size()))
      .bits(chunk_checksum(body))
      .body(body)
      .done();
}

template Result<void> Store::put_chunk(std::span<const event::Fault>);
template Result<void> Store::put_chunk(std::span<const event::PageAlloc>);
template Result<void> Store::put_chunk(std::span<const event::TlbFlush>);
template Result<void> Store::put_chunk(std::span<const event::Sample>);
template Result<void> Store::put_chunk(std::span<const event::Syscall>);

}  // namespace ft::recording
