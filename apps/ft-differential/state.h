// ProcessState is everything that is compared of a process, the same for the live kernel and for
// the model. Sizes in bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/range.h"
#include "host/vm_flags.h"

namespace ft::differential {

// What an area is backed by, beside the files of the program by their number.
inline constexpr int kAnonymous = -1;
inline constexpr int kSharedAnonymous = -2;  // a nameless file of its own (mm/shmem.c)
inline constexpr int kOther = -3;            // the kernel's own: vdso, vvar

struct Area {
  AddressRange range;
  host::VmFlags flags;       // the VmFlags line of smaps
  int backing = kAnonymous;  // a file's number, or one of the above
  std::uint64_t offset = 0;  // into the file; 0 without one
  std::uint64_t rss = 0;
  std::uint64_t anonymous = 0;
  std::uint64_t huge = 0;  // AnonHugePages

  bool operator==(const Area&) const = default;
};

// One page that an entry says something about.
struct Page {
  std::uint64_t address = 0;
  bool present = false;
  bool swapped = false;
  bool file_or_shared = false;
  bool guard = false;
  bool exclusive = false;   // mapped by this process only
  bool zero = false;        // the shared zero page, or a part of the huge one
  bool huge = false;        // mapped by a 2 MiB entry
  std::uint64_t frame = 0;  // only to be compared with frames of the same side; 0: not known

  // All but the frame.
  bool looks_like(const Page& other) const;
};

struct ProcessState {
  std::vector<Area> areas;        // by address
  std::vector<Page> pages;        // by address
  std::uint64_t page_tables = 0;  // VmPTE
  std::uint64_t rss_anonymous = 0;
  std::uint64_t rss_file = 0;
  std::uint64_t rss_shmem = 0;
  std::uint64_t size = 0;    // VmSize
  std::uint64_t locked = 0;  // VmLck
  std::uint64_t data = 0;    // VmData
  std::uint64_t stack = 0;   // VmStk
  std::uint64_t minor_faults = 0;
  std::uint64_t major_faults = 0;
};

// All processes of a program by number. One that is gone has no areas.
using WorldState = std::vector<ProcessState>;

struct Difference {
  std::string what;
  std::string live;
  std::string model;
};

// Empty where both agree.
std::vector<Difference> compare(const WorldState& live, const WorldState& model);

}  // namespace ft::differential
