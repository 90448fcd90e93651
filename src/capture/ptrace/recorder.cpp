#include "capture/ptrace/recorder.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "capture/companions.h"
#include "capture/launch.h"
#include "capture/ptrace/syscall_filter.h"
#include "capture/ptrace/tracer.h"
#include "capture/signals.h"
#include "capture/stop_request.h"
#include "capture/target_meta.h"
#include "capture/target_watch.h"
#include "host/snapshot.h"

namespace ft::capture::ptrace {

namespace {

using event::LossSeverity;

bool has_no_new_privileges(pid_t pid) {
  const Result<std::string> status = read_file(fmt::format("/proc/{}/status", pid));
  return status && status->find("\nNoNewPrivs:\t1") != std::string::npos;
}

void notice(event::EventSink& sink, const char* kind, std::uint64_t count, const char* meaning) {
  sink.on_loss(
      {.kind = kind, .count = count, .severity = LossSeverity::Notice, .meaning = meaning});
}

// What this backend cannot see on any host.
void report_what_is_missing(std::uint64_t faults, event::EventSink& sink) {
  notice(sink, "page faults", faults,
         "page faults, which ptrace cannot see: getrusage counted so many; the bpf backend records "
         "each with address and latency");
  notice(sink, "page allocations", 1,
         "sizes and places of the frames taken: only the bpf backend records them");
  notice(sink, "TLB flushes", 1, "only the bpf backend records them");
  notice(sink, "reclaim, swap, OOM and lock waits", 1, "only the bpf backend records them");
  notice(sink, "JVM phases", 1,
         "marks inside the JVM (initialised, first GC): only the bpf backend records them");
  notice(sink, "latency in the kernel", 1,
         "durations of system calls are as the tracer saw them, its own stops included: compare "
         "them with each other, not with those of the bpf backend");
}

void report_losses(const Tracer& tracer, event::EventSink& sink) {
  const Chronicle& chronicle = tracer.chronicle();
  sink.on_loss({.kind = "stack unreadable",
                .count = chronicle.stacks_unreadable(),
                .severity = LossSeverity::DataLoss,
                .meaning = "calls whose stack could not be read: their callers are unknown"});
  sink.on_loss(
      {.kind = "stack truncated",
       .count = chronicle.stacks_truncated(),
       .severity = LossSeverity::Info,
       .meaning = "calling stacks deeper than 48 frames: the outermost frames are missing"});
  sink.on_loss({.kind = "call cut off",
                .count = tracer.calls_cut_off(),
                .severity = LossSeverity::Info,
                .meaning = "calls inside which a thread died or the recording ended"});
  if (tracer.snapshots_left_out() > 0) {
    notice(sink, "snapshots of children", tracer.snapshots_left_out(),
           "children of the target whose end was not looked at: only the first 100 are");
  }
}

void tell_phases(const Tracer::TargetFacts& facts, Nanoseconds end, event::EventSink& sink) {
  if (!facts.exec_ts) return;
  if (!facts.libjvm_ts) {
    sink.on_phase({.name = "run", .start_ts = *facts.exec_ts, .end_ts = end});
    return;
  }
  sink.on_phase({.name = "launcher", .start_ts = *facts.exec_ts, .end_ts = *facts.libjvm_ts});
  sink.on_phase({.name = "JVM", .start_ts = *facts.libjvm_ts, .end_ts = end});
}

void conclude(const Tracer& tracer, Nanoseconds start, std::uint64_t faults,
              event::EventSink& sink) {
  const Nanoseconds now = monotonic_now() - start;
  host::take_host_snapshot("end", now, sink);
  const Tracer::TargetFacts& facts = tracer.target();
  const Nanoseconds end = facts.exit_ts.value_or(now);
  if (facts.exec_ts) tell(sink, "target.exec_ts", *facts.exec_ts);
  tell(sink, "target.exit_ts", end);
  tell(sink, "target.held_ns", facts.held);
  tell(sink, "tracer.stops", static_cast<std::int64_t>(tracer.stops()));
  sink.on_meta("latency.source", "tracer");
  tell_phases(facts, end, sink);
  report_what_is_missing(faults, sink);
  report_losses(tracer, sink);
}

std::uint64_t less(std::uint64_t all, std::uint64_t part) {
  return all - std::min(all, part);
}

TargetUsage usage_without_held(const rusage& all, const HeldUsage& held) {
  TargetUsage usage = TargetUsage::of(all);
  usage.minor_faults = less(usage.minor_faults, held.minor_faults);
  usage.major_faults = less(usage.major_faults, held.major_faults);
  usage.user_time -= std::min(usage.user_time, held.user_time);
  usage.system_time -= std::min(usage.system_time, held.system_time);
  return usage;
}

Result<RecordResult> launch(const RecordOptions& options, event::EventSink& sink) {
  // The loop below blocks in wait4(), where SIGCHLD would only get in the way.
  auto signals = FT_TRY(RecorderSignals::make(RecorderSignals::WakeOnChild::No));
  const bool filtered = SyscallFilter::is_available();
  const SyscallFilter filter = SyscallFilter::of_followed_calls();
  HeldChild::Options child_options;
  child_options.command = options.command;
  child_options.user = options.user;
  if (filtered) child_options.prepare = [&filter] { return filter.install(); };
  const bool restricted_before = has_no_new_privileges(::getpid());
  auto child = FT_TRY(HeldChild::make(child_options, signals));

  const Nanoseconds start = monotonic_now();
  tell_start("ptrace", options.command, start, sink);
  tell(sink, "target.pid", child.pid());
  host::take_host_snapshot("start", 0, sink);
  const bool restricts = !restricted_before && has_no_new_privileges(child.pid());

  Tracer tracer(start, filtered ? StopAt::FollowedCalls : StopAt::EveryCall, sink);
  // A filter whose tracer is gone makes every followed call fail with ENOSYS: better no target than
  // one that cannot map memory.
  FT_TRY_VOID(tracer.follow_held(child.pid(), filtered ? Tracer::WhenRecorderDies::IsKilled
                                                       : Tracer::WhenRecorderDies::RunsOn));
  signals.pass_on_to(child.pidfd(), child.pid());
  Companions companions(options, start, sink);
  companions.count(child.pid(), Counters::From::Exec);
  child.let_go();
  bool watching = false;
  // Ends when the last descendant has ended, or, once the target itself has, when the user asks.
  {
    StopRequest stop(signals, std::nullopt);
    stop.interrupt_this_thread_periodically();
    FT_TRY_VOID(tracer.run([&] {
      if (tracer.target().exit_ts) signals.forget_target();
      if (tracer.target().exec_ts && !std::exchange(watching, true)) companions.watch(child.pid());
      companions.step(0);
      return tracer.target().exit_ts && stop.due();
    }));
  }
  signals.forget_target();
  companions.finish();

  const std::optional<ExecFailure> failure = FT_TRY(child.exec_outcome());
  if (failure) {
    return RecordResult{.exit_status = failure->exit_status(), .not_started = failure->error};
  }
  const Tracer::TargetFacts& facts = tracer.target();
  const TargetUsage usage = usage_without_held(facts.usage, child.held_usage());
  conclude(tracer, start, usage.minor_faults + usage.major_faults, sink);
  tell_usage(usage, sink);
  tell(sink, "target.exit_status", exit_status_of(facts.wait_status));
  if (restricts) {
    notice(sink, "set-uid programs", 1,
           "the target ran with no_new_privs, as filters of ordinary users must: set-uid programs "
           "did not gain rights");
  }
  if (!filtered) {
    notice(
        sink, "seccomp filter", 1,
        "this host allows no seccomp filter: the target stopped at every system call and ran much "
        "slower");
  }
  if (!facts.end_was_seen) {
    notice(sink, "end snapshot", 1,
           "the target's address space was gone before it could be looked at");
  }
  return RecordResult{.exit_status = exit_status_of(facts.wait_status),
                      .file_systems = tracer.file_systems()};
}

// What a running process was started with. Fails where there is nothing to attach to.
Result<std::vector<std::string>> command_of(pid_t pid) {
  const std::string what = fmt::format("process {}", pid);
  const Result<std::string> text = read_file(fmt::format("/proc/{}/cmdline", pid));
  if (!text) return fail(what, "there is no such process", "pgrep java lists JVMs");
  if (text->empty()) {
    return fail(what, "it is a kernel thread or has ended",
                "only processes with an address space can be recorded");
  }
  std::vector<std::string> command;
  std::string_view rest = *text;
  while (!rest.empty()) command.emplace_back(take_until(rest, '\0'));
  return command;
}

Result<RecordResult> attach(const RecordOptions& options, event::EventSink& sink) {
  auto signals = FT_TRY(RecorderSignals::make(RecorderSignals::WakeOnChild::No));
  const pid_t pid = *options.attach;
  const std::vector<std::string> command = FT_TRY(command_of(pid));
  const Nanoseconds start = monotonic_now();
  StopRequest stop(signals, options.duration);
  tell_start("ptrace", command, start, sink);
  tell(sink, "target.pid", pid);
  sink.on_meta("target.attached", "1");
  host::take_host_snapshot("start", 0, sink);
  Tracer tracer(start, StopAt::EveryCall, sink);
  FT_TRY_VOID(tracer.attach(pid));
  stop.interrupt_this_thread_periodically();
  Companions companions(options, start, sink);
  companions.count(pid, Counters::From::Now);
  companions.watch(pid);
  FT_TRY_VOID(tracer.run([&] {
    companions.step(0);
    return stop.due() || sink.failed();
  }));
  companions.finish();
  tracer.detach_all();

  conclude(tracer, start, 0, sink);
  notice(sink, "seccomp filter", 1,
         "a running process cannot be given a filter: it stopped at every system call and ran much "
         "slower while it was recorded");
  return RecordResult{.file_systems = tracer.file_systems()};
}

}  // namespace

Result<RecordResult> record(const RecordOptions& options, event::EventSink& sink) {
  return options.attach ? attach(options, sink) : launch(options, sink);
}

}  // namespace ft::capture::ptrace
