#include "calibrate/exercise.h"

namespace ft::calibrate {

Exercises exercises(const host::HostFacts& facts, std::uint64_t pages,
                    std::optional<int> other_cpu) {
  Exercises all;
  add_faults(facts, pages, other_cpu, all);
  add_calls(pages, all);
  add_huge_unmaps(facts, all);
  add_flushes(other_cpu, all);
  return all;
}

}  // namespace ft::calibrate
