#include "live_findings.h"

#include "analysis/findings/facts_of_map.h"
#include "analysis/watch/cgroups.h"
#include "base/clock.h"
#include "host/cgroup_levels.h"
#include "host/host_memory.h"
#include "host/node_cpus.h"

namespace ft::app {

Result<ProcessFacts> read_process_facts(const host::HostFiles& files,
                                        const host::ProcessIdentity& who) {
  const host::ProcessSight sight = FT_TRY(host::look_at_process(files, who, monotonic_now()));
  if (!sight.memory) return fail("process " + std::to_string(who.pid), "has ended");
  ProcessFacts facts;
  facts.resident = sight.memory->status.vm_rss;
  facts.threads = sight.memory->status.threads;
  facts.cpu_nodes = host::nodes_of_cpus(files, sight.memory->status.cpus_allowed);
  if (auto words = host::read_command_words(files, who)) facts.words = *std::move(words);
  const host::HostMemory memory = host::read_host_memory(files, monotonic_now());
  facts.host_memory = memory.meminfo.find("MemTotal");
  facts.max_map_count = memory.settings.max_map_count;
  if (memory.nodes.size() == 1) facts.only_node = memory.nodes.front().node;
  if (const auto groups = host::read_cgroup_levels(files, std::to_string(who.pid))) {
    facts.cgroup_limit = analysis::tightest_limit(analysis::cgroups_view({.now = &*groups}));
  }
  return facts;
}

analysis::FindingFacts live_facts(const report::model::MemoryMap* map,
                                  const ProcessFacts& process) {
  analysis::FindingFacts facts;
  if (map) analysis::add_facts(*map, process.words.words, facts);
  if (process.resident) facts.resident = process.resident;
  if (process.map_count) facts.map_count = process.map_count;
  facts.threads = process.threads;
  facts.max_map_count = process.max_map_count;
  facts.host_memory = process.host_memory;
  facts.cpu_nodes = process.cpu_nodes;
  facts.cgroup_limit = process.cgroup_limit;
  // With one node there is no other to be on.
  if (process.only_node && facts.heap_resident) {
    facts.heap_by_node = {{{*process.only_node, *facts.heap_resident}}};
  }
  const bool jvm = map && !map->jvm.empty();
  if (jvm && process.words.with_environment) facts.jvm_words = process.words.words;
  return facts;
}

}  // namespace ft::app
