#include "analysis/recorded_findings.h"

#include <algorithm>
#include <span>
#include <string>

#include "analysis/findings/facts_of_map.h"
#include "base/text.h"
#include "host/node_cpus.h"

namespace ft::analysis {

namespace {

using report::model::Report;
using report::model::Subsystem;

std::optional<std::uint64_t> known(const event::Trace& trace, const std::string& key) {
  const auto number = meta_number(trace, key);
  if (!number || *number < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

const Subsystem* subsystem_named(const Report& report, std::string_view name) {
  const auto found = std::ranges::find(report.subsystems, name, &Subsystem::name);
  return found == report.subsystems.end() ? nullptr : &*found;
}

void add_heap(const Report& report, std::span<const std::string> words, FindingFacts& facts) {
  const Subsystem* heap = subsystem_named(report, "Java heap");
  if (!heap) return;
  facts.heap_resident = heap->resident_end_bytes;
  facts.heap_swapped = heap->swapped_end_bytes;
  facts.heap_reserved = heap_maximum_given(words);
  // ZGC reserves many times the heap's maximum.
  const bool zgc = std::ranges::find(words, "-XX:+UseZGC") != words.end();
  if (!facts.heap_reserved && !zgc) facts.heap_reserved = heap->reserved_bytes;
}

host::NodeCpus recorded_node_cpus(const event::Trace& trace) {
  constexpr std::string_view kKey = "host.node_cpus.";
  host::NodeCpus lists;
  for (auto at = trace.meta.lower_bound(std::string(kKey));
       at != trace.meta.end() && at->first.starts_with(kKey); ++at) {
    const auto node = parse_integer<std::uint32_t>(std::string_view(at->first).substr(kKey.size()));
    if (node) lists[*node] = at->second;
  }
  return lists;
}

void add_nodes(const event::Trace& trace, const Subject& subject, const BytesByNode* heap_by_node,
               FindingFacts& facts) {
  if (!facts.heap_resident) return;
  // Where there is one node, all is on it.
  if (meta_number(trace, "host.nodes") == 1) {
    facts.heap_by_node = {{{0, *facts.heap_resident}}};
    facts.cpu_nodes = {{0}};
    return;
  }
  if (heap_by_node) facts.heap_by_node = *heap_by_node;
  if (!subject.status) return;
  facts.cpu_nodes = host::nodes_of_cpus(recorded_node_cpus(trace), subject.status->cpus_allowed);
}

void add_stacks(const Report& report, FindingFacts& facts) {
  for (const std::string_view name : {"Java thread stacks", "JVM thread stacks", "Thread stacks"}) {
    const Subsystem* stacks = subsystem_named(report, name);
    if (!stacks || !stacks->huge_bytes) continue;
    facts.stacks_huge = facts.stacks_huge.value_or(0) + *stacks->huge_bytes;
  }
}

// Of the target itself, where it had enough memory for that to matter.
void add_malloc_use(const event::Trace& trace, const Subject& subject, FindingFacts& facts) {
  if (known(trace, "target.pid") != static_cast<std::uint64_t>(subject.pid)) return;
  facts.c_heap_used = known(trace, "target.malloc.used_bytes");
  facts.c_heap_arenas = known(trace, "target.malloc.arenas");
}

// NMT is not asked while a start is recorded.
void add_beyond_nmt(const Report& report, FindingFacts& facts) {
  if (!subsystem_named(report, "Java heap")) return;
  facts.beyond_nmt = sum_beyond_nmt([&](std::string_view name) -> std::optional<std::uint64_t> {
    const Subsystem* part = subsystem_named(report, name);
    return part ? part->resident_end_bytes : 0;
  });
}

void add_group(const event::Trace& trace, FindingFacts& facts) {
  // The recorder's own group, which the target was started in; of a process that was running
  // already nothing is known.
  const bool attached = meta_number(trace, "target.attached").value_or(0) != 0;
  if (attached || !known(trace, "host.cgroup.version")) return;
  facts.cgroup_limit.emplace(known(trace, "host.cgroup.memory_limit_bytes"));
}

}  // namespace

FindingFacts recorded_facts(const Report& report, const Subject& subject, const event::Trace& trace,
                            const BytesByNode* heap_by_node) {
  FindingFacts facts;
  facts.resident = report.memory.vm_rss;
  facts.host_memory = report.host.memory_bytes;
  facts.max_map_count = known(trace, "host.sysctl.vm.max_map_count");
  if (subject.maps) {
    facts.map_count = static_cast<std::uint64_t>(std::ranges::count_if(
        *subject.maps, [](const host::Vma& vma) { return vma.name != "[vsyscall]"; }));
  }
  if (subject.status) facts.threads = subject.status->threads;
  add_heap(report, report.target.command, facts);
  add_nodes(trace, subject, heap_by_node, facts);
  add_stacks(report, facts);
  add_group(trace, facts);
  if (const Subsystem* c_heap = subsystem_named(report, "C heap")) {
    facts.c_heap_resident = c_heap->resident_end_bytes;
  }
  add_beyond_nmt(report, facts);
  add_malloc_use(trace, subject, facts);
  std::optional<std::uint64_t> huge;
  for (const Subsystem& each : report.subsystems) {
    if (each.huge_bytes) huge = huge.value_or(0) + *each.huge_bytes;
  }
  facts.huge = huge;
  // Options in the environment are not recorded: the command line alone tells a size, or nothing.
  if (heap_maximum_given(report.target.command)) facts.jvm_words = report.target.command;
  return facts;
}

}  // namespace ft::analysis
