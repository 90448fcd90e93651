// An Exercise has the kernel do one kind of operation many times over, and nothing else between
// run()'s begin and end. The same exercises are timed by this process's clock and, under the
// recorder, by the recording's (docs/calibrate.md).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "host/facts.h"

namespace ft::calibrate {

// What is done. `size` of its key: pages, where the kind has a size.
enum class Kind : std::uint8_t {
  NullCall,         // a call that does nothing
  AnonWrite,        // first writes to small anonymous pages; size: pages of the folio they get
  AnonNewTable,     // the same, each where a page table is missing
  AnonRead,         // first reads of anonymous pages
  FileRead,         // reads of cached file pages; size: pages that one fault maps
  FileWrite,        // first writes to private file pages
  FileWriteMapped,  // the same after they were read
  Reuse,            // writes to pages that were shared by fork and are no more
  ShmemWrite,       // first writes to shared memory
  HugeWriteOfTwo,   // to huge pages, while another CPU does so too
  HugetlbWrite,     // first writes to pages of a hugetlb pool
  Populate,         // MADV_POPULATE_WRITE; size: pages
  Mmap,             // of areas that merge with nothing
  MmapFile,         // of pieces of a file
  Munmap,           // of whole areas; size: pages present
  MunmapHuge,       // size: huge pages present
  Mprotect,         // of a piece of an area, to and fro; size: pages present
  MprotectTwoCpus,  // the same while another CPU runs a thread of this process
  MadviseFlag,      // changes a flag of an area, to and fro
  Dontneed,         // MADV_DONTNEED; size: pages present
  Mremap,           // moves an area without pages
  Brk,              // grows the heap
};

struct Key {
  Kind kind{};
  std::uint32_t size = 0;
  bool cold = false;  // with other work between the operations

  auto operator<=>(const Key&) const = default;
};

// What the thread does between two operations: nothing, or other work.
class Pause {
 public:
  Pause() = default;
  explicit Pause(void (*work)()) : work_(work) {}
  void operator()() const {
    if (work_) work_();
  }

 private:
  void (*work_)() = nullptr;
};

// What a recording tells of it.
enum class Counts : std::uint8_t { Faults, Calls };

struct Exercise {
  Key key;
  Counts counts{};
  std::uint64_t operations = 0;  // faults or calls of one run()
  // Each false, with errno, where the kernel refuses; then clean() is called all the same.
  std::function<bool()> prepare;
  std::function<bool(Pause)> run;
  std::function<void()> clean;
  // May be empty. After run(): touches what the faults should have mapped besides, so that there
  // are more faults where they did not.
  std::function<void()> touch_rest = {};
  bool pauses = false;  // run() pauses before each operation
};

struct Exercises {
  std::vector<Exercise> list;
  // What this host cannot do, as sentences with the keys they are about.
  std::vector<std::string> left_out;
};

// All that this host can do. `pages`: about how many small pages a run touches. `other_cpu`: where
// a second thread may run, besides the one that the caller runs on.
Exercises exercises(const host::HostFacts& facts, std::uint64_t pages,
                    std::optional<int> other_cpu);

// Parts of it.
void add_faults(const host::HostFacts& facts, std::uint64_t pages, std::optional<int> other_cpu,
                Exercises& exercises);
void add_calls(std::uint64_t pages, Exercises& exercises);
void add_huge_unmaps(const host::HostFacts& facts, Exercises& exercises);
void add_flushes(std::optional<int> other_cpu, Exercises& exercises);

// Whether a write to advised anonymous memory may get a folio of that size here.
bool gives_folios(const host::HostFacts& facts, std::uint64_t bytes);

// Nanoseconds an operation, of those that worked in one round.
using Round = std::map<Key, double>;

}  // namespace ft::calibrate
