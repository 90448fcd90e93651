// firsttouch query FILE SQL: asks a recording in SQL.
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <memory>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "command.h"
#include "output.h"
#include "recording/query_engine.h"
#include "recording/row_printer.h"
#include "subsystem_lookup.h"

namespace ft::app {

namespace {

constexpr std::size_t kMaxSqlBytes = std::size_t{1} << 20U;
constexpr std::size_t kWriteAtOnce = std::size_t{64} << 10U;

struct QueryArguments {
  std::string file;
  std::string sql = "-";
  std::string format = "table";
};

Result<std::string> read_standard_input() {
  std::string sql;
  std::string part(16384, '\0');
  while (true) {
    const ssize_t got = ::read(STDIN_FILENO, part.data(), part.size());
    if (got == 0) return sql;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno("standard input", errno);
    sql.append(part, 0, static_cast<std::size_t>(got));
    if (sql.size() > kMaxSqlBytes) return fail_errno("standard input", EFBIG);
  }
}

// Ctrl-C stops the query, then ends us as it ends any program.
std::atomic<recording::QueryEngine*> running = nullptr;
static_assert(std::atomic<recording::QueryEngine*>::is_always_lock_free);

void stop_query(int) {
  if (recording::QueryEngine* engine = running.load()) engine->interrupt();
}

class InterruptedByUser {
 public:
  explicit InterruptedByUser(recording::QueryEngine& engine) {
    running = &engine;
    ::signal(SIGINT, stop_query);
  }
  ~InterruptedByUser() {
    ::signal(SIGINT, SIG_DFL);
    running = nullptr;
  }
};

// Rows are short: they are written many at once.
class BufferedOutput {
 public:
  explicit BufferedOutput(Output& output) : output_(output) {}
  bool add(std::string_view text) {
    waiting_ += text;
    return waiting_.size() < kWriteAtOnce || flush();
  }
  bool flush() {
    const bool written = output_.write(waiting_);
    waiting_.clear();
    return written;
  }

 private:
  Output& output_;
  std::string waiting_;
};

Result<void> run(const QueryArguments& arguments) {
  const std::string sql = arguments.sql == "-" ? FT_TRY(read_standard_input()) : arguments.sql;
  const auto engine = FT_TRY(recording::QueryEngine::open(arguments.file, make_subsystem_lookup));
  Output output = FT_TRY(Output::open(""));
  BufferedOutput buffered(output);
  const auto printer =
      recording::make_row_printer(*recording::row_format_named(arguments.format),
                                  [&](std::string_view text) { return buffered.add(text); });
  Result<void> answered;
  {
    const InterruptedByUser interruptible(*engine);
    answered = engine->run(sql, *printer);
  }
  // What came before a failure is shown too.
  if (answered) printer->finish();
  buffered.flush();
  if (engine->interrupted()) ::raise(SIGINT);
  if (!answered) return answered;
  return output.finish();
}

// A mistake in the SQL is the user's; anything else is the recording's or the host's.
bool is_mistake_in_sql(const Error& error) {
  return error.what.starts_with("SQL:");
}

}  // namespace

void add_query(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand("query", "Asks a recording in SQL.");
  const auto arguments = std::make_shared<QueryArguments>();
  command->add_option("file", arguments->file, "The recording")->required()->type_name("FILE");
  command->add_option("sql", arguments->sql, "One SELECT; without it, or with -, standard input")
      ->type_name("SQL");
  command->add_option("--format", arguments->format, "table, csv or json")
      ->check(CLI::IsMember({"table", "csv", "json"}))
      ->capture_default_str();
  command->footer(
      "Tables: syscall fault page_alloc tlb_flush sample region thread stack_frame phase snapshot\n"
      "loss meta process mm_event file. PRAGMA table_info(fault) lists a table's columns.\n"
      "Times are nanoseconds, sizes bytes; ts counts from the recording's start. Bounds on ts "
      "make\n"
      "queries of the large tables quick. \"end\" is a word of SQL: write region.\"end\".\n"
      "\n"
      "Examples:\n"
      "  Which subsystem paid most for first touches?\n"
      "    firsttouch query run.ft \"SELECT subsystem, count(*) AS faults, sum(dur) AS ns\n"
      "                            FROM fault GROUP BY 1 ORDER BY 3 DESC\"\n"
      "  The ten longest calls, and who made them:\n"
      "    firsttouch query run.ft \"SELECT name, dur, length, symbol FROM syscall JOIN "
      "stack_frame\n"
      "                            USING (stack_id) WHERE depth = 0 ORDER BY dur DESC LIMIT 10\"\n"
      "  How far did resident memory grow?\n"
      "    firsttouch query run.ft \"SELECT moment, key, value FROM snapshot\n"
      "                            WHERE source = 'status' AND key LIKE 'Vm%'\" --format csv");
  command->callback([arguments, &outcome] {
    if (auto done = run(*arguments); !done) {
      const Error& error = done.error();
      report_failure(outcome, error, is_mistake_in_sql(error) ? kExitUsage : kExitFailed);
    }
  });
}

}  // namespace ft::app
