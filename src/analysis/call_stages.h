// What a memory call does for the memory it is about: the stages that the picture adds up, so that
// one sees what each step from address space to memory costs.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "event/event.h"
#include "report/model/picture.h"

namespace ft::analysis {

class MemoryCalls;

enum class CallStage : std::uint8_t {
  Reserve,   // mmap with PROT_NONE: takes address space, no memory
  Commit,    // mmap with rights, mprotect that grants some, brk: allows memory to be used
  Populate,  // MAP_POPULATE, mlock, MADV_POPULATE_*: the call itself brings the pages
  GiveBack,  // munmap, madvise(DONTNEED), PROT_NONE put over what was there
  Other,     // mremap, other advice, rights taken away, msync ...
};
inline constexpr std::size_t kCallStageCount = 5;

// Index of the page faults' own stage, behind those of the calls.
inline constexpr std::uint8_t kTouchStage = kCallStageCount;

CallStage stage_of(const event::Syscall& call);

// All stages, those of CallStage in order, then "touch", with the sums of the calls filled in.
// Their times add up to those of all memory calls.
std::vector<report::model::Stage> sum_stages(std::span<const event::Syscall> calls,
                                             const MemoryCalls& memory_calls);

}  // namespace ft::analysis
