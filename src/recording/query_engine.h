// QueryEngine answers SQL about a recording: the tables of docs/recording-format.md, "SQL tables".
// The SQL runs in an empty database in memory beside which the tables are computed, so whatever a
// file holds, no SQL of its own runs; writing, attaching and settings are refused.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "event/trace.h"
#include "recording/subsystem_lookup.h"

namespace ft::recording {

struct SqlBlob {
  std::string_view bytes;
};
using SqlValue = std::variant<std::monostate, std::int64_t, double, std::string_view, SqlBlob>;

// Takes a query's answer; texts are valid during the call.
class RowVisitor {
 public:
  enum class Go : bool { Stop, On };
  virtual ~RowVisitor() = default;
  virtual void columns(std::span<const std::string> names) = 0;
  virtual Go row(std::span<const SqlValue> values) = 0;
};

class QueryEngine {
 public:
  // Without `make_lookup` the columns called subsystem are NULL and region is empty.
  static Result<std::unique_ptr<QueryEngine>> open(const std::string& path,
                                                   MakeLookup make_lookup = {});
  ~QueryEngine();

  const event::Trace& trace() const;

  // One statement. An Error's position is "SQL:line:column".
  Result<void> run(std::string_view sql, RowVisitor& visitor);

  // Makes a running query fail soon. Any thread and any signal handler may call it.
  void interrupt() { interrupted_.store(true, std::memory_order_relaxed); }
  bool interrupted() const { return interrupted_.load(std::memory_order_relaxed); }

 private:
  struct State;
  explicit QueryEngine(std::unique_ptr<State> state);
  static int authorize(void* of, int action, const char* first, const char* second,
                       const char* database, const char* inner);

  std::atomic<bool> interrupted_ = false;
  std::unique_ptr<State> state_;
};

}  // namespace ft::recording
