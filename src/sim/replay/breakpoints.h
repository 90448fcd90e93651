// The recorder's own marks in the target: breakpoints (uprobes) in libjvm. The kernel writes each
// into a private copy of its page when the file is mapped, which shows in RssAnon, and flushes that
// page. The model has no part for it; the recording says where they are.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "event/trace.h"
#include "sim/machine/process.h"
#include "sim/replay/file_table.h"

namespace ft::sim::replay {

class Breakpoints {
 public:
  // Meta keys "probe.uprobe.N": "<file offset> <path>".
  explicit Breakpoints(const event::Trace& trace);

  bool empty() const { return marks_.empty(); }

  // Pages of the process that are copies because of them, and that the model has as the file's.
  struct Copies {
    std::uint64_t pages = 0;
    std::uint64_t shown_as_file = 0;
  };
  Copies copies_in(const machine::Process& process, const FileTable& files) const;

  // Whether the file the call is about holds any.
  bool concern(const event::Syscall& call, const event::Trace& trace) const;

 private:
  struct Mark {
    std::uint64_t page = 0;
    std::string path;
    auto operator<=>(const Mark&) const = default;
  };
  std::vector<Mark> marks_;  // sorted, no page twice
};

}  // namespace ft::sim::replay
