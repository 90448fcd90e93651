#include "analysis/sample_pass.h"

#include <algorithm>
#include <string_view>

#include "analysis/memory_calls.h"

namespace ft::analysis {

namespace {

// A fault is measured from its tracepoint to the end of its handler. What its thread does just
// before and after belongs to it too: the samples there are placed in it, not counted as measured.
constexpr Nanoseconds kBefore = 1000;
constexpr Nanoseconds kAfter = 2000;

bool is_memory_call(std::string_view name) {
  const event::SyscallShape* shape = event::find_shape(name);
  return shape && shape->call_class == event::SyscallClass::Memory;
}

}  // namespace

StackMeaning meaning_of(const event::Stack& stack) {
  std::vector<std::string_view> names;
  names.reserve(stack.frames.size());
  for (const event::Frame& frame : stack.frames) names.emplace_back(frame.symbol);
  const kernel::Classified classified = kernel::classify(names);
  return {.stage = classified.stage,
          .in_fault = kernel::in_fault(names),
          .in_memory_call = is_memory_call(kernel::system_call_of(names)),
          .unclassified = classified.unclassified};
}

SamplePass::SamplePass(const event::Trace& trace, const attribution::OwnerHistory& owners,
                       const ThreadIndex& threads)
    : trace_(trace), owners_(owners), threads_(threads) {}

void SamplePass::take(std::span<const event::Sample> samples) {
  for (const event::Sample& sample : samples) {
    samples_.push_back({.ts = sample.ts,
                        .tid = sample.tid,
                        .kernel_stack = sample.kernel_stack,
                        .user_stack = sample.user_stack});
    const auto index = static_cast<std::size_t>(sample.kernel_stack);
    if (sample.kernel_stack < 0 || index >= trace_.stacks.size()) continue;
    if (meanings_.contains(sample.kernel_stack)) continue;
    meanings_.emplace(sample.kernel_stack, meaning_of(trace_.stacks[index]));
  }
}

void SamplePass::sort() {
  std::ranges::sort(samples_, [](const PlacedSample& a, const PlacedSample& b) {
    return a.tid != b.tid ? a.tid < b.tid : a.ts < b.ts;
  });
  for (std::size_t i = 0; i < samples_.size(); ++i) {
    auto [of_thread, is_new] = by_tid_.try_emplace(samples_[i].tid);
    if (is_new) of_thread->second.begin = of_thread->second.next = i;
    of_thread->second.end = i + 1;
  }
}

std::span<PlacedSample> SamplePass::within(event::Tid tid, Nanoseconds from, Nanoseconds to) {
  const auto found = by_tid_.find(tid);
  if (found == by_tid_.end()) return {};
  OfThread& of_thread = found->second;
  // Faults of a thread come in order, nearly always, and most have no sample.
  std::size_t& next = of_thread.next;
  while (next > of_thread.begin && samples_[next - 1].ts >= from) --next;
  while (next < of_thread.end && samples_[next].ts < from) ++next;
  std::size_t last = next;
  while (last < of_thread.end && samples_[last].ts < to) ++last;
  return std::span(samples_).subspan(next, last - next);
}

void SamplePass::take(std::span<const event::Fault> faults) {
  if (samples_.empty()) return;
  for (const event::Fault& fault : faults) {
    if (fault.dur < 0) continue;
    const auto inside = within(fault.tid, fault.ts - kBefore, fault.ts + fault.dur + kAfter);
    for (PlacedSample& sample : inside) {
      if (!sample.in_kernel() || meaning(sample).in_fault == kernel::InFault::No) continue;
      const event::Pid pid = threads_.pid_of(fault.tid, fault.ts);
      const attribution::Region* region = owners_.region_at(pid, fault.addr, fault.ts);
      const attribution::OwnerId owner = region ? region->owner : 0;
      sample.owner = owner < owners_.owners().size() ? static_cast<std::int32_t>(owner) : 0;
    }
  }
}

void SamplePass::place_in_calls() {
  if (samples_.empty()) return;
  for (std::size_t i = 0; i < trace_.syscalls.size(); ++i) {
    const event::Syscall& call = trace_.syscalls[i];
    if (call.dur < 0 || !MemoryCalls::is_memory(call)) continue;
    for (PlacedSample& sample : within(call.tid, call.ts - kBefore, call.ts + call.dur + kAfter)) {
      if (!sample.in_kernel() || !meaning(sample).in_memory_call) continue;
      sample.call = static_cast<std::int32_t>(i);
      if (sample.owner != PlacedSample::kNone) continue;  // a fault inside the call
      const attribution::OwnerId owner = owners_.owner_of_syscall(i);
      sample.owner = owner < owners_.owners().size() ? static_cast<std::int32_t>(owner) : 0;
    }
  }
}

const StackMeaning& SamplePass::meaning(const PlacedSample& sample) const {
  static const StackMeaning kUser;
  static const StackMeaning kUnknown{.stage = kernel::Stage::Unknown, .unclassified = {}};
  if (!sample.in_kernel()) return kUser;
  const auto found = meanings_.find(sample.kernel_stack);
  return found == meanings_.end() ? kUnknown : found->second;
}

}  // namespace ft::analysis
