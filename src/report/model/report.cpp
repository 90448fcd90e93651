#include "report/model/report.h"

#include <fmt/format.h>

#include <numeric>

namespace ft::report::model {

namespace {

// Collects "what: a is not b".
class Sums {
 public:
  template <typename A, typename B>
  void equal(const std::string& what, A parts, B whole) {
    if (static_cast<std::int64_t>(parts) != static_cast<std::int64_t>(whole)) {
      broken_.push_back(fmt::format("{}: the parts make {}, the whole is {}", what, parts, whole));
    }
  }
  void holds(bool condition, const std::string& what) {
    if (!condition) broken_.push_back(what);
  }
  std::vector<std::string> take() { return std::move(broken_); }

 private:
  std::vector<std::string> broken_;
};

template <typename Items, typename Part>
auto sum_of(const Items& items, Part part) {
  using Value = decltype(part(*items.begin()));
  Value sum{};
  for (const auto& item : items) sum += part(item);
  return sum;
}

void check_time(const Report& report, Sums& sums) {
  if (!report.time.kernel_mm) return;
  const KernelMm& mm = *report.time.kernel_mm;
  sums.equal("kernel mm time", mm.user_faults_ns + mm.kernel_faults_ns + mm.calls_ns, mm.total_ns);
  if (report.faults) {
    sums.equal("time of faults", mm.user_faults_ns + mm.kernel_faults_ns, report.faults->total_ns);
  }
  if (report.time.calls_gross_ns) {
    sums.equal("time of memory calls", mm.calls_ns + report.time.nested_faults_ns,
               *report.time.calls_gross_ns);
  }
  sums.equal("subsystems' fault time",
             sum_of(report.subsystems, [](const Subsystem& s) { return s.fault_ns.value_or(0); }),
             mm.user_faults_ns + mm.kernel_faults_ns);
  sums.equal("subsystems' call time",
             sum_of(report.subsystems, [](const Subsystem& s) { return s.syscall_ns.value_or(0); }),
             mm.calls_ns);
}

void check_faults(const Report& report, Sums& sums) {
  if (!report.faults) return;
  const FaultStats& faults = *report.faults;
  sums.equal("minor and major faults", faults.minor + faults.major, faults.count);
  sums.equal("fault classes", sum_of(faults.classes, [](const FaultClass& c) { return c.count; }),
             faults.count);
  sums.equal("time of fault classes",
             sum_of(faults.classes, [](const FaultClass& c) { return c.total_ns; }),
             faults.total_ns);
  sums.equal("subsystems' faults",
             sum_of(report.subsystems, [](const Subsystem& s) { return s.faults.value_or(0); }),
             faults.count);
  sums.holds(faults.huge <= faults.count, "more huge faults than faults");
  sums.holds(faults.p50_ns <= faults.p90_ns && faults.p90_ns <= faults.p99_ns &&
                 faults.p99_ns <= faults.p999_ns && faults.p999_ns <= faults.max_ns,
             "fault quantiles do not rise");
}

void check_shortage(const Report& report, Sums& sums) {
  if (!report.waits) return;
  const Waits& waits = *report.waits;
  const auto all = [&](auto member) {
    return sum_of(waits.shortage, [&](const ShortageCost& cost) { return cost.*member; });
  };
  sums.equal("direct reclaim by subsystem", all(&ShortageCost::direct_reclaim_ns),
             waits.direct_reclaim.total_ns);
  sums.equal("memory-cgroup reclaim by subsystem", all(&ShortageCost::memcg_reclaim_ns),
             waits.memcg_reclaim.total_ns);
  sums.equal("compaction by subsystem", all(&ShortageCost::compaction_ns),
             waits.compaction.total_ns);
  if (report.faults)
    sums.equal("major faults by subsystem", all(&ShortageCost::major_faults), report.faults->major);
}

void check_memory(const Report& report, Sums& sums) {
  const Memory& memory = report.memory;
  sums.equal("subsystems' reserved bytes",
             sum_of(report.subsystems, [](const Subsystem& s) { return s.reserved_bytes; }),
             memory.reserved_bytes);
  sums.equal("subsystems' committed bytes",
             sum_of(report.subsystems, [](const Subsystem& s) { return s.committed_bytes; }),
             memory.committed_bytes);
  if (memory.resident_end_bytes) {
    sums.equal("subsystems' resident bytes",
               sum_of(report.subsystems,
                      [](const Subsystem& s) { return s.resident_end_bytes.value_or(0); }),
               *memory.resident_end_bytes);
  }
  for (const Subsystem& s : report.subsystems) {
    sums.holds(s.committed_bytes <= s.reserved_bytes, s.name + ": more committed than reserved");
    sums.holds(!s.resident_end_bytes || !s.resident_peak_bytes ||
                   *s.resident_end_bytes <= *s.resident_peak_bytes,
               s.name + ": more resident at the end than at its peak");
    if (s.details.empty()) continue;
    sums.equal(s.name + ": details' reserved bytes",
               sum_of(s.details, [](const Detail& d) { return d.reserved_bytes; }),
               s.reserved_bytes);
    sums.equal(s.name + ": details' committed bytes",
               sum_of(s.details, [](const Detail& d) { return d.committed_bytes; }),
               s.committed_bytes);
    if (s.faults) {
      sums.equal(s.name + ": details' faults",
                 sum_of(s.details, [](const Detail& d) { return d.faults.value_or(0); }),
                 *s.faults);
    }
  }
}

void check_calls(const Report& report, Sums& sums) {
  Count memory_calls = 0;
  for (const SyscallStats& s : report.syscalls) {
    if (s.memory) memory_calls += s.count;
    sums.holds(s.errors + s.unfinished <= s.count, s.name + ": more errors than calls");
    sums.holds(!s.max_ns || *s.max_ns <= s.total_ns.value_or(0), s.name + ": longest beyond total");
  }
  sums.equal("subsystems' calls",
             sum_of(report.subsystems, [](const Subsystem& s) { return s.syscalls; }),
             memory_calls);
  if (report.time.calls_gross_ns) {
    sums.equal("time by call",
               sum_of(report.syscalls,
                      [](const SyscallStats& s) {
                        return s.memory ? s.total_ns.value_or(0) : Nanoseconds{0};
                      }),
               *report.time.calls_gross_ns);
  }
  double share = 0;
  for (const Cost& cost : report.summary.costs) share += cost.share;
  sums.holds(share <= 1.000001, "the largest costs make more than the whole");
}

void check_samples(const Report& report, Sums& sums) {
  if (!report.samples) return;
  const Samples& samples = *report.samples;
  const auto count = [](const auto& of) { return of.samples; };
  const auto time = [](const auto& of) { return of.ns; };
  sums.equal("samples", samples.user + samples.kernel, samples.taken);
  sums.equal("samples by stage", sum_of(samples.stages, count), samples.kernel);
  sums.equal("sampled time by stage", sum_of(samples.stages, time), samples.kernel_ns);
  sums.equal("samples by phase", sum_of(samples.by_phase, count), samples.kernel);
  sums.equal("sampled time by subsystem", sum_of(samples.by_subsystem, time), samples.memory_ns);
  sums.equal("sampled stacks",
             sum_of(report.sampled_stacks, [](const SampledStack& s) { return s.count; }),
             samples.taken);
  sums.holds(
      samples.memory_inside_ns <= samples.memory_ns && samples.memory_ns <= samples.kernel_ns,
      "more sampled time in memory management than in the kernel");
}

void check_loss(const Report& report, Sums& sums) {
  Count lost = 0;
  for (const LossKind& kind : report.loss.kinds) {
    if (kind.severity == "data loss") lost += kind.count;
  }
  sums.equal("lost events", lost, report.loss.total);
}

void check_working_sets(const Report& report, Sums& sums) {
  if (!report.working_sets) return;
  for (const WorkingSetPoint& point : report.working_sets->points) {
    const std::uint64_t all =
        std::accumulate(point.bytes.begin(), point.bytes.end(), std::uint64_t{0});
    sums.holds(all <= report.working_sets->whole.peak_bytes,
               fmt::format("working set at {}: larger than its peak", point.ts));
    if (point.ts != report.working_sets->whole.peak_at_ns) continue;
    sums.equal("working set at its peak", all, report.working_sets->whole.peak_bytes);
  }
}

}  // namespace

std::string why_missing(const Report& report, const std::string& key) {
  for (const Missing& missing : report.missing) {
    if (missing.what == key) return missing.why;
  }
  return "not recorded";
}

std::vector<std::string> check(const Report& report) {
  Sums sums;
  check_time(report, sums);
  check_faults(report, sums);
  check_working_sets(report, sums);
  check_shortage(report, sums);
  check_memory(report, sums);
  check_calls(report, sums);
  check_samples(report, sums);
  check_loss(report, sums);
  return sums.take();
}

}  // namespace ft::report::model
