// TableRows reads one table of a recording, row by row and column by column in their order, and
// holds every row against the table's total. Errors name the table and the row.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "base/result.h"
#include "recording/checksum.h"
#include "recording/format.h"
#include "recording/sqlite.h"

namespace ft::recording {

struct TableTotal {
  std::int64_t rows = 0;
  std::uint64_t checksum = 0;
};

class TableRows {
 public:
  static Result<TableRows> open(Database& database, const std::string& path, Table table,
                                TableTotal total);

  // Moves to the next row. At the end it checks the total.
  // REQUIRES: every column of the row before was read.
  Result<bool> next();

  std::int64_t id() const { return id_; }
  Result<std::int64_t> integer();
  Result<std::uint64_t> bits();
  Result<bool> flag();
  // An integer from `least` to `most`, as the narrower type.
  template <typename Integer>
  Result<Integer> number(std::int64_t least = std::numeric_limits<Integer>::min(),
                         std::int64_t most = std::numeric_limits<Integer>::max()) {
    const std::int64_t value = FT_TRY(integer());
    if (value < least || value > most) return out_of_range(value);
    return static_cast<Integer>(value);
  }
  // An enumerator from 0 to `last`.
  template <typename Enum>
  Result<Enum> enumerator(Enum last) {
    return static_cast<Enum>(FT_TRY(number<std::uint16_t>(0, static_cast<std::int64_t>(last))));
  }
  // Valid until the next row.
  Result<std::string_view> text() { return value_bytes(ColumnType::Text, Statement::Type::Text); }
  Result<std::string_view> blob() { return value_bytes(ColumnType::Blob, Statement::Type::Blob); }

  // "file.ft: raw_syscall row 17"
  std::unexpected<Error> damaged_row(std::string why) const;

 private:
  TableRows(Statement select, std::string path, Table table, TableTotal total);
  std::unexpected<Error> out_of_range(std::int64_t value) const;
  Result<std::string_view> value_bytes(ColumnType column, Statement::Type type);
  Result<int> next_column(ColumnType column, Statement::Type type);

  Statement select_;
  std::string path_;
  const TableShape* shape_;
  TableTotal total_;
  std::int64_t rows_ = 0;
  std::uint64_t sum_ = 0;
  std::int64_t id_ = -1;
  bool on_row_ = false;
  std::size_t column_ = 0;
  Checksum checksum_;
};

}  // namespace ft::recording
