// How fast this host's memory is written and read.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "calibrate/rounds.h"
#include "sim/numa/topology.h"

namespace ft::calibrate {

// Bytes a nanosecond at which pages beyond the caches are zeroed, as the kernel does it on x86-64
// (rep stosb, page by page: arch/x86/lib/clear_page_64.S). Empty where there was no memory.
std::vector<double> zeroing_speed(std::size_t rounds, const KeepOn& keep_on);

struct NodeLatencies {
  // By node of the CPU, by node of the memory: medians of nanoseconds of a load. A row is empty
  // where the node has no CPU that this process may use. Empty as a whole where any could not be
  // measured.
  std::vector<std::vector<double>> ns;
  std::string why_not;  // where it is empty
};

// Moves this thread about, and leaves it on any CPU it was allowed.
NodeLatencies node_latencies(const sim::numa::Topology& topology, std::size_t rounds,
                             const KeepOn& keep_on);

}  // namespace ft::calibrate
