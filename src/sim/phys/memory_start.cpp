#include "sim/phys/memory_start.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/units.h"

namespace ft::sim::phys {

namespace {

std::string label_of(const ZoneShape& shape) {
  return fmt::format("node {}, zone {}", shape.node, name_of(shape.kind));
}

Result<void> validate_zone(const ZoneStart& zone) {
  const ZoneShape& shape = zone.shape;
  const std::string what = label_of(shape);
  if (shape.node >= kMostNodes) {
    return fail(what, fmt::format("the model takes nodes 0 to {}", kMostNodes - 1));
  }
  if (shape.span.start >= shape.span.end || shape.managed == 0)
    return fail(what, "it has no memory");
  if (shape.span.end > kMostFrames || shape.span.end <= kFirstUsable) {
    return fail(what, fmt::format("it ends at frame {}; the model takes {} to {}", shape.span.end,
                                  kFirstUsable + 1, kMostFrames));
  }
  if (shape.present > shape.span.size() || shape.managed > shape.present) {
    return fail(what, fmt::format("of {} frames spanned {} cannot be present and {} managed",
                                  shape.span.size(), shape.present, shape.managed));
  }
  std::uint64_t free = 0;
  for (const auto& by_order : zone.free) {
    for (unsigned order = 0; order < kOrders; ++order) {
      if (by_order[order] > kMostFrames >> order) return fail(what, "more free blocks than frames");
      free += by_order[order] << order;
    }
  }
  if (free > shape.managed) {
    return fail(what, fmt::format("{} frames are free, but only {} managed", free, shape.managed));
  }
  return {};
}

// The next two are checked in order of address.
Result<void> validate_neighbours(const ZoneShape& below, const ZoneShape& above) {
  if (above.span.start < below.span.end) {
    return fail(label_of(above), fmt::format("it overlaps {}", label_of(below)));
  }
  if (head_of(above.span.start, kPageblockOrder) < below.span.end) {
    return fail(label_of(above),
                fmt::format("it shares a pageblock of 2 MiB with {}", label_of(below)));
  }
  return {};
}

Result<void> validate_order(std::span<const NodeId> order, NodeId node,
                            const std::vector<NodeId>& with_memory) {
  std::vector<NodeId> sorted(order.begin(), order.end());
  std::ranges::sort(sorted);
  if (sorted == with_memory) return {};
  return fail(fmt::format("fallback order of node {}", node),
              "it must name each node with memory once");
}

}  // namespace

Result<void> MemoryStart::validate() const {
  if (zones.empty()) return fail("physical memory", "there is none");
  std::vector<const ZoneShape*> by_address;
  std::vector<NodeId> with_memory;
  for (const ZoneStart& zone : zones) {
    FT_TRY_VOID(validate_zone(zone));
    by_address.push_back(&zone.shape);
    with_memory.push_back(zone.shape.node);
  }
  std::ranges::sort(by_address, {}, [](const ZoneShape* shape) { return shape->span.start; });
  for (std::size_t i = 1; i < by_address.size(); ++i) {
    FT_TRY_VOID(validate_neighbours(*by_address[i - 1], *by_address[i]));
  }
  std::ranges::sort(with_memory);
  with_memory.erase(std::ranges::unique(with_memory).begin(), with_memory.end());

  if (node_of_cpu.empty()) return fail("processors", "there is none");
  for (std::size_t cpu = 0; cpu < node_of_cpu.size(); ++cpu) {
    const NodeId node = node_of_cpu[cpu];
    if (node >= kMostNodes) {
      return fail(fmt::format("CPU {}", cpu),
                  fmt::format("it is of node {}; the model takes 0 to {}", node, kMostNodes - 1));
    }
    if (!fallback_order.empty() && node >= fallback_order.size()) {
      return fail(fmt::format("CPU {}", cpu), fmt::format("there is no node {}", node));
    }
  }
  if (!fallback_order.empty() && with_memory.back() >= fallback_order.size()) {
    return fail(fmt::format("node {}", with_memory.back()), "it has no fallback order");
  }
  for (NodeId node = 0; node < fallback_order.size(); ++node) {
    FT_TRY_VOID(validate_order(fallback_order[node], node, with_memory));
  }
  for (const ZoneStart& zone : zones) {
    for (const CpuListStart& list : zone.cpu_lists) {
      if (list.cpu >= node_of_cpu.size()) {
        return fail(label_of(zone.shape),
                    fmt::format("a list of CPU {}, which is not there", list.cpu));
      }
    }
  }
  return {};
}

Result<MemoryStart> plain_memory(std::span<const NodeSize> nodes) {
  constexpr std::uint64_t kGrain = kMaxBlockPages * kPageSize;
  constexpr std::uint64_t kStructPage = 64;
  constexpr std::array kKindEnds = {Pfn{16 * kMiB / kPageSize}, Pfn{4 * kGiB / kPageSize},
                                    kMostFrames};
  MemoryStart start;
  start.node_of_cpu.clear();
  Pfn next = 0;
  if (nodes.size() > kMostNodes) {
    return fail("nodes",
                fmt::format("{} of them; the model takes up to {}", nodes.size(), kMostNodes));
  }
  for (NodeId node = 0; node < nodes.size(); ++node) {
    const std::uint64_t bytes = nodes[node].bytes;
    const std::string what = fmt::format("memory of node {}", node);
    if (bytes == 0) return fail(what, "there is none");
    if (bytes % kGrain != 0) return fail(what, fmt::format("{} bytes are not whole 4 MiB", bytes));
    if (bytes / kPageSize > kMostFrames - next) {
      return fail(
          what, fmt::format("with {} bytes the machine is beyond the {} GiB the model takes", bytes,
                            kMostFrames * kPageSize / kGiB));
    }
    if (node == 0 && bytes < 2 * kGrain) return fail(what, "the first node needs at least 8 MiB");
    if (nodes[node].cpus > 8192) {
      return fail(fmt::format("CPUs of node {}", node), "the model takes up to 8192");
    }
    start.node_of_cpu.insert(start.node_of_cpu.end(), nodes[node].cpus, node);
    const Pfn end = next + bytes / kPageSize;
    for (unsigned kind = 0; kind < kKindEnds.size(); ++kind) {
      const Pfn first = std::max(next, kFirstUsable);
      const Pfn last = std::min(end, kKindEnds[kind]);
      if (first >= last) continue;
      const std::uint64_t present = last - first;
      const std::uint64_t kept = present * kStructPage / kPageSize;
      start.zones.push_back({.shape = {.node = node,
                                       .kind = static_cast<ZoneKind>(kind),
                                       .span = {first, last},
                                       .present = present,
                                       .managed = present - kept}});
      next = last;
    }
    next = end;
  }
  FT_TRY_VOID(start.validate());
  return start;
}

}  // namespace ft::sim::phys
