// Tracer follows processes with ptrace(2): it handles every stop of every thread of theirs, tells a
// Chronicle what it sees, and lets the thread go on.
//
//   stop                     what is done
//   seccomp / syscall entry  arguments, stack and file are read; goes on to the call's exit
//   syscall exit             the result is read, the call recorded
//   clone, fork, vfork       the new thread or process is followed from its first instruction
//   exec                     a snapshot; the program's name and arguments are read
//   exit                     the thread's last name; of the first thread of a dying process a
//   snapshot signal                   delivered as it is group stop (Ctrl-Z)      stays stopped
//   until SIGCONT (PTRACE_LISTEN)
//
// All calls must come from the thread that made it.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/result.h"
#include "base/units.h"
#include "capture/file_systems.h"
#include "capture/ptrace/chronicle.h"
#include "capture/ptrace/stop_waiter.h"
#include "event/sink.h"

struct user_regs_struct;

namespace ft::capture::ptrace {

// Where a traced thread stops.
enum class StopAt {
  FollowedCalls,  // a SyscallFilter is installed
  EveryCall,      // none is: PTRACE_SYSCALL
};

class Tracer {
 public:
  // `start`: CLOCK_MONOTONIC at ts 0.
  Tracer(Nanoseconds start, StopAt stop_at, event::EventSink& sink);

  // A child that has not executed its command yet: nothing is recorded before it does.
  enum class WhenRecorderDies { RunsOn, IsKilled };
  Result<void> follow_held(pid_t pid, WhenRecorderDies when_recorder_dies);
  // A running process with all its threads.
  Result<void> attach(pid_t pid);

  // Handles stops until nobody is left to follow, or `should_stop` says so. It is asked whenever a
  // signal handler of the caller's interrupts the wait, and now and then.
  Result<void> run(const std::function<bool()>& should_stop);

  // Lets everybody who is still there run on untraced. REQUIRES: StopAt::EveryCall, since a filter
  // without a tracer makes the followed calls fail.
  void detach_all();

  struct TargetFacts {
    std::optional<Nanoseconds> exec_ts;
    std::optional<Nanoseconds> exit_ts;
    std::optional<Nanoseconds> libjvm_ts;  // first mapping of libjvm.so
    int wait_status = 0;                   // with exit_ts
    rusage usage{};                        // with exit_ts
    Nanoseconds held = 0;                  // stood still for snapshots
    bool end_was_seen = false;
  };
  const TargetFacts& target() const { return facts_; }
  const Chronicle& chronicle() const { return chronicle_; }
  // Where the files that the traced processes mapped can be found, when they are gone too.
  std::shared_ptr<FileSystems> file_systems() const { return file_systems_; }
  std::uint64_t stops() const { return stops_; }
  std::uint64_t calls_cut_off() const { return calls_cut_off_; }
  std::uint64_t snapshots_left_out() const { return snapshots_left_out_; }

 private:
  struct Tracee {
    event::Tid tid = 0;
    event::Pid pid = 0;
    std::optional<event::Syscall> call;  // under way
    std::string new_name;                // prctl(PR_SET_NAME) under way
    std::uint64_t clone_flags = 0;       // clone or clone3 under way
  };
  struct TracedProcess {
    int threads = 0;
    bool shares_memory = false;  // vfork's child before exec: its address space is its parent's
    bool end_seen = false;
  };

  Nanoseconds now() const;
  Result<void> seize(event::Tid tid, int options);
  Tracee& add(event::Tid tid, event::Pid pid);
  Tracee& adopt(event::Tid tid);
  void resume(const Tracee& tracee, int signal);

  void handle(pid_t tid, int wait_status, const rusage& usage);
  void handle_stop(event::Tid tid, int wait_status);
  void handle_syscall_stop(Tracee& tracee);
  void enter_call(Tracee& tracee);
  void leave_call(Tracee& tracee);
  void read_more_of(Tracee& tracee);
  void handle_new_child(const Tracee& parent, int ptrace_event);
  void handle_exec(Tracee& tracee);
  void handle_exit_stop(Tracee& tracee);
  void handle_death(event::Tid tid, int wait_status, const rusage& usage);
  void cut_off(Tracee& tracee);
  void snapshot(const Tracee& tracee, std::string_view moment);
  bool is_recorded(const Tracee& tracee) const;

  Nanoseconds start_;
  StopAt stop_at_;
  event::EventSink& sink_;
  Chronicle chronicle_;
  std::shared_ptr<FileSystems> file_systems_ = std::make_shared<FileSystems>();
  StopWaiter waiter_;
  pid_t target_ = -1;
  bool target_is_held_ = false;  // has not executed its command yet
  bool detaching_ = false;
  std::unordered_map<event::Tid, Tracee> tracees_;
  std::unordered_map<event::Pid, TracedProcess> processes_;
  TargetFacts facts_;
  std::uint64_t stops_ = 0;
  std::uint64_t calls_cut_off_ = 0;
  std::uint64_t snapshots_left_out_ = 0;
  int child_snapshots_ = 0;
};

}  // namespace ft::capture::ptrace
