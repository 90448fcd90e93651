#include "sim/replay/start_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "event/syscall_table.h"
#include "host/rss_precision.h"
#include "host/status.h"

namespace ft::sim::replay {

namespace {

using event::SyscallNumber;

constexpr std::string_view kStack = "[stack]";
constexpr std::string_view kVsyscall = "[vsyscall]";  // a fixed page of the kernel's, no area

std::optional<std::uint64_t> number_of(const event::Trace& trace, const std::string& key) {
  return parse_integer<std::uint64_t>(trace.meta_or(key));
}

fault::HugeEnabled enabled_from(std::string_view text, fault::HugeEnabled fallback) {
  if (text == "always") return fault::HugeEnabled::Always;
  if (text == "madvise") return fault::HugeEnabled::Madvise;
  if (text == "never") return fault::HugeEnabled::Never;
  if (text == "inherit") return fault::HugeEnabled::Inherit;
  return fallback;
}

bool has_huge_pages(const event::Trace& trace) {
  return trace.meta.contains("host.thp.enabled");
}

fault::HugePages huge_pages_of(const event::Trace& trace) {
  fault::HugePages huge;
  huge.enabled = enabled_from(trace.meta_or("host.thp.enabled"), huge.enabled);
  for (unsigned order = 2; order < std::size(huge.by_order); ++order) {
    const std::string key = fmt::format("host.thp.size.{}kB", (kPageSize << order) / kKiB);
    huge.by_order[order] = enabled_from(trace.meta_or(key), huge.by_order[order]);
  }
  if (const auto zero = number_of(trace, "host.thp.use_zero_page")) huge.zero_page = *zero != 0;
  return huge;
}

constexpr unsigned kCapIpcLock = 14;
constexpr unsigned kCapSysRawio = 17;
constexpr unsigned kCapSysAdmin = 21;

bool is_stack(const virt::Vma& area) {
  return area.name == kStack;
}

const event::Snapshot* status_beside(const event::Trace& trace, const event::Snapshot& maps) {
  for (const event::Snapshot& snapshot : trace.snapshots) {
    if (snapshot.pid == maps.pid && snapshot.ts == maps.ts && snapshot.source == "status") {
      return &snapshot;
    }
  }
  return nullptr;
}

void take_capabilities(std::uint64_t caps, virt::Limits& limits) {
  const auto has = [&](unsigned number) { return (caps >> number & 1U) != 0; };
  limits.may_lock = has(kCapIpcLock);
  limits.raw_io = has(kCapSysRawio);
  limits.administrator = has(kCapSysAdmin);
}

// The kernel gave ld.so, or the vdso where there is none, the first place below mmap_base.
void find_layout(StartState& start) {
  virt::Layout& layout = start.settings.layout;
  const auto stack = std::ranges::find_if(start.areas, is_stack);
  const std::uint64_t below = stack == start.areas.end() ? layout.task_size : stack->range.start;
  if (stack != start.areas.end()) layout.start_stack = stack->range.end - kPageSize;
  // Images that are not placed by mmap_base lie below two thirds of the address space.
  const std::uint64_t image_end = layout.task_size / 3 * 2 + (1ULL << 40U);
  for (const virt::Vma& area : start.areas) {
    if (area.range.end <= below && area.range.start > image_end) layout.mmap_base = area.range.end;
  }
  start.mmap_base_known = layout.mmap_base != 0;
  if (!start.mmap_base_known) {
    start.estimated.emplace_back(
        "nothing was mapped below the stack at exec: where the kernel's search begins is not "
        "known");
  }
}

// brk(0), the loader's first question, tells where the heap begins.
void find_break(const event::Trace& trace, const event::Snapshot& maps, StartState& start) {
  virt::Layout& layout = start.settings.layout;
  for (const virt::Vma& area : start.areas) {
    if (area.name != "[heap]") continue;
    layout.start_brk = area.range.start;
    layout.brk = area.range.end;
    return;
  }
  for (const event::Syscall& call : trace.syscalls) {
    if (call.pid != maps.pid || call.ts < maps.ts || call.number != SyscallNumber::Brk) continue;
    if (!call.finished || call.ret <= 0) continue;
    layout.start_brk = static_cast<std::uint64_t>(call.ret);
    layout.brk = layout.start_brk;
    return;
  }
}

// Where the stack pointer stood at the program's first instruction: above the highest page of the
// stack that was not there when it was first used. Nothing where the program used none.
std::optional<std::uint64_t> first_stack_page(const Material& material, const event::Snapshot& maps,
                                              const ThreadTable& threads, AddressRange stack) {
  std::optional<std::uint64_t> page;
  for (const event::Fault& fault : material.faults) {
    if (!stack.contains(fault.addr) || fault.ts < maps.ts) continue;
    if ((fault.error_code & event::kFaultProtection) != 0) continue;
    if (threads.process_of(fault.tid, fault.ts) != maps.pid) continue;
    page = std::max(page.value_or(0), page_floor(fault.addr) + kPageSize);
  }
  return page;
}

bool is_written_segment(const virt::Vma& area) {
  return area.file && area.is_private() && (area.flags & virt::kVmWrite) != 0;
}

// Pages: the rest of the last page of each writable segment is cleared, and the vectors are put on
// the stack, which the strings had been written to before (fs/binfmt_elf.c).
std::uint64_t written_after_exec(const StartState& start, std::optional<std::uint64_t> stack_page) {
  const auto segments = std::ranges::count_if(start.areas, is_written_segment);
  const auto stack = std::ranges::find_if(start.areas, is_stack);
  const bool vectors = stack_page && stack != start.areas.end() &&
                       stack->range.contains(*stack_page) &&
                       *stack_page != stack->range.end - kPageSize;
  return static_cast<std::uint64_t>(segments) + (vectors ? 1 : 0);
}

// The strings lie at the stack's top, the vectors below them after a random gap of up to two pages.
void find_present(std::uint64_t anonymous_pages, std::optional<std::uint64_t> stack_page,
                  StartState& start) {
  std::vector<std::uint64_t>& present = start.present;
  const auto add = [&](std::uint64_t page) {
    if (present.size() < anonymous_pages && std::ranges::find(present, page) == present.end()) {
      present.push_back(page);
    }
  };
  for (const virt::Vma& area : start.areas) {
    if (is_written_segment(area)) add(area.range.end - kPageSize);
  }
  const auto stack = std::ranges::find_if(start.areas, is_stack);
  if (stack == start.areas.end()) return;
  add(stack->range.end - kPageSize);
  if (stack_page && stack->range.contains(*stack_page)) add(*stack_page);
  for (std::uint64_t at = stack->range.end; at > stack->range.start;) {
    at -= kPageSize;
    add(at);
  }
}

}  // namespace

virt::Vma area_from(const host::Vma& line, FileTable& files) {
  virt::Vma area;
  area.range = line.range;
  area.name = line.name;
  area.flags = virt::kVmMayRead | virt::kVmMayWrite | virt::kVmMayExec;
  if (line.readable) area.flags |= virt::kVmRead;
  if (line.writable) area.flags |= virt::kVmWrite;
  if (line.executable) area.flags |= virt::kVmExec;
  area.page_offset = line.range.start >> kPageShift;
  if (line.shared) {
    area.flags |= virt::kVmShared | virt::kVmMayShare;
  } else if (line.writable) {
    area.flags |= virt::kVmAccount;
  }
  if (line.name == kStack) area.flags |= virt::kVmGrowsDown;
  if (line.name == "[vdso]") area.flags |= virt::kVmDontExpand;
  if (line.name.starts_with("[vvar")) {
    area.flags &= ~(virt::kVmMayWrite | virt::kVmMayExec);
    area.flags |= virt::kVmIo | virt::kVmPfnMap | virt::kVmDontExpand | virt::kVmDontDump;
  }
  area.file = files.of_area(line);
  if (area.file) {
    area.page_offset = line.offset >> kPageShift;
    area.open_file = line.inode;  // the exec's own open file: no later one
  }
  return area;
}

machine::Settings settings_of(const event::Trace& trace, std::vector<std::string>& estimated) {
  machine::Settings settings;
  const std::string release = trace.meta_or("host.kernel");
  if (const auto behaviour = kernel::Behaviour::of_release(release)) {
    settings.behaviour = *behaviour;
  } else {
    estimated.push_back(
        fmt::format("the kernel's release is not known: taken as {}", settings.behaviour.name));
  }
  // A host that was looked at, and shows no /sys/kernel/mm/transparent_hugepage.
  const bool looked_at = trace.meta.contains("host.page_size");
  settings.behaviour.transparent_huge_pages = !looked_at || has_huge_pages(trace);
  virt::Limits& limits = settings.limits;
  if (const auto low = number_of(trace, "host.sysctl.vm.mmap_min_addr")) {
    // Security modules have a bound of their own, which no file shows: 65536 in every distribution.
    limits.mmap_min_addr = std::max(*low, limits.mmap_min_addr);
    limits.dac_mmap_min_addr = *low;
  }
  if (const auto most = number_of(trace, "host.sysctl.vm.max_map_count")) {
    limits.max_map_count = static_cast<unsigned>(std::min<std::uint64_t>(*most, ~0U));
  }
  if (const auto mode = number_of(trace, "host.sysctl.vm.overcommit_memory"); mode && *mode <= 2) {
    limits.overcommit = static_cast<virt::Overcommit>(*mode);
  }
  // 0 would refuse everything: where the host's size was not recorded, nothing is refused.
  limits.total_ram_pages =
      number_of(trace, "host.memory_bytes").value_or(1ULL << 50U) >> kPageShift;
  limits.total_swap_pages = number_of(trace, "host.swap_bytes").value_or(0) >> kPageShift;
  limits.commit_limit_pages = limits.total_swap_pages +
                              limits.total_ram_pages *
                                  number_of(trace, "host.sysctl.vm.overcommit_ratio").value_or(50) /
                                  100;
  if (const auto kib = number_of(trace, "host.sysctl.vm.admin_reserve_kbytes")) {
    limits.admin_reserve_pages = *kib * kKiB >> kPageShift;
  }
  if (const auto kib = number_of(trace, "host.sysctl.vm.user_reserve_kbytes")) {
    limits.user_reserve_pages = *kib * kKiB >> kPageShift;
  }
  const auto free_pool = [&](const std::string& pool) {
    const std::uint64_t free = number_of(trace, pool + ".free").value_or(0);
    return free - std::min(free, number_of(trace, pool + ".reserved").value_or(0));
  };
  limits.free_huge_pages_2m = free_pool("host.hugetlb.2048kB");
  limits.free_huge_pages_1g = free_pool("host.hugetlb.1048576kB");
  if (trace.meta_or("host.page_table_levels") == "5") settings.layout.table_levels = 5;
  settings.huge_pages = huge_pages_of(trace);
  return settings;
}

Result<StartState> start_from(const Material& material, const event::Snapshot& maps,
                              const ThreadTable& threads, FileTable& files) {
  const event::Trace& trace = material.trace;
  StartState start;
  start.settings = settings_of(trace, start.estimated);
  for (const host::Vma& line : FT_TRY(host::parse_maps(maps.text))) {
    if (line.name == kVsyscall) continue;
    const bool sane = line.range.end <= start.settings.layout.task_size + kPageSize &&
                      line.range.start % kPageSize == 0 && line.range.end % kPageSize == 0 &&
                      (start.areas.empty() || start.areas.back().range.end <= line.range.start);
    if (!sane) {
      return fail(fmt::format("maps of process {} at {}", maps.pid, maps.moment),
                  "areas overlap, are out of order, or lie above the top");
    }
    start.areas.push_back(area_from(line, files));
  }
  find_layout(start);
  find_break(trace, maps, start);
  start.resident_known = maps.moment == "exec";
  if (!start.resident_known) {
    start.estimated.emplace_back(
        "the process ran before it was recorded: what it had touched by then is not known");
    return start;
  }
  const event::Snapshot* text = status_beside(trace, maps);
  const auto status = text ? host::parse_status(text->text)
                           : Result<host::ProcessStatus>(fail("status", "not recorded"));
  if (!status) {
    start.estimated.emplace_back("what exec had touched is not known: no status beside its areas");
    return start;
  }
  if (status->effective_caps) take_capabilities(*status->effective_caps, start.settings.limits);
  std::optional<std::uint64_t> stack_page;
  if (const auto stack = std::ranges::find_if(start.areas, is_stack); stack != start.areas.end()) {
    stack_page = first_stack_page(material, maps, threads, stack->range);
  }
  std::uint64_t anonymous = status->rss_anon.value_or(0) >> kPageShift;
  // What the thread keeps to itself is what exec wrote after it had taken the new address space.
  if (host::anonymous_kept_by_threads(trace.meta_or("host.kernel"), 1) != 0) {
    anonymous += written_after_exec(start, stack_page);
  }
  find_present(anonymous, stack_page, start);
  return start;
}

}  // namespace ft::sim::replay
