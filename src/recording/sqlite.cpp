#include "recording/sqlite.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cerrno>
#include <cstring>

#include "base/check.h"

namespace ft::recording {

namespace {

// A path inside a "file:" URI: everything but letters, digits and a few marks is escaped.
std::string uri_of(const std::string& path) {
  std::string uri = "file:";
  // Two slashes at the start would be read as a host's name.
  if (path.starts_with("//")) uri += "//";
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '/' || c == '.' || c == '-' || c == '_';
    if (plain) {
      uri += c;
    } else {
      uri += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    }
  }
  return uri + "?immutable=1";
}

std::string remedy_for(int system_error) {
  switch (system_error) {
    case ENOSPC:
    case EDQUOT:
      return "free some space, or write elsewhere with -o";
    case EFBIG:
      return "raise the limit on file sizes (ulimit -f)";
    case EACCES:
    case EROFS:
    case EPERM:
      return "write elsewhere with -o";
    default:
      return {};
  }
}

// A failed COMMIT leaves SQLite's own record of the system's error empty; errno still has it. Only
// what a write can fail with counts: anything else may be older.
int write_error(int last_error) {
  switch (last_error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EIO:
    case EROFS:
      return last_error;
    default:
      return 0;
  }
}

}  // namespace

std::unexpected<Error> sqlite_failure(sqlite3* handle, std::string what) {
  const int last_error = errno;
  const int code = sqlite3_extended_errcode(handle);
  std::string why = sqlite3_errmsg(handle);
  if ((code & 0xff) == SQLITE_NOMEM) return fail(std::move(what), std::move(why));
  int system_error = sqlite3_system_errno(handle);
  if (system_error == 0) system_error = code == SQLITE_FULL ? ENOSPC : write_error(last_error);
  const bool about_files = (code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN ||
                           (code & 0xff) == SQLITE_READONLY || code == SQLITE_FULL;
  if (!about_files || system_error == 0) return fail(std::move(what), std::move(why));
  why += fmt::format(": {}", std::strerror(system_error));
  return fail(std::move(what), std::move(why), remedy_for(system_error));
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

void Statement::bind(int parameter, std::int64_t value) {
  FT_CHECK(sqlite3_bind_int64(statement_.get(), parameter, value) == SQLITE_OK);
}
void Statement::bind_text(int parameter, std::string_view text) {
  // A null pointer would bind NULL.
  const char* data = text.empty() ? "" : text.data();
  FT_CHECK(sqlite3_bind_text64(statement_.get(), parameter, data, text.size(), SQLITE_STATIC,
                               SQLITE_UTF8) == SQLITE_OK);
}
void Statement::bind_blob(int parameter, std::string_view bytes) {
  const char* data = bytes.empty() ? "" : bytes.data();
  FT_CHECK(sqlite3_bind_blob64(statement_.get(), parameter, data, bytes.size(), SQLITE_STATIC) ==
           SQLITE_OK);
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return sqlite_failure(sqlite3_db_handle(statement_.get()), path_);
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
}

Statement::Type Statement::type(int column) const {
  switch (sqlite3_column_type(statement_.get(), column)) {
    case SQLITE_INTEGER:
      return Type::Integer;
    case SQLITE_FLOAT:
      return Type::Real;
    case SQLITE_TEXT:
      return Type::Text;
    case SQLITE_BLOB:
      return Type::Blob;
    default:
      return Type::Null;
  }
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view Statement::bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  if (data == nullptr || size <= 0) return {};
  return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
}

void Database::Close::operator()(sqlite3* handle) const {
  sqlite3_close_v2(handle);
}

Result<Database> Database::open(const std::string& path, Mode mode) {
  const bool immutable = mode == Mode::Immutable;
  const int flags = immutable ? SQLITE_OPEN_READONLY | SQLITE_OPEN_URI : SQLITE_OPEN_READWRITE;
  // A relative path is kept from looking like a URI or ":memory:".
  const std::string plain = path.starts_with('/') ? path : "./" + path;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(immutable ? uri_of(plain).c_str() : plain.c_str(), &handle,
                                   flags | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(handle, path);
  if (handle == nullptr) return fail(path, "out of memory");
  if (code != SQLITE_OK) return sqlite_failure(handle, path);
  sqlite3_extended_result_codes(handle, 1);
  return database;
}

Result<Database> Database::in_memory() {
  sqlite3* handle = nullptr;
  const int code =
      sqlite3_open_v2(":memory:", &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(handle, "database in memory");
  if (handle == nullptr) return fail("SQLite", "out of memory");
  if (code != SQLITE_OK) return sqlite_failure(handle, "SQLite");
  sqlite3_extended_result_codes(handle, 1);
  return database;
}

Result<void> Database::execute(const std::string& sql) {
  const int code = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return sqlite_failure(handle_.get(), path_);
  return {};
}

Result<Statement> Database::prepare(const std::string& sql) {
  Statement statement;
  sqlite3_stmt* made = nullptr;
  const int code = sqlite3_prepare_v3(handle_.get(), sql.c_str(), static_cast<int>(sql.size()) + 1,
                                      SQLITE_PREPARE_PERSISTENT, &made, nullptr);
  if (code != SQLITE_OK) return sqlite_failure(handle_.get(), path_);
  statement.statement_.reset(made);
  statement.path_ = path_;
  return statement;
}

Result<std::string> Database::serialize() {
  sqlite3_int64 size = 0;
  unsigned char* bytes = sqlite3_serialize(handle_.get(), "main", &size, 0);
  if (bytes == nullptr) return fail(path_, "out of memory");
  std::string image(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  sqlite3_free(bytes);
  return image;
}

Result<void> Database::close() {
  sqlite3* handle = handle_.release();
  if (sqlite3_close(handle) == SQLITE_OK) return {};
  auto failure = sqlite_failure(handle, path_);
  sqlite3_close_v2(handle);
  return failure;
}

}  // namespace ft::recording
