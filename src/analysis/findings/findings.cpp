#include "analysis/findings/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.h"
#include "base/units.h"

namespace ft::analysis {

namespace {

using report::model::Finding;
using report::model::FindingState;

// Thresholds; docs/findings.md names each with its reason.
constexpr std::uint64_t kWorthSaying = 64 * kMiB;  // less than this is nobody's trouble
constexpr std::uint64_t kLittleUsed = 2;           // under one half
constexpr std::uint64_t kWrongNodePart = 10;       // a tenth
constexpr std::uint64_t kMapCountNear = 80;        // percent
constexpr std::uint64_t kDefaultHeapPart = 4;      // HotSpot: a quarter of what it takes for memory
constexpr std::uint64_t kDefaultHeapTolerance = 32;

std::uint64_t rest(std::uint64_t whole, std::uint64_t part) {
  return whole > part ? whole - part : 0;
}

// One finding while it is being decided.
class Verdict {
 public:
  explicit Verdict(std::string_view name) { finding_.name = name; }

  // The value of a figure that the finding needs; a missing one is noted.
  template <typename T>
  const T* need(const std::optional<T>& figure, std::string_view words) {
    if (figure) return &*figure;
    finding_.missing.emplace_back(words);
    return nullptr;
  }
  void number(std::string_view name, std::uint64_t value) {
    finding_.numbers.emplace_back(name, value);
  }
  Finding fires(std::string words, std::string advice) {
    finding_.state = FindingState::Fires;
    finding_.words = std::move(words);
    finding_.advice = std::move(advice);
    return std::move(finding_);
  }
  Finding quiet(std::string why) {
    finding_.state = FindingState::Quiet;
    finding_.words = std::move(why);
    return std::move(finding_);
  }
  Finding not_evaluated() {
    finding_.state = FindingState::NotEvaluated;
    for (const std::string& missing : finding_.missing) {
      finding_.words += (finding_.words.empty() ? "not known: " : ", ") + missing;
    }
    return std::move(finding_);
  }

 private:
  Finding finding_;
};

Finding c_library_retained(const FindingFacts& facts) {
  Verdict verdict("c-library-retained");
  const auto* resident = verdict.need(facts.c_heap_resident, "resident memory of the C heap");
  if (!resident) return verdict.not_evaluated();
  if (*resident < kWorthSaying) {
    verdict.number("resident_bytes", *resident);
    return verdict.quiet("the C heap is small");
  }
  const auto* used = verdict.need(facts.c_heap_used, "what malloc has handed out");
  if (!used) return verdict.not_evaluated();
  const std::uint64_t unused = rest(*resident, *used);
  verdict.number("resident_bytes", *resident);
  verdict.number("used_bytes", *used);
  if (unused < kWorthSaying || unused < *resident / 4) {
    return verdict.quiet("the C library holds little that is not in use");
  }
  std::string where;
  if (facts.c_heap_arenas) {
    verdict.number("arenas", *facts.c_heap_arenas);
    where = fmt::format(" in {} arenas", grouped(*facts.c_heap_arenas + 1));
  }
  return verdict.fires(
      fmt::format("The C library holds {}{}, of which {} is in use: {} are resident and free.",
                  human_bytes(*resident), where, human_bytes(*used), human_bytes(unused)),
      "MALLOC_ARENA_MAX=2 in the environment bounds the arenas; jcmd PID System.trim_native_heap "
      "gives back what is free now.");
}

Finding resident_above_nmt(const FindingFacts& facts) {
  Verdict verdict("resident-above-nmt");
  const auto* resident = verdict.need(facts.resident, "resident memory");
  const bool little_beyond = facts.beyond_nmt && *facts.beyond_nmt < kWorthSaying;
  if (resident && !facts.nmt_committed && little_beyond) {
    verdict.number("resident_bytes", *resident);
    verdict.number("beyond_nmt_bytes", *facts.beyond_nmt);
    return verdict.quiet(fmt::format("{} lie in parts that NMT does not count, or not whole",
                                     human_bytes(*facts.beyond_nmt)));
  }
  const auto* committed = verdict.need(facts.nmt_committed, "the JVM's own account (NMT)");
  if (!resident || !committed) return verdict.not_evaluated();
  const std::uint64_t above = rest(*resident, *committed);
  verdict.number("resident_bytes", *resident);
  verdict.number("nmt_committed_bytes", *committed);
  if (above < kWorthSaying) return verdict.quiet("NMT accounts for the resident memory");
  std::string parts;
  for (const auto& [name, bytes] : facts.outside_nmt) {
    if (bytes == 0) continue;
    parts += fmt::format("{}{} {}", parts.empty() ? "" : ", ", name, human_bytes(bytes));
  }
  return verdict.fires(
      fmt::format("{} are resident, NMT knows of {} committed: at least {} are not its own{}.",
                  human_bytes(*resident), human_bytes(*committed), human_bytes(above),
                  parts.empty() ? "" : "; outside of its account are " + parts),
      "Native libraries, their malloc and file mappings are not counted by NMT; size the container "
      "by resident memory.");
}

Finding huge_pages_little_used(const FindingFacts& facts) {
  Verdict verdict("huge-pages-little-used");
  const auto* huge = verdict.need(facts.huge, "memory in huge pages");
  if (!huge) return verdict.not_evaluated();
  verdict.number("huge_bytes", *huge);
  if (*huge < kWorthSaying) return verdict.quiet("little is in huge pages");
  const auto* used = verdict.need(facts.huge_used, "how much of the huge pages is in use");
  if (!used) return verdict.not_evaluated();
  verdict.number("used_bytes", *used);
  if (*used >= *huge / kLittleUsed) return verdict.quiet("the huge pages are in use");
  return verdict.fires(
      fmt::format("{} are in huge pages, and only {} of them hold anything but zeroes.",
                  human_bytes(*huge), human_bytes(*used)),
      "transparent_hugepage/enabled=madvise keeps huge pages to areas that ask for them; "
      "khugepaged/max_ptes_none says how empty a block it may fill up.");
}

Finding thread_stacks_huge(const FindingFacts& facts) {
  Verdict verdict("thread-stacks-huge");
  const auto* huge = verdict.need(facts.stacks_huge, "huge pages in thread stacks");
  if (!huge) return verdict.not_evaluated();
  verdict.number("huge_bytes", *huge);
  if (*huge < kHugePageSize) return verdict.quiet("no thread stack has a huge page");
  std::string words = fmt::format("{} of thread stacks are huge pages", human_bytes(*huge));
  if (facts.threads && *facts.threads > 0) {
    verdict.number("threads", *facts.threads);
    words += fmt::format(" ({} threads)", grouped(*facts.threads));
  }
  return verdict.fires(
      words + ": a stack that would touch some tens of KiB takes 2 MiB at once.",
      "Stacks whose size is not a multiple of 2 MiB (-Xss1000k) do not get them; newer JVMs forbid "
      "them (JDK-8303215).");
}

Finding heap_on_wrong_node(const FindingFacts& facts) {
  Verdict verdict("heap-on-wrong-node");
  const auto* by_node = verdict.need(facts.heap_by_node, "on which nodes the heap lies");
  const auto* cpu_nodes = verdict.need(facts.cpu_nodes, "the nodes of the CPUs it may run on");
  if (!by_node || !cpu_nodes) return verdict.not_evaluated();
  std::uint64_t all = 0;
  std::uint64_t elsewhere = 0;
  for (const auto& [node, bytes] : *by_node) {
    verdict.number(fmt::format("node{}_bytes", node), bytes);
    all += bytes;
    if (std::ranges::find(*cpu_nodes, node) == cpu_nodes->end()) elsewhere += bytes;
  }
  if (elsewhere < kWorthSaying || elsewhere < all / kWrongNodePart) {
    return verdict.quiet("the heap lies on the nodes of its CPUs");
  }
  return verdict.fires(
      fmt::format("{} of the Java heap's {} lie on nodes whose CPUs the process may not use.",
                  human_bytes(elsewhere), human_bytes(all)),
      "numactl --membind with the same nodes as --cpunodebind; memory that is there already moves "
      "with migratepages.");
}

Finding heap_swapped(const FindingFacts& facts) {
  Verdict verdict("heap-swapped");
  const auto* swapped = verdict.need(facts.heap_swapped, "swapped pages of the heap");
  if (!swapped) return verdict.not_evaluated();
  verdict.number("swapped_bytes", *swapped);
  if (*swapped == 0) return verdict.quiet("nothing of the heap is in swap");
  return verdict.fires(
      fmt::format("{} of the Java heap are in swap: a collection that visits them waits for each.",
                  human_bytes(*swapped)),
      "A smaller heap, more memory, or memory.swap.max=0 for its group; a lower vm.swappiness "
      "makes it rarer.");
}

Finding limit_below_heap(const FindingFacts& facts) {
  Verdict verdict("cgroup-limit-below-heap-maximum");
  const auto* limit = verdict.need(facts.cgroup_limit, "the control group's limit");
  if (!limit) return verdict.not_evaluated();
  if (!*limit) return verdict.quiet("no control group limits it");
  const auto* maximum = verdict.need(facts.heap_reserved, "the heap's maximum");
  const auto* resident = verdict.need(facts.resident, "resident memory");
  const auto* heap = verdict.need(facts.heap_resident, "resident memory of the heap");
  if (!maximum || !resident || !heap) return verdict.not_evaluated();
  const std::uint64_t beside = rest(*resident, *heap);
  verdict.number("limit_bytes", **limit);
  verdict.number("heap_maximum_bytes", *maximum);
  verdict.number("beside_heap_bytes", beside);
  if (beside <= **limit && *maximum <= **limit - beside)
    return verdict.quiet("the whole heap fits below the limit");
  return verdict.fires(
      fmt::format("The heap may grow to {}, and {} are resident beside it, but the control group "
                  "is limited to {}: the group is full when the heap is at {}.",
                  human_bytes(*maximum), human_bytes(beside), human_bytes(**limit),
                  human_bytes(rest(**limit, beside))),
      "A smaller -Xmx (or MaxRAMPercentage), or a higher limit.");
}

Finding map_count_near_limit(const FindingFacts& facts) {
  Verdict verdict("map-count-near-limit");
  const auto* count = verdict.need(facts.map_count, "the number of mappings");
  const auto* limit = verdict.need(facts.max_map_count, "vm.max_map_count");
  if (!count || !limit) return verdict.not_evaluated();
  verdict.number("map_count", *count);
  verdict.number("max_map_count", *limit);
  if (*count < *limit / 100 * kMapCountNear) return verdict.quiet("far from vm.max_map_count");
  return verdict.fires(
      fmt::format("The process has {} mappings of the {} that vm.max_map_count allows; then mmap, "
                  "mprotect and new threads fail with ENOMEM.",
                  grouped(*count), grouped(*limit)),
      "Raise vm.max_map_count; ZGC and many threads need more.");
}

bool tells_heap_size(std::string_view word) {
  constexpr std::array kFlags = {
      "-Xmx", "-XX:MaxHeapSize=", "-XX:MaxRAM=", "-XX:MaxRAMPercentage=", "-XX:MaxRAMFraction="};
  return std::ranges::any_of(kFlags, [&](std::string_view flag) { return word.starts_with(flag); });
}

Finding other_memory_than_container(const FindingFacts& facts) {
  Verdict verdict("container-memory-not-seen");
  const auto* limit = verdict.need(facts.cgroup_limit, "the control group's limit");
  if (!limit) return verdict.not_evaluated();
  if (!*limit) return verdict.quiet("no control group limits it");
  const auto* host = verdict.need(facts.host_memory, "the host's memory");
  const auto* words = verdict.need(facts.jvm_words, "the JVM's command line");
  if (!host || !words) return verdict.not_evaluated();
  verdict.number("limit_bytes", **limit);
  verdict.number("host_bytes", *host);
  if (**limit >= *host) return verdict.quiet("the limit is no less than the host's memory");
  const auto says = [&](std::string_view word) {
    return std::ranges::find(*words, word) != words->end();
  };
  if (says("-XX:-UseContainerSupport")) {
    return verdict.fires(
        fmt::format("-XX:-UseContainerSupport makes the JVM take the host's {} for its memory; its "
                    "control group is limited to {}.",
                    human_bytes(*host), human_bytes(**limit)),
        "Leave the flag out.");
  }
  if (std::ranges::any_of(*words, tells_heap_size))
    return verdict.quiet("the heap's size is given");
  const auto* maximum = verdict.need(facts.heap_reserved, "the heap's maximum");
  if (!maximum) return verdict.not_evaluated();
  verdict.number("heap_maximum_bytes", *maximum);
  const std::uint64_t of_host = *host / kDefaultHeapPart;
  const std::uint64_t tolerance = of_host / kDefaultHeapTolerance;
  const bool as_of_host = *maximum + tolerance >= of_host && *maximum <= of_host + tolerance;
  if (!as_of_host) return verdict.quiet("the heap's maximum follows the group's limit");
  return verdict.fires(
      fmt::format(
          "The heap's maximum of {} is a quarter of the host's {}, though its control group "
          "is limited to {}: this JVM does not see the limit.",
          human_bytes(*maximum), human_bytes(*host), human_bytes(**limit)),
      "Give -Xmx; or a JVM that knows this kind of control group (17.0.2, 11.0.16 and later know "
      "version 2), with the group's files mounted in the container.");
}

}  // namespace

std::vector<Finding> find(const FindingFacts& facts) {
  return {
      c_library_retained(facts), resident_above_nmt(facts),   huge_pages_little_used(facts),
      thread_stacks_huge(facts), heap_on_wrong_node(facts),   heap_swapped(facts),
      limit_below_heap(facts),   map_count_near_limit(facts), other_memory_than_container(facts)};
}

std::vector<Finding> firing(std::vector<Finding> findings) {
  std::erase_if(findings,
                [](const Finding& finding) { return finding.state != FindingState::Fires; });
  return findings;
}

}  // namespace ft::analysis
