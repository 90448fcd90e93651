// What operations of the kernel's memory management take on a machine, as its file tells
// (docs/machine.md) and `firsttouch calibrate` measures (docs/calibrate.md).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ft::sim::profile {

// Each is nanoseconds an operation takes, or a part of it more. Keys of the file are in costs.cpp.
enum class Cost : std::uint8_t {
  Syscall,       // entering and leaving the kernel for a call that does nothing
  FaultAnon,     // first write to a small anonymous page, zeroed, its page table there
  FaultAnon16k,  // the same with a folio of that size
  FaultAnon32k,
  FaultAnon64k,
  FaultAnon128k,
  FaultAnon256k,
  FaultAnon512k,
  FaultAnon1024k,
  FaultAnon2m,       // a huge page, zeroed, and the table deposited with it
  FaultAnon2mOfTwo,  // the same while another CPU zeroes one
  FaultZeroPage,     // first read of anonymous memory: maps the page of zeroes
  FaultFile,         // read of a file page in the page cache, without neighbours
  FaultFilePage,     // each further page that such a fault maps around it
  FaultCow,          // first touch of a private page of a file, a write: copies
  FaultCowMapped,  // write to a page of a file that is mapped to be read, or to the page of zeroes
  FaultReuse,      // write to a page that may just be made writable: copies nothing
  FaultShmem,      // first write to a page of shared memory
  FaultHugetlb2m,  // first touch of a page of a hugetlb pool, zeroed
  PageTable,       // what a fault takes more where it makes a page table too
  PopulatePage,    // each page of MAP_POPULATE, MADV_POPULATE_WRITE
  Mmap,            // the call, without what depends on pages: as of all below; of no file
  MmapFile,        // of a file, privately
  Munmap,
  MunmapPage,  // each present small page unmapped and freed
  Mprotect,
  MprotectPage,  // each present page whose entry changes
  Madvise,       // a call that changes nothing, or flags of the area only
  MadvisePage,   // each present page that MADV_DONTNEED frees
  Mremap,
  Brk,
  MunmapHuge,      // each huge page unmapped and freed
  FlushLocal,      // flushing this CPU's TLB, of one page or of everything
  FlushLocalPage,  // each further page
  FlushRemote,     // having another CPU flush
  TlbL2Hit,        // a load whose translation the first level misses and the second has
  TlbWalk4k,       // one that both miss, small pages
  TlbWalk2m,       // huge pages
};
inline constexpr std::size_t kCosts = static_cast<std::size_t>(Cost::TlbWalk2m) + 1;

std::string_view name_of(Cost cost);  // "fault_anon_2m", the key in a file

// Of an anonymous fault that is served by a folio of 2^order pages; nothing where the kernel has
// none of that order (it has 0, 2 to 9).
std::optional<Cost> anonymous_fault(unsigned order);

// A number a cost; nothing where it is not known. Never negative.
class Costs {
 public:
  std::optional<double> of(Cost cost) const { return values_[static_cast<std::size_t>(cost)]; }
  void set(Cost cost, double value) { values_[static_cast<std::size_t>(cost)] = value; }
  bool empty() const;
  std::vector<Cost> known() const;  // in the enum's order

  bool operator==(const Costs&) const = default;

 private:
  std::array<std::optional<double>, kCosts> values_;
};

// Translations that the levels of the data TLB were seen to hold.
struct MeasuredTlb {
  std::optional<std::uint64_t> l1_entries_4k;
  std::optional<std::uint64_t> l2_entries_4k;
  std::optional<std::uint64_t> l1_entries_2m;
  std::optional<std::uint64_t> l2_entries_2m;

  bool operator==(const MeasuredTlb&) const = default;
};

// Where and when costs were measured, and what else was.
struct Measured {
  std::string date;    // "2026-11-23 04:30"
  std::string kernel;  // as uname -r has it
  std::string cpu;     // the processor's name
  std::string file;    // that was mapped
  std::optional<bool> noisy;
  std::string why;  // what made it so, or what was looked at
  std::optional<double> zeroing_bytes_per_ns;
  // Nanoseconds of a dependent load, by node of the CPU and node of the memory. Empty: not
  // measured; a row may be empty where a node has no CPU.
  std::vector<std::vector<double>> memory_latency_ns;

  bool operator==(const Measured&) const = default;
};

// All of it that a machine file may hold. A spread is the middle half of what was measured (from
// the lower to the upper quartile) over its median.
struct MachineCosts {
  Costs cost_ns;      // to the program, that nobody records: as its own clock tells
  Costs recorded_ns;  // as a recording tells: without entry and exit, with the probes' own time
  // The same where the thread did other work for long enough since its last fault or call that the
  // kernel's code and data had left the nearest caches.
  Costs recorded_cold_ns;
  Costs cost_spread;
  Costs recorded_spread;
  MeasuredTlb tlb;
  std::optional<Measured> measured;

  bool operator==(const MachineCosts&) const = default;
};

}  // namespace ft::sim::profile
