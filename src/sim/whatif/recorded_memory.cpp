#include "sim/whatif/recorded_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"
#include "host/buddyinfo.h"
#include "host/zoneinfo.h"
#include "sim/replay/host_memory.h"

namespace ft::sim::whatif {

namespace {

std::uint64_t number_of(const event::Trace& trace, const std::string& key,
                        std::uint64_t otherwise) {
  return parse_integer<std::uint64_t>(trace.meta_or(key)).value_or(otherwise);
}

const event::Snapshot* first_of(const event::Trace& trace, std::string_view source) {
  const auto found = std::ranges::find_if(trace.snapshots, [&](const event::Snapshot& snapshot) {
    return snapshot.pid == 0 && snapshot.source == source;
  });
  return found == trace.snapshots.end() ? nullptr : &*found;
}

// Which node a CPU belongs to is not recorded: shares of equal size, in order.
std::vector<phys::NodeId> deal_cpus(std::uint64_t cpus, const std::set<phys::NodeId>& nodes,
                                    Notes& notes) {
  const std::vector<phys::NodeId> by_number(nodes.begin(), nodes.end());
  if (by_number.size() > 1) {
    notes.emplace_back("which CPU belongs to which node is not recorded: taken as equal shares");
  }
  std::vector<phys::NodeId> dealt;
  for (std::uint64_t cpu = 0; cpu < cpus; ++cpu) {
    dealt.push_back(by_number[cpu * by_number.size() / cpus]);
  }
  return dealt;
}

profile::Defrag defrag_of(const std::string& text) {
  using profile::Defrag;
  for (const Defrag defrag : {Defrag::Always, Defrag::Defer, Defrag::DeferMadvise, Defrag::Never}) {
    if (text == profile::name_of(defrag)) return defrag;
  }
  return Defrag::Madvise;
}

phys::WatermarkSettings settings_of(const event::Trace& trace) {
  phys::WatermarkSettings settings;
  settings.watermark_scale_factor = std::max<std::uint64_t>(
      number_of(trace, "host.sysctl.vm.watermark_scale_factor", settings.watermark_scale_factor),
      1);
  settings.watermark_boost_factor =
      number_of(trace, "host.sysctl.vm.watermark_boost_factor", settings.watermark_boost_factor);
  settings.huge_pages = trace.meta_or("host.thp.enabled") != "never";
  return settings;
}

}  // namespace

Result<void> use_recorded_memory(const event::Trace& trace, std::string_view release,
                                 MemoryPlan& plan, Notes& notes) {
  plan.machine = "recorded";
  plan.defrag = defrag_of(trace.meta_or("host.thp.defrag"));
  const phys::AllocatorRules rules = profile::allocator_rules(release);
  constexpr std::uint64_t kMostCpus = 8192;
  const std::uint64_t cpus =
      std::clamp<std::uint64_t>(number_of(trace, "host.cpus", 1), 1, kMostCpus);
  const event::Snapshot* zoneinfo = first_of(trace, "zoneinfo");
  const event::Snapshot* buddyinfo = first_of(trace, "buddyinfo");
  if (zoneinfo && buddyinfo) {
    std::vector<host::Zone> zones = FT_TRY(host::parse_zoneinfo(zoneinfo->text));
    const auto blocks = FT_TRY(host::parse_buddyinfo(buddyinfo->text));
    std::set<phys::NodeId> nodes;
    for (host::Zone& zone : zones) {
      if (zone.managed != 0) nodes.insert(zone.node);
      // They are in use; free blocks and lists were read at two moments.
      for (host::PageSet& set : zone.page_sets) set.count = 0;
    }
    if (nodes.empty()) return fail("zoneinfo of the recording", "it shows no zone with memory");
    plan.start = FT_TRY(replay::host_memory(zones, blocks, nullptr, deal_cpus(cpus, nodes, notes),
                                            settings_of(trace), rules));
    notes.emplace_back(
        "memory that was in use when the recording began stays so; its free blocks count as "
        "movable");
    return {};
  }
  const std::uint64_t bytes = number_of(trace, "host.memory_bytes", 0);
  constexpr std::uint64_t kGrain = phys::kMaxBlockPages * kPageSize;
  if (bytes < kGrain) {
    return fail("physical memory", "the recording does not say how much the host had",
                "name a machine: --machine");
  }
  const std::array sizes = {phys::NodeSize{bytes / kGrain * kGrain, cpus}};
  plan.start = FT_TRY(phys::plain_memory(sizes));
  plan.start.rules = rules;
  plan.start.settings = settings_of(trace);
  notes.emplace_back(
      "what of its memory was free is not in the recording: taken as all of it, on one node");
  return {};
}

}  // namespace ft::sim::whatif
