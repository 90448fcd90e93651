// The event vocabulary: what was observed (or simulated), one plain struct a kind. Everything that
// records, imports, simulates, analyses or draws speaks it.
//
// Times are nanoseconds since the start of the recording (`ts` = when it began, `dur` = how long it
// took; kUnknownDuration where no end was seen). Addresses and lengths are bytes. Text is whatever
// bytes the target used: whoever prints it disarms it (base/text.h, printable()).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/units.h"
#include "event/syscall_table.h"

namespace ft::event {

using Tid = std::int32_t;
using Pid = std::int32_t;
using StackId = std::int32_t;  // index into Trace::stacks; kNoStack where none was taken
using FileId = std::int32_t;   // index into Trace::files; kNoFile where the call names none

inline constexpr StackId kNoStack = -1;
inline constexpr FileId kNoFile = -1;
inline constexpr Nanoseconds kUnknownDuration = -1;

struct Syscall {
  Nanoseconds ts = 0;
  Nanoseconds dur = kUnknownDuration;
  Tid tid = 0;
  Pid pid = 0;
  SyscallNumber number{};
  bool finished = true;  // false: the thread died, or the recording ended, inside the call
  StackId stack = kNoStack;
  FileId file = kNoFile;  // what `fd` was at the time of the call
  std::array<std::uint64_t, 6> args{};
  std::int64_t ret = 0;  // as the kernel returns it: -errno on failure

  bool failed() const { return !finished || (ret < 0 && ret >= -4095); }
  // The argument with that meaning, 0 where the call has none.
  std::uint64_t addr() const { return argument(&SyscallShape::addr); }
  std::uint64_t length() const { return argument(&SyscallShape::length); }
  std::uint64_t prot() const { return argument(&SyscallShape::prot); }
  std::uint64_t flags() const { return argument(&SyscallShape::flags); }
  std::int32_t fd() const { return static_cast<std::int32_t>(argument(&SyscallShape::fd)); }
  std::uint64_t offset() const { return argument(&SyscallShape::offset); }

 private:
  std::uint64_t argument(std::int8_t SyscallShape::* position) const {
    const SyscallShape* shape = find_shape(number);
    if (!shape || shape->*position < 0) return 0;
    return args[static_cast<std::uint8_t>(shape->*position)];
  }
};

// mm_page_alloc: one block of 2^order frames taken from the page allocator.
enum class AllocContext : std::uint8_t {
  Other = 0,    // in the thread, outside of the next two
  Fault = 1,    // while the thread handled a page fault
  Syscall = 2,  // inside a followed system call
};

struct PageAlloc {
  Nanoseconds ts = 0;
  std::uint64_t pfn = 0;
  std::uint32_t gfp = 0;  // the kernel's own bits, which differ between versions
  Tid tid = 0;
  std::uint8_t order = 0;
  std::int8_t migratetype = 0;
  std::int8_t node = 0;
  AllocContext context = AllocContext::Other;
};

enum class FaultKind : std::uint8_t {
  Minor = 0,
  Major = 1,
  // Started and never finished: ended in a signal (HotSpot's implicit null checks and safepoint
  // polls do), or the thread died in it.
  Unfinished = 2,
};

// x86 page-fault error code (arch/x86/include/asm/trap_pf.h).
inline constexpr std::uint32_t kFaultProtection = 1U << 0U;  // 0: nothing was mapped there
inline constexpr std::uint32_t kFaultWrite = 1U << 1U;
inline constexpr std::uint32_t kFaultUser = 1U << 2U;
inline constexpr std::uint32_t kFaultInstruction = 1U << 4U;

struct Fault {
  Nanoseconds ts = 0;
  Nanoseconds dur = kUnknownDuration;
  std::uint64_t addr = 0;
  std::uint64_t ip = 0;
  Tid tid = 0;
  std::uint32_t error_code = 0;
  FaultKind kind = FaultKind::Minor;
  // The one block that became the faulting page, folded in because nearly every fault has exactly
  // one. Further blocks of the same fault (page tables) come as PageAlloc of their own.
  bool has_page = false;
  PageAlloc page;  // its ts, tid and context are the fault's

  bool huge() const { return has_page && page.order == 9; }
};

// tlb:tlb_flush (include/trace/events/tlb.h).
enum class FlushReason : std::uint8_t {
  TaskSwitch = 0,
  RemoteShootdown = 1,  // seen on the CPU that receives it
  LocalShootdown = 2,
  LocalMmShootdown = 3,
  RemoteSendIpi = 4,
  RemoteWrongCpu = 5,
};
inline constexpr std::uint64_t kFlushAll = ~std::uint64_t{0};

struct TlbFlush {
  Nanoseconds ts = 0;
  std::uint64_t pages = 0;  // kFlushAll: everything; 0 with TaskSwitch: none was needed
  Tid tid = 0;
  FlushReason reason{};
};

// Rarer things the memory management did to, or because of, a thread. `value` and `detail` mean
// what is written beside each kind.
enum class MmEventKind : std::uint8_t {
  DirectReclaim = 0,  // dur; value = pages reclaimed, detail = order
  KswapdWake = 1,     // value = node, detail = order
  Compaction = 2,     // dur; value = status (enum compact_result), detail = order
  // tid = the victim; value = pages it weighed, as oom_badness() adds up memory, swap and page
  // tables, 0 = not known (6.1 tells of the victim's own requests only); detail = its oom_score_adj
  // as std::int32_t, of meaning where value is not 0
  OomVictim = 3,
  MmapLockWait = 4,  // dur from asking for mmap_lock to having it; value = 1 write, 0 read
  SwapIn = 5,        // value = faulting address
  SwapOut = 6,       // anonymous memory; value = address, detail = pages, tid = whose process
  MemcgReclaim = 7,  // dur; value = pages reclaimed, detail = order
  ThpCollapse = 8,   // value = status, detail = 1 if collapsed, tid = whose process
  Migration = 9,     // value = pages moved, detail = pages that failed
};

struct MmEvent {
  Nanoseconds ts = 0;
  Nanoseconds dur = 0;  // 0: a point in time
  std::uint64_t value = 0;
  std::uint32_t detail = 0;
  Tid tid = 0;
  MmEventKind kind{};
};

// A sampled stack (perf cpu-clock).
struct Sample {
  Nanoseconds ts = 0;
  Tid tid = 0;
  StackId kernel_stack = kNoStack;
  StackId user_stack = kNoStack;
};

inline constexpr Nanoseconds kStillThere = -1;  // end_ts of what outlived the recording

struct Process {
  Pid pid = 0;
  Pid parent = 0;
  Nanoseconds start_ts = 0;
  Nanoseconds exec_ts = kStillThere;  // last exec; kStillThere: never, runs its parent's image
  Nanoseconds end_ts = kStillThere;
  std::int32_t wait_status = 0;   // as wait(2) gives it, valid when end_ts is set
  bool present_at_start = false;  // attached to (-p), its start was not seen
  std::string executable;
  std::vector<std::string> command;  // argv; empty where it was not seen
};

struct Thread {
  Tid tid = 0;
  Pid pid = 0;
  Nanoseconds start_ts = 0;
  Nanoseconds end_ts = kStillThere;
  std::string name;  // its last name: HotSpot's threads rename themselves
};

struct File {
  std::string path;  // as /proc/PID/maps would print it
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
};

struct Frame {
  std::uint64_t address = 0;  // as captured: the return address, or the pc for the innermost frame
  std::string symbol;         // demangled; empty where unknown
  std::string module;         // path of the file mapped there; empty where anonymous
  std::uint64_t module_offset = 0;  // address - load bias: what addr2line takes
  // How far into `symbol` the frame is, where the backend said so (strace -k does). Larger than the
  // function can be: the symbol was a guess from .dynsym.
  std::uint64_t symbol_offset = 0;
};

// Innermost frame first. User stacks of system calls start with the caller of the C library's
// system call wrapper.
struct Stack {
  Pid pid = 0;  // whose addresses these are; 0 for kernel stacks
  bool truncated = false;
  std::vector<Frame> frames;
};

// A named stretch of the target's life: "exec to libjvm", "VM init", "main". Marks come from the
// backend; phases are what lies between them.
struct Phase {
  std::string name;
  Nanoseconds start_ts = 0;
  Nanoseconds end_ts = kStillThere;
};

// A text file of /proc or /sys as it stood at `ts`. `source` is its path with the pid left out:
// "maps", "smaps", "status", "numa_maps", "mountinfo" (of `pid`), "meminfo", "vmstat", "buddyinfo",
// "zoneinfo", "pressure/memory" (pid 0).
struct Snapshot {
  Nanoseconds ts = 0;
  Pid pid = 0;
  std::string moment;  // "exec", "jvm initialised", "end", "attach"
  std::string source;
  std::string text;
};

enum class LossSeverity : std::uint8_t {
  Info,      // counted, nothing missing
  Notice,    // something was not recorded by design or for lack of a capability
  DataLoss,  // events that happened are missing
};

// One way to lose something, with how often it happened. Zero is reported too: a kind that is
// listed with 0 was watched, a kind that is not listed was not.
struct Loss {
  std::string kind;  // "ring full", "stack truncated"
  std::uint64_t count = 0;
  LossSeverity severity = LossSeverity::DataLoss;
  std::string meaning;  // one sentence for the user
};

}  // namespace ft::event
