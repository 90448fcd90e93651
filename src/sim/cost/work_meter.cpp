#include "sim/cost/work_meter.h"

#include <sys/mman.h>

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/units.h"
#include "sim/virt/vma.h"

namespace ft::sim::cost {

namespace {

using event::SyscallNumber;
using profile::Cost;

bool is_memory(const event::Syscall& call) {
  const event::SyscallShape* shape = event::find_shape(call.number);
  return shape && shape->call_class == event::SyscallClass::Memory;
}

bool by_kernel(const event::Fault& fault) {
  return (fault.error_code & event::kFaultUser) == 0;
}

// By call: the time of the faults that its thread took inside it, in the kernel.
std::vector<Nanoseconds> nested_faults(const replay::Material& material) {
  const std::vector<event::Syscall>& calls = material.trace.syscalls;
  std::vector<Nanoseconds> nested(calls.size());
  std::unordered_map<event::Tid, std::vector<std::size_t>> by_tid;  // by ts
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (is_memory(calls[i]) && calls[i].dur >= 0) by_tid[calls[i].tid].push_back(i);
  }
  for (const event::Fault& fault : material.faults) {
    if (!by_kernel(fault) || fault.kind == event::FaultKind::Unfinished || fault.dur <= 0) continue;
    const auto found = by_tid.find(fault.tid);
    if (found == by_tid.end()) continue;
    const auto after = std::ranges::upper_bound(found->second, fault.ts, {},
                                                [&](std::size_t i) { return calls[i].ts; });
    if (after == found->second.begin()) continue;
    const std::size_t index = *std::prev(after);
    const event::Syscall& call = calls[index];
    if (fault.ts < call.ts + call.dur) {
      nested[index] += std::min(fault.dur, call.dur - nested[index]);
    }
  }
  return nested;
}

// --- faults --------------------------------------------------------------------------------------

void add_file_read(const fault::Outcome& outcome, const virt::Vma* area, Operations& operations) {
  const bool of_memory = area && area->file && area->file->is_shmem();
  operations.add(of_memory ? Cost::FaultShmem : Cost::FaultFile);
  // One entry maps a huge block.
  const bool one_by_one = outcome.order != phys::kHugeOrder && outcome.pages_mapped > 1;
  if (one_by_one) operations.add(Cost::FaultFilePage, outcome.pages_mapped - 1);
}

void add_file_write(const virt::Vma* area, Operations& operations) {
  if (area && area->file && area->file->is_shmem()) {
    operations.add(Cost::FaultShmem);
  } else {
    ++operations.nameless;  // its file system is told
  }
}

Operations operations_of(const fault::Outcome& outcome, const virt::Vma* area) {
  using fault::Kind;
  Operations operations;
  std::uint64_t tables = outcome.tables_made;
  switch (outcome.kind) {
    case Kind::AnonymousPage:
    case Kind::StackGrowth:
    case Kind::HugeAnonymous:
      if (const auto cost = profile::anonymous_fault(outcome.order)) {
        operations.add(*cost);
      } else {
        ++operations.nameless;
      }
      // The one deposited with it belongs to a huge page.
      if (outcome.kind == Kind::HugeAnonymous && tables != 0) --tables;
      break;
    case Kind::AnonymousZero:
      operations.add(Cost::FaultZeroPage);
      break;
    case Kind::FileRead:
      add_file_read(outcome, area, operations);
      break;
    case Kind::FileCopy:
      operations.add(Cost::FaultCow);
      break;
    case Kind::WriteProtect:
      if (outcome.order == 0) {
        operations.add(Cost::FaultCowMapped);
      } else {
        ++operations.nameless;
      }
      break;
    case Kind::FileShared:
      add_file_write(area, operations);
      break;
    case Kind::WriteReuse:
      operations.add(Cost::FaultReuse);
      break;
    case Kind::Hugetlb:
      if (outcome.order == phys::kHugeOrder) {
        operations.add(Cost::FaultHugetlb2m);
      } else {
        ++operations.nameless;
      }
      break;
    case Kind::HugeZero:
    case Kind::OutOfMemory:
    case Kind::NoFault:
    case Kind::SegvUnmapped:
    case Kind::SegvAccess:
    case Kind::BusPastEnd:
      ++operations.nameless;
      break;
  }
  if (tables != 0) operations.add(Cost::PageTable, tables);
  return operations;
}

// --- calls ---------------------------------------------------------------------------------------

std::optional<Cost> cost_of(const event::Syscall& call) {
  switch (call.number) {
    case SyscallNumber::Mmap:
      return (call.flags() & MAP_ANONYMOUS) != 0 ? Cost::Mmap : Cost::MmapFile;
    case SyscallNumber::Munmap:
      return Cost::Munmap;
    case SyscallNumber::Mprotect:
    case SyscallNumber::PkeyMprotect:
      return Cost::Mprotect;
    case SyscallNumber::Madvise:
      return Cost::Madvise;
    case SyscallNumber::Mremap:
      return Cost::Mremap;
    case SyscallNumber::Brk:
      return Cost::Brk;
    default:
      return std::nullopt;
  }
}

// What may be given back by it, or have its protection changed.
AddressRange range_of(const event::Syscall& call, const machine::Process& process) {
  const bool told = call.number != SyscallNumber::Brk && call.number != SyscallNumber::Mremap;
  const std::uint64_t top = std::uint64_t{1} << process.page_table().address_bits();
  const std::uint64_t start = page_floor(call.addr());
  if (!told || start >= top) return {};
  return {start, start + page_ceil(std::min(call.length(), top - start))};
}

std::uint64_t access_of(std::uint64_t prot) {
  return ((prot & PROT_READ) != 0 ? virt::kVmRead : 0) |
         ((prot & PROT_WRITE) != 0 ? virt::kVmWrite : 0) |
         ((prot & PROT_EXEC) != 0 ? virt::kVmExec : 0);
}

// Present pages of areas that have another protection so far.
std::uint64_t pages_to_protect(const event::Syscall& call, const machine::Process& process) {
  constexpr int kMostAreas = 64;  // what lies behind is counted whole
  const AddressRange range = range_of(call, process);
  std::uint64_t pages = 0;
  std::uint64_t at = range.start;
  for (int i = 0; at < range.end; ++i) {
    const virt::Vma* area = i < kMostAreas ? process.find_area(at) : nullptr;
    if (i < kMostAreas && !area) break;
    const std::uint64_t end = area ? std::min(range.end, area->range.end) : range.end;
    const bool alike = area && (area->flags & virt::kVmAccess) == access_of(call.prot());
    if (!alike) pages += process.page_table().present_pages({at, end});
    at = end;
  }
  return pages;
}

std::uint64_t huge_bytes(const machine::Process& process, AddressRange range) {
  if (range.empty()) return 0;
  const virt::HugeBytes bytes = process.huge_bytes(range);
  return bytes.anonymous + bytes.shmem + bytes.file;
}

bool gives_back(const event::Syscall& call) {
  return call.number == SyscallNumber::Munmap || call.number == SyscallNumber::Madvise ||
         (call.number == SyscallNumber::Mmap && (call.flags() & MAP_FIXED) != 0);
}

std::uint64_t kernel_faults(const machine::Process& process) {
  return process.faults().minor + process.faults().major;
}

}  // namespace

WorkMeter::WorkMeter(const replay::Material& material,
                     std::span<const std::uint64_t> blocks_by_order)
    : material_(material), blocks_(blocks_by_order), nested_(nested_faults(material)) {}

void WorkMeter::before(const replay::Step& step, const replay::Scene& scene) {
  if (step.stream != replay::Stream::Call) return;
  const event::Syscall& call = material_.trace.syscalls[step.index];
  if (!is_memory(call)) return;
  before_.resident = scene.process.resident().total();
  before_.kernel_faults = kernel_faults(scene.process);
  before_.huge_bytes =
      gives_back(call) ? huge_bytes(scene.process, range_of(call, scene.process)) : 0;
  const bool protects =
      call.number == SyscallNumber::Mprotect || call.number == SyscallNumber::PkeyMprotect;
  before_.protected_pages = protects ? pages_to_protect(call, scene.process) : 0;
  before_.blocks.assign(blocks_.begin(), blocks_.end());
}

// What the kernel populated: its own faults, by the size of what they brought in.
void WorkMeter::add_populated(const replay::Scene& scene, Operations& operations,
                              std::uint64_t& pages) const {
  std::uint64_t faults = kernel_faults(scene.process) - before_.kernel_faults;
  for (unsigned order = 0; order < blocks_.size(); ++order) {
    const std::uint64_t taken = blocks_[order] - before_.blocks[order];
    const std::uint64_t blocks = std::min(taken, faults);
    pages += blocks << order;
    if (order == 0 || blocks == 0) continue;
    faults -= blocks;
    if (const auto cost = profile::anonymous_fault(order)) {
      operations.add(*cost, blocks);
    } else {
      operations.nameless += blocks;
    }
  }
  if (faults != 0) operations.add(Cost::PopulatePage, faults);
}

Operations WorkMeter::operations_of(const event::Syscall& call, const replay::Scene& scene) const {
  Operations operations;
  if (const auto cost = cost_of(call)) {
    operations.add(*cost);
  } else {
    ++operations.nameless;
  }
  if (before_.protected_pages != 0) operations.add(Cost::MprotectPage, before_.protected_pages);
  std::uint64_t populated = 0;
  add_populated(scene, operations, populated);
  const std::uint64_t resident = scene.process.resident().total();
  const std::uint64_t had = before_.resident + populated;
  if (had > resident) {
    const std::uint64_t freed = had - resident;
    const std::uint64_t still_huge =
        gives_back(call) ? huge_bytes(scene.process, range_of(call, scene.process)) : 0;
    const std::uint64_t huge =
        std::min((before_.huge_bytes - std::min(before_.huge_bytes, still_huge)) / kHugePageSize,
                 freed * kPageSize / kHugePageSize);
    const std::uint64_t small = freed - huge * (kHugePageSize / kPageSize);
    if (huge != 0) operations.add(Cost::MunmapHuge, huge);
    const bool advised = call.number == SyscallNumber::Madvise;
    if (small != 0) operations.add(advised ? Cost::MadvisePage : Cost::MunmapPage, small);
  }
  for (const tlb::Flush& flush : scene.flushes) {
    if (flush.kind == tlb::FlushKind::None) continue;
    operations.add(Cost::FlushLocal);
    const bool pages = flush.kind == tlb::FlushKind::Ranged && flush.pages > 1;
    if (pages) operations.add(Cost::FlushLocalPage, flush.pages - 1);
  }
  return operations;
}

double WorkMeter::enter(event::Tid tid, Nanoseconds ts, Nanoseconds dur) {
  const auto [stay, is_new] = stays_.try_emplace(tid);
  const double coldness = is_new ? 1 : coldness_after(ts - stay->second.to);
  const Nanoseconds to = ts + std::max<Nanoseconds>(dur, 0);
  if (is_new || to > stay->second.to) stay->second = {.from = ts, .to = to};
  return coldness;
}

bool WorkMeter::is_in_company(event::Tid tid, Nanoseconds ts, Nanoseconds dur) const {
  return std::ranges::any_of(stays_, [&](const auto& one) {
    return one.first != tid && one.second.from < ts + dur && one.second.to > ts;
  });
}

// Zeroing wants the memory's bandwidth, which others take a share of.
void WorkMeter::note_company(event::Tid tid, Nanoseconds ts, Nanoseconds dur,
                             Operations& operations) const {
  std::uint64_t& alone = operations.counts[static_cast<std::size_t>(Cost::FaultAnon2m)];
  if (alone == 0 || !is_in_company(tid, ts, dur)) return;
  operations.add(Cost::FaultAnon2mOfTwo, std::exchange(alone, 0));
}

void WorkMeter::add(PartId part, const Operations& operations, Nanoseconds ns, double coldness) {
  work_[part].add(operations, coldness);
  if (ns >= 0) times_.add(part, operations, ns);
}

void WorkMeter::after_call(const replay::Step& step, const replay::CallOutcome& /*outcome*/,
                           const replay::Scene& scene) {
  const event::Syscall& call = material_.trace.syscalls[step.index];
  if (!is_memory(call) || !call.finished) return;
  const Nanoseconds ns = call.dur < 0 ? call.dur : call.dur - nested_[step.index];
  Operations operations;
  if (replay::kind_of(call) == replay::CallKind::Modelled) {
    operations = operations_of(call, scene);
    note_company(call.tid, call.ts, call.dur, operations);
  } else if (const auto cost = cost_of(call)) {  // does nothing to the address space
    operations.add(*cost);
  } else {
    operations.nameless = 1;
  }
  add(PartId::of(call.number), operations, ns, enter(call.tid, call.ts, call.dur));
}

void WorkMeter::after_fault(const replay::Step& step, const replay::FaultOutcome& outcome,
                            const replay::Scene& scene) {
  const event::Fault& fault = material_.faults[step.index];
  // What ends in a signal is in no kernel mm time; another thread's fault that was in time is.
  const bool served = !outcome.model.signalled() && outcome.model.kind != fault::Kind::NoFault;
  if (!served || fault.kind == event::FaultKind::Unfinished) return;
  const double coldness = enter(fault.tid, fault.ts, fault.dur);
  if (outcome.model.major) {
    Operations waits;
    waits.nameless = 1;
    return add(PartId::major(), waits, fault.dur, coldness);
  }
  Operations operations = cost::operations_of(outcome.model, scene.process.find_area(fault.addr));
  note_company(fault.tid, fault.ts, fault.dur, operations);
  add(PartId::of(outcome.model.kind), operations, fault.dur, coldness);
}

Recorded WorkMeter::take() {
  return {.work = std::move(work_), .times = std::move(times_), .total_ns = recorded_ns(material_)};
}

std::optional<Nanoseconds> WorkMeter::recorded_ns(const replay::Material& material) {
  const bool sees_faults = material.trace.meta_or("backend") == "bpf" || !material.faults.empty();
  if (!sees_faults) return std::nullopt;
  const std::vector<Nanoseconds> nested = nested_faults(material);
  Nanoseconds total = 0;
  bool timed = false;
  for (std::size_t i = 0; i < nested.size(); ++i) {
    const event::Syscall& call = material.trace.syscalls[i];
    if (!is_memory(call) || call.dur < 0) continue;
    timed = true;
    total += call.dur - nested[i];
  }
  for (const event::Fault& fault : material.faults) {
    if (fault.kind == event::FaultKind::Unfinished || fault.dur < 0) continue;
    timed = true;
    total += fault.dur;
  }
  return timed ? std::optional(total) : std::nullopt;
}

}  // namespace ft::sim::cost
