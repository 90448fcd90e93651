// The SQL table `snapshot`: one row a value, expanded from the texts one snapshot at a time.
#include "recording/snapshot_values.h"
#include "recording/sql_table.h"

namespace ft::recording {

namespace {

struct SnapshotRow {
  const event::Snapshot* snapshot;
  SnapshotValue value;
};

void give_key(Cell cell, const SnapshotRow& row, const SqlContext&) {
  if (const auto* line = std::get_if<std::int64_t>(&row.value.key)) return cell.integer(*line);
  cell.text(std::get<std::string>(row.value.key));
}

void give_value(Cell cell, const SnapshotRow& row, const SqlContext&) {
  if (const auto* number = std::get_if<std::int64_t>(&row.value.value)) {
    return cell.integer(*number);
  }
  if (const auto* real = std::get_if<double>(&row.value.value)) return cell.real(*real);
  cell.text(std::get<std::string>(row.value.value));
}

constexpr SqlColumn<SnapshotRow> kSnapshotColumns[] = {
    {"ts", "INTEGER",
     [](Cell cell, const SnapshotRow& row, const SqlContext&) { cell.integer(row.snapshot->ts); }},
    {"source", "TEXT",
     [](Cell cell, const SnapshotRow& row, const SqlContext&) { cell.text(row.snapshot->source); }},
    // No types: names and line numbers, numbers and texts.
    {"key", "", give_key},
    {"value", "", give_value},
    {"pid", "INTEGER",
     [](Cell cell, const SnapshotRow& row, const SqlContext&) { cell.integer(row.snapshot->pid); }},
    {"moment", "TEXT",
     [](Cell cell, const SnapshotRow& row, const SqlContext&) { cell.text(row.snapshot->moment); }},
};

NextRows<SnapshotRow> begin_snapshots(const SqlContext& context, const Scan& scan) {
  return [&trace = context.trace, scan,
          next = std::size_t{0}](std::vector<SnapshotRow>& rows) mutable -> Result<bool> {
    while (next < trace.snapshots.size()) {
      const event::Snapshot& snapshot = trace.snapshots[next++];
      if (snapshot.ts < scan.from_ts || snapshot.ts > scan.to_ts) continue;
      rows.clear();
      for (SnapshotValue& value : values_of(snapshot)) {
        rows.push_back({.snapshot = &snapshot, .value = std::move(value)});
      }
      return true;
    }
    return false;
  };
}

constexpr SqlTable<SnapshotRow> kSnapshotTable{
    .name = "snapshot",
    .columns = kSnapshotColumns,
    .begin = begin_snapshots,
    .row_count =
        [](const SqlContext& c) { return 500.0 * static_cast<double>(c.trace.snapshots.size()); },
    .ts_column = "ts"};

}  // namespace

std::vector<TableDefinition> snapshot_tables(const SqlContext& context) {
  return {define(kSnapshotTable, context)};
}

}  // namespace ft::recording
