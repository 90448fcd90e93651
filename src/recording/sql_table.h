// SqlTable: a table of the SQL view, as a list of columns and a way to get its rows batch by batch.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "event/trace.h"
#include "recording/reader.h"
#include "recording/subsystem_lookup.h"
#include "recording/thread_pids.h"
#include "recording/virtual_table.h"

namespace ft::recording {

// What the tables' rows come from. Outlives them.
struct SqlContext {
  Reader& reader;
  const event::Trace& trace;
  const ThreadPids& pids;
  // nullptr: there is none, or the query asks for nothing of it.
  const SubsystemLookup* lookup = nullptr;
};

template <typename Row>
struct SqlColumn {
  std::string_view name;
  std::string_view type;
  void (*give)(Cell cell, const Row& row, const SqlContext& context);
};

// Replaces what the vector held by the next rows; false when there are no more. Made anew for each
// pass.
template <typename Row>
using NextRows = std::function<Result<bool>(std::vector<Row>&)>;

template <typename Row>
struct SqlTable {
  std::string_view name;
  std::span<const SqlColumn<Row>> columns;
  NextRows<Row> (*begin)(const SqlContext& context, const Scan& scan);
  double (*row_count)(const SqlContext& context);
  std::string_view ts_column;  // whose bounds begin() heeds
  std::string_view key_column;
};

template <typename Row>
class SqlTableCursor : public RowCursor {
 public:
  SqlTableCursor(const SqlTable<Row>& table, const SqlContext& context)
      : table_(table), context_(context) {}

  Result<void> start(const Scan& scan) override {
    next_rows_ = table_.begin(context_, scan);
    number_ = 0;
    return fetch();
  }
  Result<void> next() override {
    ++number_;
    if (++at_ < rows_.size()) return {};
    return fetch();
  }
  bool at_end() const override { return at_ >= rows_.size(); }
  std::int64_t row_number() const override { return number_; }
  void column(Cell cell, int column) const override {
    table_.columns[static_cast<std::size_t>(column)].give(cell, rows_[at_], context_);
  }

 private:
  Result<void> fetch() {
    at_ = 0;
    rows_.clear();
    while (FT_TRY(next_rows_(rows_))) {
      if (!rows_.empty()) return {};
    }
    rows_.clear();
    return {};
  }

  const SqlTable<Row>& table_;
  const SqlContext& context_;
  NextRows<Row> next_rows_;
  std::vector<Row> rows_;
  std::size_t at_ = 0;
  std::int64_t number_ = 0;
};

// REQUIRES: table and context outlive the connection.
template <typename Row>
TableDefinition define(const SqlTable<Row>& table, const SqlContext& context) {
  TableDefinition definition;
  definition.name = table.name;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const SqlColumn<Row>& column = table.columns[i];
    if (i > 0) definition.columns += ", ";
    definition.columns += fmt::format("\"{}\" {}", column.name, column.type);
    if (column.name == table.ts_column) definition.ts_column = static_cast<int>(i);
    if (column.name == table.key_column) definition.key_column = static_cast<int>(i);
  }
  definition.row_count = table.row_count(context);
  definition.open = [&table, &context] {
    return std::make_unique<SqlTableCursor<Row>>(table, context);
  };
  return definition;
}

// Rows that are there at once.
template <typename Row>
NextRows<Row> all_at_once(std::vector<Row> rows) {
  return [rows = std::move(rows), done = false](std::vector<Row>& next) mutable -> Result<bool> {
    if (std::exchange(done, true)) return false;
    next = std::move(rows);
    return true;
  };
}

// Definitions of all tables, in groups by where their rows come from.
std::vector<TableDefinition> trace_tables(const SqlContext& context);
std::vector<TableDefinition> chunk_tables(const SqlContext& context);
std::vector<TableDefinition> snapshot_tables(const SqlContext& context);

}  // namespace ft::recording
