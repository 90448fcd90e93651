// The few parts of SQLite that a recording needs, with its failures as Results.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace ft::recording {

class Statement {
 public:
  Statement() = default;

  // Parameters count from 1; the bytes must stay until step().
  void bind(int parameter, std::int64_t value);
  void bind_text(int parameter, std::string_view text);
  void bind_blob(int parameter, std::string_view bytes);

  // Whether there is a (further) row.
  Result<bool> step();
  void reset();

  enum class Type : std::uint8_t { Null, Integer, Real, Text, Blob };
  Type type(int column) const;
  std::int64_t integer(int column) const;
  // Of a text or blob, valid until the next step().
  std::string_view bytes(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  std::string path_;
};

class Database {
 public:
  enum class Mode : std::uint8_t {
    ReadWrite,
    Immutable,  // for reading only; takes no locks and looks for no journal
  };
  static Result<Database> open(const std::string& path, Mode mode);
  static Result<Database> in_memory();

  Result<void> execute(const std::string& sql);
  Result<Statement> prepare(const std::string& sql);
  // The bytes of the file this database would be.
  Result<std::string> serialize();
  // Closes; every Statement must be gone.
  Result<void> close();

  sqlite3* handle() const { return handle_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* handle) const;
  };
  Database(sqlite3* handle, std::string path) : handle_(handle), path_(std::move(path)) {}

  std::unique_ptr<sqlite3, Close> handle_;
  std::string path_;
};

// "what: SQLite's words: the system's words"
std::unexpected<Error> sqlite_failure(sqlite3* handle, std::string what);

}  // namespace ft::recording
