// PfnNodes tells on which NUMA node a page frame lies.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/interval_map.h"
#include "base/result.h"
#include "host/host_files.h"
#include "host/zoneinfo.h"

namespace ft::host {

// Ranges of frames (AddressRange holds frame numbers here), each with its node.
class PfnNodes {
 public:
  // From the zones' first frames and spans. Empty where spans of different nodes overlap, which
  // nodes that interleave their memory do: the spans do not tell then.
  static std::optional<PfnNodes> from_zones(std::span<const Zone> zones);

  // From the memory blocks of sysfs, which belong to one node each.
  static Result<PfnNodes> from_memory_blocks(const HostFiles& files);

  // The first of the two that works.
  static Result<PfnNodes> read(const HostFiles& files);

  // Nothing for frames of no node: holes, devices.
  std::optional<std::uint32_t> node_of(std::uint64_t pfn) const;

  const IntervalMap<std::uint32_t>& ranges() const { return ranges_; }

 private:
  IntervalMap<std::uint32_t> ranges_;
};

}  // namespace ft::host
