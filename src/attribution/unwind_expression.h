// Evaluates the DWARF expressions that unwind tables hold for what "register plus offset" cannot
// say: procedure linkage tables, realigned stacks, signal frames (DWARF 5, section 2.5).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "attribution/unwind_state.h"

namespace ft::attribution {

// `first` lies on the stack at the start (the CFA, for rules of registers). Nothing where the
// expression is damaged, uses a register that is not known or memory that was not copied, or an
// operation that unwind tables have no use for; branches are among these, so that a run ends after
// as many steps as there are bytes.
std::optional<std::uint64_t> evaluate(std::span<const std::byte> expression,
                                      const UnwindRegisters& registers, StackMemory& memory,
                                      std::optional<std::uint64_t> first = {});

}  // namespace ft::attribution
