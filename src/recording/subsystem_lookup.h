// What SQL tables want to know that a recording does not hold: which part of the JVM an address or
// a call belongs to. Attribution computes it from the recording; the command line plugs it in here,
// so that reading recordings stays free of it. The texts stay valid as long as the lookup.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "base/range.h"
#include "event/trace.h"

namespace ft::recording {

// A piece of one process's address space that did not change for a while.
struct RegionRow {
  event::Pid pid = 0;
  AddressRange range;
  Nanoseconds from_ts = 0;
  Nanoseconds to_ts = event::kStillThere;
  std::uint32_t prot = 0;  // PROT_* bits
  bool committed = false;
  event::FileId file = event::kNoFile;
  std::string_view subsystem;
  std::string_view evidence;
  std::string_view detail;  // may be empty
};

class SubsystemLookup {
 public:
  virtual ~SubsystemLookup() = default;

  // Asked for millions of times with ts roughly rising.
  virtual std::string_view subsystem_at(event::Pid pid, std::uint64_t address,
                                        Nanoseconds ts) const = 0;
  // Of Trace::syscalls[index].
  virtual std::string_view subsystem_of_syscall(std::size_t index) const = 0;
  virtual std::size_t region_count() const = 0;
  virtual RegionRow region(std::size_t index) const = 0;
};

// Made once, when a query first asks for it. The trace outlives the lookup.
using MakeLookup = std::function<std::unique_ptr<SubsystemLookup>(const event::Trace&)>;

}  // namespace ft::recording
