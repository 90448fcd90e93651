// Process is one simulated process: its address space, page tables, faults and accounts, wired
// together. Replay, explanations, predictions and the differential test drive this one class.
//
// System calls answer as the kernel does: a value, or -errno. A simulated failure is data, never an
// error of ours.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/fault/fault_handler.h"
#include "sim/fault/outcome.h"
#include "sim/kernel/behaviour.h"
#include "sim/path/path.h"
#include "sim/phys/frame_source.h"
#include "sim/tlb/flush.h"
#include "sim/virt/address_space.h"
#include "sim/virt/backing_file.h"
#include "sim/virt/commit_account.h"
#include "sim/virt/invalidation.h"
#include "sim/virt/limits.h"
#include "sim/virt/open_file.h"
#include "sim/virt/page_table.h"
#include "sim/virt/vma.h"

namespace ft::sim::machine {

using OpenFile = virt::OpenFile;
using FaultCounts = fault::FaultCounts;

struct Settings {
  kernel::Behaviour behaviour = kernel::Behaviour::linux_6_18();
  virt::Limits limits;
  virt::Layout layout;
  fault::HugePages huge_pages;
};

class Process {
 public:
  // `frames` and `committed` (pages of all processes, Committed_AS) outlive the process.
  Process(Settings settings, phys::FrameSource& frames, virt::CommitAccount& committed);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // An area that exists from the start (the image, the stack, the vdso), with nothing present in
  // it. REQUIRES: page-aligned, overlaps nothing.
  void add_initial_area(virt::Vma vma);

  std::int64_t mmap(std::uint64_t addr, std::uint64_t length, std::uint64_t prot,
                    std::uint64_t flags, const OpenFile* file, std::uint64_t offset);
  std::int64_t munmap(std::uint64_t addr, std::uint64_t length);
  std::int64_t mprotect(std::uint64_t addr, std::uint64_t length, std::uint64_t prot);
  std::int64_t madvise(std::uint64_t addr, std::uint64_t length, int advice);
  std::int64_t mremap(std::uint64_t addr, std::uint64_t old_length, std::uint64_t new_length,
                      std::uint64_t flags, std::uint64_t new_addr);
  std::int64_t brk(std::uint64_t addr);
  std::int64_t mlock(std::uint64_t addr, std::uint64_t length,
                     std::uint64_t flags);  // mlock2's flags
  std::int64_t munlock(std::uint64_t addr, std::uint64_t length);
  std::int64_t mseal(std::uint64_t addr, std::uint64_t length, std::uint64_t flags);
  // PR_SET_VMA_ANON_NAME
  std::int64_t set_anon_name(std::uint64_t addr, std::uint64_t length, const char* name);

  // One access of the processor: finds the entry present and good enough, or faults until it is, or
  // until a signal.
  fault::Outcome touch(std::uint64_t addr, fault::Access access);

  // fork(2): shares pages copy-on-write with the child. nullptr: ENOMEM.
  std::unique_ptr<Process> fork();

  // By address.
  std::vector<virt::Vma> areas() const;
  const virt::Vma* find_area(std::uint64_t addr) const;  // the one that holds it, or nullptr
  const virt::PageTable& page_table() const;
  virt::ResidentPages resident() const;
  virt::TableCounts tables() const;
  FaultCounts faults() const;
  std::uint64_t total_pages() const;      // VmSize in pages
  std::uint64_t committed_pages() const;  // this process's share of Committed_AS
  const virt::AddressSpace& space() const;
  // As MADV_* and smaps say: pages of one area, huge ones.
  virt::HugeBytes huge_bytes(AddressRange range) const { return page_table().huge_bytes(range); }

  // Who is told of what goes stale in TLBs; nullptr: nobody.
  void set_invalidation_sink(virt::InvalidationSink* sink);
  // The flush each invalidation leads to, as if no other CPU had run the process; nullptr: nowhere.
  void set_flush_log(tlb::FlushLog* log);
  // Where every following request writes the way it takes; nullptr: nowhere.
  void narrate(path::Path* path);

  void check() const;  // expensive: every structure, and that they agree with each other

 private:
  class Parts;
  explicit Process(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace ft::sim::machine
