#include "sim/replay/apply_call.h"

#include <sys/mman.h>
#include <sys/prctl.h>

#include "base/units.h"

namespace ft::sim::replay {

namespace {

using event::SyscallNumber;

constexpr std::uint64_t kPrSetVma = 0x53564d41;  // PR_SET_VMA
constexpr std::uint64_t kFallocPunchHole = 2;
constexpr std::uint64_t kFixedNoReplace = 0x100000;  // MAP_FIXED_NOREPLACE

bool names_memory(const event::Syscall& call) {
  return call.args[0] == kPrSetVma && call.args[1] == 0;
}

// pkey -1 is mprotect; other keys change nothing else that the model keeps.
bool failed_value(std::int64_t value) {
  return value < 0 && value >= -4095;
}

std::int64_t map(const event::Syscall& call, std::uint64_t addr, std::uint64_t flags,
                 machine::Process& process, FileTable& files) {
  const bool anonymous = (flags & MAP_ANONYMOUS) != 0;
  if (anonymous || !files.knows(call.file)) {
    return process.mmap(addr, call.length(), call.prot(), flags, nullptr, call.offset());
  }
  const virt::OpenFile file = files.of_call(call);
  return process.mmap(addr, call.length(), call.prot(), flags, &file, call.offset());
}

}  // namespace

CallKind kind_of(const event::Syscall& call) {
  switch (call.number) {
    case SyscallNumber::Mmap:
    case SyscallNumber::Munmap:
    case SyscallNumber::Mprotect:
    case SyscallNumber::PkeyMprotect:
    case SyscallNumber::Madvise:
    case SyscallNumber::Mremap:
    case SyscallNumber::Brk:
    case SyscallNumber::Mlock:
    case SyscallNumber::Mlock2:
    case SyscallNumber::Munlock:
    case SyscallNumber::Mseal:
      return CallKind::Modelled;
    case SyscallNumber::Prctl:
      return names_memory(call) && !call.failed() ? CallKind::Modelled : CallKind::NoEffect;
    case SyscallNumber::Ftruncate:
    case SyscallNumber::Fallocate:
      return CallKind::Modelled;
    case SyscallNumber::Shmat:
    case SyscallNumber::Shmdt:
    case SyscallNumber::RemapFilePages:
    case SyscallNumber::Mlockall:
    case SyscallNumber::Munlockall:
    case SyscallNumber::Mbind:
    case SyscallNumber::SetMempolicyHomeNode:
    case SyscallNumber::ProcessMadvise:
    case SyscallNumber::MapShadowStack:
      return call.failed() ? CallKind::NoEffect : CallKind::NotModelled;
    default:
      return CallKind::NoEffect;
  }
}

bool chooses_place(const event::Syscall& call) {
  if (call.failed()) return false;
  if (call.number == SyscallNumber::Mmap) {
    return (call.flags() & (MAP_FIXED | kFixedNoReplace)) == 0;
  }
  return call.number == SyscallNumber::Mremap && (call.args[3] & MREMAP_FIXED) == 0 &&
         static_cast<std::uint64_t>(call.ret) != call.args[0];
}

std::optional<std::int64_t> apply_call(const event::Syscall& call, machine::Process& process,
                                       FileTable& files) {
  const auto& args = call.args;
  switch (call.number) {
    case SyscallNumber::Mmap:
      return map(call, call.addr(), call.flags(), process, files);
    case SyscallNumber::Munmap:
      return process.munmap(args[0], args[1]);
    case SyscallNumber::Mprotect:
    case SyscallNumber::PkeyMprotect:
      return process.mprotect(args[0], args[1], args[2]);
    case SyscallNumber::Madvise:
      return process.madvise(args[0], args[1], static_cast<int>(args[2]));
    case SyscallNumber::Mremap:
      return process.mremap(args[0], args[1], args[2], args[3], args[4]);
    case SyscallNumber::Brk:
      return process.brk(args[0]);
    case SyscallNumber::Mlock:
      return process.mlock(args[0], args[1], 0);
    case SyscallNumber::Mlock2:
      return process.mlock(args[0], args[1], args[2]);
    case SyscallNumber::Munlock:
      return process.munlock(args[0], args[1]);
    case SyscallNumber::Mseal:
      return process.mseal(args[0], args[1], args[2]);
    case SyscallNumber::Prctl:
      if (!names_memory(call) || call.failed()) return std::nullopt;
      // The text is not recorded; areas of different names stay apart whatever the names are.
      return process.set_anon_name(args[2], args[3], args[4] != 0 ? "named" : nullptr);
    case SyscallNumber::Ftruncate:
      if (!call.failed()) files.resize(call.file, args[1]);
      return std::nullopt;
    case SyscallNumber::Fallocate:
      if (!call.failed()) {
        files.allocate(call.file, args[2], args[3], (args[1] & kFallocPunchHole) != 0);
      }
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

void take_back(const event::Syscall& call, std::int64_t model_ret, machine::Process& process) {
  if (failed_value(model_ret)) return;
  if (call.number == SyscallNumber::Mmap) {
    process.munmap(static_cast<std::uint64_t>(model_ret), call.length());
  }
  if (call.number == SyscallNumber::Mremap &&
      static_cast<std::uint64_t>(model_ret) != call.args[0]) {
    process.mremap(static_cast<std::uint64_t>(model_ret), call.args[2], call.args[1],
                   MREMAP_MAYMOVE | MREMAP_FIXED, call.args[0]);
  }
}

void put_right(const event::Syscall& call, machine::Process& process, FileTable& files) {
  if (call.failed()) return;
  const auto place = static_cast<std::uint64_t>(call.ret);
  if (call.number == SyscallNumber::Mmap) {
    const std::uint64_t flags = (call.flags() & ~kFixedNoReplace) | MAP_FIXED;
    map(call, place, flags, process, files);
  }
  if (call.number == SyscallNumber::Mremap) {
    process.mremap(call.args[0], call.args[1], call.args[2], MREMAP_MAYMOVE | MREMAP_FIXED, place);
  }
}

}  // namespace ft::sim::replay
