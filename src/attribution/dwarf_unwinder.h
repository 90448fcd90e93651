// DwarfUnwinder finds the callers in a copied stack by the tables compilers write beside the code
// (.eh_frame), by frame pointers where there is none: in code the JVM made itself, and in files
// that are gone. Used when a recording closes, on the machine and in the file system the target ran
// in, for what a walk along frame pointers cannot see: the callers of malloc and its like.
//
// Registers, stack and files are the target's and may be anything. A walk takes at most kMaxFrames
// steps, each to a higher stack pointer, and reads nothing but the copy.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "attribution/symboliser.h"
#include "base/result.h"
#include "event/stack_copy.h"
#include "event/trace.h"

namespace ft::attribution {

enum class WalkEnd : std::uint8_t {
  Outermost,    // where a thread starts
  CopyEnded,    // the next frame lies above the copied memory
  TooDeep,      // kMaxFrames
  NobodyKnows,  // no table and no sane frame pointer
};

struct Walk {
  // Innermost first: the instruction pointer, then return addresses. Never empty.
  std::vector<std::uint64_t> addresses;
  WalkEnd end = WalkEnd::NobodyKnows;
};

class DwarfUnwinder {
 public:
  static constexpr std::size_t kMaxFrames = 256;

  // Follows what every process of the trace had mapped over time; stacks and symbols of the trace
  // are not needed.
  // REQUIRES: `trace` outlives the unwinder, its files, calls and snapshots unchanged.
  explicit DwarfUnwinder(const event::Trace& trace, FilePathResolver resolve = {});
  DwarfUnwinder(DwarfUnwinder&&) noexcept;
  DwarfUnwinder& operator=(DwarfUnwinder&&) noexcept;
  ~DwarfUnwinder();

  Walk walk(const event::StackCopy& copy);
  std::vector<std::uint64_t> unwind(const event::StackCopy& copy) { return walk(copy).addresses; }

  // False where the process is known to have had no code at that address.
  bool may_be_code(const event::StackCopy& copy, std::uint64_t address) const;

  // Files whose tables could not be read.
  std::span<const Error> problems() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct UnwoundStacks {
  std::size_t complete = 0;   // to where the thread starts
  std::size_t truncated = 0;  // the copy or kMaxFrames ended them
  std::size_t broken = 0;     // nobody knew the next caller
  std::vector<Error> problems;
};

// Replaces the frames of these stacks and tells each through `changed`, to be given to the sink
// again. Stack::truncated is set where the copy ended before the outermost frame. Made to run
// before symbolise(): the new frames are bare addresses.
//
// The recorder's own walk along frame pointers reads live memory, not the copy: where the copy ends
// first, the frames that walk found further out are kept.
UnwoundStacks unwind_all(event::Trace& trace, std::span<const event::StackCopy> copies,
                         const std::function<void(event::StackId, const event::Stack&)>& changed,
                         const FilePathResolver& resolve = {});

}  // namespace ft::attribution
