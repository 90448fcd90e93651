#include "host/facts.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"
#include "host/line_reader.h"
#include "host/number_table.h"

namespace ft::host {

namespace {

constexpr std::array<std::string_view, 27> kSysctls = {
    "kernel.kptr_restrict",
    "kernel.numa_balancing",
    "kernel.perf_event_max_stack",
    "kernel.perf_event_mlock_kb",
    "kernel.perf_event_paranoid",
    "kernel.randomize_va_space",
    "kernel.unprivileged_bpf_disabled",
    "kernel.yama.ptrace_scope",
    "vm.admin_reserve_kbytes",
    "vm.compaction_proactiveness",
    "vm.legacy_va_layout",
    "vm.max_map_count",
    "vm.min_free_kbytes",
    "vm.mmap_min_addr",
    "vm.mmap_rnd_bits",
    "vm.nr_hugepages",
    "vm.numa_stat",
    "vm.overcommit_kbytes",
    "vm.overcommit_memory",
    "vm.overcommit_ratio",
    "vm.page-cluster",
    "vm.percpu_pagelist_high_fraction",
    "vm.swappiness",
    "vm.user_reserve_kbytes",
    "vm.watermark_boost_factor",
    "vm.watermark_scale_factor",
    "vm.zone_reclaim_mode",
};

constexpr std::array<std::string_view, 5> kPagingFeatures = {"pcid", "invpcid", "invlpgb",
                                                             "pdpe1gb", "la57"};

void read_cpuinfo(const HostFiles& files, HostFacts& facts) {
  const Result<std::string> text = files.read("/proc/cpuinfo");
  if (!text) return;
  std::set<std::pair<std::string, std::string>> cores;
  std::set<std::string> sockets;
  std::string socket;
  std::uint64_t cpus = 0;
  LineReader lines(*text, "cpuinfo");
  for (std::string_view line; lines.next(line);) {
    std::string_view rest = line;
    const std::string_view key = trim(take_until(rest, ':'));
    const std::string_view value = trim(rest);
    if (key == "processor") ++cpus;
    if (key == "model name" && facts.cpu_model.empty()) facts.cpu_model.assign(value);
    if (key == "vendor_id" && facts.cpu_vendor.empty()) facts.cpu_vendor.assign(value);
    if (key == "physical id") {
      socket.assign(value);
      sockets.insert(socket);
    }
    if (key == "core id") cores.emplace(socket, std::string(value));
    if (key == "flags" && facts.paging_features.empty()) {
      const std::vector<std::string_view> flags = split(value, ' ');
      const auto has = [&](std::string_view flag) {
        return std::ranges::find(flags, flag) != flags.end();
      };
      for (const std::string_view feature : kPagingFeatures) {
        if (has(feature)) facts.paging_features.emplace_back(feature);
      }
      if (has("la57")) facts.page_table_levels = 5;
      if (has("hypervisor")) facts.hypervisor = "yes";
    }
  }
  facts.cpus = cpus;
  facts.cores = cores.empty() ? cpus : cores.size();
  facts.sockets = sockets.empty() ? 1 : sockets.size();
}

void read_memory(const HostFiles& files, HostFacts& facts) {
  const Result<std::string> text = files.read("/proc/meminfo");
  if (!text) return;
  const Result<NumberTable> meminfo = parse_meminfo(*text, "/proc/meminfo");
  if (!meminfo) return;
  facts.memory_bytes = meminfo->value_or("MemTotal", 0);
  facts.available_bytes = meminfo->value_or("MemAvailable", 0);
  facts.swap_bytes = meminfo->value_or("SwapTotal", 0);
}

// The size in a name such as "hugepages-2048kB", in bytes.
std::optional<std::uint64_t> size_in_name(std::string_view name) {
  constexpr std::string_view kPrefix = "hugepages-";
  constexpr std::string_view kSuffix = "kB";
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  name.remove_suffix(kSuffix.size());
  const auto kilobytes = parse_integer<std::uint32_t>(name);
  if (!kilobytes) return std::nullopt;
  return *kilobytes * kKiB;
}

void read_thp(const HostFiles& files, ThpSettings& thp) {
  const std::string folder = "/sys/kernel/mm/transparent_hugepage";
  thp.enabled = files.choice(folder + "/enabled").value_or("");
  thp.defrag = files.choice(folder + "/defrag").value_or("");
  thp.shmem_enabled = files.choice(folder + "/shmem_enabled").value_or("");
  thp.use_zero_page = files.text(folder + "/use_zero_page").value_or("");
  for (const std::string& name : files.names_in(folder)) {
    const auto size = size_in_name(name);
    if (!size) continue;
    if (const auto enabled = files.choice(fmt::format("{}/{}/enabled", folder, name))) {
      thp.sizes.emplace_back(*size, *enabled);
    }
  }
  std::ranges::sort(thp.sizes);
}

void read_huge_pools(const HostFiles& files, std::vector<HugePool>& pools) {
  const std::string folder = "/sys/kernel/mm/hugepages";
  for (const std::string& name : files.names_in(folder)) {
    const auto size = size_in_name(name);
    if (!size) continue;
    const auto number = [&](std::string_view file) {
      return files.number(fmt::format("{}/{}/{}", folder, name, file)).value_or(0);
    };
    pools.push_back({*size, number("nr_hugepages"), number("free_hugepages"),
                     number("resv_hugepages"), number("surplus_hugepages"),
                     number("nr_overcommit_hugepages")});
  }
  std::ranges::sort(pools, {}, &HugePool::page_bytes);
}

void read_sysctls(const HostFiles& files, HostFacts& facts) {
  for (const std::string_view name : kSysctls) {
    std::string path = "/proc/sys/" + std::string(name);
    std::ranges::replace(path, '.', '/');
    if (const auto value = files.text(path)) facts.sysctls.emplace_back(name, *value);
  }
}

std::string kilobytes(std::uint64_t bytes) {
  return fmt::format("{}kB", bytes / kKiB);
}

}  // namespace

std::string_view HostFacts::sysctl(std::string_view name) const {
  const auto it = std::ranges::find(sysctls, name, &std::pair<std::string, std::string>::first);
  return it == sysctls.end() ? std::string_view{} : std::string_view(it->second);
}

HostFacts read_host_facts(const HostFiles& files) {
  HostFacts facts;
  facts.kernel = files.text("/proc/sys/kernel/osrelease").value_or("");
  facts.kernel_version = files.text("/proc/sys/kernel/version").value_or("");
  utsname name{};
  if (::uname(&name) == 0) facts.architecture = name.machine;
  facts.page_size = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  read_cpuinfo(files, facts);
  read_memory(files, facts);
  read_thp(files, facts.thp);
  read_huge_pools(files, facts.huge_pools);
  read_sysctls(files, facts);
  if (const auto online = files.text("/sys/devices/system/node/online")) {
    facts.nodes = std::max<std::uint64_t>(1, count_of_list(*online).value_or(1));
  }
  facts.node_cpus = read_node_cpus(files);
  if (Result<MemoryCgroup> cgroup = read_memory_cgroup(files, "self")) {
    facts.cgroup = std::move(*cgroup);
  }
  facts.lockdown = files.choice("/sys/kernel/security/lockdown").value_or("");
  facts.mglru = files.text("/sys/kernel/mm/lru_gen/enabled").value_or("");
  facts.zswap = files.text("/sys/module/zswap/parameters/enabled").value_or("N") == "Y";
  return facts;
}

std::vector<std::pair<std::string, std::string>> flatten(const HostFacts& facts) {
  std::vector<std::pair<std::string, std::string>> pairs;
  const auto add = [&](std::string_view key, std::string value) {
    if (!value.empty()) pairs.emplace_back(fmt::format("host.{}", key), std::move(value));
  };
  add("kernel", facts.kernel);
  add("kernel_version", facts.kernel_version);
  add("architecture", facts.architecture);
  add("cpu", facts.cpu_model);
  add("cpu_vendor", facts.cpu_vendor);
  add("hypervisor", facts.hypervisor);
  add("cpus", std::to_string(facts.cpus));
  add("cores", std::to_string(facts.cores));
  add("sockets", std::to_string(facts.sockets));
  add("nodes", std::to_string(facts.nodes));
  for (const auto& [node, cpus] : facts.node_cpus) add(fmt::format("node_cpus.{}", node), cpus);
  add("memory_bytes", std::to_string(facts.memory_bytes));
  add("swap_bytes", std::to_string(facts.swap_bytes));
  add("page_size", std::to_string(facts.page_size));
  add("page_table_levels", std::to_string(facts.page_table_levels));
  add("paging_features", fmt::format("{}", fmt::join(facts.paging_features, " ")));
  add("thp.enabled", facts.thp.enabled);
  add("thp.defrag", facts.thp.defrag);
  add("thp.shmem_enabled", facts.thp.shmem_enabled);
  add("thp.use_zero_page", facts.thp.use_zero_page);
  for (const auto& [size, enabled] : facts.thp.sizes) add("thp.size." + kilobytes(size), enabled);
  for (const HugePool& pool : facts.huge_pools) {
    const std::string key = "hugetlb." + kilobytes(pool.page_bytes);
    add(key + ".total", std::to_string(pool.total));
    add(key + ".free", std::to_string(pool.free));
    add(key + ".reserved", std::to_string(pool.reserved));
    add(key + ".surplus", std::to_string(pool.surplus));
    add(key + ".overcommit", std::to_string(pool.overcommit));
  }
  if (facts.cgroup) {
    add("cgroup.version", std::to_string(facts.cgroup->version));
    if (facts.cgroup->limit) {
      add("cgroup.memory_limit_bytes", std::to_string(*facts.cgroup->limit));
    }
    if (facts.cgroup->high) add("cgroup.memory_high_bytes", std::to_string(*facts.cgroup->high));
    if (facts.cgroup->swap_limit) {
      add("cgroup.swap_limit_bytes", std::to_string(*facts.cgroup->swap_limit));
    }
  }
  add("lockdown", facts.lockdown);
  add("mglru", facts.mglru);
  add("zswap", facts.zswap ? "on" : "off");
  for (const auto& [name, value] : facts.sysctls) add("sysctl." + name, value);
  return pairs;
}

}  // namespace ft::host
