#include "capture/bpf/recorder.h"

#include <fmt/format.h>
#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "capture/bpf/jvm_marker.h"
#include "capture/bpf/libjvm_probe_points.h"
#include "capture/bpf/loss_report.h"
#include "capture/bpf/phases.h"
#include "capture/bpf/probes.h"
#include "capture/bpf/sampling.h"
#include "capture/companions.h"
#include "capture/exit_watch.h"
#include "capture/file_systems.h"
#include "capture/launch.h"
#include "capture/signals.h"
#include "capture/stop_request.h"
#include "capture/target_meta.h"
#include "capture/target_watch.h"
#include "event/memory_trace.h"
#include "host/host_files.h"
#include "host/maps.h"
#include "host/pfn_nodes.h"
#include "host/snapshot.h"
#include "jvm/installation.h"

namespace ft::capture::bpf {

namespace {

// Often enough that the ring never fills, seldom enough to cost the target nothing. The JVM's marks
// wake the recorder at once.
constexpr int kPollMilliseconds = 10;

constexpr Nanoseconds kNanosecondsPerSecond = 1'000'000'000;

// A start copies some 15 MiB of stacks. A long recording stops copying here; frame pointers go on.
constexpr std::size_t kMostStackCopyBytes = 256 * kMiB;

constexpr std::array<std::string_view, 2> kExecSources = {"maps", "status"};

// smaps, smaps_rollup and numa_maps walk the page tables of a JVM that runs on, under mmap_lock and
// on a CPU that it could use: 1 to 3 ms, which a start of 40 ms feels.
constexpr std::array<std::string_view, 2> kRunningSources = {"maps", "status"};

bool has_other_nodes_than_0(const std::optional<host::PfnNodes>& nodes) {
  bool others = false;
  if (nodes)
    nodes->ranges().for_each([&](AddressRange, std::uint32_t node) { others |= node != 0; });
  return others;
}

class Recorder {
 public:
  Recorder(const RecordOptions& options, event::EventSink& sink) : options_(options), sink_(sink) {}

  Result<RecordResult> run() {
    auto signals = FT_TRY(RecorderSignals::make());
    return options_.attach ? attach(signals) : launch(signals);
  }

 private:
  Nanoseconds now() const { return monotonic_now() - start_; }

  Result<RecordResult> launch(RecorderSignals& signals);
  Result<RecordResult> attach(RecorderSignals& signals);

  Result<void> prepare();
  void snapshot(event::Pid pid, std::string_view moment, std::span<const std::string_view> sources);
  void snapshot_of_child(event::Pid pid, Nanoseconds exec);
  std::size_t drain();
  void sample(event::Tid tid, Probes::From from);
  std::size_t marks_so_far(event::Pid target) const;
  void tell_watched();
  void conclude(event::Pid target);

  const RecordOptions& options_;
  event::EventSink& sink_;
  std::optional<Probes> probes_;
  std::optional<JvmMarker> marker_;
  std::optional<MessageDecoder> decoder_;
  std::optional<Companions> companions_;
  std::optional<ExitWatch> other_jvms_;  // that the target starts
  std::optional<host::PfnNodes> nodes_;
  std::shared_ptr<FileSystems> file_systems_ = std::make_shared<FileSystems>();
  std::vector<event::StackCopy> stack_copies_;
  std::size_t stack_copy_bytes_ = 0;
  std::uint64_t stack_copies_dropped_ = 0;
  std::uint64_t snapshots_left_out_ = 0;
  Nanoseconds start_ = 0;
  Nanoseconds held_ = 0;         // the target
  Nanoseconds held_others_ = 0;  // JVMs it started, for which it waits as a rule
  std::optional<Error> no_samples_;
  event::Pid held_process_ = 0;  // stops at exec and exit; 0: attached, nobody does
};

// A recorder that waits for a CPU while it reads smaps holds the target's mmap_lock for all that
// time, and one that cannot keep up fills the ring. It needs little, so it may go first.
void go_first() {
  constexpr int kNice = -10;
  const auto self = static_cast<id_t>(::gettid());
  if (::getpriority(PRIO_PROCESS, self) > kNice) ::setpriority(PRIO_PROCESS, self, kNice);
}

// Memory is paid for at first touch, ours as well, and on a CPU that the target could use. What a
// start's events need is touched before it runs, and kept when columns grow out of it.
void touch_memory_ahead() {
  constexpr std::size_t kAhead = 8 * kMiB;
  ::mallopt(M_MMAP_THRESHOLD, 32 * kMiB);  // the most that glibc takes
  ::mallopt(M_TRIM_THRESHOLD, 32 * kMiB);
  const std::vector<char> touched(kAhead, 1);
  __asm__ volatile("" : : "g"(touched.data()) : "memory");
}

Result<void> Recorder::prepare() {
  Probes::Options options;
  options.ring_bytes = options_.ring_bytes;
  options.stack_copy_bytes = options_.dwarf_stacks ? FT_STACK_COPY_BYTES : 0;
  options.samples = options_.sample_hz != 0;
  probes_ = FT_TRY(Probes::load(options));
  marker_.emplace(*probes_);
  go_first();
  touch_memory_ahead();

  if (auto nodes = host::PfnNodes::read(host::HostFiles())) nodes_ = std::move(*nodes);
  start_ = monotonic_now();
  MessageDecoder::Hooks hooks;
  hooks.on_exec = [this](event::Pid pid, Nanoseconds exec) {
    file_systems_->note(pid);
    if (pid != held_process_) snapshot_of_child(pid, exec);
  };
  hooks.on_libjvm = [this](event::Pid pid, const std::string& path) {
    // Inside a container the path holds only under the process's own root.
    marker_->mark_soon({pid, path, fmt::format("/proc/{}/root{}", pid, path)});
    if (other_jvms_ && pid != held_process_) other_jvms_->add(pid);
  };
  hooks.on_vm_initialised = [this](event::Pid pid) {
    if (options_.full_snapshots) {
      snapshot(pid, "jvm initialised", host::kProcessSources);
    } else {
      snapshot(pid, "jvm initialised", kRunningSources);
    }
  };
  if (options_.dwarf_stacks) {
    hooks.on_stack_copy = [this](event::StackCopy copy) {
      if (stack_copy_bytes_ + copy.memory.size() > kMostStackCopyBytes) {
        ++stack_copies_dropped_;
        return;
      }
      stack_copy_bytes_ += copy.memory.size();
      stack_copies_.push_back(std::move(copy));
    };
  }
  if (has_other_nodes_than_0(nodes_)) {  // asked for every page: with one node the answer is known
    hooks.node_of = [this](std::uint64_t pfn) {
      return static_cast<std::int8_t>(nodes_->node_of(pfn).value_or(0));
    };
  }
  decoder_.emplace(start_, probes_->page_frames(), sink_, std::move(hooks));
  companions_.emplace(options_, start_, sink_);
  return {};
}

void Recorder::snapshot(event::Pid pid, std::string_view moment,
                        std::span<const std::string_view> sources) {
  host::take_process_snapshot(pid, moment, now(), sources, sink_);
}

// Nobody holds a child at its exec. What it has mapped itself by now is in its calls too; but it
// may be on its way into another program already, as scripts that end in exec are, and then what
// was read belongs to neither for certain. The exec to come has a snapshot of its own.
void Recorder::snapshot_of_child(event::Pid pid, Nanoseconds exec) {
  constexpr int kAttempts = 10;  // an exec that fails is soon over
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    event::MemoryTrace seen;
    host::take_process_snapshot(pid, "exec", now(), kExecSources, seen);
    const Probes::Program program = probes_->program_since(pid, start_ + exec);
    if (const auto read = seen.trace(); read && program == Probes::Program::Same) {
      for (const event::Snapshot& file : read->snapshots) sink_.on_snapshot(file);
      for (const event::Loss& loss : read->losses) sink_.on_loss(loss);
    }
    if (program != Probes::Program::Changing) return;
    ::sched_yield();
  }
  sink_.on_loss({.kind = "snapshots at exec",
                 .count = ++snapshots_left_out_,
                 .severity = event::LossSeverity::Notice,
                 .meaning = "a process went on into another program before it could be looked at"});
}

std::size_t Recorder::drain() {
  return probes_->consume(
      [this](std::span<const std::byte> message) { decoder_->decode(message); });
}

// A host that refuses clocks is no reason to record nothing.
void Recorder::sample(event::Tid tid, Probes::From from) {
  if (options_.sample_hz == 0 || no_samples_) return;
  const Nanoseconds period = kNanosecondsPerSecond / options_.sample_hz;
  // A thread may have ended since it was listed.
  const auto done = probes_->sample(tid, from, period);
  const bool gone = !done && ::kill(tid, 0) != 0 && errno == ESRCH;
  if (!done && !gone) no_samples_ = done.error();
}

Result<RecordResult> Recorder::launch(RecorderSignals& signals) {
  auto child = FT_TRY(HeldChild::make(
      {.command = options_.command, .user = options_.user, .prepare = {}}, signals));
  if (auto ready = prepare(); !ready) return RecordResult{.unavailable = ready.error()};
  const event::Pid target = child.pid();
  held_process_ = target;
  tell_start("bpf", options_.command, start_, sink_);
  tell(sink_, "target.pid", target);
  if (const std::string libjvm = jvm::libjvm_of_command(options_.command.front());
      !libjvm.empty()) {
    marker_->mark_now({target, libjvm, libjvm});
  }
  host::take_host_snapshot("start", now(), sink_);

  TargetWatch::Hooks hooks;
  hooks.stops = TargetWatch::Stops::ExecAndExit;
  hooks.on_exec = [&](pid_t pid) {
    drain();
    snapshot(pid, "exec", kExecSources);
    const ProcessMarks* marks = decoder_->marks_of(pid);
    if (marks && marks->exec != event::kStillThere) held_ += now() - marks->exec;
  };
  hooks.on_exit = [&](pid_t pid, int) {
    const Nanoseconds began = now();
    snapshot(pid, "end", host::kProcessSources);
    if (options_.at_end && pid == target) options_.at_end(pid, sink_);
    held_ += now() - began;
  };
  auto watch = FT_TRY(TargetWatch::follow(child, signals, hooks));
  other_jvms_.emplace([&](pid_t pid) {
    const Nanoseconds began = now();
    snapshot(pid, "end", host::kProcessSources);
    held_others_ += now() - began;
  });
  probes_->follow(target, target, Probes::From::Exec);
  sample(target, Probes::From::Exec);
  companions_->count(target, Counters::From::Exec);
  if (auto failure = FT_TRY(child.release(watch))) {
    return RecordResult{.exit_status = failure->exit_status(), .not_started = failure->error};
  }
  companions_->watch(target);
  while (!watch.end()) {
    std::array<pollfd, 2> wake{pollfd{.fd = signals.wake_fd(), .events = POLLIN, .revents = 0},
                               pollfd{.fd = probes_->wake_fd(), .events = POLLIN, .revents = 0}};
    ::poll(wake.data(), wake.size(), kPollMilliseconds);
    FT_TRY_VOID(watch.step());  // first: whoever is held waits for it
    other_jvms_->step();
    drain();
    companions_->step(marks_so_far(target));
    if (sink_.failed()) break;
  }
  other_jvms_.reset();

  conclude(target);
  if (!watch.end()) {
    return RecordResult{.stack_copies = std::move(stack_copies_), .file_systems = file_systems_};
  }
  const TargetEnd& end = *watch.end();
  TargetUsage usage = TargetUsage::of(end.usage);
  const HeldUsage& held = child.held_usage();
  usage.minor_faults -= std::min(usage.minor_faults, held.minor_faults);
  usage.major_faults -= std::min(usage.major_faults, held.major_faults);
  usage.user_time -= std::min(usage.user_time, held.user_time);
  usage.system_time -= std::min(usage.system_time, held.system_time);
  tell_usage(usage, sink_);
  if (const ProcessMarks* marks = decoder_->marks_of(target)) {
    const std::uint64_t before = held.minor_faults + held.major_faults;
    tell(sink_, "blind.exec_faults",
         static_cast<std::int64_t>(marks->exec_faults - std::min(marks->exec_faults, before)));
  }
  tell(sink_, "target.held_ns", held_ + held_others_);
  tell(sink_, "others.held_ns", held_others_);
  tell(sink_, "target.exit_status", exit_status_of(end.wait_status));
  if (!end.end_was_seen) {
    sink_.on_loss({.kind = "end snapshot",
                   .count = 1,
                   .severity = event::LossSeverity::Notice,
                   .meaning = "the target's address space was gone before it could be looked at"});
  }
  return RecordResult{.exit_status = exit_status_of(end.wait_status),
                      .stack_copies = std::move(stack_copies_),
                      .file_systems = file_systems_};
}

std::vector<event::Tid> threads_of(event::Pid pid) {
  std::vector<event::Tid> threads;
  std::error_code ignored;
  const std::filesystem::path folder = fmt::format("/proc/{}/task", pid);
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    if (const auto tid = parse_integer<event::Tid>(entry.path().filename().string())) {
      threads.push_back(*tid);
    }
  }
  std::ranges::sort(threads);
  return threads;
}

std::string comm_of(event::Pid pid, event::Tid tid) {
  const auto name = read_file(fmt::format("/proc/{}/task/{}/comm", pid, tid));
  return name ? std::string(trim(*name)) : std::string();
}

Result<event::Process> running_process(event::Pid pid) {
  const std::string folder = fmt::format("/proc/{}", pid);
  const auto command_line = read_file(folder + "/cmdline");
  if (!command_line) {
    return fail(fmt::format("process {}", pid), "there is no such process",
                "pgrep java lists JVMs");
  }
  if (command_line->empty()) {
    return fail(fmt::format("process {}", pid), "it is a kernel thread or has ended",
                "only processes with an address space can be recorded");
  }
  event::Process process;
  process.pid = pid;
  process.present_at_start = true;
  std::string_view rest = *command_line;
  while (!rest.empty()) process.command.emplace_back(take_until(rest, '\0'));
  std::error_code ignored;
  process.executable = std::filesystem::read_symlink(folder + "/exe", ignored).string();
  return process;
}

Result<RecordResult> Recorder::attach(RecorderSignals& signals) {
  const event::Pid target = *options_.attach;
  const event::Process process = FT_TRY(running_process(target));
  const Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, target, 0)));
  if (!pidfd.valid()) return fail_errno(fmt::format("process {}", target), errno);
  if (auto ready = prepare(); !ready) return RecordResult{.unavailable = ready.error()};
  StopRequest stop(signals, options_.duration);
  tell_start("bpf", process.command, start_, sink_);
  tell(sink_, "target.pid", target);
  sink_.on_meta("target.attached", "1");
  host::take_host_snapshot("start", now(), sink_);
  file_systems_->note(target);
  decoder_->add_process(process, 0);
  // Threads may be born while the list is read: again until nothing is new.
  std::set<event::Tid> followed;
  companions_->count(target, Counters::From::Now);
  for (bool something_new = true; something_new;) {
    something_new = false;
    for (const event::Tid tid : threads_of(target)) {
      if (!followed.insert(tid).second) continue;
      something_new = true;
      probes_->follow(tid, target, Probes::From::Now);
      sample(tid, Probes::From::Now);
      if (tid != target) companions_->count_too(tid);
      decoder_->add_thread(
          {.tid = tid, .pid = target, .start_ts = 0, .name = comm_of(target, tid)});
    }
  }
  snapshot(target, "attach", host::kProcessSources);
  if (const auto text = read_file(fmt::format("/proc/{}/maps", target))) {
    if (const auto maps = host::parse_maps(*text)) {
      for (const host::Vma& vma : *maps) {
        if (!jvm::is_libjvm(vma.path())) continue;
        const std::string path(vma.path());
        marker_->mark_now({target, path, fmt::format("/proc/{}/root{}", target, path)});
        break;
      }
    }
  }

  companions_->watch(target);
  bool ended = false;
  while (!ended && !stop.due() && !sink_.failed()) {
    std::array<pollfd, 3> events{pollfd{.fd = signals.wake_fd(), .events = POLLIN, .revents = 0},
                                 pollfd{.fd = pidfd.get(), .events = POLLIN, .revents = 0},
                                 pollfd{.fd = probes_->wake_fd(), .events = POLLIN, .revents = 0}};
    ::poll(events.data(), events.size(), stop.poll_timeout(kPollMilliseconds));
    if (events[0].revents & POLLIN) signals.drain();
    drain();
    companions_->step(marks_so_far(target));
    ended = (events[1].revents & POLLIN) != 0;
  }
  if (!ended) {
    snapshot(target, "end", host::kProcessSources);
    if (options_.at_end) options_.at_end(target, sink_);
  }
  conclude(target);
  return RecordResult{.stack_copies = std::move(stack_copies_), .file_systems = file_systems_};
}

// How many borders of phases were seen, the last exec's included.
std::size_t Recorder::marks_so_far(event::Pid target) const {
  std::size_t seen = 0;
  const auto count = [&](event::Pid pid) {
    const ProcessMarks* marks = decoder_->marks_of(pid);
    if (!marks) return;
    for (const Nanoseconds mark : {marks->exec, marks->libjvm_mapped, marks->vm_init_begin,
                                   marks->vm_init_end, marks->first_gc, marks->vm_shutdown}) {
      seen += mark == event::kStillThere ? 0 : 1;
    }
  };
  count(target);
  const auto jvm = decoder_->only_jvm();
  if (jvm && *jvm != target) count(*jvm);
  return seen;
}

// A count of zero says something only where somebody looked.
void Recorder::tell_watched() {
  std::string watched;
  for (const std::string_view tracepoint :
       {"mm_vmscan_write_folio", "mm_collapse_huge_page", "mm_migrate_pages"}) {
    if (!probes_->watches(tracepoint)) continue;
    if (!watched.empty()) watched += ' ';
    watched += tracepoint;
  }
  sink_.on_meta("watched", watched);
}

void Recorder::conclude(event::Pid target) {
  companions_->finish();
  marker_->finish(sink_);
  probes_->finish([this](std::span<const std::byte> message) { decoder_->decode(message); });
  if (options_.sample_hz != 0) {
    tell_samples({.period = kNanosecondsPerSecond / options_.sample_hz,
                  .clock = probes_->sampled_time(),
                  .lost = probes_->losses().ring_full[FT_SAMPLE],
                  .refused = no_samples_},
                 *decoder_, sink_);
  }
  const Nanoseconds end = decoder_->end_of(target).value_or(now());
  host::take_host_snapshot("end", now(), sink_);
  if (const ProcessMarks* marks = decoder_->marks_of(target)) {
    if (marks->exec != event::kStillThere) tell(sink_, "target.exec_ts", marks->exec);
    const std::optional<event::Pid> jvm = decoder_->only_jvm();
    const std::vector<event::Phase> phases =
        jvm && *jvm != target
            ? phases_around_jvm(*marks, end, *decoder_->marks_of(*jvm),
                                std::min(decoder_->end_of(*jvm).value_or(end), end))
            : phases_of(*marks, end);
    for (const event::Phase& phase : phases) sink_.on_phase(phase);
  }
  tell(sink_, "target.exit_ts", end);
  if (probes_->fault_end() == FaultEnd::MemcgCount) {
    tell(sink_, "blind.gup_faults", static_cast<std::int64_t>(probes_->losses().gup_faults));
  }
  sink_.on_meta("fault_end", probes_->fault_end() == FaultEnd::MemcgCount ? "memcg" : "perf");
  sink_.on_meta("latency.source", "kernel");
  tell_watched();
  report_losses(*probes_, *decoder_, sink_);
  if (options_.dwarf_stacks) {
    sink_.on_loss(
        {.kind = "stack copies",
         .count = stack_copies_dropped_,
         .severity = event::LossSeverity::Info,
         .meaning = "stacks known by frame pointers only: 256 MiB of copies were reached"});
  }
}

}  // namespace

Result<RecordResult> record(const RecordOptions& options, event::EventSink& sink) {
  return Recorder(options, sink).run();
}

}  // namespace ft::capture::bpf
