// Rounds: exercises done in turn, again and again, and what each took, by this thread's own clock.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "calibrate/exercise.h"

namespace ft::calibrate {

// False: stop.
using KeepOn = std::function<bool()>;

struct Rounds {
  std::vector<Round> rounds;
  // Of exercises that did not do what was asked of them, why; the last reason holds.
  std::map<Key, std::string> failed;
};

// What one run of an exercise came to.
struct Ran {
  bool worked = false;
  std::string why_not;
  double nanoseconds = 0;  // an operation
};

// Prepares, runs and cleans up. `mark`, where there is one, is called right before (true) and right
// after (false) run(), where that worked, and is not part of the time. A run of faults that made
// another number of them than it should (by a hundredth and two) did not work.
Ran run_once(const Exercise& exercise, const std::function<void(bool)>& mark = {});

Rounds run_rounds(const std::vector<Exercise>& list, std::size_t rounds, const KeepOn& keep_on);

}  // namespace ft::calibrate
