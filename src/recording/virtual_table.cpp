#include "recording/virtual_table.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cmath>

#include "recording/sqlite.h"

namespace ft::recording {

void Cell::integer(std::int64_t value) {
  sqlite3_result_int64(context_, value);
}
void Cell::real(double value) {
  sqlite3_result_double(context_, value);
}
void Cell::text(std::string_view text) {
  const char* data = text.empty() ? "" : text.data();
  sqlite3_result_text64(context_, data, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

namespace {

// Conditions as xBestIndex hands them to xFilter: which are there, in this order of arguments.
constexpr int kUsesKey = 1;
constexpr int kUsesFromTs = 2;
constexpr int kUsesToTs = 4;

struct TableInstance : sqlite3_vtab {
  explicit TableInstance(const TableDefinition& of) : sqlite3_vtab{}, definition(of) {}
  const TableDefinition& definition;
};

struct CursorInstance : sqlite3_vtab_cursor {
  explicit CursorInstance(std::unique_ptr<RowCursor> of)
      : sqlite3_vtab_cursor{}, rows(std::move(of)) {}
  std::unique_ptr<RowCursor> rows;
};

TableInstance& table_of(sqlite3_vtab* table) {
  return *static_cast<TableInstance*>(table);
}
RowCursor& rows_of(sqlite3_vtab_cursor* cursor) {
  return *static_cast<CursorInstance*>(cursor)->rows;
}

int status_of(sqlite3_vtab_cursor* cursor, const Result<void>& result) {
  if (result) return SQLITE_OK;
  sqlite3_free(cursor->pVtab->zErrMsg);
  cursor->pVtab->zErrMsg = sqlite3_mprintf("%s", result.error().message().c_str());
  return SQLITE_ERROR;
}

int connect(sqlite3* database, void* auxiliary, int, const char* const*, sqlite3_vtab** table,
            char** error) {
  const auto& definition = *static_cast<TableDefinition*>(auxiliary);
  const std::string declaration = fmt::format("CREATE TABLE x({})", definition.columns);
  const int status = sqlite3_declare_vtab(database, declaration.c_str());
  if (status != SQLITE_OK) {
    *error = sqlite3_mprintf("%s", sqlite3_errmsg(database));
    return status;
  }
  sqlite3_vtab_config(database, SQLITE_VTAB_INNOCUOUS);
  *table = new TableInstance(definition);
  return SQLITE_OK;
}

int disconnect(sqlite3_vtab* table) {
  delete &table_of(table);
  return SQLITE_OK;
}

// Finds the conditions worth handing over: at most one of each kind.
class Plan {
 public:
  explicit Plan(const sqlite3_index_info& query, const TableDefinition& definition) {
    for (int i = 0; i < query.nConstraint; ++i) {
      const auto& condition = query.aConstraint[i];
      // Column -1 is the row number, which no table seeks by.
      if (condition.usable == 0 || condition.iColumn < 0) continue;
      if (condition.iColumn == definition.key_column &&
          condition.op == SQLITE_INDEX_CONSTRAINT_EQ) {
        key_ = i;
      }
      if (condition.iColumn == definition.ts_column) note_ts(condition.op, i);
    }
  }

  int uses() const {
    return (key_ >= 0 ? kUsesKey : 0) | (from_ >= 0 ? kUsesFromTs : 0) | (to_ >= 0 ? kUsesToTs : 0);
  }

  // An equal ts is both ends; SQLite gives a condition to xFilter only once, so it goes by `from`
  // and `to` finds it there.
  void hand_over(sqlite3_index_info& query) const {
    int argument = 0;
    for (const int condition : {key_, from_, to_ == from_ ? -1 : to_}) {
      if (condition >= 0) query.aConstraintUsage[condition].argvIndex = ++argument;
    }
  }

  double rows(const TableDefinition& definition) const {
    if (key_ >= 0) return 10;
    double share = 1;
    if (from_ >= 0) share *= 0.3;
    if (to_ >= 0) share *= 0.3;
    return 1 + definition.row_count * share;
  }

  bool is_one_moment() const { return from_ >= 0 && from_ == to_; }

 private:
  void note_ts(unsigned char op, int condition) {
    switch (op) {
      case SQLITE_INDEX_CONSTRAINT_EQ:
        from_ = to_ = condition;
        break;
      case SQLITE_INDEX_CONSTRAINT_GT:
      case SQLITE_INDEX_CONSTRAINT_GE:
        if (!is_one_moment()) from_ = condition;
        break;
      case SQLITE_INDEX_CONSTRAINT_LT:
      case SQLITE_INDEX_CONSTRAINT_LE:
        if (!is_one_moment()) to_ = condition;
        break;
      default:
        break;
    }
  }

  int key_ = -1;
  int from_ = -1;
  int to_ = -1;
};

int best_index(sqlite3_vtab* table, sqlite3_index_info* query) {
  const TableDefinition& definition = table_of(table).definition;
  const Plan plan(*query, definition);
  plan.hand_over(*query);
  query->idxNum = plan.uses();
  const double rows = plan.rows(definition);
  query->estimatedRows = static_cast<sqlite3_int64>(rows);
  query->estimatedCost = rows;
  return SQLITE_OK;
}

int open_cursor(sqlite3_vtab* table, sqlite3_vtab_cursor** cursor) {
  *cursor = new CursorInstance(table_of(table).definition.open());
  return SQLITE_OK;
}

int close_cursor(sqlite3_vtab_cursor* cursor) {
  delete static_cast<CursorInstance*>(cursor);
  return SQLITE_OK;
}

// Nothing where the value is no number: then SQLite's own check decides alone.
std::optional<double> real_of(sqlite3_value* value) {
  switch (sqlite3_value_numeric_type(value)) {
    case SQLITE_INTEGER:
    case SQLITE_FLOAT:
      return sqlite3_value_double(value);
    default:
      return std::nullopt;
  }
}

constexpr double kTwoTo63 = 9223372036854775808.0;

Nanoseconds lower_bound_of(sqlite3_value* value) {
  if (sqlite3_value_numeric_type(value) == SQLITE_INTEGER) return sqlite3_value_int64(value);
  const std::optional<double> real = real_of(value);
  if (!real || *real < -kTwoTo63) return std::numeric_limits<Nanoseconds>::min();
  if (*real >= kTwoTo63) return std::numeric_limits<Nanoseconds>::max();
  return static_cast<Nanoseconds>(std::floor(*real));
}

Nanoseconds upper_bound_of(sqlite3_value* value) {
  if (sqlite3_value_numeric_type(value) == SQLITE_INTEGER) return sqlite3_value_int64(value);
  const std::optional<double> real = real_of(value);
  if (!real || *real >= kTwoTo63) return std::numeric_limits<Nanoseconds>::max();
  if (*real < -kTwoTo63) return std::numeric_limits<Nanoseconds>::min();
  return static_cast<Nanoseconds>(std::ceil(*real));
}

int filter(sqlite3_vtab_cursor* cursor, int uses, const char*, int count, sqlite3_value** values) {
  Scan scan;
  int at = 0;
  if ((uses & kUsesKey) != 0) {
    sqlite3_value* key = values[at++];
    if (sqlite3_value_numeric_type(key) == SQLITE_INTEGER) scan.key = sqlite3_value_int64(key);
  }
  if ((uses & kUsesFromTs) != 0) {
    scan.from_ts = lower_bound_of(values[at++]);
    // Both ends from one value: ts = value.
    if ((uses & kUsesToTs) != 0 && at == count) scan.to_ts = upper_bound_of(values[at - 1]);
  }
  if ((uses & kUsesToTs) != 0 && at < count) scan.to_ts = upper_bound_of(values[at]);
  return status_of(cursor, rows_of(cursor).start(scan));
}

int next_row(sqlite3_vtab_cursor* cursor) {
  return status_of(cursor, rows_of(cursor).next());
}
int is_at_end(sqlite3_vtab_cursor* cursor) {
  return rows_of(cursor).at_end() ? 1 : 0;
}
int column_value(sqlite3_vtab_cursor* cursor, sqlite3_context* context, int column) {
  rows_of(cursor).column(Cell(context), column);
  return SQLITE_OK;
}
int row_id(sqlite3_vtab_cursor* cursor, sqlite3_int64* id) {
  *id = rows_of(cursor).row_number();
  return SQLITE_OK;
}

// Without xCreate the table is eponymous only; without xUpdate it cannot be written.
sqlite3_module table_module() {
  sqlite3_module module{};
  module.xConnect = connect;
  module.xBestIndex = best_index;
  module.xDisconnect = disconnect;
  module.xOpen = open_cursor;
  module.xClose = close_cursor;
  module.xFilter = filter;
  module.xNext = next_row;
  module.xEof = is_at_end;
  module.xColumn = column_value;
  module.xRowid = row_id;
  return module;
}

const sqlite3_module kTableModule = table_module();

}  // namespace

Result<void> add_table(sqlite3* database, TableDefinition definition) {
  auto* kept = new TableDefinition(std::move(definition));
  const int status =
      sqlite3_create_module_v2(database, kept->name.c_str(), &kTableModule, kept,
                               [](void* gone) { delete static_cast<TableDefinition*>(gone); });
  if (status != SQLITE_OK) return sqlite_failure(database, "SQL tables");
  return {};
}

}  // namespace ft::recording
