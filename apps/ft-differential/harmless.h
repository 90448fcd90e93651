// Which instructions may be run at all.
//
// Never: anything that could reach the stub (kStub) or put an area over kArgumentPage, accesses to
// the kernel's own areas, whose pages hold other things than zeros, advice that hurts the host
// (MADV_HWPOISON, MADV_SOFT_OFFLINE) or depends on it (MADV_PAGEOUT of what has a file: reclaim
// decides), and calls that would populate very much.
#pragma once

#include "instruction.h"
#include "state.h"

namespace ft::differential {

// `state`: of the world as it is before the instruction.
bool is_harmless(const Instruction& instruction, const WorldState& state);

}  // namespace ft::differential
