// Chronicle turns what the tracer sees into events: it numbers stacks and files, and keeps the list
// of processes and threads with their names, programs and ends.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include "base/units.h"
#include "capture/ptrace/stack_walker.h"
#include "event/sink.h"

namespace ft::capture::ptrace {

class Chronicle {
 public:
  explicit Chronicle(event::EventSink& sink) : sink_(sink) {}

  void process_started(const event::Process& process);
  // It runs a new program: its name, argv and thread name are read from /proc.
  void executed(event::Pid pid, Nanoseconds ts);
  void process_ended(event::Pid pid, Nanoseconds ts, int wait_status);

  void thread_started(event::Tid tid, event::Pid pid, Nanoseconds ts, const std::string& name);
  void thread_renamed(event::Tid tid, const std::string& name);
  void thread_ended(event::Tid tid, Nanoseconds ts);
  const std::string& name_of(event::Tid tid) const;

  void called(const event::Syscall& call) { sink_.on_syscall(call); }

  event::StackId stack(event::Pid pid, const WalkedStack& stack);
  // What descriptor `fd` of `pid` is open on; kNoFile where it is not open.
  event::FileId file(event::Pid pid, int fd);
  // nullptr: never seen.
  const std::string* path_of(event::FileId id) const;
  const event::Process* process(event::Pid pid) const;

  std::uint64_t stacks_truncated() const { return stacks_truncated_; }
  std::uint64_t stacks_unreadable() const { return stacks_unreadable_; }

 private:
  event::EventSink& sink_;
  std::map<event::Pid, event::Process> processes_;
  std::map<event::Tid, event::Thread> threads_;
  std::unordered_map<std::string, event::StackId> stack_ids_;
  std::unordered_map<std::string, event::FileId> file_ids_;
  std::vector<std::string> paths_;
  std::uint64_t stacks_truncated_ = 0;
  std::uint64_t stacks_unreadable_ = 0;
};

// The name of a thread as /proc has it now; empty where it is gone.
std::string thread_name(event::Tid tid);

}  // namespace ft::capture::ptrace
