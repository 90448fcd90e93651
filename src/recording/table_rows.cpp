#include "recording/table_rows.h"

#include <fmt/format.h>

#include "base/check.h"
#include "recording/recording_file.h"

namespace ft::recording {

TableRows::TableRows(Statement select, std::string path, Table table, TableTotal total)
    : select_(std::move(select)), path_(std::move(path)), shape_(&shape_of(table)), total_(total) {}

Result<TableRows> TableRows::open(Database& database, const std::string& path, Table table,
                                  TableTotal total) {
  Statement select = FT_TRY(database.prepare(select_statement(shape_of(table))));
  return TableRows(std::move(select), path, table, total);
}

Result<bool> TableRows::next() {
  if (on_row_) sum_ += checksum_.value();
  on_row_ = false;
  Result<bool> stepped = select_.step();
  if (!stepped) return damaged_row(stepped.error().why);
  if (!*stepped) {
    if (rows_ != total_.rows) {
      return damaged(fmt::format("{}: {}", path_, shape_->name),
                     fmt::format("{} rows instead of {}", rows_, total_.rows));
    }
    if (sum_ != total_.checksum) {
      return damaged(fmt::format("{}: {}", path_, shape_->name),
                     "the checksum of its rows does not match");
    }
    return false;
  }
  const std::int64_t id = select_.integer(0);
  if (select_.type(0) != Statement::Type::Integer || id <= id_) {
    return damaged_row(fmt::format("is followed by row {}", id));
  }
  id_ = id;
  if (++rows_ > total_.rows) {
    return damaged_row(fmt::format("is one more than the {} it should have", total_.rows));
  }
  on_row_ = true;
  column_ = 0;
  checksum_ = Checksum(static_cast<std::uint64_t>(shape_->table));
  checksum_.word(static_cast<std::uint64_t>(id));
  return true;
}

Result<int> TableRows::next_column(ColumnType column, Statement::Type type) {
  FT_CHECK(on_row_ && column_ < shape_->columns.size());
  FT_CHECK(shape_->columns[column_].type == column);
  const int index = static_cast<int>(++column_);
  if (select_.type(index) != type) {
    return damaged_row(
        fmt::format("column {} is of another type", shape_->columns[column_ - 1].name));
  }
  return index;
}

Result<std::int64_t> TableRows::integer() {
  const std::int64_t value =
      select_.integer(FT_TRY(next_column(ColumnType::Integer, Statement::Type::Integer)));
  checksum_.word(static_cast<std::uint64_t>(value));
  return value;
}

Result<std::uint64_t> TableRows::bits() {
  return static_cast<std::uint64_t>(FT_TRY(integer()));
}

Result<bool> TableRows::flag() {
  return FT_TRY(number<std::uint8_t>(0, 1)) != 0;
}

Result<std::string_view> TableRows::value_bytes(ColumnType column, Statement::Type type) {
  const std::string_view bytes = select_.bytes(FT_TRY(next_column(column, type)));
  checksum_.bytes(bytes);
  return bytes;
}

std::unexpected<Error> TableRows::out_of_range(std::int64_t value) const {
  return damaged_row(
      fmt::format("column {} cannot be {}", shape_->columns[column_ - 1].name, value));
}

std::unexpected<Error> TableRows::damaged_row(std::string why) const {
  return damaged(fmt::format("{}: {} row {}", path_, shape_->name, id_), std::move(why));
}

}  // namespace ft::recording
