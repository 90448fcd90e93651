#include "sim/whatif/scenario.h"

#include <fmt/format.h>

#include <array>

#include "base/byte_size.h"
#include "base/text.h"
#include "sim/whatif/machine_meta.h"
#include "sim/whatif/recorded_memory.h"

namespace ft::sim::whatif {

namespace {

constexpr std::array<JvmFlagKind, 4> kJvmFlags = {{
    {"-Xms<size>", "another initial heap, larger than the recorded one"},
    {"-XX:+UseTransparentHugePages", "commits in huge pages, and advises the kernel to use them"},
    {"-XX:+UseLargePages", "heap, tables and code cache in hugetlb pages from the start"},
    {"-XX:+AlwaysPreTouch", "writes to every page of the heap when it is committed"},
}};

std::string known_flags() {
  std::string text = "allowed: ";
  for (const JvmFlagKind& kind : kJvmFlags) {
    text += fmt::format("{}{}", &kind == kJvmFlags.data() ? "" : ", ", kind.flag);
  }
  return text;
}

constexpr std::uint64_t kPlenty = std::uint64_t{1} << 32U;

std::string text_of(numa::NodeMask nodes) {
  std::string text;
  for (phys::NodeId node = 0; node < phys::kMostNodes; ++node) {
    if (nodes.contains(node)) text += fmt::format("{}{}", text.empty() ? "" : ",", node);
  }
  return text;
}

Result<numa::Policy> policy_of(const NumaWish& wish, numa::NodeMask there) {
  if (wish.mode == numa::Mode::Local) return numa::Policy{};
  const bool all = wish.nodes == numa::NodeMask::all();
  const auto missing = numa::NodeMask::of_bits(wish.nodes.bits() & ~there.bits());
  if (!all && !missing.empty()) {
    return fail("--set numa.policy", fmt::format("node {} is not in the machine", text_of(missing)),
                fmt::format("allowed nodes: {}", text_of(there)));
  }
  const auto policy = numa::Policy::make(wish.mode, wish.nodes, there);
  if (!policy) return fail("--set numa.policy", "it names no node with memory");
  return *policy;
}

}  // namespace

std::span<const JvmFlagKind> jvm_flag_kinds() {
  return kJvmFlags;
}

Result<void> Scenario::add_jvm_flag(std::string_view flag) {
  const auto named = [&](std::string_view name) {
    return flag.size() == name.size() + 5 && flag.starts_with("-XX:") &&
           (flag[4] == '+' || flag[4] == '-') && flag.substr(5) == name;
  };
  const std::string what = fmt::format("--jvm {}", printable(flag));
  if (named("UseTransparentHugePages")) {
    wishes_.huge_pages = flag[4] == '+';
  } else if (named("UseLargePages")) {
    wishes_.large_pages = flag[4] == '+';
  } else if (named("AlwaysPreTouch")) {
    wishes_.pretouch = flag[4] == '+';
  } else if (flag.starts_with("-Xms")) {
    const auto bytes = parse_byte_size(flag.substr(4));
    if (!bytes || *bytes == 0) {
      return fail(what, "no size", "allowed: -Xms<size>, as in -Xms1g");
    }
    wishes_.initial_heap = *bytes;
  } else {
    return fail(what, "what it changes is not known", known_flags());
  }
  return {};
}

Result<void> Scenario::apply(Draft& draft, Notes& notes) const {
  if (wishes_.machine) set_meta(*wishes_.machine, draft.trace().meta);
  for (const MetaChange& change : wishes_.host) draft.trace().meta[change.key] = change.value;
  if (wishes_.initial_heap != 0) {
    FT_TRY_VOID(set_initial_heap(draft, wishes_.initial_heap, notes));
  }
  if (wishes_.huge_pages) FT_TRY_VOID(use_transparent_huge_pages(draft, notes));
  const bool large_pages = wishes_.large_pages && !wishes_.huge_pages;
  if (wishes_.large_pages && !large_pages) {
    notes.emplace_back(
        "-XX:+UseLargePages: the JVM prefers transparent huge pages, which it was told to use too");
  }
  if (wishes_.pretouch) {
    FT_TRY_VOID(touch_when_committed(
        draft, {.advised = wishes_.huge_pages, .code_is_special = large_pages}));
  }
  if (large_pages) {
    take_pools(draft.trace());
    FT_TRY_VOID(use_large_pages(draft, notes));
    if (wishes_.hugetlb_heap != 0) {
      return fail("--set hugetlb.heap", "-XX:+UseLargePages takes the heap already",
                  "give one of them");
    }
  }
  if (wishes_.hugetlb_heap != 0) {
    take_pools(draft.trace());
    FT_TRY_VOID(use_hugetlb_heap(draft, wishes_.hugetlb_heap, notes));
  }
  if (wishes_.populate_heap) FT_TRY_VOID(populate_heap(draft, notes));
  return {};
}

bool Scenario::says_pools() const {
  return wishes_.pool_2m || wishes_.pool_1g || (wishes_.machine && wishes_.machine->kernel.hugetlb);
}

// Where nobody says how many pages there are, there are as many as are wanted.
void Scenario::take_pools(event::Trace& trace) const {
  const bool given =
      wishes_.pool_2m || wishes_.pool_1g || (wishes_.machine && wishes_.machine->kernel.hugetlb);
  const auto set = [&](const char* key, const std::optional<std::uint64_t>& pages) {
    if (pages || !given) trace.meta[key] = std::to_string(pages.value_or(kPlenty));
  };
  set("host.hugetlb.2048kB.free", wishes_.pool_2m);
  set("host.hugetlb.1048576kB.free", wishes_.pool_1g);
}

Result<std::optional<MemoryPlan>> Scenario::memory(const event::Trace& recorded,
                                                   Notes& notes) const {
  if (!wishes_.need_memory()) return std::nullopt;
  std::string release = recorded.meta_or("host.kernel");
  if (wishes_.machine && !wishes_.machine->kernel.release.empty()) {
    release = wishes_.machine->kernel.release;
  }
  for (const MetaChange& change : wishes_.host) {
    if (change.key == "host.kernel") release = change.value;
  }
  MemoryPlan plan;
  if (wishes_.machine) {
    const profile::MachineProfile& machine = *wishes_.machine;
    plan.machine = machine.name;
    plan.start = FT_TRY(profile::memory_start(machine, release));
    plan.fragmented = machine.fragmented;
    plan.weights = machine.weights;
    plan.defrag = machine.kernel.defrag.value_or(plan.defrag);
    plan.hugetlb = machine.kernel.hugetlb.value_or(plan.hugetlb);
  } else {
    FT_TRY_VOID(use_recorded_memory(recorded, release, plan, notes));
  }
  plan.defrag = wishes_.defrag.value_or(plan.defrag);
  plan.fragmented = wishes_.fragmented.value_or(plan.fragmented);
  plan.threads = wishes_.threads.value_or(plan.threads);
  plan.hugetlb.pages_2m = wishes_.pool_2m.value_or(plan.hugetlb.pages_2m);
  plan.pools_grow = !says_pools();
  plan.hugetlb.pages_1g = wishes_.pool_1g.value_or(plan.hugetlb.pages_1g);
  if (wishes_.numa) {
    numa::NodeMask there;
    for (const phys::ZoneStart& zone : plan.start.zones) there.set(zone.shape.node);
    plan.policy = FT_TRY(policy_of(*wishes_.numa, there));
    plan.keeps_policy = true;
    if (wishes_.numa->weights != numa::Weights{}) plan.weights = wishes_.numa->weights;
  }
  return plan;
}

}  // namespace ft::sim::whatif
