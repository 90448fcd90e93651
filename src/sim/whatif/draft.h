// Draft is a recording that is being changed into what another configuration would have recorded:
// the calls and the first touches of pages, each with the part of the JVM it belongs to. What
// changes it keeps times in order; addresses are the recording's, unless a change moves them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/range.h"
#include "event/event.h"
#include "sim/replay/replay.h"
#include "sim/whatif/parts.h"

namespace ft::sim::whatif {

struct Call {
  event::Syscall event;
  jvm::Subsystem owner = jvm::Subsystem::Unknown;

  AddressRange range() const;  // of what it maps or is about; empty where it failed
  Nanoseconds end() const;     // when it had taken effect
  bool reserves() const;       // mmap: PROT_NONE and MAP_NORESERVE, the kernel's choice or a hint
  bool commits() const;        // mmap: anonymous memory, writable, over a reservation
  bool maps_file() const;      // mmap of a file, whatever the place
};

struct Touch {
  event::Fault event;
  event::Pid pid = 0;
  jvm::Subsystem owner = jvm::Subsystem::Unknown;

  std::uint64_t page() const { return event.addr >> kPageShift; }
};

class Draft {
 public:
  Draft(const replay::Material& material, const Parts& parts);

  event::Trace& trace() { return rest_.trace; }
  std::vector<Call>& calls() { return calls_; }
  const std::vector<Call>& calls() const { return calls_; }
  std::vector<Touch>& touches() { return touches_; }
  const std::vector<Touch>& touches() const { return touches_; }

  // Each takes effect when `after` has: later than everything that was added there before.
  void add_call(const Call& after, event::SyscallNumber number, AddressRange range,
                std::uint64_t argument);
  void add_map(const Call& after, AddressRange range, std::uint64_t prot, std::uint64_t flags);
  // Writes to every page of `range`, as the thread of `after`.
  void add_touches(const Call& after, AddressRange range);
  void add_touch(const Touch& like, std::uint64_t address);

  // Calls that are not made; indices into calls(), in any order.
  void drop_calls(const std::vector<std::size_t>& indices);

  // Every address of the process that `place` gives another one, in calls that begin at `since` or
  // later and in touches after it.
  void relocate(event::Pid pid, Nanoseconds since,
                const std::function<std::uint64_t(std::uint64_t)>& place);

  // The pages of `range` that were touched at or after `since`, by address, each once.
  std::vector<std::uint64_t> pages_touched(event::Pid pid, AddressRange range,
                                           Nanoseconds since) const;

  // A place of `size` bytes, aligned to `alignment`, that nothing in the recording ever used but
  // `own`; the highest below `below`. 0: there is none.
  std::uint64_t find_free(event::Pid pid, std::uint64_t size, std::uint64_t alignment,
                          std::uint64_t below, AddressRange own) const;

  // In the order of time.
  replay::Material finish() &&;

 private:
  replay::Material rest_;  // without its calls and faults
  std::vector<Call> calls_;
  std::vector<Touch> touches_;
  std::vector<Call> added_calls_;
  std::vector<Touch> added_touches_;
};

}  // namespace ft::sim::whatif
