// The table of kernel functions.
#pragma once

#include <span>
#include <string_view>

#include "kernel/stage.h"

namespace ft::kernel {

enum class Weight : std::uint8_t {
  Decides,    // names its stage
  Helps,      // names it only if nothing further out but the entry code does
  Entry,      // the outer end of stacks: names Trap only if nothing unknown is inside
  Helper,     // names nothing and is no riddle
  Overrules,  // names its stage for everything inside it too
};

struct Names {
  Stage stage;
  Weight weight;
  std::string_view names;  // separated by blanks; "mas_*" stands for all that begin so
};

std::span<const Names> stage_table();

}  // namespace ft::kernel
