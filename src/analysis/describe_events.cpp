// The system calls and page faults: totals, distribution, the longest of each.
#include <algorithm>
#include <limits>
#include <map>

#include "analysis/call_words.h"
#include "analysis/describe.h"
#include "analysis/latency_histogram.h"

namespace ft::analysis {

namespace {

using event::Syscall;
using event::SyscallNumber;
using report::model::Report;
using report::model::SyscallStats;

struct CallTotals {
  SyscallStats stats;
  LatencyHistogram latency;
  bool timed = false;
};

// How far a brk moved the end of the heap, from what the previous one of the process returned.
class BreakMoves {
 public:
  std::uint64_t moved_by(const Syscall& call) {
    std::uint64_t& last = last_[call.pid];
    const auto now = static_cast<std::uint64_t>(call.ret);
    const std::uint64_t before = std::exchange(last, now);
    if (before == 0) return 0;
    return now > before ? now - before : before - now;
  }

 private:
  std::map<event::Pid, std::uint64_t> last_;
};

// The six that scripts may rely on are always listed.
constexpr SyscallNumber kAlwaysListed[] = {SyscallNumber::Mmap,     SyscallNumber::Munmap,
                                           SyscallNumber::Mprotect, SyscallNumber::Madvise,
                                           SyscallNumber::Brk,      SyscallNumber::Mremap};

// The function the program called the kernel from: the first frame with a name that is not the C
// library's own wrapper.
std::string caller_of(const Syscall& call, const event::Trace& trace) {
  if (call.stack < 0 || static_cast<std::size_t>(call.stack) >= trace.stacks.size()) return {};
  for (const event::Frame& frame : trace.stacks[static_cast<std::size_t>(call.stack)].frames) {
    if (!frame.symbol.empty()) return frame.symbol;
  }
  return {};
}

report::model::Call described(const Passes& passes, std::size_t index) {
  const Syscall& from = passes.trace.syscalls[index];
  const attribution::Owner& owner = passes.owner(passes.owner_of_call(index));
  report::model::Call call;
  call.id = index + 1;
  call.ts = from.ts;
  if (from.dur >= 0) call.dur_ns = from.dur;
  call.tid = from.tid;
  call.thread = passes.thread_name(from.tid, from.ts);
  call.name = event::name_of(from.number);
  call.words = in_words(from, passes.trace);
  call.caller = caller_of(from, passes.trace);
  call.subsystem = jvm::name_of(owner.subsystem);
  call.detail = owner.detail;
  call.error = error_name(from);
  const bool placed = from.number == SyscallNumber::Mmap && !from.failed();
  call.address = placed ? static_cast<std::uint64_t>(from.ret) : from.addr();
  call.length = from.length();
  return call;
}

}  // namespace

void describe_syscalls(const Passes& passes, Report& report) {
  std::map<SyscallNumber, CallTotals> totals;
  for (const SyscallNumber number : kAlwaysListed) totals[number];
  BreakMoves breaks;
  for (const Syscall& call : passes.trace.syscalls) {
    CallTotals& total = totals[call.number];
    ++total.stats.count;
    if (!call.finished)
      ++total.stats.unfinished;
    else if (call.failed())
      ++total.stats.errors;
    else if (call.number == SyscallNumber::Brk)
      total.stats.bytes += breaks.moved_by(call);
    else
      total.stats.bytes += call.length();
    if (call.dur < 0) continue;
    total.timed = true;
    total.latency.record(call.dur);
  }
  for (auto& [number, total] : totals) {
    SyscallStats stats = total.stats;
    stats.name = event::name_of(number);
    const event::SyscallShape* shape = event::find_shape(number);
    stats.memory = shape && shape->call_class == event::SyscallClass::Memory;
    if (total.timed || (stats.count == 0 && passes.calls.timed())) {
      stats.total_ns = total.latency.total();
      stats.max_ns = total.latency.max();
      if (stats.count > 0) {
        stats.p50_ns = total.latency.quantile(0.5);
        stats.p99_ns = total.latency.quantile(0.99);
      }
    }
    report.syscalls.push_back(std::move(stats));
  }
  std::ranges::stable_sort(report.syscalls, [](const SyscallStats& a, const SyscallStats& b) {
    if (a.total_ns.value_or(0) != b.total_ns.value_or(0)) {
      return a.total_ns.value_or(0) > b.total_ns.value_or(0);
    }
    return a.count > b.count;
  });
}

void describe_faults(const Passes& passes, Report& report) {
  if (passes.faults_seen == FaultsSeen::No) return;
  const FaultTotals& totals = passes.faults;
  LatencyHistogram all;
  for (const LatencyHistogram& of_class : totals.by_class) all.merge(of_class);
  report::model::FaultStats stats;
  stats.count = totals.finished();
  stats.minor = totals.minor;
  stats.major = totals.major;
  stats.huge = totals.huge;
  stats.kernel_mode = totals.kernel_mode;
  stats.unfinished = totals.unfinished;
  stats.total_ns = all.total();
  stats.p50_ns = all.quantile(0.5);
  stats.p90_ns = all.quantile(0.9);
  stats.p99_ns = all.quantile(0.99);
  stats.p999_ns = all.quantile(0.999);
  stats.max_ns = all.max();
  stats.quantile_error = LatencyHistogram::kQuantileError;
  for (std::size_t octave = 0; octave < all.octaves().size(); ++octave) {
    const LatencyHistogram::Octave& from = all.octaves()[octave];
    if (from.count == 0) continue;
    const Nanoseconds low = octave == 0 ? 0 : Nanoseconds{1} << octave;
    const Nanoseconds high =
        octave >= 62 ? std::numeric_limits<Nanoseconds>::max() : Nanoseconds{1} << (octave + 1);
    stats.distribution.push_back({low, high, from.count, from.total});
  }
  for (std::size_t i = 0; i < kFaultClassCount; ++i) {
    const LatencyHistogram& of_class = totals.by_class[i];
    if (of_class.count() == 0) continue;
    stats.classes.push_back({std::string(name_of(static_cast<FaultClass>(i))), of_class.count(),
                             of_class.total(), of_class.quantile(0.5)});
  }
  std::ranges::stable_sort(stats.classes, std::ranges::greater{},
                           &report::model::FaultClass::total_ns);
  report.faults = std::move(stats);
}

void describe_longest(const Passes& passes, std::size_t top, Report& report) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < passes.trace.syscalls.size(); ++i) {
    if (MemoryCalls::is_memory(passes.trace.syscalls[i]) && passes.trace.syscalls[i].dur > 0) {
      order.push_back(i);
    }
  }
  const auto longer = [&](std::size_t a, std::size_t b) {
    const Nanoseconds left = passes.trace.syscalls[a].dur;
    const Nanoseconds right = passes.trace.syscalls[b].dur;
    return left != right ? left > right : a < b;
  };
  const std::size_t kept = std::min(top, order.size());
  std::ranges::partial_sort(order, order.begin() + static_cast<std::ptrdiff_t>(kept), longer);
  for (std::size_t i = 0; i < kept; ++i) report.calls.push_back(described(passes, order[i]));
  for (const SlowFault& slow : passes.faults.slowest) {
    const event::Fault& from = slow.fault;
    report::model::ExpensiveFault& fault = report.expensive_faults.emplace_back();
    fault.ts = from.ts;
    fault.dur_ns = std::max<Nanoseconds>(from.dur, 0);
    fault.tid = from.tid;
    fault.thread = passes.thread_name(from.tid, from.ts);
    fault.address = from.addr;
    fault.ip = from.ip;
    fault.words = name_of(slow.fault_class);
    if (!(from.error_code & event::kFaultUser)) fault.words += ", inside the kernel";
    fault.subsystem = jvm::name_of(passes.owner(slow.owner).subsystem);
  }
}

}  // namespace ft::analysis
