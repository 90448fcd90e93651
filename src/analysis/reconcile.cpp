#include "analysis/reconcile.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>

#include "host/rss_precision.h"

namespace ft::analysis {

namespace {

using event::Syscall;
using event::SyscallNumber;
using report::model::ReconcileLine;

class Lines {
 public:
  void add(std::string what, std::uint64_t recorded, std::uint64_t kernel, std::uint64_t tolerance,
           std::string unit, std::string note = {}) {
    ReconcileLine line;
    line.what = std::move(what);
    line.recorded = static_cast<std::int64_t>(recorded);
    line.kernel = static_cast<std::int64_t>(kernel);
    line.tolerance = static_cast<std::int64_t>(tolerance);
    line.agrees = std::abs(line.recorded - line.kernel) <= line.tolerance;
    line.unit = std::move(unit);
    line.note = std::move(note);
    lines_.push_back(std::move(line));
  }
  // The last line need not agree, for this reason. One that does is left as it is.
  void excuse(std::string_view why) {
    ReconcileLine& line = lines_.back();
    if (line.agrees) return;
    line.comparable = false;
    line.note = fmt::format("cannot be compared: {}", why);
  }
  std::vector<ReconcileLine> take() { return std::move(lines_); }

 private:
  std::vector<ReconcileLine> lines_;
};

std::uint64_t share_of(std::uint64_t value, unsigned per_mille, std::uint64_t at_least) {
  return std::max(value / 1000 * per_mille, at_least);
}

// The target's resource usage counts every fault the kernel handled for it and for children it
// waited for. Two kinds raise no event at all; where the recorder counted them, nothing else may
// differ.
void add_faults(const ReconcileInput& in, Lines& lines) {
  const auto minor = meta_number(in.trace, "target.minflt");
  const auto major = meta_number(in.trace, "target.majflt");
  if (in.faults_seen == FaultsSeen::No || !minor || !major) return;
  const auto exec = meta_number(in.trace, "blind.exec_faults");
  const auto gup = meta_number(in.trace, "blind.gup_faults");
  const std::uint64_t blind =
      static_cast<std::uint64_t>(std::max<std::int64_t>(exec.value_or(0) + gup.value_or(0), 0));
  const std::uint64_t kernel = static_cast<std::uint64_t>(*minor + *major);
  const bool counted = exec && gup;
  lines.add("page faults, with those that raise no event", in.faults.finished() + blind, kernel,
            counted ? 0 : share_of(kernel, 5, 64), "faults",
            counted ? fmt::format("{} seen, {} in exec, {} by populate and get_user_pages",
                                  in.faults.finished(), *exec, *gup)
                    : "the faults of exec and of populate were not counted apart");
}

void add_resident(const ReconcileInput& in, Lines& lines) {
  if (!in.subject.status) return;
  const host::ProcessStatus& status = *in.subject.status;
  const std::uint64_t kept =
      host::rss_kept_by_threads(in.trace.meta_or("host.kernel"), status.threads);
  const std::uint64_t kept_anonymous =
      host::anonymous_kept_by_threads(in.trace.meta_or("host.kernel"), status.threads);
  if (in.memory.source == ResidentSource::Smaps && status.vm_rss) {
    std::uint64_t resident = 0;
    for (const OwnerMemory& owner : in.memory.by_owner) resident += owner.resident;
    const std::uint64_t kernel = *status.vm_rss + status.hugetlb_pages.value_or(0);
    lines.add("resident bytes of the subsystems against VmRSS", resident, kernel,
              std::max(kept, share_of(kernel, 10, 512 * kKiB)), "bytes",
              kept != 0
                  ? "before Linux 6.2 each thread adds its faults to VmRSS 64 at a time"
                  : "the kernel keeps VmRSS in per-CPU parts and does not add them up exactly");
  }
  if (in.faults_seen == FaultsSeen::Yes && status.rss_anon && !in.residency.pages().exhausted()) {
    // What was swapped out had been touched as well.
    const std::uint64_t anonymous = *status.rss_anon + status.vm_swap.value_or(0);
    lines.add("anonymous bytes by faults against RssAnon", in.residency.anonymous_bytes(),
              anonymous, std::max(kept_anonymous, share_of(anonymous, 30, kMiB)), "bytes",
              "what exec wrote itself is not seen as faults");
    // Nothing but the zeros of split huge pages makes a touched page neither present nor swapped.
    const std::uint64_t given_back = in.taken.split_to_zero_pages * kHugePageSize;
    const std::uint64_t by_faults = in.residency.anonymous_bytes();
    if (by_faults > anonymous && (in.taken.reaped || by_faults - anonymous <= given_back))
      lines.excuse(in.taken.words());
  }
}

void add_mapped(const ReconcileInput& in, Lines& lines) {
  if (!in.subject.status || !in.subject.status->vm_size) return;
  std::uint64_t mapped = 0;
  for (const OwnerMemory& owner : in.memory.by_owner) mapped += owner.reserved;
  lines.add("mapped bytes of the replayed calls against VmSize", mapped,
            *in.subject.status->vm_size, 0, "bytes");
}

std::uint32_t prot_of(const host::Vma& vma) {
  return (vma.readable ? PROT_READ : 0U) | (vma.writable ? PROT_WRITE : 0U) |
         (vma.executable ? PROT_EXEC : 0U);
}

// Whether the replay has the whole area mapped, with the same rights.
bool replayed(const host::Vma& vma, const std::vector<attribution::Region>& regions) {
  std::uint64_t at = vma.range.start;
  auto it = std::ranges::upper_bound(regions, at, {},
                                     [](const attribution::Region& r) { return r.range.start; });
  if (it != regions.begin()) --it;
  for (; it != regions.end() && at < vma.range.end; ++it) {
    if (it->range.end <= at) continue;
    if (it->range.start > at || (it->prot & 7U) != prot_of(vma)) return false;
    at = it->range.end;
  }
  return at >= vma.range.end;
}

void add_areas(const ReconcileInput& in, Lines& lines) {
  if (!in.subject.maps) return;
  std::uint64_t areas = 0;
  std::uint64_t same = 0;
  std::string first_other;
  for (const host::Vma& vma : *in.subject.maps) {
    if (vma.name == "[vsyscall]") continue;  // not an area of the process's own
    ++areas;
    if (replayed(vma, in.regions)) {
      ++same;
    } else if (first_other.empty()) {
      first_other = fmt::format("first that differs: {:x}-{:x} {}", vma.range.start, vma.range.end,
                                host::permissions(vma));
    }
  }
  lines.add("areas of the maps snapshot that the replay has too", same, areas, 0, "", first_other);
}

bool never_returns(const Syscall& call) {
  return call.number == SyscallNumber::Exit || call.number == SyscallNumber::ExitGroup;
}

// A call that its thread's death cut off is accounted for as well.
void add_calls(const ReconcileInput& in, Lines& lines) {
  if (in.trace.syscalls.empty()) return;
  std::unordered_map<event::Tid, std::size_t> last_of;
  for (std::size_t i = 0; i < in.trace.syscalls.size(); ++i) last_of[in.trace.syscalls[i].tid] = i;
  std::uint64_t ended = 0;
  std::uint64_t cut_off = 0;
  for (std::size_t i = 0; i < in.trace.syscalls.size(); ++i) {
    const Syscall& call = in.trace.syscalls[i];
    const bool last = last_of[call.tid] == i;
    if (call.finished || never_returns(call))
      ++ended;
    else if (last)
      ++ended, ++cut_off;
  }
  lines.add("system calls that ended against those that began", ended, in.trace.syscalls.size(), 0,
            "calls", cut_off ? fmt::format("{} ended with their thread", cut_off) : "");
}

// The tables that the touched pages need against those the kernel has. What faults allocated is no
// figure to compare: munmap frees tables again.
void add_page_tables(const ReconcileInput& in, Lines& lines) {
  if (!in.page_tables || !in.subject.status || !in.subject.status->vm_pte) return;
  const std::uint64_t kernel = *in.subject.status->vm_pte;
  const std::uint64_t tables = in.page_tables->pte + in.page_tables->pmd + in.page_tables->pud;
  lines.add("page tables needed for the touched pages against VmPTE", tables * kPageSize, kernel,
            share_of(kernel, 50, 32 * kKiB), "bytes",
            "tables that exec filled itself are guessed; madvise frees some from Linux 6.14 on");
  if (in.taken.reaped) lines.excuse(in.taken.words());
}

// The highest the accounting of faults stood, set right by smaps at the end. Where memory was
// swapped, it is not known when its pages went.
void add_peak(const ReconcileInput& in, Lines& lines) {
  if (!in.resident_peak || !in.subject.status || !in.subject.status->vm_hwm) return;
  if (in.memory.source != ResidentSource::Smaps) return;
  const std::uint64_t kernel =
      *in.subject.status->vm_hwm + in.subject.status->hugetlb_pages.value_or(0);
  lines.add(std::string(kPeakLine), *in.resident_peak, kernel, share_of(kernel, 50, 2 * kMiB),
            "bytes", "files unmapped before the end had pages that came without a fault");
  if (in.taken.swapping() || in.taken.split_to_zero_pages > 0 || in.taken.reaped)
    lines.excuse(in.taken.words());
}

}  // namespace

std::vector<ReconcileLine> reconcile(const ReconcileInput& in) {
  Lines lines;
  add_faults(in, lines);
  add_resident(in, lines);
  add_peak(in, lines);
  add_mapped(in, lines);
  add_areas(in, lines);
  add_calls(in, lines);
  add_page_tables(in, lines);
  lines.add("events lost", in.lost, 0, 0, "events");
  return lines.take();
}

}  // namespace ft::analysis
