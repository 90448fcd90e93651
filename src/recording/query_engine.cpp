#include "recording/query_engine.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "recording/reader.h"
#include "recording/sql_table.h"
#include "recording/sqlite.h"

namespace ft::recording {

namespace {

// Of one value, and of the query itself.
constexpr int kMaxValue = 64 << 20;
constexpr int kMaxQuery = 1 << 20;
constexpr int kMaxExpressionDepth = 200;
constexpr int kStepsBetweenChecks = 10'000;

constexpr std::array<std::string_view, 7> kHarmlessPragmas = {
    "table_info",  "table_xinfo",   "table_list",    "function_list",
    "module_list", "database_list", "collation_list"};

void set_limits(sqlite3* database) {
  sqlite3_limit(database, SQLITE_LIMIT_LENGTH, kMaxValue);
  sqlite3_limit(database, SQLITE_LIMIT_SQL_LENGTH, kMaxQuery);
  sqlite3_limit(database, SQLITE_LIMIT_EXPR_DEPTH, kMaxExpressionDepth);
  sqlite3_limit(database, SQLITE_LIMIT_COMPOUND_SELECT, 200);
  sqlite3_limit(database, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 10'000);
  sqlite3_limit(database, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_limit(database, SQLITE_LIMIT_WORKER_THREADS, 0);
  sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
}

// SQLite connects a computed table when it is first named, and asks the authorizer about the
// table's declaration as if a user wrote it: so before there is one.
Result<void> connect(Database& database, std::string_view table) {
  FT_TRY(database.prepare(fmt::format("SELECT 1 FROM \"{}\"", table)));
  return {};
}

std::string position_of(std::string_view sql, std::size_t offset) {
  const std::string_view before = sql.substr(0, offset);
  const auto line = 1 + std::ranges::count(before, '\n');
  const std::size_t line_start = before.rfind('\n');
  const std::size_t column =
      line_start == std::string_view::npos ? before.size() : before.size() - line_start - 1;
  return fmt::format("SQL:{}:{}", line, column + 1);
}

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Prepared = std::unique_ptr<sqlite3_stmt, Finalize>;

SqlValue value_of(sqlite3_stmt* statement, int column) {
  const auto bytes = [&](const void* data) {
    return std::string_view(static_cast<const char*>(data),
                            static_cast<std::size_t>(sqlite3_column_bytes(statement, column)));
  };
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return std::int64_t{sqlite3_column_int64(statement, column)};
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, column);
    case SQLITE_TEXT:
      return bytes(sqlite3_column_text(statement, column));
    case SQLITE_BLOB:
      return SqlBlob{bytes(sqlite3_column_blob(statement, column))};
    default:
      return std::monostate{};
  }
}

}  // namespace

struct QueryEngine::State {
  State(std::unique_ptr<Reader> opened, event::Trace told, MakeLookup make, Database made)
      : reader(std::move(opened)),
        trace(std::move(told)),
        pids(trace),
        make_lookup(std::move(make)),
        context{.reader = *reader, .trace = trace, .pids = pids},
        database(std::move(made)) {}

  // Attribution takes its time: only for a query that asks, and before SQLite runs it, so that
  // nothing of SQLite's is under way meanwhile.
  void look_up() {
    if (make_lookup) lookup = std::exchange(make_lookup, {})(trace);
    context.lookup = lookup.get();
  }

  std::unique_ptr<Reader> reader;
  event::Trace trace;
  ThreadPids pids;
  MakeLookup make_lookup;      // empty once used
  bool lookup_wanted = false;  // by the statement prepared last
  std::unique_ptr<SubsystemLookup> lookup;
  SqlContext context;
  Database database;  // its tables use all of the above
};

// SQLite asks for every part of a statement while it prepares it.
int QueryEngine::authorize(void* of, int action, const char* first, const char* second, const char*,
                           const char*) {
  State& state = *static_cast<State*>(of);
  const auto is = [](const char* name, const char* expected) {
    return name != nullptr && sqlite3_stricmp(name, expected) == 0;
  };
  switch (action) {
    case SQLITE_READ:
      state.lookup_wanted |= is(first, "region") || is(second, "subsystem");
      return SQLITE_OK;
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
    case SQLITE_FUNCTION:
      return SQLITE_OK;
    case SQLITE_PRAGMA:
      return first != nullptr && std::ranges::count(kHarmlessPragmas, std::string_view(first)) > 0
                 ? SQLITE_OK
                 : SQLITE_DENY;
    default:
      return SQLITE_DENY;
  }
}

QueryEngine::QueryEngine(std::unique_ptr<State> state) : state_(std::move(state)) {}
QueryEngine::~QueryEngine() = default;

Result<std::unique_ptr<QueryEngine>> QueryEngine::open(const std::string& path,
                                                       MakeLookup make_lookup) {
  std::unique_ptr<Reader> reader = FT_TRY(Reader::open(path));
  event::Trace trace = FT_TRY(reader->trace());
  Database database = FT_TRY(Database::in_memory());
  sqlite3* handle = database.handle();
  auto state = std::make_unique<State>(std::move(reader), std::move(trace), std::move(make_lookup),
                                       std::move(database));
  for (const auto tables : {trace_tables, chunk_tables, snapshot_tables}) {
    for (TableDefinition& table : tables(state->context)) {
      const std::string name = table.name;
      FT_TRY_VOID(add_table(handle, std::move(table)));
      FT_TRY_VOID(connect(state->database, name));
    }
  }
  for (const char* name : {"json_each", "json_tree"}) {
    FT_TRY_VOID(connect(state->database, name));
  }
  std::unique_ptr<QueryEngine> engine(new QueryEngine(std::move(state)));
  set_limits(handle);
  sqlite3_set_authorizer(handle, authorize, engine->state_.get());
  sqlite3_progress_handler(
      handle, kStepsBetweenChecks,
      [](void* of) { return static_cast<QueryEngine*>(of)->interrupted() ? 1 : 0; }, engine.get());
  return engine;
}

const event::Trace& QueryEngine::trace() const {
  return state_->trace;
}

Result<void> QueryEngine::run(std::string_view sql, RowVisitor& visitor) {
  sqlite3* database = state_->database.handle();
  if (sql.size() > kMaxQuery) return fail("SQL", "the query is longer than 1 MiB");

  const auto prepare = [&](std::string_view text, const char** rest) -> Result<Prepared> {
    sqlite3_stmt* statement = nullptr;
    const int status =
        sqlite3_prepare_v2(database, text.data(), static_cast<int>(text.size()), &statement, rest);
    Prepared prepared(statement);
    if (status == SQLITE_OK) return prepared;
    const auto start = static_cast<std::size_t>(text.data() - sql.data());
    const int offset = sqlite3_error_offset(database);
    const std::size_t at = start + (offset < 0 ? 0 : static_cast<std::size_t>(offset));
    if (status == SQLITE_AUTH) {
      return fail(position_of(sql, at),
                  fmt::format("{}: a recording can only be read", sqlite3_errmsg(database)));
    }
    return fail(position_of(sql, at), sqlite3_errmsg(database));
  };

  state_->lookup_wanted = false;
  const char* rest = nullptr;
  const Prepared statement = FT_TRY(prepare(sql, &rest));
  if (statement == nullptr) return fail("SQL:1:1", "there is no statement in it");
  const std::string_view left = sql.substr(static_cast<std::size_t>(rest - sql.data()));
  const char* ignored = nullptr;
  if (FT_TRY(prepare(left, &ignored)) != nullptr) {
    const std::size_t blanks = left.size() - trim(left).size();
    return fail(position_of(sql, sql.size() - left.size() + (blanks > 0 ? 1 : 0)),
                "only one statement at a time");
  }

  if (state_->lookup_wanted) state_->look_up();

  const int count = sqlite3_column_count(statement.get());
  std::vector<std::string> names;
  names.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) names.emplace_back(sqlite3_column_name(statement.get(), i));
  visitor.columns(names);
  std::vector<SqlValue> values(static_cast<std::size_t>(count));
  while (true) {
    const int status = sqlite3_step(statement.get());
    if (status == SQLITE_DONE) return {};
    if (status == SQLITE_INTERRUPT) return fail("SQL", "interrupted");
    if (status != SQLITE_ROW) return fail("SQL", sqlite3_errmsg(database));
    for (int i = 0; i < count; ++i) {
      values[static_cast<std::size_t>(i)] = value_of(statement.get(), i);
    }
    if (visitor.row(values) == RowVisitor::Go::Stop) return {};
  }
}

}  // namespace ft::recording
