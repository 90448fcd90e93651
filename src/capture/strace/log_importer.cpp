#include "capture/strace/log_importer.h"

#include <fmt/format.h>

#include <utility>

#include "base/text.h"
#include "capture/strace/main_thread.h"
#include "capture/strace/text.h"
#include "event/system_names.h"

namespace ft::capture::strace {

namespace {

using event::SyscallNumber;

constexpr std::string_view kUnfinished = " <unfinished ...>";
constexpr std::string_view kProcess = "strace: Process ";
constexpr std::string_view kAttached = " attached";
constexpr std::uint64_t kCloneThread = 0x10000;
constexpr std::uint64_t kSetName = 15;  // PR_SET_NAME
constexpr std::size_t kPositionsKept = 5;
constexpr std::size_t kNamesKept = 1024;  // Linux has fewer than 500 calls
constexpr std::uint64_t kLinesBetweenChecks = 4096;
// Few enough to stay in a core's first cache but one.
constexpr std::size_t kCallsAtOnce = 512;

bool makes_tasks(SyscallNumber number) {
  return number == SyscallNumber::Clone || number == SyscallNumber::Clone3 ||
         number == SyscallNumber::Fork || number == SyscallNumber::Vfork;
}

bool executes(SyscallNumber number) {
  return number == SyscallNumber::Execve || number == SyscallNumber::Execveat;
}

// The flags of a clone as it stands on the line, in whichever form: "flags=CLONE_VM|...".
std::uint64_t clone_flags(std::string_view text) {
  const std::size_t at = text.find("flags=");
  if (at == std::string_view::npos) return 0;
  text.remove_prefix(at + 6);
  const std::string_view flags = text.substr(0, text.find_first_of(",})"));
  const auto value = event::read_flags(flags, event::kCloneFlags);
  return value ? value->value : 0;
}

// "exited with 3" and "killed by SIGKILL (core dumped)" as wait(2) gives them.
std::optional<std::int32_t> wait_status_of(std::string_view words) {
  if (words.starts_with("exited with ")) {
    words.remove_prefix(12);
    const auto code = parse_integer<std::int32_t>(take_word(words));
    if (!code || *code < 0 || *code > 255) return std::nullopt;
    return *code << 8;
  }
  if (words.starts_with("killed by ")) {
    words.remove_prefix(10);
    const auto signal = event::signal_number(take_word(words));
    if (!signal) return std::nullopt;
    return *signal | (words.starts_with(" (core dumped)") ? 0x80 : 0);
  }
  return std::nullopt;
}

}  // namespace

LogImporter::LogImporter(std::string name, event::EventSink& sink, ImportOptions options,
                         std::string_view beginning)
    : name_(std::move(name)),
      sink_(sink),
      options_(std::move(options)),
      family_(sink),
      files_(sink),
      descriptors_(files_),
      stacks_(sink) {
  main_tid_ = find_main_thread(beginning).value_or(kStandInTid);
  sink_.on_meta("backend", "import");
  sink_.on_meta("import.format", "strace");
  sink_.on_meta("import.log", name_);
  calls_.reserve(kCallsAtOnce);
}

// What was read is told even where the import ends with an Error.
LogImporter::~LogImporter() {
  if (held_) calls_.pop_back();
  give_calls();
}

Result<void> LogImporter::line(std::string_view line) {
  ++summary_.lines;
  summary_.bytes += line.size() + 1;
  if (summary_.lines % kLinesBetweenChecks == 0) {
    if (sink_.failed()) return fail(name_, "the recording cannot be written");
    if (options_.keep_going && !options_.keep_going(summary_.bytes)) {
      return fail(name_, "the import was interrupted");
    }
  }
  if (line.size() > kLongestLine) [[unlikely]] {
    ++too_long_;
    return malformed(kLongestLine, "the line is longer than 1 MiB");
  }
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.starts_with(" > ")) {
    if (!stacks_.add_frame(line)) return malformed(3, "expected a stack frame");
    return {};
  }
  release_call();
  if (line.empty() || line.front() == '#' || trim(line).empty()) return {};

  if (line.ends_with(kAttached)) [[unlikely]] {
    const std::size_t at = line.rfind(kProcess);
    if (at != std::string_view::npos) return attached_line(line, at);
  }
  if (!interrupted_pending_) return whole_line(line);

  interrupted_pending_ = false;
  // What follows is the rest of it, be it " <unfinished ...>", unless it names a thread of its own.
  if (line.starts_with("[pid ")) {
    FT_TRY_VOID(malformed(0, "the line before it was cut off"));
    return whole_line(line);
  }
  std::string joined = std::move(interrupted_);
  joined += line;
  interrupted_.clear();
  return whole_line(joined);
}

Result<void> LogImporter::attached_line(std::string_view line, std::size_t at) {
  std::string_view number = line.substr(at + kProcess.size());
  number.remove_suffix(kAttached.size());
  const auto tid = parse_integer<std::uint32_t>(number);
  if (!tid || *tid == 0 || *tid > kLargestPid) return malformed(at, "not the number of a process");
  if (at > 0) {
    // strace was in the middle of a call's line; the rest of it follows.
    if (!interrupted_pending_) interrupted_.clear();
    interrupted_ += line.substr(0, at);
    interrupted_pending_ = true;
  }
  ++understood_;
  // The call being written is the clone that made it, if it is one.
  Scanner scanner(line.substr(0, at));
  LinePrefix prefix;
  if (at > 0 && read_prefix(scanner, prefix) && kind_of(scanner) == LineKind::Call) {
    const std::string_view body = scanner.rest();
    const event::SyscallShape* shape = CallParser::find_followed(CallParser::take_name(scanner));
    if (shape && makes_tasks(shape->number)) {
      const event::Tid parent = prefix.tid != 0 ? prefix.tid : main_tid_;
      Task& task = family_.task(parent, timeline_.now(), FirstLine::Other);
      family_.cloned(task, static_cast<event::Tid>(*tid), (clone_flags(body) & kCloneThread) != 0,
                     timeline_.now());
      return {};
    }
  }
  family_.task(static_cast<event::Tid>(*tid), timeline_.now(), FirstLine::Attached);
  return {};
}

Task& LogImporter::task_of(const LinePrefix& prefix, std::string_view body, Nanoseconds ts) {
  event::Tid tid = prefix.tid;
  if (tid != 0) {
    pids_seen_ = true;
  } else {
    // Without -f there is one thread; with it, strace stops naming the last one left.
    Task* last_left = family_.only_live_task();
    tid = last_left ? last_left->thread.tid : main_tid_;
  }
  if (Task* known = family_.find(tid)) [[likely]] {
    if (!prefix.comm.empty()) family_.renamed(*known, unescape(prefix.comm));
    return *known;
  }
  const bool fresh = body.starts_with("execve(") || body.starts_with("brk(NULL)");
  Task& task = family_.task(tid, ts, fresh ? FirstLine::FreshImage : FirstLine::Other);
  if (!prefix.comm.empty()) family_.renamed(task, unescape(prefix.comm));
  return task;
}

Result<void> LogImporter::whole_line(std::string_view line) {
  Scanner scanner(line);
  LinePrefix prefix;
  if (!read_prefix(scanner, prefix)) {
    return malformed(scanner.offset(), "not the start of a line of strace's");
  }
  switch (kind_of(scanner)) {
    case LineKind::Call:
      return call_line(scanner, prefix);
    case LineKind::Resumed:
      return resumed_line(scanner, prefix);
    case LineKind::Exit:
      return exit_line(scanner, prefix);
    case LineKind::Signal:
      ++signals_;
      ++understood_;
      task_of(prefix, {}, timeline_.advance(prefix));
      return {};
    case LineKind::Note:
      ++understood_;
      return {};
    case LineKind::Malformed:
      break;
  }
  return malformed(scanner.offset(), "expected a system call, a signal or an exit");
}

// Nothing is made known of a line (its thread, its time) before it is understood: text that is no
// strace output looks like anything.
Result<void> LogImporter::call_line(Scanner& scanner, const LinePrefix& prefix) {
  const std::string_view body = scanner.rest();
  if (body.ends_with(kUnfinished.substr(1))) {
    const std::string_view name = CallParser::take_name(scanner);
    if (name.empty()) return malformed(scanner.offset(), "expected a system call");
    ++understood_;
    const Nanoseconds ts = timeline_.advance(prefix);
    Task& task = task_of(prefix, body, ts);
    const bool followed = CallParser::find_followed(name) != nullptr;
    if (followed || watches_descriptors(name)) begin_unfinished(body, task, ts);
    if (!followed) skipped(name);
    return {};
  }

  ParsedCall call;
  const CallOutcome outcome = parser_.parse(scanner, call);
  if (outcome == CallOutcome::Malformed) return malformed(scanner.offset(), parser_.problem());
  if (outcome == CallOutcome::NotFollowed && scanner.rest().find(" = ") == std::string_view::npos) {
    return malformed(scanner.offset(), "expected a system call and its result");
  }
  ++understood_;
  const Nanoseconds ts = timeline_.advance(prefix);
  Task& task = task_of(prefix, body, ts);
  if (outcome == CallOutcome::Whole)
    tell(call, task, ts);
  else
    skip_call(body, task);
  return {};
}

bool LogImporter::watches_descriptors(std::string_view name) const {
  return !decorations_seen_ && Descriptors::changed_by(name);
}

void LogImporter::skip_call(std::string_view body, Task& task) {
  const std::string_view name = body.substr(0, body.find('('));
  if (watches_descriptors(name)) {
    descriptors_.note(task.thread.pid, family_.parent_of(task.thread.pid), body);
  }
  skipped(name);
}

void LogImporter::begin_unfinished(std::string_view body, Task& task, Nanoseconds ts) {
  if (task.in_call) ++never_resumed_;
  body.remove_suffix(kUnfinished.size() - 1);
  if (body.ends_with(' ')) body.remove_suffix(1);
  task.in_call = true;
  task.call_ts = ts;
  task.unfinished.assign(body);
  Scanner scanner(body);
  const event::SyscallShape* shape = CallParser::find_followed(CallParser::take_name(scanner));
  if (shape && makes_tasks(shape->number)) {
    family_.begin_clone(task, (clone_flags(body) & kCloneThread) != 0);
  }
}

Result<void> LogImporter::resumed_line(Scanner& scanner, const LinePrefix& prefix) {
  scanner.advance(5);  // "<... "
  const std::string_view rest = scanner.rest();
  const std::size_t end = rest.find(" resumed>");
  if (end == std::string_view::npos) return malformed(scanner.offset(), "expected 'resumed>'");
  const std::string_view name = rest.substr(0, end);
  Task& task = task_of(prefix, {}, timeline_.advance(prefix));
  const std::string_view begun = task.unfinished;
  const bool goes_on = task.in_call && begun.starts_with(name) && begun.size() > name.size() &&
                       begun[name.size()] == '(';
  if (!goes_on) {
    if (CallParser::find_followed(name)) ++resumed_alone_;
    ++understood_;
    return {};
  }
  task.in_call = false;
  scratch_.assign(begun);
  scratch_ += rest.substr(end + 9);
  Scanner joined(scratch_);
  ParsedCall call;
  if (!CallParser::find_followed(name)) {
    ++understood_;
    descriptors_.note(task.thread.pid, family_.parent_of(task.thread.pid), scratch_);
    return {};
  }
  if (parser_.parse(joined, call) != CallOutcome::Whole) {
    // Where this line goes on; or its start, where the line before was damaged already.
    const std::size_t resumed_at = scanner.offset() + end + 9;
    const std::size_t at = joined.offset();
    return malformed(at < begun.size() ? 0 : resumed_at + at - begun.size(), parser_.problem());
  }
  ++understood_;
  tell(call, task, task.call_ts);
  return {};
}

// The thread died, or the log ends, inside the call: told as never finished.
bool LogImporter::tell_unfinished(Task& task) {
  task.in_call = false;
  scratch_.assign(task.unfinished);
  scratch_ += " <unfinished ...>) = ?";
  Scanner scanner(scratch_);
  ParsedCall call;
  if (parser_.parse(scanner, call) != CallOutcome::Whole) return false;
  tell(call, task, task.call_ts);
  release_call();
  return true;
}

void LogImporter::tell(const ParsedCall& call, Task& task, Nanoseconds ts) {
  const SyscallNumber number = call.shape->number;
  if (call.unknown_flag) [[unlikely]]
    ++unknown_flags_;
  if (call.dur != event::kUnknownDuration) durations_seen_ = true;
  if (call.shape->call_class == event::SyscallClass::Process) [[unlikely]] {
    tell_lifecycle(call, task, ts);
  }
  held_ = true;
  event::Syscall& held = calls_.emplace_back();
  held.ts = ts;
  held.dur = call.dur;
  held.tid = task.thread.tid;
  held.pid = task.thread.pid;
  held.number = number;
  held.finished = call.finished;
  held.args = call.args;
  held.ret = call.ret;
  held.file = file_of(call, task);
}

event::FileId LogImporter::file_of(const ParsedCall& call, const Task& task) {
  // Where the call makes the descriptor, its file is the one it made.
  const bool makes_one = event::returns_descriptor(call.shape->number);
  const std::string_view printed = makes_one ? call.result_file : call.file;
  if (!printed.empty()) {
    decorations_seen_ = true;
    return files_.id_of(printed, makes_one ? call.result_file_deleted : call.file_deleted);
  }
  if (decorations_seen_) return event::kNoFile;
  const event::Pid pid = task.thread.pid;
  if (makes_one) {
    if (call.shape->number != SyscallNumber::MemfdCreate || call.ret < 0) return event::kNoFile;
    const event::FileId file =
        files_.id_of_path("/memfd:" + quoted_string(call.text[0]) + " (deleted)");
    descriptors_.opened(pid, family_.parent_of(pid), call.ret, file);
    return file;
  }
  if (call.shape->fd < 0) return event::kNoFile;
  const auto fd = static_cast<std::int32_t>(call.args[static_cast<unsigned char>(call.shape->fd)]);
  return fd < 0 ? event::kNoFile : descriptors_.find(pid, family_.parent_of(pid), fd);
}

void LogImporter::tell_lifecycle(const ParsedCall& call, Task& task, Nanoseconds ts) {
  const SyscallNumber number = call.shape->number;
  if (makes_tasks(number)) {
    family_.end_clone(task);
    std::uint64_t flags = call.args[0];
    if (number == SyscallNumber::Clone3) flags = clone_flags(call.text[0]);
    if (number == SyscallNumber::Fork || number == SyscallNumber::Vfork) flags = 0;
    if (call.finished && call.ret > 0 && call.ret <= static_cast<std::int64_t>(kLargestPid)) {
      family_.cloned(task, static_cast<event::Tid>(call.ret), (flags & kCloneThread) != 0, ts);
    }
  } else if (executes(number) && call.finished && call.ret == 0) {
    const std::size_t path = number == SyscallNumber::Execve ? 0 : 1;
    family_.executed(task, ts, quoted_string(call.text[path]), quoted_array(call.text[path + 1]));
  } else if (number == SyscallNumber::Prctl && call.text[1].starts_with('"') && call.ret == 0 &&
             call.args[0] == kSetName) {
    std::string name = quoted_string(call.text[1]);
    if (name.ends_with("...")) name.resize(name.size() - 3);  // the kernel cuts it there too
    family_.renamed(task, std::move(name));
  }
}

void LogImporter::release_call() {
  if (!held_) {
    stacks_.discard();
    return;
  }
  held_ = false;
  if (stacks_.reading()) {
    stacks_seen_ = true;
    calls_.back().stack = stacks_.finish(calls_.back().pid);
  }
  ++summary_.calls;
  if (calls_.size() == kCallsAtOnce) give_calls();
}

void LogImporter::give_calls() {
  sink_.on_syscalls(calls_);
  calls_.clear();
}

Result<void> LogImporter::exit_line(const Scanner& scanner, const LinePrefix& prefix) {
  const std::string_view rest = scanner.rest();
  std::string_view words = rest.substr(4);
  if (!words.ends_with(" +++")) return malformed(scanner.offset(), "expected '+++' at the end");
  words.remove_suffix(4);
  if (words.starts_with("superseded by execve in pid ")) {
    const auto by = parse_integer<std::int32_t>(words.substr(28));
    if (!by) return malformed(scanner.offset() + 32, "not the number of a thread");
    ++understood_;
    const Nanoseconds ts = timeline_.advance(prefix);
    family_.superseded(task_of(prefix, {}, ts), *by, ts);
    return {};
  }
  const std::optional<std::int32_t> status = wait_status_of(words);
  if (!status) return malformed(scanner.offset() + 4, "expected how it ended");
  ++understood_;
  const Nanoseconds ts = timeline_.advance(prefix);
  Task& task = task_of(prefix, {}, ts);
  if (task.in_call) tell_unfinished(task);
  family_.exited(task, ts, *status);
  return {};
}

void LogImporter::skipped(std::string_view name) {
  ++summary_.skipped;
  if (last_skipped_count_ && name == last_skipped_) {
    ++*last_skipped_count_;
    return;
  }
  auto it = summary_.skipped_by_name.find(name);
  if (it == summary_.skipped_by_name.end()) {
    const bool room = summary_.skipped_by_name.size() < kNamesKept && name.size() <= 64;
    it = summary_.skipped_by_name.emplace(room ? name : std::string_view("other"), 0).first;
  }
  ++it->second;
  last_skipped_ = it->first;
  last_skipped_count_ = &it->second;
}

Result<void> LogImporter::malformed(std::size_t column, const char* why) {
  std::string position = fmt::format("{}:{}:{}", name_, summary_.lines, column + 1);
  if (options_.strictness == Strictness::Strict) {
    return fail(std::move(position), why, "without --strict such lines are counted and left out");
  }
  ++summary_.malformed;
  if (positions_.size() < kPositionsKept) {
    positions_.push_back(std::move(position));
    if (reason_.empty()) reason_ = why;
  }
  return {};
}

Result<ImportSummary> LogImporter::finish() {
  if (interrupted_pending_) FT_TRY_VOID(malformed(0, "the log ends inside a line"));
  release_call();
  if (understood_ == 0) {
    constexpr const char* kRemedy =
        "give the file that strace wrote with -o, or its standard error";
    if (positions_.empty()) return fail(name_, "the log is empty", kRemedy);
    return fail(positions_.front(), reason_ + ", and no other line is strace output", kRemedy);
  }
  for (Task* task : family_.unfinished_tasks()) {
    if (tell_unfinished(*task)) ++never_resumed_;
  }
  give_calls();
  if (sink_.failed()) return fail(name_, "the recording cannot be written");
  summary_.threads = family_.threads();
  summary_.processes = family_.processes();
  tell_meta();
  tell_losses();
  return summary_;
}

}  // namespace ft::capture::strace
