#include <fmt/format.h>

#include "base/text.h"
#include "host/capability_judges.h"

namespace ft::host {

namespace {

Capability input(std::string name, std::string needed_for) {
  Capability capability{.name = std::move(name), .group = CapabilityGroup::ModelInputs};
  capability.needed_for = std::move(needed_for);
  capability.state = CapabilityState::Works;
  return capability;
}

Capability judge_counters(const HostProbes& probes) {
  Capability counters = input("Hardware counters", "measured TLB misses and walk cycles");
  const Attempt& cycles = probes.attempts.cycles;
  const Attempt& dtlb = probes.attempts.dtlb_misses;
  if (cycles.works() && dtlb.works()) {
    counters.why = "cycles and dTLB misses can be counted";
    return counters;
  }
  counters.state = cycles.works() ? CapabilityState::Degraded : CapabilityState::Missing;
  counters.why = cycles.works() ? fmt::format("cycles, but no dTLB misses: {}", errno_text(dtlb))
                                : fmt::format("perf_event_open: {}", errno_text(cycles));
  const bool no_unit = cycles.error == ENOENT || cycles.error == EOPNOTSUPP ||
                       cycles.error == ENODEV || cycles.works();
  if (no_unit && !probes.facts.hypervisor.empty()) {
    counters.why += "; this is a virtual machine whose CPU has no performance counters";
    counters.remedy =
        "have the hypervisor pass a virtual PMU (KVM: -cpu host,pmu=on), or measure "
        "on bare metal; TLB figures come from the model meanwhile";
  } else if (no_unit) {
    counters.remedy = "TLB figures come from the model";
  } else {
    counters.remedy = kSeeRights;
  }
  return counters;
}

Capability judge_frames(const HostProbes& probes) {
  Capability frames = input("Page frames of a process", "entries and frames in explain");
  const Attempts& attempts = probes.attempts;
  if (attempts.pagemap_shows_frames) {
    frames.why = "/proc/PID/pagemap shows frame numbers";
    return frames;
  }
  frames.state = attempts.pagemap.works() ? CapabilityState::Degraded : CapabilityState::Missing;
  frames.why = attempts.pagemap.works() ? "/proc/PID/pagemap hides frame numbers (no CAP_SYS_ADMIN)"
                                        : "/proc/self/pagemap: " + errno_text(attempts.pagemap);
  frames.remedy =
      attempts.pagemap.works() ? "run it as root" : "use a kernel with CONFIG_PROC_PAGE_MONITOR=y";
  return frames;
}

Capability judge_page_flags(const HostProbes& probes) {
  Capability flags = input("Flags of page frames", "explain of a page");
  if (probes.attempts.kpageflags.works()) {
    flags.why = "/proc/kpageflags is readable";
    return flags;
  }
  flags.state = CapabilityState::Missing;
  flags.why = "/proc/kpageflags: " + errno_text(probes.attempts.kpageflags);
  flags.remedy =
      probes.effective_uid == 0 ? "use a kernel with CONFIG_PROC_PAGE_MONITOR=y" : "run it as root";
  return flags;
}

Capability judge_zones(const HostProbes& probes) {
  Capability zones = input("Zones and free lists", "watermarks, free blocks by order");
  if (!probes.zoneinfo_readable) {
    zones.state = CapabilityState::Missing;
    zones.why = "/proc/zoneinfo is not readable";
    zones.remedy = "run it where /proc is not masked";
  } else if (!probes.pagetypeinfo_readable) {
    zones.state = CapabilityState::Degraded;
    zones.why = "/proc/zoneinfo and buddyinfo; pagetypeinfo is for root";
    zones.remedy = "run it as root to see free blocks by migratetype";
  } else {
    zones.why = "/proc/zoneinfo, buddyinfo and pagetypeinfo";
  }
  return zones;
}

Capability judge_pressure(const HostProbes& probes) {
  Capability pressure = input("Pressure stall information", "time lost to memory pressure");
  if (probes.pressure_readable) {
    pressure.why = "/proc/pressure/memory";
    return pressure;
  }
  pressure.state = CapabilityState::Missing;
  pressure.why = "/proc/pressure/memory is not readable";
  pressure.remedy = "boot with psi=1, on a kernel with CONFIG_PSI=y";
  pressure.recording_lacks = "memory pressure of the host";
  return pressure;
}

Capability judge_thp(const HostProbes& probes) {
  Capability thp = input("Transparent huge pages", "huge page figures and what-ifs");
  const ThpSettings& settings = probes.facts.thp;
  if (settings.enabled.empty()) {
    thp.state = CapabilityState::Missing;
    thp.why = "this kernel has none";
    thp.remedy = "use a kernel with CONFIG_TRANSPARENT_HUGEPAGE=y";
    return thp;
  }
  std::vector<std::string> sizes;
  for (const auto& [bytes, enabled] : settings.sizes) {
    if (enabled != "never") sizes.push_back(fmt::format("{} {}", human_bytes(bytes), enabled));
  }
  thp.why = fmt::format("enabled = {}, defrag = {}, shmem = {}", settings.enabled, settings.defrag,
                        settings.shmem_enabled.empty() ? "?" : settings.shmem_enabled);
  if (!settings.sizes.empty()) {
    thp.why += fmt::format("; sizes in use: {}",
                           sizes.empty() ? "none" : fmt::format("{}", fmt::join(sizes, ", ")));
  }
  if (settings.enabled == "never") thp.why += "; the JVM's -XX:+UseTransparentHugePages is void";
  return thp;
}

Capability judge_huge_pools(const HostProbes& probes) {
  Capability pools = input("Huge page pools", "-XX:+UseLargePages");
  std::vector<std::string> filled;
  for (const HugePool& pool : probes.facts.huge_pools) {
    if (pool.total == 0 && pool.overcommit == 0) continue;
    filled.push_back(fmt::format("{} of {} pages of {} free", pool.free, pool.total,
                                 human_bytes(pool.page_bytes)));
  }
  pools.why = filled.empty() ? std::string("empty: -XX:+UseLargePages would not get any")
                             : fmt::format("{}", fmt::join(filled, ", "));
  return pools;
}

Capability judge_numa(const HostProbes& probes) {
  Capability numa = input("NUMA", "placement by node");
  if (!probes.numa_maps_readable) {
    numa.state = CapabilityState::Missing;
    numa.why = "/proc/PID/numa_maps is not there";
    numa.remedy = "use a kernel with CONFIG_NUMA=y";
    numa.recording_lacks = "placement by node";
    return numa;
  }
  numa.why = probes.facts.nodes == 1
                 ? std::string("one node: nothing is remote, placement cannot be measured here")
                 : fmt::format("{} nodes", probes.facts.nodes);
  return numa;
}

Capability judge_swap(const HostProbes& probes) {
  Capability swap = input("Swap", "what reclaim can do with a JVM's heap");
  swap.why = probes.facts.swap_bytes == 0
                 ? std::string("none: heap pages stay in memory until the OOM killer comes")
                 : fmt::format("{}, vm.swappiness = {}", human_bytes(probes.facts.swap_bytes),
                               probes.facts.sysctl("vm.swappiness"));
  if (probes.facts.zswap) swap.why += ", zswap";
  return swap;
}

Capability judge_cgroup(const HostProbes& probes) {
  Capability cgroup = input("Memory control group", "limits that a start can run into");
  if (!probes.facts.cgroup) {
    cgroup.state = CapabilityState::Missing;
    cgroup.why = "no memory controller is mounted: only the host's memory limits a start";
    return cgroup;
  }
  const MemoryCgroup& group = *probes.facts.cgroup;
  cgroup.why =
      fmt::format("version {}, {}", group.version,
                  group.limit ? "limit " + human_bytes(*group.limit) : std::string("no limit"));
  return cgroup;
}

Capability judge_tunables(const HostProbes& probes) {
  Capability tunables = input("Fault-around and flush ceiling", "exact predictions of file faults");
  if (probes.fault_around_readable) {
    tunables.why = "debugfs shows fault_around_bytes";
    return tunables;
  }
  tunables.state = CapabilityState::Degraded;
  tunables.why = "debugfs is not readable: the kernel's defaults are assumed (64 KiB, 33 pages)";
  tunables.remedy = "none needed unless somebody changed them";
  return tunables;
}

}  // namespace

void judge_model_inputs(const HostProbes& probes, std::vector<Capability>& capabilities) {
  capabilities.push_back(judge_counters(probes));
  capabilities.push_back(judge_frames(probes));
  capabilities.push_back(judge_page_flags(probes));
  capabilities.push_back(judge_zones(probes));
  capabilities.push_back(judge_pressure(probes));
  capabilities.push_back(judge_thp(probes));
  capabilities.push_back(judge_huge_pools(probes));
  capabilities.push_back(judge_numa(probes));
  capabilities.push_back(judge_swap(probes));
  capabilities.push_back(judge_cgroup(probes));
  capabilities.push_back(judge_tunables(probes));
}

}  // namespace ft::host
