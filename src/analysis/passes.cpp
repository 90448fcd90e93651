#include "analysis/passes.h"

#include <algorithm>

#include "analysis/phases.h"
#include "analysis/shortage_pass.h"

namespace ft::analysis {

namespace {

// The block that became the faulting page, as the allocation that it was.
void draw_folded(const event::Fault& fault, Drawing& drawing) {
  if (!fault.has_page) return;
  event::PageAlloc alloc = fault.page;
  alloc.ts = fault.ts;
  drawing.take({&alloc, 1});
}

// Tells several of each fault.
class EachOf : public FaultObserver {
 public:
  EachOf(FaultObserver& one, FaultObserver* other) : one_(one), other_(other) {}
  void on_fault(const event::Fault& fault, const FaultPlace& place) override {
    one_.on_fault(fault, place);
    if (other_ != nullptr) other_->on_fault(fault, place);
  }

 private:
  FaultObserver& one_;
  FaultObserver* other_;  // may be nullptr
};

}  // namespace

Passes::Passes(event::Trace from)
    : trace(std::move(from)),
      owners(attribution::OwnerHistory::build(trace)),
      threads(trace.threads),
      subject(choose_subject(trace, owners)),
      regions(regions_at_end(subject, owners)),
      calls(trace.syscalls),
      samples(trace, owners, threads),
      residency(trace, owners, subject.pid, subject.end_ts),
      swap(trace, owners, threads) {}

Result<std::unique_ptr<Passes>> Passes::run(event::EventSource& source, std::size_t top,
                                            Draw draw) {
  std::unique_ptr<Passes> passes(new Passes(FT_TRY(source.trace())));
  if (draw == Draw::Yes) passes->drawing.emplace(passes->trace);
  FT_TRY_VOID(passes->read_streams(source, top));
  passes->share_calls();
  passes->memory = memory_at_end(passes->subject, passes->regions, passes->owners.owners().size(),
                                 passes->residency, passes->faults_seen);
  return passes;
}

Result<void> Passes::read_streams(event::EventSource& source, std::size_t top) {
  ShortagePass shortages(trace, owners);
  EachOf observers(shortages, drawing ? &*drawing : nullptr);
  FaultPass pass(trace, owners, threads, subject.pid, residency, calls, top, &observers);
  FT_TRY_VOID(source.samples([&](std::span<const event::Sample> batch) { samples.take(batch); }));
  samples.sort();
  FT_TRY_VOID(source.faults([&](std::span<const event::Fault> batch) {
    pass.take(batch);
    samples.take(batch);
    swap.take(batch);
    for (const event::Fault& fault : batch) {
      allocs.take_folded(fault);
      if (drawing) draw_folded(fault, *drawing);
    }
  }));
  samples.place_in_calls();
  residency.finish();
  faults = pass.finish();
  const bool any = faults.finished() + faults.unfinished > 0;
  faults_seen = any || is_bpf() ? FaultsSeen::Yes : FaultsSeen::No;
  FT_TRY_VOID(source.page_allocs([&](std::span<const event::PageAlloc> batch) {
    allocs.take(batch);
    if (drawing) drawing->take(batch);
  }));
  FT_TRY_VOID(source.tlb_flushes([&](std::span<const event::TlbFlush> batch) {
    flushes.take(batch);
    if (drawing) drawing->take(batch);
  }));
  shortage = shortages.finish();
  return {};
}

void Passes::share_calls() {
  calls_by_owner.resize(std::max<std::size_t>(owners.owners().size(), 1));
  calls_by_thread.resize(trace.threads.size() + 1);
  calls_by_phase.resize(trace.phases.size());
  for (std::size_t i = 0; i < trace.syscalls.size(); ++i) {
    const event::Syscall& call = trace.syscalls[i];
    if (!MemoryCalls::is_memory(call)) continue;
    const Nanoseconds net = calls.net_ns(i);
    const auto add = [&](CallShare& share) {
      ++share.count;
      share.net_ns += net;
    };
    add(calls_by_owner[owner_of_call(i)]);
    const std::int32_t thread = threads.find(call.tid, call.ts);
    add(calls_by_thread[thread == ThreadIndex::kNone ? trace.threads.size()
                                                     : static_cast<std::size_t>(thread)]);
    for (std::size_t p = 0; p < trace.phases.size(); ++p) {
      if (in_phase(trace.phases[p], call.ts)) add(calls_by_phase[p]);
    }
  }
}

attribution::OwnerId Passes::owner_of_call(std::size_t index) const {
  const attribution::OwnerId id = owners.owner_of_syscall(index);
  return id < owners.owners().size() ? id : 0;
}

const attribution::Owner& Passes::owner(attribution::OwnerId id) const {
  static const attribution::Owner kUnknown;
  return id < owners.owners().size() ? owners.owners()[id] : kUnknown;
}

std::string Passes::thread_name(event::Tid tid, Nanoseconds ts) const {
  const std::int32_t index = threads.find(tid, ts);
  return index == ThreadIndex::kNone ? std::string()
                                     : trace.threads[static_cast<std::size_t>(index)].name;
}

}  // namespace ft::analysis
