// What a function of the Linux kernel is busy with, by its name: one table (stage_table.cpp) for
// 6.1 to 6.18, and the rules by which a stack of such names is put into one stage.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace ft::kernel {

enum class Stage : std::uint8_t {
  User,          // not in the kernel at all
  Trap,          // entry to and exit from the kernel, the fault handler's first lines
  VmaLock,       // finding the area an address lies in, and locking it or the address space
  CgroupCharge,  // memory control group: charging, uncharging, statistics
  AllocPcp,      // page allocation served by the lists per CPU
  AllocBuddy,    // page allocation that goes to the buddy lists of the zone
  AllocSlow,     // reclaim, compaction, out of memory
  Zeroing,       // clearing new pages
  Copying,       // copying pages on write
  RmapLru,       // reverse map and LRU lists
  Tables,        // the rest of a fault: tables allocated, entries filled in
  FileMap,       // mapping pages of files, fault-around
  Mmap,          // mmap, brk, mremap, madvise: gap search, areas, tree
  Unmap,         // unmapping, and freeing pages and tables
  Mprotect,
  TlbFlush,
  Exec,
  FileIo,     // page cache, files, paths, storage
  Sched,      // scheduling, wake-ups, futexes
  Process,    // threads and processes: their start and end
  OtherCall,  // any other system call
  Interrupt,
  Virtualisation,
  Recording,  // the recorder's own probes and clocks
  Unknown,
};
inline constexpr std::size_t kStageCount = static_cast<std::size_t>(Stage::Unknown) + 1;

// "zeroing": a name that stays, for scripts compare it.
std::string_view name_of(Stage stage);

struct Classified {
  Stage stage = Stage::Unknown;
  // With Unknown: the innermost function that the table does not know; empty where none has a name.
  std::string_view unclassified;
};

// Functions of one kernel stack, innermost first; empty names for unknown ones. The innermost that
// names a stage decides. Helpers (locks, memset, slab) name none; the entry code, which is at the
// outer end of every stack, decides only if everything inside it is helpers or nothing. A stack
// within the recorder's own probes is theirs, whatever they call.
Classified classify(std::span<const std::string_view> functions);

// How far a stack lies in the handling of a page fault.
enum class InFault : std::uint8_t {
  No,
  // In the entry code or the first lines of the handler alone. Time with interrupts off shows here:
  // the clock's interrupt comes once they are on again.
  Edge,
  Inside,
};
InFault in_fault(std::span<const std::string_view> functions);

// The system call a stack is in: "mmap" of "__x64_sys_mmap"; empty: none.
std::string_view system_call_of(std::span<const std::string_view> functions);

// Without what the compiler appends to the name of a function's part or copy: ".isra.0", ".cold".
std::string_view base_name(std::string_view function);

// The table itself, for its tests: names and prefixes ("mas_*") in the order it is written.
std::vector<std::string_view> names_in_table();

}  // namespace ft::kernel
