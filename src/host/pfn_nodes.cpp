#include "host/pfn_nodes.h"

#include <string_view>

#include "base/text.h"
#include "base/units.h"

namespace ft::host {

namespace {

// The number behind a prefix: "node12" -> 12.
std::optional<std::uint32_t> number_after(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return std::nullopt;
  return parse_integer<std::uint32_t>(name.substr(prefix.size()));
}

}  // namespace

std::optional<PfnNodes> PfnNodes::from_zones(std::span<const Zone> zones) {
  PfnNodes nodes;
  for (const Zone& zone : zones) {
    if (!zone.start_pfn || zone.spanned == 0) continue;
    if (zone.spanned > ~std::uint64_t{0} - *zone.start_pfn) return std::nullopt;
    const AddressRange range = AddressRange::of_size(*zone.start_pfn, zone.spanned);
    bool overlap = false;
    nodes.ranges_.for_each_in(
        range, [&](AddressRange, std::uint32_t other) { overlap = overlap || other != zone.node; });
    if (overlap) return std::nullopt;
    nodes.ranges_.assign(range, zone.node);
  }
  if (nodes.ranges_.empty()) return std::nullopt;
  return nodes;
}

Result<PfnNodes> PfnNodes::from_memory_blocks(const HostFiles& files) {
  const std::string size_file = "/sys/devices/system/memory/block_size_bytes";
  const std::string size_text = FT_TRY(files.read(size_file));
  const auto block_bytes = parse_integer<std::uint64_t>(trim(size_text), 16);
  if (!block_bytes || *block_bytes < kPageSize) {
    return fail(size_file, "expected the size of a memory block in hexadecimal");
  }
  const std::uint64_t frames = *block_bytes / kPageSize;

  PfnNodes nodes;
  const std::string folder = "/sys/devices/system/node";
  for (const std::string& node_name : files.names_in(folder)) {
    const auto node = number_after(node_name, "node");
    if (!node) continue;
    for (const std::string& block_name : files.names_in(folder + "/" + node_name)) {
      const auto block = number_after(block_name, "memory");
      if (!block || *block >= (~std::uint64_t{0} / frames) - 1) continue;
      nodes.ranges_.assign(AddressRange::of_size(*block * frames, frames), *node);
    }
  }
  if (nodes.ranges_.empty()) return fail(folder, "no node lists its memory blocks");
  return nodes;
}

Result<PfnNodes> PfnNodes::read(const HostFiles& files) {
  const Result<std::string> text = files.read("/proc/zoneinfo");
  if (text) {
    if (const auto zones = parse_zoneinfo(*text, "/proc/zoneinfo")) {
      if (auto nodes = from_zones(*zones)) return std::move(*nodes);
    }
  }
  return from_memory_blocks(files);
}

std::optional<std::uint32_t> PfnNodes::node_of(std::uint64_t pfn) const {
  const std::uint32_t* node = ranges_.find(pfn).second;
  return node ? std::optional(*node) : std::nullopt;
}

}  // namespace ft::host
