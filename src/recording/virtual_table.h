// A read-only table of SQLite whose rows are computed: the glue to SQLite's virtual table interface
// (sqlite.org/vtab.html), and what each of our tables provides. Tables are eponymous: they are
// there without being created.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"

struct sqlite3;
struct sqlite3_context;

namespace ft::recording {

// What of a query's conditions a table may use to skip rows. SQLite checks every row again, so rows
// too many do no harm.
struct Scan {
  std::optional<std::int64_t> key;  // only rows whose key column has this value
  Nanoseconds from_ts = std::numeric_limits<Nanoseconds>::min();
  Nanoseconds to_ts = std::numeric_limits<Nanoseconds>::max();  // inclusive
};

// Where a table puts the value of one column; NULL unless told otherwise.
class Cell {
 public:
  explicit Cell(sqlite3_context* context) : context_(context) {}
  void integer(std::int64_t value);
  void bits(std::uint64_t value) { integer(static_cast<std::int64_t>(value)); }
  void real(double value);
  void text(std::string_view text);  // copied
  // NULL where there is none.
  void text_if_any(std::string_view text) {
    if (!text.empty()) this->text(text);
  }
  // NULL for -1: an open end, an unknown duration, no stack, no file.
  void integer_unless_open(std::int64_t value) {
    if (value != -1) integer(value);
  }

 private:
  sqlite3_context* context_;
};

// One pass over a table's rows.
class RowCursor {
 public:
  virtual ~RowCursor() = default;
  virtual Result<void> start(const Scan& scan) = 0;  // to the first row
  virtual Result<void> next() = 0;
  virtual bool at_end() const = 0;
  virtual std::int64_t row_number() const = 0;
  virtual void column(Cell cell, int column) const = 0;
};

struct TableDefinition {
  std::string name;
  std::string columns;   // "ts INTEGER, dur INTEGER"
  int ts_column = -1;    // rows outside of Scan's ts are skipped
  int key_column = -1;   // rows of another Scan::key are skipped
  double row_count = 0;  // about
  std::function<std::unique_ptr<RowCursor>()> open;
};

// Adds the table to the connection.
Result<void> add_table(sqlite3* database, TableDefinition definition);

}  // namespace ft::recording
