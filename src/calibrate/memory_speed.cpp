#include "calibrate/memory_speed.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/byte_size.h"
#include "base/text.h"
#include "base/units.h"
#include "calibrate/area.h"
#include "calibrate/pointer_chase.h"
#include "calibrate/series.h"
#include "calibrate/stopwatch.h"
#include "host/host_files.h"

namespace ft::calibrate {

namespace {

constexpr std::uint64_t kZeroed = 128 * kMiB;
constexpr std::uint64_t kLeastChased = 256 * kMiB;
constexpr std::uint64_t kMostChased = 2 * kGiB;
constexpr std::uint64_t kTimesTheCache = 4;

void zero_page(char* page) {
#if defined(__x86_64__)
  std::uint64_t count = kPageSize;
  asm volatile("rep stosb" : "+D"(page), "+c"(count) : "a"(0) : "memory");
#else
  std::memset(page, 0, kPageSize);
  asm volatile("" ::"r"(page) : "memory");
#endif
}

// The largest cache that CPU 0 sees; 0: not told.
std::uint64_t largest_cache() {
  const host::HostFiles files;
  std::uint64_t largest = 0;
  for (int index = 0; index < 8; ++index) {
    const auto text =
        files.text(fmt::format("/sys/devices/system/cpu/cpu0/cache/index{}/size", index));
    if (text) largest = std::max(largest, parse_byte_size(*text).value_or(0));
  }
  return largest;
}

// Memory of that node only, as mbind(2) has it; with one node there is nothing to ask for.
bool bind_to(std::uint32_t node, void* start, std::size_t bytes) {
  constexpr int kBind = 2;      // MPOL_BIND
  std::uint64_t mask[16] = {};  // 1024 nodes
  mask[node / 64] = std::uint64_t{1} << (node % 64);
  return ::syscall(SYS_mbind, start, bytes, kBind, mask, sizeof mask * 8, 0) == 0;
}

class KeptAffinity {
 public:
  KeptAffinity() { known_ = ::sched_getaffinity(0, sizeof set_, &set_) == 0; }
  KeptAffinity(const KeptAffinity&) = delete;
  ~KeptAffinity() {
    if (known_) ::sched_setaffinity(0, sizeof set_, &set_);
  }
  // Moves to one of these CPUs.
  bool move_to(const std::vector<std::uint32_t>& cpus) const {
    for (const std::uint32_t cpu : cpus) {
      if (cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &set_)) continue;
      cpu_set_t one;
      CPU_ZERO(&one);
      CPU_SET(cpu, &one);
      return ::sched_setaffinity(0, sizeof one, &one) == 0;
    }
    return false;
  }

 private:
  cpu_set_t set_{};
  bool known_ = false;
};

}  // namespace

std::vector<double> zeroing_speed(std::size_t rounds, const KeepOn& keep_on) {
  std::vector<double> speeds;
  const Area area = Area::map(kZeroed, PROT_READ | PROT_WRITE, MAP_NORESERVE, kHugePageSize);
  if (!area) return speeds;
  for (std::uint64_t at = 0; at < kZeroed; at += kPageSize) write_byte(area.data() + at);
  for (std::size_t i = 0; i < rounds && keep_on(); ++i) {
    const Nanoseconds begin = thread_time();
    for (std::uint64_t at = 0; at < kZeroed; at += kPageSize) zero_page(area.data() + at);
    const Nanoseconds end = thread_time();
    if (end > begin) {
      speeds.push_back(static_cast<double>(kZeroed) / static_cast<double>(end - begin));
    }
  }
  return speeds;
}

NodeLatencies node_latencies(const sim::numa::Topology& topology, std::size_t rounds,
                             const KeepOn& keep_on) {
  NodeLatencies latencies;
  const std::uint64_t bytes =
      std::clamp(kTimesTheCache * largest_cache(), kLeastChased, kMostChased) / kHugePageSize *
      kHugePageSize;
  const bool one = topology.nodes().size() == 1;
  const KeptAffinity affinity;
  for (const auto& from : topology.nodes()) {
    std::vector<double>& row = latencies.ns.emplace_back();
    if (!affinity.move_to(from.cpus)) continue;
    for (const auto& to : topology.nodes()) {
      std::vector<double> values;
      for (std::size_t i = 0; i < rounds && keep_on(); ++i) {
        const auto latency = memory_latency(bytes, [&](void* start, std::size_t length) {
          return one || bind_to(to.id, start, length);
        });
        if (latency) values.push_back(*latency);
      }
      if (values.empty()) {
        latencies.why_not = fmt::format("memory of node {} could not be had from node {}: {}",
                                        to.id, from.id, std::strerror(errno));
        latencies.ns.clear();
        return latencies;
      }
      row.push_back(quantile(values, 0.5));
    }
  }
  return latencies;
}

}  // namespace ft::calibrate
