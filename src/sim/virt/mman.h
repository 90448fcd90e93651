// Flags of the memory system calls that older C headers lack, and Linux x86-64's values of them
// (include/uapi/asm-generic/mman*.h, include/uapi/linux/mman.h).
#pragma once

#include <cstdint>

#include "sim/virt/vma.h"

namespace ft::sim::virt {

inline constexpr std::uint64_t kMapType = 0x0f;
inline constexpr std::uint64_t kMapShared = 0x01;
inline constexpr std::uint64_t kMapPrivate = 0x02;
inline constexpr std::uint64_t kMapSharedValidate = 0x03;
inline constexpr std::uint64_t kMapDroppable = 0x08;
inline constexpr std::uint64_t kMapFixed = 0x10;
inline constexpr std::uint64_t kMapAnonymous = 0x20;
inline constexpr std::uint64_t kMap32Bit = 0x40;
inline constexpr std::uint64_t kMapAbove4G = 0x80;
inline constexpr std::uint64_t kMapGrowsDown = 0x0100;
inline constexpr std::uint64_t kMapLocked = 0x2000;
inline constexpr std::uint64_t kMapNoReserve = 0x4000;
inline constexpr std::uint64_t kMapPopulate = 0x8000;
inline constexpr std::uint64_t kMapNonBlock = 0x10000;
inline constexpr std::uint64_t kMapStack = 0x20000;
inline constexpr std::uint64_t kMapHugetlb = 0x40000;
inline constexpr std::uint64_t kMapSync = 0x80000;
inline constexpr std::uint64_t kMapFixedNoReplace = 0x100000;
inline constexpr std::uint64_t kMapUninitialized = 0x4000000;
inline constexpr unsigned kMapHugeShift = 26;
inline constexpr std::uint64_t kMapHugeMask = 0x3f;

// What MAP_SHARED_VALIDATE accepts of every file (LEGACY_MAP_MASK of include/linux/mman.h).
inline constexpr std::uint64_t kLegacyMapMask =
    kMapShared | kMapPrivate | kMapFixed | kMapAnonymous | 0x0800 /* MAP_DENYWRITE */ |
    0x1000 /* MAP_EXECUTABLE */ | kMapGrowsDown | kMapLocked | kMapNoReserve | kMapPopulate |
    kMapNonBlock | kMapStack | kMapHugetlb | kMap32Bit | kMapAbove4G |
    (std::uint64_t{21} << kMapHugeShift) | (std::uint64_t{30} << kMapHugeShift);

inline constexpr std::uint64_t kProtRead = 0x1;
inline constexpr std::uint64_t kProtWrite = 0x2;
inline constexpr std::uint64_t kProtExec = 0x4;
inline constexpr std::uint64_t kProtSem = 0x8;
inline constexpr std::uint64_t kProtGrowsDown = 0x01000000;
inline constexpr std::uint64_t kProtGrowsUp = 0x02000000;

inline constexpr std::uint64_t kMremapMayMove = 1;
inline constexpr std::uint64_t kMremapFixed = 2;
inline constexpr std::uint64_t kMremapDontUnmap = 4;

inline constexpr std::uint64_t kMlockOnFault = 1;

enum Advice : int {
  kAdviseNormal = 0,
  kAdviseRandom = 1,
  kAdviseSequential = 2,
  kAdviseWillNeed = 3,
  kAdviseDontNeed = 4,
  kAdviseFree = 8,
  kAdviseRemove = 9,
  kAdviseDontFork = 10,
  kAdviseDoFork = 11,
  kAdviseMergeable = 12,
  kAdviseUnmergeable = 13,
  kAdviseHugePage = 14,
  kAdviseNoHugePage = 15,
  kAdviseDontDump = 16,
  kAdviseDoDump = 17,
  kAdviseWipeOnFork = 18,
  kAdviseKeepOnFork = 19,
  kAdviseCold = 20,
  kAdvisePageOut = 21,
  kAdvisePopulateRead = 22,
  kAdvisePopulateWrite = 23,
  kAdviseDontNeedLocked = 24,
  kAdviseCollapse = 25,
  kAdviseGuardInstall = 102,
  kAdviseGuardRemove = 103,
};

// PROT_* as VM_* (include/linux/mman.h calc_vm_prot_bits, without protection keys).
constexpr VmFlags flags_of_protection(std::uint64_t prot) {
  return ((prot & kProtRead) != 0 ? kVmRead : 0) | ((prot & kProtWrite) != 0 ? kVmWrite : 0) |
         ((prot & kProtExec) != 0 ? kVmExec : 0);
}

}  // namespace ft::sim::virt
