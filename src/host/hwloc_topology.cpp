#include "host/hwloc_topology.h"

#include <hwloc.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>

#include "base/check.h"

namespace ft::host {

namespace {

constexpr std::string_view kXmlRemedy = "export one with lstopo --of xml FILE";
constexpr std::string_view kSyntheticRemedy = "for example: node:2(memory=8GiB) core:8 pu:1";
// Beyond these a description is a mistake, and hwloc would take minutes and gigabytes over it.
constexpr std::uint64_t kMostSyntheticObjects = 65536;
constexpr unsigned kMostNumber = 65536;

struct Destroy {
  void operator()(hwloc_topology* topology) const { hwloc_topology_destroy(topology); }
};
using Handle = std::unique_ptr<hwloc_topology, Destroy>;

Handle make_handle() {
  hwloc_topology_t topology = nullptr;
  FT_CHECK(hwloc_topology_init(&topology) == 0);
  hwloc_topology_set_cache_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_NONE);
  return Handle(topology);
}

std::vector<std::uint32_t> members_of(hwloc_const_bitmap_t set) {
  std::vector<std::uint32_t> members;
  // The loop would not end on an infinite set, which hwloc allows.
  for (int i = hwloc_bitmap_first(set); i >= 0 && static_cast<unsigned>(i) < kMostNumber;
       i = hwloc_bitmap_next(set, i)) {
    members.push_back(static_cast<std::uint32_t>(i));
  }
  return members;
}

struct ReleaseDistances {
  hwloc_topology* topology;
  void operator()(hwloc_distances_s* distances) const {
    hwloc_distances_release(topology, distances);
  }
};

// By node, in the order of `nodes`; empty where there is none, or not for every node.
std::vector<std::vector<unsigned>> distances_of(hwloc_topology* topology,
                                                const std::vector<HwlocNode>& nodes) {
  unsigned count = 1;
  hwloc_distances_s* found = nullptr;
  if (hwloc_distances_get_by_type(topology, HWLOC_OBJ_NUMANODE, &count, &found,
                                  HWLOC_DISTANCES_KIND_FROM_OS | HWLOC_DISTANCES_KIND_MEANS_LATENCY,
                                  0) != 0 ||
      count == 0 || found == nullptr) {
    return {};
  }
  const std::unique_ptr<hwloc_distances_s, ReleaseDistances> matrix(found, {topology});
  const auto column_of = [&](std::uint32_t id) -> std::optional<unsigned> {
    for (unsigned i = 0; i < matrix->nbobjs; ++i) {
      if (matrix->objs[i] != nullptr && matrix->objs[i]->os_index == id) return i;
    }
    return std::nullopt;
  };
  std::vector<std::vector<unsigned>> distances;
  for (const HwlocNode& from : nodes) {
    std::vector<unsigned>& row = distances.emplace_back();
    for (const HwlocNode& to : nodes) {
      const auto i = column_of(from.id);
      const auto j = column_of(to.id);
      if (!i || !j) return {};
      const hwloc_uint64_t value = matrix->values[*i * matrix->nbobjs + *j];
      row.push_back(static_cast<unsigned>(
          std::min<hwloc_uint64_t>(value, std::numeric_limits<unsigned>::max())));
    }
  }
  return distances;
}

Result<HwlocTopology> read(hwloc_topology* topology, std::string_view name) {
  HwlocTopology result;
  for (hwloc_obj_t object = nullptr;
       (object = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, object)) != nullptr;) {
    if (object->os_index >= kMostNumber) {
      return fail(std::string(name), "a NUMA node without a number");
    }
    HwlocNode& node = result.nodes.emplace_back();
    node.id = object->os_index;
    node.memory_bytes = object->attr->numanode.local_memory;
    if (object->cpuset != nullptr) node.cpus = members_of(object->cpuset);
  }
  if (result.nodes.empty()) return fail(std::string(name), "it has no NUMA node");
  std::ranges::sort(result.nodes, {}, &HwlocNode::id);
  result.distances = distances_of(topology, result.nodes);
  return result;
}

// The product of the numbers behind the colons, which is how many objects hwloc would make.
std::uint64_t synthetic_objects(std::string_view description) {
  std::uint64_t objects = 1;
  for (std::size_t i = 0; i < description.size() && objects <= kMostSyntheticObjects; ++i) {
    const bool begins = i == 0 || description[i - 1] == ':' || description[i - 1] == ' ';
    if (!begins || description[i] < '0' || description[i] > '9') continue;
    std::uint64_t number = 0;
    while (i < description.size() && description[i] >= '0' && description[i] <= '9' &&
           number <= kMostSyntheticObjects) {
      number = number * 10 + static_cast<std::uint64_t>(description[i++] - '0');
    }
    objects *= std::max<std::uint64_t>(number, 1);
  }
  return objects;
}

}  // namespace

Result<HwlocTopology> read_host_topology() {
  const Handle topology = make_handle();
  if (hwloc_topology_load(topology.get()) != 0) {
    return fail("topology of this host", "hwloc does not find it");
  }
  return read(topology.get(), "topology of this host");
}

Result<HwlocTopology> parse_hwloc_xml(std::string_view xml, std::string_view name) {
  const auto broken = [&](std::string why) {
    return fail(std::string(name), std::move(why), std::string(kXmlRemedy));
  };
  if (xml.size() > kLargestHwlocXml) return broken("too large for a topology");
  if (xml.find('\0') != std::string_view::npos) return broken("it is not text");
  // Parsers of hwloc are made for what hwloc wrote: leave out what cannot be that.
  const auto last = xml.find_last_not_of(" \t\r\n");
  if (xml.find("<topology") == std::string_view::npos || last == std::string_view::npos) {
    return broken("it is no XML of hwloc");
  }
  if (!xml.substr(0, last + 1).ends_with("</topology>")) return broken("it is cut short");

  const Handle topology = make_handle();
  const std::string text(xml);  // ends in a zero byte, which counts
  if (hwloc_topology_set_xmlbuffer(topology.get(), text.c_str(),
                                   static_cast<int>(text.size()) + 1) != 0 ||
      hwloc_topology_load(topology.get()) != 0) {
    return broken("hwloc does not understand it");
  }
  return read(topology.get(), name);
}

Result<HwlocTopology> parse_hwloc_synthetic(std::string_view description) {
  const std::string name = "synthetic topology \"" + std::string(description.substr(0, 80)) + "\"";
  if (description.find('\0') != std::string_view::npos || description.size() > 4096) {
    return fail(name, "it is no description of a machine", std::string(kSyntheticRemedy));
  }
  if (synthetic_objects(description) > kMostSyntheticObjects) {
    return fail(name, "it describes more than 65536 objects", std::string(kSyntheticRemedy));
  }
  const Handle topology = make_handle();
  const std::string text(description);
  if (hwloc_topology_set_synthetic(topology.get(), text.c_str()) != 0 ||
      hwloc_topology_load(topology.get()) != 0) {
    return fail(name, "hwloc does not understand it", std::string(kSyntheticRemedy));
  }
  return read(topology.get(), name);
}

}  // namespace ft::host
