#include "report/strace/print.h"

#include <sys/wait.h>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <unordered_map>
#include <vector>

#include "base/text.h"
#include "event/system_names.h"
#include "report/strace/format_call.h"

namespace ft::report::strace {

namespace {

using event::Syscall;
using event::Trace;

constexpr std::size_t kFlushAt = std::size_t{64} << 10;
constexpr std::size_t kResultColumn = 40;  // strace's -a
constexpr Nanoseconds kMicrosecond = 1000;
constexpr Nanoseconds kSecond = 1'000'000'000;
constexpr Nanoseconds kDay = Nanoseconds{24} * 3600 * kSecond;

enum class Clock : std::uint8_t { Epoch, TimeOfDay, Relative, None };

// Walks over the calls and the ends of threads in time order and writes them line by line.
class Printer {
 public:
  Printer(const Trace& trace, const Write& write);

  bool run();

 private:
  struct Open {
    Nanoseconds end;
    std::size_t call;
    auto operator<=>(const Open&) const = default;
  };

  void begin_call(std::size_t index);
  void end_call(std::size_t index, Nanoseconds ts);
  void end_calls_before(Nanoseconds ts);
  void end_thread(const event::Thread& thread);
  void interrupt_line();
  void append_prefix(event::Tid tid, Nanoseconds ts);
  void append_end(const Syscall& call);
  bool flush(std::size_t at_least);
  std::int32_t status_of(const event::Thread& thread) const;

  const Trace& trace_;
  const Write& write_;
  Clock clock_ = Clock::Epoch;
  Nanoseconds start_ = 0;  // added to ts before it is printed
  Nanoseconds last_ts_ = 0;
  bool with_pids_ = true;

  std::map<std::pair<event::Pid, Nanoseconds>, const event::Process*> executed_;
  std::unordered_map<event::Pid, const event::Process*> processes_;  // the last of each pid
  std::unordered_map<event::Pid, Nanoseconds> group_exits_;

  std::string text_;
  std::size_t line_start_ = 0;
  std::vector<Open> open_;  // calls begun and not ended, a heap with the earliest end in front
  std::unordered_map<event::Tid, std::size_t> open_of_;
  bool in_line_ = false;  // the last call's line waits for its result
  std::size_t in_line_call_ = 0;
};

Printer::Printer(const Trace& trace, const Write& write) : trace_(trace), write_(write) {
  const auto number = [&](const char* key) {
    return parse_integer<Nanoseconds>(trace.meta_or(key)).value_or(0);
  };
  const std::string source = trace.meta_or("time.source", "epoch");
  start_ = number("start_realtime_ns");
  if (source == "time of day") clock_ = Clock::TimeOfDay, start_ = number("time.of_day_start_ns");
  if (source == "relative") clock_ = Clock::Relative, start_ = 0;
  if (source == "none") clock_ = Clock::None;
  with_pids_ = trace.meta_or("import.pids") != "none";
  for (const event::Process& process : trace.processes) {
    processes_[process.pid] = &process;
    executed_[{process.pid, process.exec_ts}] = &process;
  }
  for (const Syscall& call : trace.syscalls) {
    if (call.number == event::SyscallNumber::ExitGroup) group_exits_[call.pid] = call.ts;
  }
}

bool Printer::run() {
  std::vector<const event::Thread*> ended;
  for (const event::Thread& thread : trace_.threads) {
    if (thread.end_ts != event::kStillThere) ended.push_back(&thread);
  }
  std::ranges::stable_sort(ended, {}, &event::Thread::end_ts);

  auto next_end = ended.begin();
  for (std::size_t i = 0; i < trace_.syscalls.size(); ++i) {
    const Nanoseconds ts = trace_.syscalls[i].ts;
    while (next_end != ended.end() && (*next_end)->end_ts < ts) {
      end_calls_before((*next_end)->end_ts);
      end_thread(**next_end++);
    }
    end_calls_before(ts);
    begin_call(i);
    if (!flush(kFlushAt)) return false;
  }
  while (next_end != ended.end()) {
    end_calls_before((*next_end)->end_ts);
    end_thread(**next_end++);
    if (!flush(kFlushAt)) return false;
  }
  while (!open_.empty()) end_calls_before(open_.front().end + 1);
  return flush(0);
}

void Printer::begin_call(std::size_t index) {
  const Syscall& call = trace_.syscalls[index];
  // A thread is in one call at a time: measured ends are not exact to the microsecond.
  if (const auto it = open_of_.find(call.tid); it != open_of_.end()) {
    const std::size_t earlier = it->second;
    std::erase_if(open_, [&](const Open& open) { return open.call == earlier; });
    std::ranges::make_heap(open_, std::greater{});
    end_call(earlier, call.ts);
  }
  interrupt_line();
  append_prefix(call.tid, call.ts);
  const auto executed = executed_.find({call.pid, call.ts});
  const bool replaced = call.finished && call.ret == 0 && executed != executed_.end();
  append_arguments(text_, trace_, call, replaced ? executed->second : nullptr);
  in_line_ = true;
  in_line_call_ = index;
  if (!call.finished || call.dur == event::kUnknownDuration) {
    end_call(index, call.ts);
    return;
  }
  open_of_[call.tid] = index;
  open_.push_back({call.ts + call.dur, index});
  std::ranges::push_heap(open_, std::greater{});
}

void Printer::end_calls_before(Nanoseconds ts) {
  while (!open_.empty() && open_.front().end < ts) {
    std::ranges::pop_heap(open_, std::greater{});
    const Open open = open_.back();
    open_.pop_back();
    end_call(open.call, open.end);
  }
}

void Printer::end_call(std::size_t index, Nanoseconds ts) {
  const Syscall& call = trace_.syscalls[index];
  open_of_.erase(call.tid);
  if (!in_line_ || in_line_call_ != index) {
    interrupt_line();
    append_prefix(call.tid, ts);
    text_ += "<... ";
    text_ += event::name_of(call.number);
    text_ += " resumed>";
  }
  append_end(call);
  in_line_ = false;
}

void Printer::append_end(const Syscall& call) {
  text_ += ')';
  const std::size_t column = text_.size() - line_start_ + 1;
  text_ += ' ';
  if (column < kResultColumn) text_.append(kResultColumn - column, ' ');
  text_ += "= ";
  append_result(text_, trace_, call);
  if (call.finished && call.dur != event::kUnknownDuration) {
    fmt::format_to(std::back_inserter(text_), " <{}.{:06}>", call.dur / kSecond,
                   call.dur % kSecond / kMicrosecond);
  }
  text_ += '\n';
}

void Printer::interrupt_line() {
  if (!in_line_) return;
  text_ += " <unfinished ...>\n";
  in_line_ = false;
}

std::int32_t Printer::status_of(const event::Thread& thread) const {
  const auto process = processes_.find(thread.pid);
  if (process == processes_.end()) return 0;
  // What ended before the whole process did ended by itself.
  const auto group_exit = group_exits_.find(thread.pid);
  if (group_exit != group_exits_.end() && thread.end_ts < group_exit->second) return 0;
  return process->second->wait_status;
}

void Printer::end_thread(const event::Thread& thread) {
  if (const auto it = open_of_.find(thread.tid); it != open_of_.end()) {
    const std::size_t index = it->second;
    std::erase_if(open_, [&](const Open& open) { return open.call == index; });
    std::ranges::make_heap(open_, std::greater{});
    end_call(index, thread.end_ts);
  }
  interrupt_line();
  append_prefix(thread.tid, thread.end_ts);
  const std::int32_t status = status_of(thread);
  if (WIFSIGNALED(status)) {
    const std::string_view name = event::signal_name(WTERMSIG(status));
    fmt::format_to(std::back_inserter(text_), "+++ killed by {}{} +++\n",
                   name.empty() ? std::to_string(WTERMSIG(status)) : std::string(name),
                   WCOREDUMP(status) ? " (core dumped)" : "");
  } else {
    fmt::format_to(std::back_inserter(text_), "+++ exited with {} +++\n", WEXITSTATUS(status));
  }
}

void Printer::append_prefix(event::Tid tid, Nanoseconds ts) {
  line_start_ = text_.size();
  if (with_pids_) fmt::format_to(std::back_inserter(text_), "{:<5} ", tid);
  const Nanoseconds shown = std::max<Nanoseconds>(0, start_ + ts);
  const Nanoseconds micros = shown % kSecond / kMicrosecond;
  switch (clock_) {
    case Clock::None:
      break;
    case Clock::Epoch:
      fmt::format_to(std::back_inserter(text_), "{}.{:06} ", shown / kSecond, micros);
      break;
    case Clock::TimeOfDay: {
      const Nanoseconds second = shown % kDay / kSecond;
      fmt::format_to(std::back_inserter(text_), "{:02}:{:02}:{:02}.{:06} ", second / 3600,
                     second / 60 % 60, second % 60, micros);
      break;
    }
    case Clock::Relative: {
      const Nanoseconds passed = std::max<Nanoseconds>(0, ts - last_ts_);
      fmt::format_to(std::back_inserter(text_), "{:>6}.{:06} ", passed / kSecond,
                     passed % kSecond / kMicrosecond);
      break;
    }
  }
  last_ts_ = ts;
}

// Hands on whole lines only: the last one may still wait for its result.
bool Printer::flush(std::size_t at_least) {
  const std::size_t ready = in_line_ ? line_start_ : text_.size();
  if (ready == 0 || ready < at_least) return true;
  if (!write_(std::string_view(text_).substr(0, ready))) return false;
  text_.erase(0, ready);
  line_start_ -= std::min(line_start_, ready);
  return true;
}

}  // namespace

bool print(const Trace& trace, const Write& write) {
  return Printer(trace, write).run();
}

}  // namespace ft::report::strace
