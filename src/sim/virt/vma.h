// Vma is one area of an address space: a range with one protection, one set of flags and one
// backing, as struct vm_area_struct of include/linux/mm_types.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/range.h"
#include "base/units.h"

namespace ft::sim::virt {

// The kernel's own bits (include/linux/mm.h), those that the model asks.
using VmFlags = std::uint64_t;
inline constexpr VmFlags kVmRead = 0x1;
inline constexpr VmFlags kVmWrite = 0x2;
inline constexpr VmFlags kVmExec = 0x4;
inline constexpr VmFlags kVmShared = 0x8;
inline constexpr VmFlags kVmMayRead = 0x10;
inline constexpr VmFlags kVmMayWrite = 0x20;
inline constexpr VmFlags kVmMayExec = 0x40;
inline constexpr VmFlags kVmMayShare = 0x80;
inline constexpr VmFlags kVmGrowsDown = 0x100;
inline constexpr VmFlags kVmPfnMap = 0x400;
inline constexpr VmFlags kVmMaybeGuard = 0x800;  // smaps: gu
inline constexpr VmFlags kVmLocked = 0x2000;
inline constexpr VmFlags kVmIo = 0x4000;
inline constexpr VmFlags kVmSeqRead = 0x8000;
inline constexpr VmFlags kVmRandRead = 0x10000;
inline constexpr VmFlags kVmDontCopy = 0x20000;
inline constexpr VmFlags kVmDontExpand = 0x40000;
inline constexpr VmFlags kVmLockOnFault = 0x80000;
inline constexpr VmFlags kVmAccount = 0x100000;
inline constexpr VmFlags kVmNoReserve = 0x200000;
inline constexpr VmFlags kVmHugetlb = 0x400000;
inline constexpr VmFlags kVmSync = 0x800000;
inline constexpr VmFlags kVmWipeOnFork = 0x2000000;
inline constexpr VmFlags kVmDontDump = 0x4000000;
inline constexpr VmFlags kVmMixedMap = 0x10000000;
inline constexpr VmFlags kVmHugePage = 0x20000000;
inline constexpr VmFlags kVmNoHugePage = 0x40000000;
inline constexpr VmFlags kVmMergeable = 0x80000000;
inline constexpr VmFlags kVmDroppable = VmFlags{1} << 40U;
inline constexpr VmFlags kVmSealed = VmFlags{1} << 63U;  // the kernel's bit 42 or 63, by release

inline constexpr VmFlags kVmAccess = kVmRead | kVmWrite | kVmExec;
inline constexpr VmFlags kVmLockedMask = kVmLocked | kVmLockOnFault;
// What does not keep areas from joining, and stays with whatever they become (VM_STICKY).
inline constexpr VmFlags kVmSticky = kVmMaybeGuard;

// What decides how an area is counted (include/linux/mm.h is_exec_mapping and its like).
constexpr bool counts_as_code(VmFlags flags) {
  return (flags & (kVmExec | kVmWrite | kVmGrowsDown)) == kVmExec;
}
constexpr bool counts_as_stack(VmFlags flags) {
  return (flags & kVmGrowsDown) != 0;
}
constexpr bool counts_as_data(VmFlags flags) {
  return (flags & (kVmWrite | kVmShared | kVmGrowsDown)) == kVmWrite;
}

inline constexpr VmFlags kVmSpecial = kVmIo | kVmDontExpand | kVmPfnMap | kVmMixedMap;

class BackingFile;  // virt/backing_file.h: size, kind and cached pages of a file

// Identity of the reverse map of anonymous pages: decides which areas may merge
// (mm/rmap.c, mm/vma.c is_mergeable_anon_vma).
struct AnonVma {
  std::uint64_t id = 0;    // 0: none yet, no anonymous page was ever made here
  bool inherited = false;  // cloned by fork: has a parent's chain beside its own

  bool operator==(const AnonVma&) const = default;
};

struct Vma {
  AddressRange range;
  VmFlags flags = 0;
  // Anonymous: address >> 12 at the time it was mapped. File: page within the file.
  std::uint64_t page_offset = 0;
  std::shared_ptr<BackingFile> file;  // null: private anonymous memory. Shared anonymous has one.
  // Which open(2) of the file this is: areas of different ones never join (vm_file). 0: not told.
  std::uint64_t open_file = 0;
  AnonVma anon_vma;
  std::string anon_name;  // PR_SET_VMA_ANON_NAME
  std::string name;       // what /proc/PID/maps prints: a path, [heap], [stack], [vdso]

  std::uint64_t pages() const { return range.size() >> kPageShift; }
  bool anonymous() const { return file == nullptr; }
  bool is_private() const { return (flags & kVmShared) == 0; }
  // [vdso], [vvar] and their like are never split (mm/mmap.c special_mapping_split: EINVAL).
  bool may_split() const { return !name.starts_with("[v"); }
  std::uint64_t page_of(std::uint64_t address) const {
    return page_offset + ((address - range.start) >> kPageShift);
  }
};

}  // namespace ft::sim::virt
