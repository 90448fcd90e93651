// Symboliser gives the frames of a trace's user stacks their module, offset and symbol, by what was
// mapped at the address when the stack was taken. Made to run once, at the end of a recording, on
// the machine and in the file system the target ran in.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "event/trace.h"

namespace ft::attribution {

// The path under which a file that `pid` mapped as `path` can be opened now; empty: nowhere. The
// default opens it as recorded.
using FilePathResolver = std::function<std::string(event::Pid pid, const std::string& path)>;

// When a stack was taken that no system call of the trace refers to (samples).
struct StackUse {
  event::StackId stack = event::kNoStack;
  Nanoseconds ts = 0;
};

struct Symbolised {
  std::vector<event::StackId> changed;  // ascending: to be given to the sink again
  std::vector<Error> problems;          // files whose symbols could not be read
};

// Frames that have a symbol already, or no address, stay as they are. A return address belongs to
// the call before it, so it is looked up one byte earlier.
Symbolised symbolise(event::Trace& trace, const FilePathResolver& resolve = {},
                     std::span<const StackUse> uses = {});

}  // namespace ft::attribution
