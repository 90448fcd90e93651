#include "sim/cost/work.h"

#include <numeric>

namespace ft::sim::cost {

void Operations::add(const Operations& other) {
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
  nameless += other.nameless;
}

std::uint64_t Operations::total() const {
  return std::accumulate(counts.begin(), counts.end(), nameless);
}

}  // namespace ft::sim::cost
