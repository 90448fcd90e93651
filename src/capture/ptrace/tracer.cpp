#include "capture/ptrace/tracer.h"

#include <fmt/format.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "capture/ptrace/stack_walker.h"
#include "host/snapshot.h"
#include "jvm/installation.h"

namespace ft::capture::ptrace {

namespace {

using event::SyscallNumber;

constexpr int kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE |
                         PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC |
                         PTRACE_O_TRACEEXIT;
constexpr int kSyscallStop = SIGTRAP | 0x80;  // PTRACE_O_TRACESYSGOOD
// A target with very many children gets full snapshots of itself and of the first of them.
constexpr int kMaxChildSnapshots = 100;

constexpr std::array<std::string_view, 2> kExecSources = {"maps", "status"};

int ptrace_event_of(int wait_status) {
  return wait_status >> 16;
}

bool stops_the_job(int signal) {
  return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

unsigned long event_message(event::Tid tid) {
  unsigned long message = 0;
  ::ptrace(PTRACE_GETEVENTMSG, tid, nullptr, &message);
  return message;
}

std::optional<user_regs_struct> registers_of(event::Tid tid) {
  user_regs_struct registers{};
  if (::ptrace(PTRACE_GETREGS, tid, nullptr, &registers) != 0) return std::nullopt;
  return registers;
}

// A number of /proc/TID/status; 0 where it cannot be had.
event::Pid status_number(event::Tid tid, std::string_view key) {
  const Result<std::string> status = read_file(fmt::format("/proc/{}/status", tid));
  if (!status) return 0;
  for (const std::string_view line : split(*status, '\n')) {
    if (line.starts_with(key) && line.substr(key.size()).starts_with(':')) {
      return parse_integer<event::Pid>(trim(line.substr(key.size() + 1))).value_or(0);
    }
  }
  return 0;
}

std::vector<event::Tid> threads_of(pid_t pid) {
  std::vector<event::Tid> threads;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid), error)) {
    const auto tid = parse_integer<event::Tid>(entry.path().filename().string());
    if (tid) threads.push_back(*tid);
  }
  return threads;
}

std::string read_name(event::Tid tid, std::uint64_t address) {
  std::array<char, 16> bytes{};
  const std::size_t got = ProcessMemory(tid).read(
      address, reinterpret_cast<std::byte*>(bytes.data()), bytes.size() - 1);
  return {bytes.data(), ::strnlen(bytes.data(), got)};
}

bool names_a_file(const event::Syscall& call) {
  switch (call.number) {
    case SyscallNumber::Mmap:
      return call.fd() >= 0 && (call.flags() & MAP_ANONYMOUS) == 0;
    case SyscallNumber::Ftruncate:
    case SyscallNumber::Fallocate:
      return call.fd() >= 0;
    default:
      return false;
  }
}

}  // namespace

Tracer::Tracer(Nanoseconds start, StopAt stop_at, event::EventSink& sink)
    : start_(start), stop_at_(stop_at), sink_(sink), chronicle_(sink) {}

Nanoseconds Tracer::now() const {
  return monotonic_now() - start_;
}

Result<void> Tracer::seize(event::Tid tid, int options) {
  if (::ptrace(PTRACE_SEIZE, tid, nullptr, options) == 0) {
    // The stop it leads to is where PTRACE_SYSCALL begins.
    if (stop_at_ == StopAt::EveryCall) ::ptrace(PTRACE_INTERRUPT, tid, nullptr, nullptr);
    return {};
  }
  const int error = errno;
  const std::string what = fmt::format("ptrace process {}", tid);
  if (error != EPERM) return fail_errno(what, error);
  const event::Pid other = status_number(tid, "TracerPid");
  if (other != 0) {
    return fail(what, fmt::format("process {} traces it already", other),
                "end that debugger or tracer first");
  }
  return fail_errno(what, error,
                    "it must run as the same user; kernel.yama.ptrace_scope or a container's "
                    "seccomp profile may forbid it; or use sudo");
}

Tracer::Tracee& Tracer::add(event::Tid tid, event::Pid pid) {
  Tracee& tracee = tracees_[tid];
  tracee = {};
  tracee.tid = tid;
  tracee.pid = pid;
  ++processes_[pid].threads;
  return tracee;
}

Result<void> Tracer::follow_held(pid_t pid, WhenRecorderDies when_recorder_dies) {
  target_ = pid;
  target_is_held_ = true;
  const int kill = when_recorder_dies == WhenRecorderDies::IsKilled ? PTRACE_O_EXITKILL : 0;
  FT_TRY_VOID(seize(pid, kOptions | kill));
  add(pid, pid);
  return {};
}

Result<void> Tracer::attach(pid_t pid) {
  target_ = pid;
  event::Process process;
  process.pid = pid;
  process.parent = status_number(pid, "PPid");
  process.present_at_start = true;
  chronicle_.process_started(process);
  // Threads may be born while the list is read: again until nothing is new.
  std::set<event::Tid> seized;
  for (bool something_new = true; something_new;) {
    something_new = false;
    for (const event::Tid tid : threads_of(pid)) {
      if (!seized.insert(tid).second || tracees_.contains(tid)) continue;
      if (const auto result = seize(tid, kOptions); !result) {
        // Only the process itself must be there; a thread may have ended or, born of one that is
        // traced already, be traced too.
        if (tid == pid) return result;
        continue;
      }
      something_new = true;
      add(tid, pid);
      chronicle_.thread_started(tid, pid, 0, thread_name(tid));
    }
  }
  if (seized.empty()) return fail_errno(fmt::format("process {}", pid), ESRCH);
  file_systems_->note(pid);
  chronicle_.executed(pid, 0);
  host::take_process_snapshot(pid, "attach", now(), host::kProcessSources, sink_);
  return {};
}

void Tracer::resume(const Tracee& tracee, int signal) {
  if (detaching_) {
    ::ptrace(PTRACE_DETACH, tracee.tid, nullptr, signal);
    return;
  }
  const bool to_next_call = stop_at_ == StopAt::EveryCall || tracee.call;
  // May fail: a thread can be killed while it is stopped, its death will be reported.
  ::ptrace(to_next_call ? PTRACE_SYSCALL : PTRACE_CONT, tracee.tid, nullptr, signal);
}

Result<void> Tracer::run(const std::function<bool()>& should_stop) {
  while (!tracees_.empty()) {
    const StopWaiter::Change change = waiter_.wait();
    if (change.tid < 0 && errno == EINTR) {
      if (should_stop()) return {};
      continue;
    }
    if (change.tid < 0 && errno == ECHILD) return {};
    if (change.tid < 0) return fail_errno("wait for the target", errno);
    handle(change.tid, change.wait_status, change.usage);
    // A busy target may never let the wait block, and only a blocked one is interrupted.
    constexpr std::uint64_t kStopsBetweenQuestions = 256;
    if (stops_ % kStopsBetweenQuestions == 0 && should_stop()) return {};
  }
  return {};
}

void Tracer::handle(pid_t tid, int wait_status, const rusage& usage) {
  if (WIFSTOPPED(wait_status)) {
    handle_stop(tid, wait_status);
  } else if (tracees_.contains(tid)) {
    handle_death(tid, wait_status, usage);
  }
}

// A thread's first stop may be reported before its creator's: who it is has to come from /proc
// then.
Tracer::Tracee& Tracer::adopt(event::Tid tid) {
  const event::Pid known_pid = status_number(tid, "Tgid");
  const event::Pid pid = known_pid != 0 ? known_pid : tid;
  if (pid == tid) {
    event::Process process;
    process.pid = pid;
    process.parent = status_number(tid, "PPid");
    process.start_ts = now();
    chronicle_.process_started(process);
  }
  Tracee& tracee = add(tid, pid);
  chronicle_.thread_started(tid, pid, now(), thread_name(tid));
  return tracee;
}

void Tracer::handle_stop(event::Tid tid, int wait_status) {
  ++stops_;
  const int signal = WSTOPSIG(wait_status);
  const int ptrace_event = ptrace_event_of(wait_status);
  const auto known = tracees_.find(tid);
  Tracee& tracee = known != tracees_.end() ? known->second : adopt(tid);
  switch (ptrace_event) {
    case PTRACE_EVENT_SECCOMP:
      enter_call(tracee);
      return;
    case PTRACE_EVENT_CLONE:
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
      handle_new_child(tracee, ptrace_event);
      break;
    case PTRACE_EVENT_EXEC:
      handle_exec(tracee);
      break;
    case PTRACE_EVENT_EXIT:
      handle_exit_stop(tracee);
      break;
    case PTRACE_EVENT_STOP:
      if (stops_the_job(signal) && !detaching_) {
        ::ptrace(PTRACE_LISTEN, tid, nullptr, nullptr);
        return;
      }
      break;
    case 0:
      if (signal != kSyscallStop) {
        resume(tracee, signal);
        return;
      }
      handle_syscall_stop(tracee);
      return;
    default:
      break;
  }
  // Again by number: an exec may have moved the entry.
  if (const auto entry = tracees_.find(tid); entry != tracees_.end()) resume(entry->second, 0);
}

// With a filter only exits stop here. Without one, entries do too, and the kernel has to say which
// it is: an attached thread may have been inside a call when it was seized.
void Tracer::handle_syscall_stop(Tracee& tracee) {
  if (stop_at_ == StopAt::FollowedCalls) {
    leave_call(tracee);
    return;
  }
  __ptrace_syscall_info info{};
  ::ptrace(PTRACE_GET_SYSCALL_INFO, tracee.tid, sizeof info, &info);
  if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
    leave_call(tracee);
    return;
  }
  constexpr std::uint32_t kX86_64 = 0xC000'003E;  // AUDIT_ARCH_X86_64
  const auto number = static_cast<SyscallNumber>(info.entry.nr);
  const bool ends = number == SyscallNumber::Exit || number == SyscallNumber::ExitGroup;
  const bool followed = info.op == PTRACE_SYSCALL_INFO_ENTRY && info.arch == kX86_64 &&
                        info.entry.nr < 0x10000 && event::find_shape(number) && !ends;
  if (followed) {
    enter_call(tracee);
  } else {
    resume(tracee, 0);
  }
}

// Nothing the held child does for itself is the target's, except the execve that succeeds.
bool Tracer::is_recorded(const Tracee& tracee) const {
  return !(target_is_held_ && tracee.pid == target_) && !sink_.failed();
}

// Reads what has to be read while the thread stands still, and lets it go before the rest is done.
void Tracer::enter_call(Tracee& tracee) {
  const std::optional<user_regs_struct> registers = registers_of(tracee.tid);
  if (!registers) return;  // killed meanwhile
  event::Syscall call;
  call.tid = tracee.tid;
  call.pid = tracee.pid;
  call.number = static_cast<SyscallNumber>(registers->orig_rax);
  call.args = {registers->rdi, registers->rsi, registers->rdx,
               registers->r10, registers->r8,  registers->r9};
  // Arguments the call does not have are whatever the registers held.
  if (const event::SyscallShape* shape = event::find_shape(call.number)) {
    std::fill(call.args.begin() + shape->argument_count, call.args.end(), 0);
  }
  const bool executes =
      call.number == SyscallNumber::Execve || call.number == SyscallNumber::Execveat;
  const bool recorded = is_recorded(tracee);
  if (!recorded && !executes) {
    resume(tracee, 0);
    return;
  }
  std::optional<WalkedStack> stack;
  if (recorded) {
    ProcessMemory memory(tracee.tid);
    stack = walk_stack(memory, registers->rip, registers->rsp, registers->rbp);
    if (names_a_file(call)) call.file = chronicle_.file(tracee.pid, call.fd());
  }
  tracee.call = call;
  read_more_of(tracee);
  // Last, so that what the tracer did meanwhile is not part of the call's duration.
  tracee.call->ts = now();
  resume(tracee, 0);
  if (stack) tracee.call->stack = chronicle_.stack(tracee.pid, *stack);
}

// What only the target's memory tells.
void Tracer::read_more_of(Tracee& tracee) {
  const event::Syscall& call = *tracee.call;
  if (call.number == SyscallNumber::Prctl && call.args[0] == PR_SET_NAME) {
    tracee.new_name = read_name(tracee.tid, call.args[1]);
  } else if (call.number == SyscallNumber::Clone) {
    tracee.clone_flags = call.args[0];
  } else if (call.number == SyscallNumber::Clone3) {
    tracee.clone_flags = 0;  // the first member of struct clone_args
    ProcessMemory(tracee.tid)
        .read(call.args[0], reinterpret_cast<std::byte*>(&tracee.clone_flags),
              sizeof tracee.clone_flags);
  } else if (call.number == SyscallNumber::Vfork) {
    tracee.clone_flags = CLONE_VM | CLONE_VFORK;
  } else if (call.number == SyscallNumber::Fork) {
    tracee.clone_flags = 0;
  }
}

void Tracer::leave_call(Tracee& tracee) {
  const Nanoseconds end = now();
  if (!tracee.call) {
    resume(tracee, 0);
    return;
  }
  event::Syscall call = *std::exchange(tracee.call, std::nullopt);
  const std::optional<user_regs_struct> registers = registers_of(tracee.tid);
  resume(tracee, 0);
  if (!registers || !is_recorded(tracee)) return;
  call.dur = end - call.ts;
  call.ret = static_cast<std::int64_t>(registers->rax);
  chronicle_.called(call);
  if (call.failed()) return;
  if (call.number == SyscallNumber::Prctl && call.args[0] == PR_SET_NAME) {
    chronicle_.thread_renamed(tracee.tid, tracee.new_name);
  }
  if (call.number == SyscallNumber::Mmap && tracee.pid == target_ && !facts_.libjvm_ts) {
    const std::string* path = chronicle_.path_of(call.file);
    if (path && jvm::is_libjvm(*path)) facts_.libjvm_ts = call.ts;
  }
}

void Tracer::handle_new_child(const Tracee& parent, int ptrace_event) {
  const auto tid = static_cast<event::Tid>(event_message(parent.tid));
  const bool is_thread =
      ptrace_event == PTRACE_EVENT_CLONE && parent.call && (parent.clone_flags & CLONE_THREAD) != 0;
  const bool shares_memory = !is_thread && (ptrace_event == PTRACE_EVENT_VFORK ||
                                            (parent.call && (parent.clone_flags & CLONE_VM) != 0));
  const event::Pid parent_pid = parent.pid;
  if (tracees_.contains(tid)) {
    processes_[tracees_[tid].pid].shares_memory |= shares_memory;
    return;
  }
  if (ptrace_event == PTRACE_EVENT_CLONE && !parent.call) {
    adopt(tid);  // the call was not seen to begin: /proc knows what was made
    return;
  }
  const std::string name = chronicle_.name_of(parent.tid);
  const event::Pid pid = is_thread ? parent_pid : tid;
  if (!is_thread) {
    event::Process process;
    process.pid = pid;
    process.parent = parent_pid;
    process.start_ts = now();
    chronicle_.process_started(process);
  }
  chronicle_.thread_started(tid, pid, now(), name);
  add(tid, pid);
  if (shares_memory) processes_[pid].shares_memory = true;
}

void Tracer::handle_exec(Tracee& leader) {
  const Nanoseconds ts = now();
  const event::Pid pid = leader.pid;
  const auto former_tid = static_cast<event::Tid>(event_message(pid));
  // The thread that called it takes over the leader's number, and with it the call under way.
  if (former_tid != pid) {
    if (const auto caller = tracees_.find(former_tid); caller != tracees_.end()) {
      leader.call = caller->second.call;
      tracees_.erase(caller);
      --processes_[pid].threads;
    }
  }
  // Threads that die for it are still counted until their deaths are reported.
  processes_[pid].shares_memory = false;
  processes_[pid].end_seen = false;
  if (pid == target_ && target_is_held_) {
    target_is_held_ = false;
    event::Process process;
    process.pid = pid;
    process.parent = status_number(pid, "PPid");
    process.start_ts = leader.call ? leader.call->ts : ts;
    chronicle_.process_started(process);
  }
  file_systems_->note(pid);
  chronicle_.executed(pid, ts);
  if (pid == target_) {
    facts_.exec_ts = ts;
    facts_.libjvm_ts.reset();
    facts_.end_was_seen = false;
  }
  snapshot(leader, "exec");
}

void Tracer::handle_exit_stop(Tracee& tracee) {
  if (target_is_held_ && tracee.pid == target_) return;
  cut_off(tracee);
  chronicle_.thread_renamed(tracee.tid, thread_name(tracee.tid));
  chronicle_.thread_ended(tracee.tid, now());
  TracedProcess& process = processes_[tracee.pid];
  const std::optional<user_regs_struct> registers = registers_of(tracee.tid);
  // exit(2) ends one thread; exit_group(2), a deadly signal or another thread's exec end them all.
  const bool leaves_alone = registers && registers->orig_rax == SYS_exit && process.threads > 1;
  if (leaves_alone || process.shares_memory || process.end_seen) return;
  process.end_seen = true;
  if (tracee.pid == target_) facts_.end_was_seen = true;
  snapshot(tracee, "end");
}

void Tracer::handle_death(event::Tid tid, int wait_status, const rusage& usage) {
  const auto entry = tracees_.find(tid);
  const event::Pid pid = entry->second.pid;
  cut_off(entry->second);
  tracees_.erase(entry);
  chronicle_.thread_ended(tid, now());
  TracedProcess& process = processes_[pid];
  --process.threads;
  // The kernel reports a leader's death only when all other threads are gone.
  if (tid != pid) return;
  processes_.erase(pid);
  if (pid == target_) {
    facts_.exit_ts = now();
    facts_.wait_status = wait_status;
    facts_.usage = usage;
  }
  if (target_is_held_ && pid == target_) return;
  chronicle_.process_ended(pid, now(), wait_status);
}

// The thread dies inside a call; its result will never be known.
void Tracer::cut_off(Tracee& tracee) {
  if (!tracee.call) return;
  event::Syscall call = *std::exchange(tracee.call, std::nullopt);
  if (!is_recorded(tracee)) return;
  call.finished = false;
  chronicle_.called(call);
  ++calls_cut_off_;
}

// Through the thread that stands still: the leader may have left before.
void Tracer::snapshot(const Tracee& tracee, std::string_view moment) {
  if (sink_.failed()) return;
  const bool is_end = moment == "end";
  if (tracee.pid != target_ && is_end && ++child_snapshots_ > kMaxChildSnapshots) {
    ++snapshots_left_out_;
    return;
  }
  const Nanoseconds began = now();
  const std::span<const std::string_view> sources =
      is_end ? std::span<const std::string_view>(host::kProcessSources) : kExecSources;
  host::take_process_snapshot(tracee.pid, moment, began, sources, sink_, "", tracee.tid);
  if (tracee.pid == target_) facts_.held += now() - began;
}

void Tracer::detach_all() {
  FT_CHECK(stop_at_ == StopAt::EveryCall);
  if (tracees_.contains(target_)) {
    host::take_process_snapshot(target_, "end", now(), host::kProcessSources, sink_);
  }
  detaching_ = true;
  for (const auto& [tid, tracee] : tracees_) ::ptrace(PTRACE_INTERRUPT, tid, nullptr, nullptr);
  // A thread in an uninterruptible wait (a vfork's parent) stops late or never; the kernel lets it
  // go when we exit.
  constexpr Nanoseconds kPatience = 2'000'000'000;
  const Nanoseconds give_up_at = monotonic_now() + kPatience;
  while (!tracees_.empty() && monotonic_now() < give_up_at) {
    int wait_status = 0;
    rusage usage{};
    const pid_t tid = ::wait4(-1, &wait_status, __WALL | WNOHANG, &usage);
    if (tid < 0 && errno != EINTR) break;
    if (tid <= 0) {
      const timespec pause{0, 1'000'000};
      ::nanosleep(&pause, nullptr);
      continue;
    }
    handle(tid, wait_status, usage);
    if (WIFSTOPPED(wait_status)) tracees_.erase(tid);
  }
  for (auto& [tid, tracee] : tracees_) cut_off(tracee);
}

}  // namespace ft::capture::ptrace
