#include "analysis/fault_pass.h"

#include <algorithm>

#include "analysis/phases.h"

namespace ft::analysis {

namespace {

bool holds(const attribution::Region* region, event::Pid pid, std::uint64_t address,
           Nanoseconds ts) {
  return region && region->pid == pid && region->range.contains(address) && region->from_ts <= ts &&
         (region->to_ts == event::kStillThere || ts < region->to_ts);
}

bool slower(const SlowFault& a, const SlowFault& b) {
  return a.fault.dur > b.fault.dur;
}

}  // namespace

std::string_view name_of(FaultClass fault_class) {
  switch (fault_class) {
    case FaultClass::Major:
      return "major: waited for storage";
    case FaultClass::Huge:
      return "huge page, 2 MiB at once";
    case FaultClass::Present:
      return "page present, access not yet allowed";
    case FaultClass::NoMapping:
      return "no mapping known at the address";
    case FaultClass::AnonLarge:
      return "anonymous, several pages at once";
    case FaultClass::AnonWrite:
      return "anonymous, first write";
    case FaultClass::AnonRead:
      return "anonymous, read before write (zero page)";
    case FaultClass::FileWrite:
      return "file, first write";
    case FaultClass::FileRead:
      return "file, read or executed";
  }
  return "unknown";
}

FaultClass classify(const event::Fault& fault, const attribution::Region* region) {
  const bool write = fault.error_code & event::kFaultWrite;
  if (fault.kind == event::FaultKind::Major) return FaultClass::Major;
  if (is_huge(fault, region)) return FaultClass::Huge;
  if (fault.error_code & event::kFaultProtection) return FaultClass::Present;
  if (!region) return FaultClass::NoMapping;
  if (!is_private_anonymous(*region)) return write ? FaultClass::FileWrite : FaultClass::FileRead;
  if (fault.has_page && fault.page.order > 0) return FaultClass::AnonLarge;
  return write ? FaultClass::AnonWrite : FaultClass::AnonRead;
}

FaultPass::FaultPass(const event::Trace& trace, const attribution::OwnerHistory& owners,
                     const ThreadIndex& threads, event::Pid subject, Residency& residency,
                     MemoryCalls& calls, std::size_t keep_slowest, FaultObserver* observer)
    : trace_(trace),
      owners_(owners),
      threads_(threads),
      subject_(subject),
      residency_(residency),
      calls_(calls),
      keep_slowest_(keep_slowest),
      observer_(observer) {
  totals_.by_owner.resize(std::max<std::size_t>(owners.owners().size(), 1));
  totals_.by_thread.resize(trace.threads.size() + 1);
  totals_.by_phase.resize(trace.phases.size());
}

void FaultPass::take(std::span<const event::Fault> faults) {
  for (const event::Fault& fault : faults) take(fault);
}

void FaultPass::take(const event::Fault& fault) {
  if (fault.kind == event::FaultKind::Unfinished) {
    ++totals_.unfinished;
    return;
  }
  const std::int32_t thread = threads_.find(fault.tid, fault.ts);
  const event::Pid pid =
      thread == ThreadIndex::kNone ? 0 : trace_.threads[static_cast<std::size_t>(thread)].pid;
  const attribution::Region* region = region_of(fault, pid);
  attribution::OwnerId owner = region ? region->owner : 0;
  if (owner >= totals_.by_owner.size()) owner = 0;
  const FaultClass fault_class = classify(fault, region);
  const Nanoseconds ns = std::max<Nanoseconds>(fault.dur, 0);

  totals_.by_class[static_cast<std::size_t>(fault_class)].record(ns);
  if (fault.dur < 0) ++totals_.without_time;
  ++(fault.kind == event::FaultKind::Major ? totals_.major : totals_.minor);
  const bool huge = is_huge(fault, region);
  if (huge) ++totals_.huge;
  if (fault.error_code & event::kFaultUser) {
    totals_.user_ns += ns;
  } else {
    ++totals_.kernel_mode;
    totals_.kernel_ns += ns;
    calls_.note_nested_fault(fault.tid, fault.ts, ns);
  }
  share(fault, huge, ns, owner, thread);
  keep_if_slow(fault, fault_class, owner);
  const bool of_subject = pid == subject_ && pid != 0;
  if (of_subject) residency_.on_fault(fault, region);
  if (observer_) observer_->on_fault(fault, {fault_class, owner, thread, of_subject});
}

const attribution::Region* FaultPass::region_of(const event::Fault& fault, event::Pid pid) {
  if (pid == 0) return nullptr;
  const std::uint64_t mixed =
      ((fault.addr >> 16U) ^ static_cast<std::uint64_t>(pid)) * 0x9e3779b97f4a7c15ULL;
  const attribution::Region*& slot = recent_regions_[mixed >> 56U];
  if (!holds(slot, pid, fault.addr, fault.ts)) slot = owners_.region_at(pid, fault.addr, fault.ts);
  return slot;
}

void FaultPass::share(const event::Fault& fault, bool huge, Nanoseconds ns,
                      attribution::OwnerId owner, std::int32_t thread) {
  const auto add = [&](FaultShare& to) {
    ++to.count;
    to.ns += ns;
    if (fault.kind == event::FaultKind::Major) ++to.major;
    if (huge) ++to.huge;
  };
  add(totals_.by_owner[owner]);
  const bool known = thread != ThreadIndex::kNone;
  add(totals_.by_thread[known ? static_cast<std::size_t>(thread) : trace_.threads.size()]);
  for (std::size_t i = 0; i < trace_.phases.size(); ++i) {
    if (in_phase(trace_.phases[i], fault.ts)) add(totals_.by_phase[i]);
  }
}

void FaultPass::keep_if_slow(const event::Fault& fault, FaultClass fault_class,
                             attribution::OwnerId owner) {
  std::vector<SlowFault>& kept = totals_.slowest;  // a heap, the fastest of them on top
  if (keep_slowest_ == 0) return;
  if (kept.size() == keep_slowest_) {
    if (fault.dur <= kept.front().fault.dur) return;
    std::ranges::pop_heap(kept, slower);
    kept.pop_back();
  }
  kept.push_back({fault, fault_class, owner});
  std::ranges::push_heap(kept, slower);
}

FaultTotals FaultPass::finish() {
  std::ranges::stable_sort(totals_.slowest, [](const SlowFault& a, const SlowFault& b) {
    return a.fault.dur != b.fault.dur ? a.fault.dur > b.fault.dur : a.fault.ts < b.fault.ts;
  });
  return std::move(totals_);
}

}  // namespace ft::analysis
