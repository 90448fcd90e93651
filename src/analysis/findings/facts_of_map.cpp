#include "analysis/findings/facts_of_map.h"

#include <algorithm>
#include <array>

#include "base/byte_size.h"

namespace ft::analysis {

namespace {

using report::model::Known;
using report::model::MapFigures;
using report::model::MapSubsystem;
using report::model::MemoryMap;

const MapFigures* figures_of(const MemoryMap& map, std::string_view name) {
  const auto found = std::ranges::find(map.subsystems, name, &MapSubsystem::name);
  return found == map.subsystems.end() ? nullptr : &found->figures;
}

void add_heap(const MemoryMap& map, std::span<const std::string> words, FindingFacts& facts) {
  const MapFigures* heap = figures_of(map, "Java heap");
  if (!heap) return;
  facts.heap_resident = heap->once();
  facts.heap_swapped = heap->swapped;
  // ZGC reserves many times the heap's maximum.
  const bool reserves_more = map.jvm.find(", Z") != std::string::npos || map.jvm.empty();
  facts.heap_reserved = heap_maximum_given(words);
  if (!facts.heap_reserved && !reserves_more) facts.heap_reserved = heap->reserved;
  if (heap->nodes.empty()) return;
  facts.heap_by_node.emplace();
  for (const auto& node : heap->nodes) (*facts.heap_by_node)[node.node] = node.bytes;
}

// What native memory tracking does not count.
void add_outside(const MemoryMap& map, FindingFacts& facts) {
  facts.beyond_nmt = sum_beyond_nmt([&](std::string_view name) -> std::optional<std::uint64_t> {
    const MapFigures* part = figures_of(map, name);
    return part ? part->once() : 0;
  });
  if (map.jvm.empty()) facts.beyond_nmt.reset();
  for (const std::string_view name : {"Libraries", "Module image", "Other files", "Unknown"}) {
    const MapFigures* part = figures_of(map, name);
    if (part && part->once()) facts.outside_nmt[std::string(name)] = *part->once();
  }
}

void add_stacks(const MemoryMap& map, FindingFacts& facts) {
  std::optional<std::uint64_t> huge;
  for (const std::string_view name : {"Java thread stacks", "JVM thread stacks", "Thread stacks"}) {
    const MapFigures* stacks = figures_of(map, name);
    if (stacks && stacks->huge) huge = huge.value_or(0) + *stacks->huge;
  }
  facts.stacks_huge = huge;
}

}  // namespace

std::optional<std::uint64_t> sum_beyond_nmt(
    const std::function<std::optional<std::uint64_t>(std::string_view)>& resident_of) {
  // Stacks of the main thread and of threads that are not the JVM's; hsperfdata, a file, is "JVM
  // internal"; buffers are counted where they are direct, not where they are mapped.
  constexpr std::array<std::string_view, 10> kParts = {
      "C heap",     "JVM internal", "Module image",  "Libraries",   "Direct and mapped buffers",
      "Main stack", "Kernel",       "Thread stacks", "Other files", "Unknown"};
  std::uint64_t sum = 0;
  for (const std::string_view part : kParts) {
    const auto resident = resident_of(part);
    if (!resident) return std::nullopt;
    sum += *resident;
  }
  return sum;
}

std::optional<std::uint64_t> heap_maximum_given(std::span<const std::string> words) {
  std::optional<std::uint64_t> maximum;
  for (const std::string& word : words) {
    for (const std::string_view flag : {"-Xmx", "-XX:MaxHeapSize="}) {
      if (!word.starts_with(flag)) continue;
      if (const auto size = parse_byte_size(std::string_view(word).substr(flag.size())))
        maximum = size;
    }
  }
  return maximum;
}

void add_facts(const MemoryMap& map, std::span<const std::string> words, FindingFacts& facts) {
  if (map.total.resident) facts.resident = map.total.once();
  if (map.areas != 0) facts.map_count = map.areas;
  if (map.total.huge) facts.huge = map.total.huge;
  facts.huge_used = map.huge_used;
  facts.c_heap_used = map.c_heap_used;
  facts.c_heap_arenas = map.c_heap_arenas;
  if (map.asked) facts.nmt_committed = map.asked->nmt_committed;
  add_outside(map, facts);
  add_heap(map, words, facts);
  add_stacks(map, facts);
  if (const MapFigures* c_heap = figures_of(map, "C heap")) facts.c_heap_resident = c_heap->once();
}

}  // namespace ft::analysis
