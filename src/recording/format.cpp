#include "recording/format.h"

#include "base/check.h"

namespace ft::recording {

namespace {

using enum ColumnType;

constexpr std::array kMeta = {Column{"key", Text}, Column{"value", Text}};
constexpr std::array kProcess = {Column{"pid", Integer},
                                 Column{"parent", Integer},
                                 Column{"start_ts", Integer},
                                 Column{"exec_ts", Integer},
                                 Column{"end_ts", Integer},
                                 Column{"wait_status", Integer},
                                 Column{"present_at_start", Integer},
                                 Column{"executable", Text},
                                 Column{"command", Blob}};
constexpr std::array kThread = {Column{"tid", Integer}, Column{"pid", Integer},
                                Column{"start_ts", Integer}, Column{"end_ts", Integer},
                                Column{"name", Text}};
constexpr std::array kFile = {Column{"path", Text}, Column{"device", Integer},
                              Column{"inode", Integer}};
constexpr std::array kString = {Column{"text", Text}};
constexpr std::array kStack = {Column{"pid", Integer}, Column{"truncated", Integer},
                               Column{"frames", Blob}};
constexpr std::array kMmEvent = {Column{"ts", Integer},    Column{"dur", Integer},
                                 Column{"value", Integer}, Column{"detail", Integer},
                                 Column{"tid", Integer},   Column{"kind", Integer}};
constexpr std::array kPhase = {Column{"name", Text}, Column{"start_ts", Integer},
                               Column{"end_ts", Integer}};
constexpr std::array kSnapshot = {Column{"ts", Integer},   Column{"pid", Integer},
                                  Column{"moment", Text},  Column{"source", Text},
                                  Column{"size", Integer}, Column{"text", Blob}};
constexpr std::array kLoss = {Column{"kind", Text}, Column{"count", Integer},
                              Column{"severity", Integer}, Column{"meaning", Text}};
constexpr std::array kChunk = {Column{"kind", Integer},   Column{"events", Integer},
                               Column{"min_ts", Integer}, Column{"max_ts", Integer},
                               Column{"bytes", Integer},  Column{"checksum", Integer},
                               Column{"body", Body}};

constexpr std::array<TableShape, kTableCount> kShapes = {{
    {Table::Meta, "raw_meta", kMeta},
    {Table::Process, "raw_process", kProcess},
    {Table::Thread, "raw_thread", kThread},
    {Table::File, "raw_file", kFile},
    {Table::String, "raw_string", kString},
    {Table::Stack, "raw_stack", kStack},
    {Table::MmEvent, "raw_mm_event", kMmEvent},
    {Table::Phase, "raw_phase", kPhase},
    {Table::Snapshot, "raw_snapshot", kSnapshot},
    {Table::Loss, "raw_loss", kLoss},
    {Table::Chunk, "raw_chunk", kChunk},
}};

std::string_view sql_type(ColumnType type) {
  switch (type) {
    case Integer:
      return " INTEGER";
    case Text:
      return " TEXT";
    case Blob:
    case Body:
      return " BLOB";
  }
  return "";
}

}  // namespace

const TableShape& shape_of(Table table) {
  const TableShape& shape = kShapes[static_cast<std::size_t>(table)];
  FT_CHECK(shape.table == table);
  return shape;
}

std::array<Table, kTableCount> all_tables() {
  std::array<Table, kTableCount> tables{};
  for (std::size_t i = 0; i < kTableCount; ++i) tables[i] = kShapes[i].table;
  return tables;
}

std::string create_statement(const TableShape& shape) {
  std::string sql = "CREATE TABLE ";
  sql.append(shape.name).append("(id INTEGER PRIMARY KEY");
  for (const Column& column : shape.columns) {
    sql.append(", ").append(column.name).append(sql_type(column.type));
  }
  return sql + ")";
}

std::string insert_statement(const TableShape& shape) {
  std::string sql = "INSERT OR REPLACE INTO ";
  sql.append(shape.name).append(" VALUES(?");
  for (std::size_t i = 0; i < shape.columns.size(); ++i) sql += ",?";
  return sql + ")";
}

std::string select_statement(const TableShape& shape) {
  std::string sql = "SELECT id";
  for (const Column& column : shape.columns) {
    if (column.type != Body) sql.append(", ").append(column.name);
  }
  return sql.append(" FROM ").append(shape.name).append(" ORDER BY id");
}

}  // namespace ft::recording
