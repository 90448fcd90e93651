// Makes a program that showed a mismatch as small as it can be while it still shows one of the same
// kind: fewer instructions, then simpler arguments, limits and files.
#pragma once

#include "runner.h"

namespace ft::differential {

// The smallest run found; `run` itself where nothing smaller shows it. REQUIRES: run.mismatch.
Result<Run> shrink(Runner& runner, const Run& run);

}  // namespace ft::differential
