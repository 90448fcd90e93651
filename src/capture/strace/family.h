// Family knows the processes and threads of a log: who started whom, who runs which program, who is
// still alive. A log names threads only; which process one belongs to follows from the clone that
// made it, where the log has that call, and is assumed where it has not.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "event/sink.h"

namespace ft::capture::strace {

struct Task {
  event::Thread thread;
  bool alive = true;
  // The call it is in, where strace wrote "<unfinished ...>": the line's text before that.
  bool in_call = false;
  bool cloning = false;         // that call is a clone, fork or vfork ...
  bool shares_process = false;  // ... which makes a thread, not a process
  Nanoseconds call_ts = 0;
  std::string unfinished;
};

// What the first line of a thread tells about where it came from.
enum class FirstLine : std::uint8_t {
  Other,
  FreshImage,  // brk(NULL), the loader's first call, or execve: a process of its own
  Attached,    // "strace: Process 17 attached"
};

class Family {
 public:
  explicit Family(event::EventSink& sink) : sink_(sink) {}

  // The task of that number, made known where it is new (or was dead).
  Task& task(event::Tid tid, Nanoseconds ts, FirstLine first_line);
  // nullptr where no live task has the number.
  Task* find(event::Tid tid);

  // The parent's clone returned `child`.
  void cloned(const Task& parent, event::Tid child, bool shares_process, Nanoseconds ts);
  // The task is in a clone that has not returned; undone by its return.
  void begin_clone(Task& parent, bool shares_process);
  void end_clone(Task& parent);

  void executed(Task& task, Nanoseconds ts, std::string executable,
                std::vector<std::string> command);
  // "+++ superseded by execve in pid N +++": the leader takes over what task N was doing.
  void superseded(Task& leader, event::Tid by, Nanoseconds ts);
  void exited(Task& task, Nanoseconds ts, std::int32_t wait_status);
  void renamed(Task& task, std::string name);

  std::uint64_t threads() const { return threads_; }
  std::uint64_t processes() const { return process_count_; }
  // Threads whose process was assumed, because the log does not show their making.
  std::uint64_t assumed() const { return assumed_; }
  // The only live task, nullptr where there are more.
  Task* only_live_task();
  // 0 where it is not known.
  event::Pid parent_of(event::Pid pid) const;
  event::Pid first_pid() const { return first_pid_; }
  // Those alive inside a call, by its start.
  std::vector<Task*> unfinished_tasks();
  // The first process as last told; its command names the log's target.
  const event::Process* first_process() const;

 private:
  struct Household {
    event::Process process;
    std::uint32_t living = 0;
  };

  Task& add(event::Tid tid, event::Pid pid, Nanoseconds ts);
  event::Pid home_of_new(event::Tid tid, Nanoseconds ts, FirstLine first_line);
  event::Pid found_process(event::Tid pid, event::Pid parent, Nanoseconds ts);
  void end_process(Household& home, Nanoseconds ts, std::int32_t wait_status);

  event::EventSink& sink_;
  std::unordered_map<event::Tid, std::unique_ptr<Task>> tasks_;
  std::unordered_map<event::Pid, Household> homes_;
  std::vector<event::Tid> cloning_;  // in order of begin_clone()
  Task* last_ = nullptr;
  event::Pid first_pid_ = 0;
  std::uint64_t alive_ = 0;
  std::uint64_t threads_ = 0;
  std::uint64_t process_count_ = 0;
  std::uint64_t assumed_ = 0;
};

}  // namespace ft::capture::strace
