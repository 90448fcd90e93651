#include "analysis/shortage_pass.h"

#include <algorithm>
#include <functional>
#include <iterator>

namespace ft::analysis {

namespace {

using event::MmEventKind;
using report::model::ShortageCost;

// From the account of a fault to user mode some microseconds pass.
constexpr Nanoseconds kWayBack = 1'000'000;

// Of one fault or call; more are in damaged recordings only, which are not to take for ever.
constexpr std::size_t kMostOfOne = 4096;

bool is_shortage(MmEventKind kind) {
  return kind == MmEventKind::DirectReclaim || kind == MmEventKind::MemcgReclaim ||
         kind == MmEventKind::Compaction;
}

Nanoseconds whole(const ShortageCost& cost) {
  return cost.direct_reclaim_ns + cost.memcg_reclaim_ns + cost.compaction_ns + cost.major_fault_ns;
}

bool is_nothing(const ShortageCost& cost) {
  return whole(cost) == 0 && cost.major_faults == 0;
}

}  // namespace

ShortagePass::ShortagePass(const event::Trace& trace, const attribution::OwnerHistory& owners)
    : trace_(trace), owners_(owners) {
  for (const event::MmEvent& event : trace.mm_events) {
    if (!is_shortage(event.kind) || event.dur <= 0) continue;
    waits_[event.tid].push_back({.ts = event.ts, .dur = event.dur, .kind = event.kind});
  }
  for (auto& [tid, waits] : waits_) std::ranges::stable_sort(waits, {}, &Wait::ts);
  for (std::size_t i = 0; i < costs_.size(); ++i)
    costs_[i].subsystem = jvm::name_of(static_cast<jvm::Subsystem>(i));
}

jvm::Subsystem ShortagePass::subsystem_of(attribution::OwnerId owner) const {
  return owner < owners_.owners().size() ? owners_.owners()[owner].subsystem
                                         : jvm::Subsystem::Unknown;
}

void ShortagePass::add(const Wait& wait, Cost& cost) {
  if (wait.kind == MmEventKind::DirectReclaim) cost.direct_reclaim_ns += wait.dur;
  if (wait.kind == MmEventKind::MemcgReclaim) cost.memcg_reclaim_ns += wait.dur;
  if (wait.kind == MmEventKind::Compaction) cost.compaction_ns += wait.dur;
}

void ShortagePass::place(event::Tid tid, Nanoseconds from, Nanoseconds dur,
                         jvm::Subsystem subsystem) {
  const auto found = waits_.find(tid);
  if (found == waits_.end()) return;
  std::vector<Wait>& waits = found->second;
  std::size_t looked_at = 0;
  for (auto wait = std::ranges::lower_bound(waits, from, {}, &Wait::ts);
       wait != waits.end() && looked_at < kMostOfOne; ++wait, ++looked_at) {
    // Compared by what has passed since, which cannot overflow as an end could.
    const Nanoseconds since = wait->ts - from;
    if (since > dur && since - dur > kWayBack) break;
    if (wait->placed) continue;
    if (since <= dur) {
      wait->placed = true;
      add(*wait, cost_of(subsystem));
    } else if (wait->kind == MmEventKind::MemcgReclaim &&
               (!wait->before || since - dur < wait->gap)) {
      wait->before = subsystem;
      wait->gap = since - dur;
    }
  }
}

void ShortagePass::on_fault(const event::Fault& fault, const FaultPlace& at) {
  const bool major = fault.kind == event::FaultKind::Major;
  if (!major && waits_.empty()) return;
  const jvm::Subsystem subsystem = subsystem_of(at.owner);
  const Nanoseconds dur = std::max<Nanoseconds>(fault.dur, 0);
  if (major) {
    ++cost_of(subsystem).major_faults;
    cost_of(subsystem).major_fault_ns += dur;
  }
  place(fault.tid, fault.ts, dur, subsystem);
}

std::vector<ShortageCost> ShortagePass::finish() {
  for (std::size_t i = 0; i < trace_.syscalls.size() && !waits_.empty(); ++i) {
    const event::Syscall& call = trace_.syscalls[i];
    if (!MemoryCalls::is_memory(call) || call.dur <= 0) continue;
    place(call.tid, call.ts, call.dur, subsystem_of(owners_.owner_of_syscall(i)));
  }
  Cost elsewhere;
  for (const auto& [tid, waits] : waits_) {
    for (const Wait& wait : waits) {
      if (!wait.placed) add(wait, wait.before ? cost_of(*wait.before) : elsewhere);
    }
  }
  std::vector<Cost> found;
  std::ranges::remove_copy_if(costs_, std::back_inserter(found), is_nothing);
  std::ranges::stable_sort(found, std::ranges::greater{}, whole);
  if (!is_nothing(elsewhere)) found.push_back(elsewhere);
  return found;
}

}  // namespace ft::analysis
