#include "host_settings.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>
#include <string>

#include "base/text.h"
#include "base/units.h"
#include "host/facts.h"
#include "host/host_files.h"
#include "tracee.h"

namespace ft::differential {

namespace {

namespace fault = sim::fault;

Result<sim::kernel::Behaviour> behaviour_of(std::string_view kernel, const host::HostFacts& facts) {
  using sim::kernel::Behaviour;
  if (kernel == "auto") return Behaviour::of_release(facts.kernel);
  if (kernel == "6.1") return Behaviour::linux_6_1();
  if (kernel == "6.12") return Behaviour::linux_6_12();
  if (kernel == "6.18") return Behaviour::linux_6_18();
  return fail("--kernel " + std::string(kernel), "is not auto, 6.1, 6.12 or 6.18");
}

fault::HugeEnabled enabled_of(std::string_view word) {
  if (word == "always") return fault::HugeEnabled::Always;
  if (word == "madvise") return fault::HugeEnabled::Madvise;
  if (word == "inherit") return fault::HugeEnabled::Inherit;
  return fault::HugeEnabled::Never;
}

fault::HugePages huge_pages_of(const host::ThpSettings& thp) {
  fault::HugePages pages;
  pages.enabled = enabled_of(thp.enabled);
  pages.zero_page = thp.use_zero_page != "0";
  std::ranges::fill(pages.by_order, fault::HugeEnabled::Never);
  // Before 6.8 there was one size and no switch for it.
  pages.by_order[9] = fault::HugeEnabled::Inherit;
  for (const auto& [bytes, word] : thp.sizes) {
    for (unsigned order = 2; order <= 9; ++order)
      if (bytes == kPageSize << order) pages.by_order[order] = enabled_of(word);
  }
  return pages;
}

// What is left of the limit of mode 2. It depends on all processes: on a host that does anything
// else, programs will differ.
Result<void> take_commit_limit(const host::HostFiles& files, sim::virt::Limits& limits) {
  const std::string meminfo = FT_TRY(files.read("/proc/meminfo"));
  const auto kib_of = [&](std::string_view key) -> std::uint64_t {
    const std::size_t at = meminfo.find(key);
    if (at == std::string::npos) return 0;
    std::string_view line = std::string_view(meminfo).substr(at + key.size());
    line = trim(line.substr(0, line.find("kB")));
    return parse_integer<std::uint64_t>(line).value_or(0);
  };
  const std::uint64_t limit = kib_of("CommitLimit:");
  const std::uint64_t used = std::min(kib_of("Committed_AS:"), limit);
  limits.commit_limit_pages = (limit - used) * kKiB >> kPageShift;
  limits.admin_reserve_pages =
      files.number("/proc/sys/vm/admin_reserve_kbytes").value_or(0) * kKiB >> kPageShift;
  limits.user_reserve_pages =
      files.number("/proc/sys/vm/user_reserve_kbytes").value_or(0) * kKiB >> kPageShift;
  return {};
}

// Where hints that are too low are raised to. vm.mmap_min_addr is not all of it: a security module
// has a limit of its own, which nothing shows. So it is tried.
Result<std::uint64_t> lowest_hint() {
  Tracee tracee = FT_TRY(Tracee::start({}, {}));
  const std::int64_t address =
      FT_TRY(tracee.call(SYS_mmap, {kPageSize, kPageSize, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
                                    ~std::uint64_t{0}, 0}));
  if (address < 0) return fail_errno("a mapping near address 0", static_cast<int>(-address));
  return static_cast<std::uint64_t>(address);
}

}  // namespace

Result<sim::machine::Settings> host_settings(std::string_view kernel) {
  const host::HostFiles files;
  const host::HostFacts facts = host::read_host_facts(files);
  if (facts.thp.shmem_enabled != "never" && !facts.thp.shmem_enabled.empty() &&
      facts.thp.shmem_enabled != "advise")
    return fail("transparent_hugepage/shmem_enabled", "is " + facts.thp.shmem_enabled,
                "the model has no huge pages in shared memory; set it to never");

  sim::machine::Settings settings;
  settings.behaviour = FT_TRY(behaviour_of(kernel, facts));
  settings.behaviour.transparent_huge_pages = !facts.thp.enabled.empty();
  settings.huge_pages = huge_pages_of(facts.thp);

  sim::virt::Limits& limits = settings.limits;
  limits.total_ram_pages = facts.memory_bytes >> kPageShift;
  limits.total_swap_pages = facts.swap_bytes >> kPageShift;
  limits.dac_mmap_min_addr = files.number("/proc/sys/vm/mmap_min_addr").value_or(65536);
  limits.mmap_min_addr = FT_TRY(lowest_hint());
  limits.max_map_count =
      static_cast<unsigned>(files.number("/proc/sys/vm/max_map_count").value_or(65530));
  const std::uint64_t overcommit = files.number("/proc/sys/vm/overcommit_memory").value_or(0);
  if (overcommit == 2) FT_TRY_VOID(take_commit_limit(files, limits));
  limits.overcommit = static_cast<sim::virt::Overcommit>(overcommit);
  settings.layout.task_size = kUserEnd;
  settings.layout.table_levels = facts.page_table_levels;
  return settings;
}

}  // namespace ft::differential
