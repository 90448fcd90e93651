#include "report/perfetto/print.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "event/system_names.h"

namespace ft::report::perfetto {

namespace {

using event::Fault;
using event::SyscallNumber;
using event::Trace;

// Numbers of tracks: a kind above, an index below.
constexpr TrackId kProcesses = TrackId{1} << 40U;
constexpr TrackId kThreads = TrackId{2} << 40U;
constexpr TrackId kPhases = TrackId{3} << 40U;
constexpr TrackId kCounters = TrackId{4} << 40U;
constexpr TrackId kUnknownThread = TrackId{5} << 40U;

// Memory is reserved, then committed in the reservation, then touched: both steps get an arrow.
constexpr std::uint64_t kToCommit = std::uint64_t{1} << 40U;
constexpr std::uint64_t kToTouch = std::uint64_t{2} << 40U;

std::string_view name_of(event::MmEventKind kind) {
  constexpr std::array<std::string_view, 10> kNames = {
      "direct reclaim", "kswapd woken", "compaction",     "OOM victim",   "mmap_lock wait",
      "swap in",        "swap out",     "cgroup reclaim", "THP collapse", "migration"};
  return kNames.at(static_cast<std::size_t>(kind));
}

std::string_view kind_of(const Fault& fault) {
  if (fault.kind == event::FaultKind::Unfinished) return "signal instead";
  if (fault.kind == event::FaultKind::Major) return "major";
  return fault.huge() ? "huge page" : "minor";
}

std::string_view access_of(const Fault& fault) {
  if ((fault.error_code & event::kFaultInstruction) != 0) return "execute";
  return (fault.error_code & event::kFaultWrite) != 0 ? "write" : "read";
}

// Of memory that the call is about: where it is now, if the call placed it.
std::uint64_t address_of(const event::Syscall& call) {
  const bool places = call.number == SyscallNumber::Mmap || call.number == SyscallNumber::Mremap;
  if (call.failed()) return places ? 0 : call.addr();
  if (places) return static_cast<std::uint64_t>(call.ret);
  // The last byte below the new end of the heap.
  if (call.number == SyscallNumber::Brk && call.ret > 0) {
    return static_cast<std::uint64_t>(call.ret) - 1;
  }
  return call.addr();
}

class Printer {
 public:
  Printer(const Material& material, const Write& write)
      : material_(material), trace_(material.trace), writer_(write) {}

  Result<void> run() {
    describe_tracks();
    print_phases();
    print_calls();
    print_mm_events();
    print_counters();
    FT_TRY_VOID(material_.source.faults([&](std::span<const Fault> faults) {
      for (const Fault& fault : faults) print_fault(fault);
    }));
    FT_TRY_VOID(material_.source.samples([&](std::span<const event::Sample> samples) {
      for (const event::Sample& sample : samples) print_sample(sample);
    }));
    writer_.finish();
    return {};
  }

 private:
  void describe_tracks() {
    const auto start =
        parse_integer<std::uint64_t>(trace_.meta_or("start_realtime_ns")).value_or(0);
    if (start != 0) writer_.start_of_day(start);
    for (std::size_t i = 0; i < trace_.processes.size(); ++i) {
      const event::Process& process = trace_.processes[i];
      const std::string_view name = std::string_view(process.executable);
      writer_.process_track(kProcesses + i, process.pid, name.substr(name.rfind('/') + 1),
                            process.command);
    }
    for (std::size_t i = 0; i < trace_.threads.size(); ++i) {
      const event::Thread& thread = trace_.threads[i];
      writer_.thread_track(kThreads + i, thread.pid, thread.tid, thread.name);
    }
  }

  TrackId process_track() const {
    const auto process = std::ranges::find(trace_.processes, material_.pid, &event::Process::pid);
    if (process == trace_.processes.end()) return 0;
    return kProcesses + static_cast<TrackId>(process - trace_.processes.begin());
  }

  TrackId thread_track(event::Tid tid, Nanoseconds ts) {
    const std::int32_t index = material_.thread_at(tid, ts);
    if (index >= 0) return kThreads + static_cast<TrackId>(index);
    if (!told_unknown_) writer_.track(kUnknownThread, 0, "threads that were not seen to begin");
    told_unknown_ = true;
    return kUnknownThread;
  }

  event::Pid process_of(event::Tid tid, Nanoseconds ts) const {
    const std::int32_t index = material_.thread_at(tid, ts);
    return index < 0 ? material_.pid : trace_.threads[static_cast<std::size_t>(index)].pid;
  }

  void print_phases() {
    if (trace_.phases.empty()) return;
    writer_.track(kPhases, process_track(), "phases");
    for (const event::Phase& phase : trace_.phases) {
      const Slice slice{
          .track = kPhases, .name = phase.name, .annotations = {}, .flows = {}, .ending_flows = {}};
      if (phase.end_ts == event::kStillThere || phase.end_ts == phase.start_ts) {
        writer_.instant(slice, phase.start_ts);
      } else {
        writer_.slice(slice, phase.start_ts, phase.end_ts);
      }
    }
  }

  // --- system calls ----------------------------------------------------------------------------

  void print_calls() {
    for (std::size_t i = 0; i < trace_.syscalls.size(); ++i) print_call(i);
  }

  void print_call(std::size_t index) {
    const event::Syscall& call = trace_.syscalls[index];
    const std::uint64_t address = address_of(call);
    const Nanoseconds end = call.ts + std::max<Nanoseconds>(call.dur, 0);
    annotations_ = {Annotation::of_number("call", index + 1)};
    std::string result;
    flows_.clear();
    if (call.failed()) {
      result = call.finished ? std::string(event::errno_name(static_cast<int>(-call.ret)))
                             : "did not return";
      annotations_.push_back(Annotation::of("failed", result));
    } else if (address != 0) {
      const Place before = material_.place_at(call.pid, address, call.ts - 1);
      const Place after = material_.place_at(call.pid, address, end);
      annotations_.push_back(
          Annotation::of("subsystem", after.made_by < 0 ? before.subsystem : after.subsystem));
      if (!after.detail.empty()) annotations_.push_back(Annotation::of("detail", after.detail));
      add_flows(static_cast<std::int32_t>(index), before, after);
    }
    if (address != 0) annotations_.push_back(Annotation::of_address("address", address));
    if (call.length() != 0) annotations_.push_back(Annotation::of_number("length", call.length()));
    writer_.slice({.track = thread_track(call.tid, call.ts),
                   .name = event::name_of(call.number),
                   .annotations = annotations_,
                   .flows = flows_,
                   .ending_flows = {}},
                  call.ts, end);
  }

  // From the reservation to this call, if it made part of one usable; and on to the first touch.
  void add_flows(std::int32_t index, const Place& before, const Place& after) {
    if (after.made_by != index) return;
    if (before.made_by >= 0) {
      flows_.push_back(kToCommit + static_cast<std::uint64_t>(before.made_by));
    }
    flows_.push_back(kToCommit + static_cast<std::uint64_t>(index));
    flows_.push_back(kToTouch + static_cast<std::uint64_t>(index));
  }

  // --- faults ----------------------------------------------------------------------------------

  void print_fault(const Fault& fault) {
    const event::Pid pid = process_of(fault.tid, fault.ts);
    const Place place = material_.place_at(pid, fault.addr, fault.ts);
    annotations_ = {Annotation::of_address("address", fault.addr),
                    Annotation::of("kind", kind_of(fault)),
                    Annotation::of("access", access_of(fault)),
                    Annotation::of_address("instruction", fault.ip)};
    if (!place.detail.empty()) annotations_.push_back(Annotation::of("detail", place.detail));
    flows_.clear();
    if (place.made_by >= 0) {
      const auto made_by = static_cast<std::size_t>(place.made_by);
      if (touched_.size() <= made_by) touched_.resize(trace_.syscalls.size());
      if (made_by < touched_.size() && !touched_[made_by]) {
        touched_[made_by] = true;
        flows_.push_back(kToTouch + made_by);
      }
    }
    const Slice slice{.track = thread_track(fault.tid, fault.ts),
                      .name = fault_name(place.subsystem),
                      .annotations = annotations_,
                      .flows = {},
                      .ending_flows = flows_};
    if (fault.dur == event::kUnknownDuration) {
      writer_.instant(slice, fault.ts);
    } else {
      writer_.slice(slice, fault.ts, fault.ts + fault.dur);
    }
  }

  std::string_view fault_name(std::string_view subsystem) {
    auto [name, is_new] = fault_names_.try_emplace(subsystem);
    if (is_new) name->second = fmt::format("fault: {}", subsystem);
    return name->second;
  }

  // --- the rest --------------------------------------------------------------------------------

  void print_mm_events() {
    for (const event::MmEvent& event : trace_.mm_events) {
      annotations_ = {Annotation::of_number("value", event.value),
                      Annotation::of_number("detail", event.detail)};
      const Slice slice{.track = thread_track(event.tid, event.ts),
                        .name = name_of(event.kind),
                        .annotations = annotations_,
                        .flows = {},
                        .ending_flows = {}};
      if (event.dur == 0) {
        writer_.instant(slice, event.ts);
      } else {
        writer_.slice(slice, event.ts, event.ts + event.dur);
      }
    }
  }

  void print_counters() {
    for (std::size_t i = 0; i < material_.counters.size(); ++i) {
      const Counter& counter = material_.counters[i];
      const TrackId track = kCounters + i;
      writer_.counter_track(track, counter.of_host ? 0 : process_track(), counter.name,
                            counter.unit);
      for (const auto& [ts, value] : counter.points) writer_.counter(track, ts, value);
    }
  }

  void print_sample(const event::Sample& sample) {
    std::vector<Iid> frames;
    append_frames(sample.user_stack, "[unknown]", frames);
    append_frames(sample.kernel_stack, "[kernel]", frames);
    if (frames.empty()) return;
    writer_.sample(sample.ts, process_of(sample.tid, sample.ts), sample.tid, writer_.stack(frames));
  }

  void append_frames(event::StackId id, std::string_view module, std::vector<Iid>& frames) {
    if (id < 0 || static_cast<std::size_t>(id) >= trace_.stacks.size()) return;
    const event::Stack& stack = trace_.stacks[static_cast<std::size_t>(id)];
    for (auto frame = stack.frames.rbegin(); frame != stack.frames.rend(); ++frame) {
      const std::string name = frame->symbol.empty() ? hex(frame->address) : frame->symbol;
      frames.push_back(writer_.frame(name, frame->module.empty() ? module : frame->module));
    }
  }

  const Material& material_;
  const Trace& trace_;
  TraceWriter writer_;
  bool told_unknown_ = false;
  std::vector<bool> touched_;  // by call: an arrow ended at its first fault
  std::map<std::string_view, std::string> fault_names_;
  std::vector<Annotation> annotations_;  // of the event that is being written
  std::vector<std::uint64_t> flows_;
};

}  // namespace

Result<void> print(const Material& material, const Write& write) {
  return Printer(material, write).run();
}

}  // namespace ft::report::perfetto
