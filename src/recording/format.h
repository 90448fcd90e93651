// The tables of a recording, as docs/recording-format.md writes them down: one description that the
// writer's and the reader's statements are made from.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace ft::recording {

// PRAGMA application_id: "ftRC". PRAGMA user_version is the format's version.
inline constexpr std::uint32_t kApplicationId = 0x6674'5243;
inline constexpr std::uint32_t kFormatVersion = 2;

// Keys of raw_meta that the writer itself sets.
inline constexpr std::string_view kMetaFormatVersion = "format_version";
inline constexpr std::string_view kMetaToolVersion = "tool_version";
inline constexpr std::string_view kMetaComplete = "complete";  // "1" once finish() was reached

// What a reader accepts at most; a writer keeps to it.
inline constexpr std::size_t kMaxSnapshotBytes = std::size_t{128} << 20U;
inline constexpr std::size_t kMaxAllSnapshotBytes = std::size_t{512} << 20U;
inline constexpr std::size_t kMaxAllStackBytes = std::size_t{512} << 20U;
inline constexpr std::size_t kMaxFrames = 65536;
inline constexpr std::size_t kMaxValueBytes = std::size_t{256} << 20U;
// Ids may leave gaps, but a table is never longer than its rows and this.
inline constexpr std::int64_t kMaxIdGap = 65536;

enum class Table : std::uint8_t {
  Meta,
  Process,
  Thread,
  File,
  String,
  Stack,
  MmEvent,
  Phase,
  Snapshot,
  Loss,
  Chunk,
};
inline constexpr std::size_t kTableCount = static_cast<std::size_t>(Table::Chunk) + 1;

enum class ColumnType : std::uint8_t {
  Integer,
  Text,
  Blob,
  Body,  // a blob with a checksum of its own, left out of its row's
};

struct Column {
  std::string_view name;
  ColumnType type;
};

// Every table starts with `id INTEGER PRIMARY KEY`.
struct TableShape {
  Table table;
  std::string_view name;
  std::span<const Column> columns;
};

const TableShape& shape_of(Table table);
std::array<Table, kTableCount> all_tables();

// Keeps rows and checksum of every other table; `id` is the number of the table.
inline constexpr std::string_view kTotalName = "raw_total";
inline constexpr std::string_view kCreateTotal =
    "CREATE TABLE raw_total(id INTEGER PRIMARY KEY, name TEXT, row_count INTEGER, "
    "checksum INTEGER)";

std::string create_statement(const TableShape& shape);
std::string insert_statement(const TableShape& shape);  // replaces a row of the same id
std::string select_statement(const TableShape& shape);  // without bodies, by id

}  // namespace ft::recording
