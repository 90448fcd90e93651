#include "analysis/space_changes.h"

#include <sys/mman.h>

#include <algorithm>

#include "base/units.h"

namespace ft::analysis {

namespace {

using event::Syscall;
using event::SyscallNumber;
using Kind = SpaceChange::Kind;

// Newer than this host's headers may be.
constexpr std::uint64_t kMadvPopulateRead = 22;
constexpr std::uint64_t kMadvPopulateWrite = 23;
constexpr std::uint64_t kMadvDontneedLocked = 24;
constexpr std::uint64_t kMadvGuardInstall = 102;
constexpr std::uint64_t kMlockOnFault = 1;

// Page-aligned outwards; empty where it would wrap.
AddressRange pages_of(std::uint64_t start, std::uint64_t length) {
  const std::uint64_t limit = std::uint64_t{1} << 62U;
  if (start > limit || length > limit) return {};
  return {page_floor(start), page_ceil(start + length)};
}

class Changes {
 public:
  explicit Changes(event::Pid pid) : pid_(pid) {}

  void add(const Syscall& call, std::int32_t index) {
    if (call.pid != pid_ || call.failed()) return;
    SpaceChange change;
    change.ts = call.ts + std::max<Nanoseconds>(call.dur, 0);
    change.call = index;
    change.range = pages_of(call.addr(), call.length());
    switch (call.number) {
      case SyscallNumber::Mmap:
        return mmap(call, change);
      case SyscallNumber::Munmap:
        return put(change, Kind::Unmap);
      case SyscallNumber::Mremap:
        return mremap(call, change);
      case SyscallNumber::Madvise:
        return madvise(call, change);
      case SyscallNumber::Brk:
        return brk(call, change);
      case SyscallNumber::Mlock:
        return put(change, Kind::Populate);
      case SyscallNumber::Mlock2:
        if (!(call.flags() & kMlockOnFault)) put(change, Kind::Populate);
        return;
      case SyscallNumber::Execve:
      case SyscallNumber::Execveat:
        break_ = 0;
        return put(change, Kind::Reset);
      default:
        return;
    }
  }

  std::vector<SpaceChange> take() {
    std::ranges::stable_sort(changes_, {}, &SpaceChange::ts);
    return std::move(changes_);
  }

 private:
  void put(SpaceChange change, Kind kind) {
    change.kind = kind;
    if (kind == Kind::Reset || !change.range.empty()) changes_.push_back(change);
  }

  void mmap(const Syscall& call, SpaceChange change) {
    change.range = pages_of(static_cast<std::uint64_t>(call.ret), call.length());
    put(change, Kind::Unmap);
    if (!(call.flags() & MAP_POPULATE) || (call.flags() & MAP_NONBLOCK)) return;
    if (call.prot() == PROT_NONE) return;
    change.writes = (call.prot() & PROT_WRITE) && (call.flags() & MAP_PRIVATE);
    put(change, Kind::Populate);
  }

  void mremap(const Syscall& call, SpaceChange change) {
    const std::uint64_t new_length = call.args[2];
    const auto result = static_cast<std::uint64_t>(call.ret);
    if (new_length < call.length()) {
      SpaceChange tail = change;
      tail.range = pages_of(call.addr() + new_length, call.length() - new_length);
      put(tail, Kind::Unmap);
      change.range = pages_of(call.addr(), new_length);
    }
    if (result == call.addr()) return;
    change.to = result;
    put(change, Kind::Move);
  }

  void madvise(const Syscall& call, SpaceChange change) {
    switch (call.flags()) {
      case MADV_DONTNEED:
      case MADV_REMOVE:
      case kMadvDontneedLocked:
      case kMadvGuardInstall:
        return put(change, Kind::Discard);
      case kMadvPopulateRead:
        change.writes = false;
        [[fallthrough]];
      case kMadvPopulateWrite:
        return put(change, Kind::Populate);
      default:
        return;
    }
  }

  void brk(const Syscall& call, SpaceChange change) {
    const auto now = static_cast<std::uint64_t>(call.ret);
    const std::uint64_t before = std::exchange(break_, now);
    if (before == 0 || page_ceil(now) >= page_ceil(before)) return;
    change.range = {page_ceil(now), page_ceil(before)};
    put(change, Kind::Unmap);
  }

  event::Pid pid_;
  std::uint64_t break_ = 0;
  std::vector<SpaceChange> changes_;
};

}  // namespace

std::vector<SpaceChange> space_changes(const event::Trace& trace, event::Pid pid) {
  Changes changes(pid);
  for (std::size_t i = 0; i < trace.syscalls.size(); ++i) {
    changes.add(trace.syscalls[i], static_cast<std::int32_t>(i));
  }
  return changes.take();
}

}  // namespace ft::analysis
