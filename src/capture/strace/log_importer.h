// LogImporter takes a log line by line and tells a sink what it says.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "capture/strace/call_parser.h"
#include "capture/strace/descriptors.h"
#include "capture/strace/family.h"
#include "capture/strace/import.h"
#include "capture/strace/line.h"
#include "capture/strace/tables.h"
#include "capture/strace/timeline.h"

namespace ft::capture::strace {

class LogImporter {
 public:
  // `beginning` is as much of the log as is at hand: where its lines name no pid at first, the pid
  // of the main thread is looked for there.
  LogImporter(std::string name, event::EventSink& sink, ImportOptions options,
              std::string_view beginning);

  ~LogImporter();
  LogImporter(const LogImporter&) = delete;
  LogImporter& operator=(const LogImporter&) = delete;

  // One line without its newline. An Error ends the import.
  Result<void> line(std::string_view line);

  // REQUIRES: no line() comes after it.
  Result<ImportSummary> finish();

 private:
  Result<void> whole_line(std::string_view line);
  Result<void> call_line(Scanner& scanner, const LinePrefix& prefix);
  Result<void> resumed_line(Scanner& scanner, const LinePrefix& prefix);
  Result<void> exit_line(const Scanner& scanner, const LinePrefix& prefix);
  Result<void> attached_line(std::string_view line, std::size_t at);
  Result<void> malformed(std::size_t column, const char* why);

  void begin_unfinished(std::string_view body, Task& task, Nanoseconds ts);
  void skip_call(std::string_view body, Task& task);
  void skipped(std::string_view name);
  bool watches_descriptors(std::string_view name) const;
  event::FileId file_of(const ParsedCall& call, const Task& task);
  void tell(const ParsedCall& call, Task& task, Nanoseconds ts);
  void tell_lifecycle(const ParsedCall& call, Task& task, Nanoseconds ts);
  // False where it is a call that is not followed, or damaged.
  bool tell_unfinished(Task& task);
  void release_call();
  void give_calls();
  Task& task_of(const LinePrefix& prefix, std::string_view body, Nanoseconds ts);
  void tell_meta();
  void tell_losses();
  void tell_loss(std::string kind, std::uint64_t count, event::LossSeverity severity,
                 std::string meaning);

  std::string name_;
  event::EventSink& sink_;
  ImportOptions options_;
  ImportSummary summary_;
  Timeline timeline_;
  Family family_;
  FileTable files_;
  Descriptors descriptors_;
  StackTable stacks_;
  CallParser parser_;

  event::Tid main_tid_ = 0;  // of lines that name none
  bool pids_seen_ = false;
  bool decorations_seen_ = false;  // -y
  bool durations_seen_ = false;
  bool stacks_seen_ = false;

  // Calls on their way to the sink. The last may be held back until it is clear that no stack
  // follows it.
  std::vector<event::Syscall> calls_;
  bool held_ = false;

  std::string interrupted_;  // a line that "strace: Process N attached" cut in two
  bool interrupted_pending_ = false;
  std::string scratch_;

  std::uint64_t understood_ = 0;
  std::uint64_t too_long_ = 0;
  std::uint64_t resumed_alone_ = 0;
  std::uint64_t unknown_flags_ = 0;
  std::uint64_t never_resumed_ = 0;
  std::uint64_t signals_ = 0;
  std::vector<std::string> positions_;  // of the first malformed lines
  std::string reason_;                  // why the first of them is
  std::string last_skipped_;
  std::uint64_t* last_skipped_count_ = nullptr;
};

}  // namespace ft::capture::strace
