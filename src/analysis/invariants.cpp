#include "analysis/invariants.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <map>

#include "analysis/overlap_finder.h"
#include "analysis/thread_index.h"
#include "base/interval_map.h"
#include "base/text.h"

namespace ft::analysis {

namespace {

using event::Fault;
using event::kStillThere;
using event::Syscall;
using event::SyscallNumber;
using event::Trace;

constexpr unsigned kLargestOrder = 10;

// Where an event is, for its violations.
struct Place {
  std::string_view stream;
  std::uint64_t number = 0;
  Nanoseconds ts = 0;
};

class Violations {
 public:
  Violations(CheckResult& result, const CheckOptions& options)
      : result_(result), options_(options) {}

  void add(Rule rule, const Place& place, std::string what) {
    const std::uint64_t count = ++result_.counts[static_cast<std::size_t>(rule)];
    if (count > options_.keep_per_rule) return;
    result_.violations.push_back(
        {rule, std::string(place.stream), place.number, place.ts, std::move(what)});
  }

 private:
  CheckResult& result_;
  const CheckOptions& options_;
};

// The address space of one process as its mmap and munmap calls say; empty where nothing is known.
using Mappings = IntervalMap<std::uint64_t>;  // value: the number of the call that made it

class Checker {
 public:
  Checker(const Trace& trace, CheckResult& result, const CheckOptions& options)
      : trace_(trace), result_(result), found_(result, options), threads_(trace.threads) {}

  void check_lives();
  void check_syscalls();
  void check_mappings();
  void check_mm_events();
  void check_small();
  void check_faults(std::span<const Fault> batch);
  void check_allocs(std::span<const event::PageAlloc> batch);
  void check_flushes(std::span<const event::TlbFlush> batch);
  void check_samples(std::span<const event::Sample> batch);
  void unreadable(std::string_view stream, std::uint64_t after, const Error& error) {
    found_.add(Rule::Unreadable, {stream, after + 1, 0}, error.message());
  }
  std::uint64_t seen(std::string_view stream) const {
    const auto it = numbers_.find(stream);
    return it == numbers_.end() ? 0 : it->second;
  }

 private:
  Place next(std::string_view stream, Nanoseconds ts) {
    ++result_.events;
    return {stream, ++numbers_[stream], ts};
  }
  void check_times(const Place& place, Nanoseconds dur);
  // `until`: when the event ended, for one that may have begun before its thread's life.
  void check_thread(const Place& place, event::Tid tid, Nanoseconds until);
  void check_stack(const Place& place, event::StackId stack);
  void check_order(const Place& place, Nanoseconds& last);
  void check_block(const Place& place, const event::PageAlloc& alloc);
  void check_syscall(const Place& place, const Syscall& call);
  void check_mmap(std::size_t index, Mappings& mappings);

  const Trace& trace_;
  CheckResult& result_;
  Violations found_;
  ThreadIndex threads_;
  std::map<std::string_view, std::uint64_t> numbers_;
  OverlapFinder calls_;
  OverlapFinder faults_;
};

void Checker::check_times(const Place& place, Nanoseconds dur) {
  if (place.ts < 0) found_.add(Rule::NegativeTime, place, "begins before the recording");
  if (dur < event::kUnknownDuration) {
    found_.add(Rule::NegativeTime, place, fmt::format("took {} ns", dur));
  }
}

void Checker::check_thread(const Place& place, event::Tid tid, Nanoseconds until) {
  const std::int32_t index = threads_.find(tid, place.ts);
  if (index == ThreadIndex::kNone) {
    found_.add(Rule::UnknownThread, place, fmt::format("thread {} is not in the recording", tid));
    return;
  }
  const event::Thread& thread = trace_.threads[static_cast<std::size_t>(index)];
  if (until < thread.start_ts) {
    found_.add(Rule::OutsideThreadLife, place,
               fmt::format("thread {} began only at {}", tid, thread.start_ts));
  } else if (thread.end_ts != kStillThere && place.ts > thread.end_ts) {
    found_.add(Rule::OutsideThreadLife, place,
               fmt::format("thread {} had ended at {}", tid, thread.end_ts));
  }
}

void Checker::check_stack(const Place& place, event::StackId stack) {
  const bool known = stack >= 0 && static_cast<std::size_t>(stack) < trace_.stacks.size();
  if (stack != event::kNoStack && !known) {
    found_.add(Rule::IdOutOfRange, place,
               fmt::format("stack {} of {}", stack, trace_.stacks.size()));
  }
}

// `last` is that of the batch.
void Checker::check_order(const Place& place, Nanoseconds& last) {
  if (place.ts < last) {
    found_.add(Rule::UnsortedBatch, place, fmt::format("follows one at {}", last));
  }
  last = std::max(last, place.ts);
}

void Checker::check_block(const Place& place, const event::PageAlloc& alloc) {
  if (alloc.order > kLargestOrder) {
    found_.add(Rule::UnknownValue, place, fmt::format("a block of order {}", alloc.order));
  }
}

void Checker::check_lives() {
  std::map<event::Pid, std::vector<const event::Process*>> by_pid;
  for (const event::Process& process : trace_.processes) {
    const Place place = next("process", process.start_ts);
    by_pid[process.pid].push_back(&process);
    if (process.end_ts != kStillThere && process.end_ts < process.start_ts) {
      found_.add(Rule::NegativeTime, place, "ends before it begins");
    }
  }
  for (const event::Thread& thread : trace_.threads) {
    const Place place = next("thread", thread.start_ts);
    if (thread.end_ts != kStillThere && thread.end_ts < thread.start_ts) {
      found_.add(Rule::NegativeTime, place, "ends before it begins");
    }
    const auto it = by_pid.find(thread.pid);
    if (it == by_pid.end()) {
      found_.add(Rule::ProcessMismatch, place,
                 fmt::format("process {} is not in the recording", thread.pid));
      continue;
    }
    const bool lived_within = std::ranges::any_of(it->second, [&](const event::Process* process) {
      return thread.start_ts >= process->start_ts &&
             (process->end_ts == kStillThere || thread.start_ts <= process->end_ts);
    });
    if (!lived_within) {
      found_.add(Rule::ProcessMismatch, place,
                 fmt::format("begins when process {} is not alive", thread.pid));
    }
  }
}

void Checker::check_syscalls() {
  Nanoseconds last = 0;
  for (const Syscall& call : trace_.syscalls) {
    const Place place = next("syscall", call.ts);
    check_order(place, last);
    check_syscall(place, call);
  }
}

void Checker::check_syscall(const Place& place, const Syscall& call) {
  check_times(place, call.dur);
  // A recorded target lives from the end of the exec that made it; that call itself comes before.
  const bool execs = call.number == SyscallNumber::Execve || call.number == SyscallNumber::Execveat;
  check_thread(place, call.tid, execs ? call.ts + std::max<Nanoseconds>(call.dur, 0) : call.ts);
  check_stack(place, call.stack);
  if (!event::find_shape(call.number)) {
    found_.add(Rule::UnknownValue, place,
               fmt::format("call number {}", static_cast<unsigned>(call.number)));
  }
  const bool file_known =
      call.file >= 0 && static_cast<std::size_t>(call.file) < trace_.files.size();
  if (call.file != event::kNoFile && !file_known) {
    found_.add(Rule::IdOutOfRange, place,
               fmt::format("file {} of {}", call.file, trace_.files.size()));
  }
  const std::int32_t thread = threads_.find(call.tid, call.ts);
  if (thread != ThreadIndex::kNone) {
    const event::Pid pid = trace_.threads[static_cast<std::size_t>(thread)].pid;
    if (pid != call.pid) {
      found_.add(Rule::ProcessMismatch, place,
                 fmt::format("of process {}, its thread {} is of {}", call.pid, call.tid, pid));
    }
  }
  if (call.dur <= 0) return;
  if (const auto other = calls_.add(call.tid, {call.ts, call.ts + call.dur, place.number})) {
    found_.add(Rule::CallsOverlap, place,
               fmt::format("thread {} was still in call {}", call.tid, other->number));
  }
}

bool replaces(const Syscall& call) {
  return (call.flags() & MAP_FIXED) != 0 && (call.flags() & MAP_FIXED_NOREPLACE) == 0;
}

// A MAP_FIXED may fail when what was there is gone already, as one does that finds no huge page.
bool may_leave_a_hole(const Syscall& call) {
  return call.number == SyscallNumber::Mmap && call.failed() && replaces(call);
}

// A mapping is gone when its munmap begins and there when its mmap has ended: calls of other
// threads in between see either.
void Checker::check_mappings() {
  struct Step {
    Nanoseconds ts;
    std::size_t index;
  };
  std::vector<Step> steps;
  for (std::size_t i = 0; i < trace_.syscalls.size(); ++i) {
    const Syscall& call = trace_.syscalls[i];
    if (call.failed() && !may_leave_a_hole(call)) continue;
    const bool at_start = call.number == SyscallNumber::Munmap;
    steps.push_back({at_start ? call.ts : call.ts + std::max<Nanoseconds>(call.dur, 0), i});
  }
  std::ranges::stable_sort(steps, {}, &Step::ts);
  std::map<event::Pid, Mappings> spaces;
  for (const Step& step : steps) {
    const Syscall& call = trace_.syscalls[step.index];
    Mappings& mappings = spaces[call.pid];
    const bool sane = call.addr() < (1ULL << 62U) && call.length() < (1ULL << 62U);
    switch (call.number) {
      case SyscallNumber::Mmap:
        if (!call.failed()) {
          check_mmap(step.index, mappings);
          break;
        }
        [[fallthrough]];
      case SyscallNumber::Munmap:
        if (sane) mappings.erase({page_floor(call.addr()), page_ceil(call.addr() + call.length())});
        break;
      case SyscallNumber::Execve:
      case SyscallNumber::Execveat:
        mappings.clear();
        break;
      // These move or make mappings by rules of their own; what they touched is no longer known.
      case SyscallNumber::Mremap:
        if (sane) mappings.erase({page_floor(call.addr()), page_ceil(call.addr() + call.length())});
        break;
      case SyscallNumber::Shmdt:
      case SyscallNumber::RemapFilePages:
        mappings.clear();
        break;
      default:
        break;
    }
  }
}

void Checker::check_mmap(std::size_t index, Mappings& mappings) {
  const Syscall& call = trace_.syscalls[index];
  const auto start = static_cast<std::uint64_t>(call.ret);
  const Place place{"syscall", index + 1, call.ts};
  if (start >= (1ULL << 62U) || call.length() >= (1ULL << 62U)) {
    found_.add(Rule::UnknownValue, place,
               fmt::format("mapped {} at {}", human_bytes(call.length()), hex(start)));
    return;
  }
  const AddressRange range{start, page_ceil(start + call.length())};
  if (!replaces(call)) {
    std::uint64_t other = 0;
    mappings.for_each_in(range, [&](AddressRange, std::uint64_t made_by) {
      if (other == 0) other = made_by;
    });
    if (other != 0) {
      found_.add(Rule::MappingOverlap, place,
                 fmt::format("{} at {} lies over what call {} mapped", human_bytes(call.length()),
                             hex(start), other));
    }
  }
  mappings.assign(range, index + 1);
}

void Checker::check_mm_events() {
  Nanoseconds last = 0;
  for (const event::MmEvent& event : trace_.mm_events) {
    const Place place = next("mm_event", event.ts);
    check_order(place, last);
    check_times(place, event.dur);
    if (event.kind > event::MmEventKind::Migration) {
      found_.add(Rule::UnknownValue, place,
                 fmt::format("kind {}", static_cast<unsigned>(event.kind)));
    }
  }
}

void Checker::check_small() {
  for (const event::Phase& phase : trace_.phases) {
    const Place place = next("phase", phase.start_ts);
    check_times(place, 0);
    if (phase.end_ts != kStillThere && phase.end_ts < phase.start_ts) {
      found_.add(Rule::NegativeTime, place, "ends before it begins");
    }
  }
  for (const event::Snapshot& snapshot : trace_.snapshots) {
    check_times(next("snapshot", snapshot.ts), 0);
  }
  if (trace_.cut_short) {
    found_.add(Rule::CutShort, {}, "the recorder was killed: what came after is missing");
  }
}

void Checker::check_faults(std::span<const Fault> batch) {
  Nanoseconds last = 0;
  for (const Fault& fault : batch) {
    const Place place = next("fault", fault.ts);
    check_order(place, last);
    check_times(place, fault.dur);
    check_thread(place, fault.tid, fault.ts);
    if (fault.kind > event::FaultKind::Unfinished) {
      found_.add(Rule::UnknownValue, place,
                 fmt::format("kind {}", static_cast<unsigned>(fault.kind)));
    }
    if (fault.has_page) check_block(place, fault.page);
    if (fault.dur <= 0) continue;
    if (const auto other = faults_.add(fault.tid, {fault.ts, fault.ts + fault.dur, place.number})) {
      found_.add(Rule::FaultsOverlap, place,
                 fmt::format("thread {} was still in fault {}", fault.tid, other->number));
    }
  }
}

void Checker::check_allocs(std::span<const event::PageAlloc> batch) {
  Nanoseconds last = 0;
  for (const event::PageAlloc& alloc : batch) {
    const Place place = next("page_alloc", alloc.ts);
    check_order(place, last);
    check_times(place, 0);
    check_block(place, alloc);
    if (alloc.context > event::AllocContext::Syscall) {
      found_.add(Rule::UnknownValue, place,
                 fmt::format("context {}", static_cast<unsigned>(alloc.context)));
    }
  }
}

void Checker::check_flushes(std::span<const event::TlbFlush> batch) {
  Nanoseconds last = 0;
  for (const event::TlbFlush& flush : batch) {
    const Place place = next("tlb_flush", flush.ts);
    check_order(place, last);
    check_times(place, 0);
    if (flush.reason > event::FlushReason::RemoteWrongCpu) {
      found_.add(Rule::UnknownValue, place,
                 fmt::format("reason {}", static_cast<unsigned>(flush.reason)));
    }
  }
}

void Checker::check_samples(std::span<const event::Sample> batch) {
  Nanoseconds last = 0;
  for (const event::Sample& sample : batch) {
    const Place place = next("sample", sample.ts);
    check_order(place, last);
    check_times(place, 0);
    check_stack(place, sample.kernel_stack);
    check_stack(place, sample.user_stack);
  }
}

}  // namespace

std::string_view name_of(Rule rule) {
  switch (rule) {
    case Rule::Unreadable:
      return "unreadable";
    case Rule::CutShort:
      return "cut short";
    case Rule::IdOutOfRange:
      return "id out of range";
    case Rule::UnknownValue:
      return "unknown value";
    case Rule::NegativeTime:
      return "impossible time";
    case Rule::UnsortedBatch:
      return "out of order";
    case Rule::UnknownThread:
      return "unknown thread";
    case Rule::OutsideThreadLife:
      return "outside of its thread's life";
    case Rule::ProcessMismatch:
      return "wrong process";
    case Rule::CallsOverlap:
      return "calls overlap";
    case Rule::FaultsOverlap:
      return "faults overlap";
    case Rule::MappingOverlap:
      return "mappings overlap";
    case Rule::DoesNotReconcile:
      return "does not reconcile";
    case Rule::DoesNotAddUp:
      return "does not add up";
  }
  return "unknown rule";
}

Result<CheckResult> check_invariants(event::EventSource& source, const CheckOptions& options) {
  const Trace trace = FT_TRY(source.trace());
  CheckResult result;
  Checker checker(trace, result, options);
  checker.check_lives();
  checker.check_syscalls();
  checker.check_mappings();
  checker.check_mm_events();
  checker.check_small();
  const auto readable = [&](std::string_view stream, const Result<void>& read) {
    if (!read) checker.unreadable(stream, checker.seen(stream), read.error());
  };
  readable("fault", source.faults([&](auto batch) { checker.check_faults(batch); }));
  readable("page_alloc", source.page_allocs([&](auto batch) { checker.check_allocs(batch); }));
  readable("tlb_flush", source.tlb_flushes([&](auto batch) { checker.check_flushes(batch); }));
  readable("sample", source.samples([&](auto batch) { checker.check_samples(batch); }));
  return result;
}

void check_report(const report::model::Report& report, const CheckOptions& options,
                  CheckResult& result) {
  Violations found(result, options);
  for (const report::model::ReconcileLine& line : report.reconcile) {
    if (line.agrees || !line.comparable) continue;
    found.add(Rule::DoesNotReconcile, {},
              fmt::format("{}: {} recorded, {} by the kernel, {} may differ{}{}", line.what,
                          line.recorded, line.kernel, line.tolerance, line.note.empty() ? "" : "; ",
                          line.note));
  }
  for (const std::string& broken : report::model::check(report)) {
    found.add(Rule::DoesNotAddUp, {}, broken);
  }
}

}  // namespace ft::analysis
