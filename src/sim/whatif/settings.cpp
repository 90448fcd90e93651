#include "sim/whatif/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "base/byte_size.h"
#include "base/text.h"
#include "sim/kernel/behaviour.h"

namespace ft::sim::whatif {

namespace {

// False: the value is none of the key.
using Take = bool (*)(std::string_view key, std::string_view value, Wishes& wishes);

struct Setting {
  SettingKind kind;
  Take take;
};

// --- values --------------------------------------------------------------------------------------

bool is_one_of(std::string_view value, std::string_view allowed) {
  const std::vector<std::string_view> words = split(allowed, '|');
  return std::ranges::find(words, value) != words.end();
}

// "64kB", "64K", "2M" as the kernel's name for it, "64kB"; nothing where there is no such size.
std::optional<std::string> size_name(std::string_view text) {
  if (text.ends_with("B")) text.remove_suffix(1);
  const auto bytes = parse_byte_size(text);
  for (unsigned order = 2; order <= 9; ++order) {
    if (bytes == kPageSize << order) return fmt::format("{}kB", (kPageSize << order) / kKiB);
  }
  return std::nullopt;
}

// "0,2-3"
std::optional<numa::NodeMask> nodes_of(std::string_view text) {
  numa::NodeMask nodes;
  for (const std::string_view part : split(text, ',')) {
    const std::size_t dash = part.find('-');
    const auto first = parse_integer<unsigned>(part.substr(0, dash));
    const auto last =
        dash == std::string_view::npos ? first : parse_integer<unsigned>(part.substr(dash + 1));
    if (!first || !last || *first > *last || *last >= phys::kMostNodes) return std::nullopt;
    for (unsigned node = *first; node <= *last; ++node) nodes.set(node);
  }
  return nodes;
}

// "3,1": of nodes 0 and 1.
std::optional<numa::Weights> weights_of(std::string_view text) {
  numa::Weights weights = {};
  std::size_t node = 0;
  for (const std::string_view part : split(text, ',')) {
    const auto weight = parse_integer<std::uint8_t>(part);
    if (!weight || *weight == 0 || node == weights.size()) return std::nullopt;
    weights[node++] = *weight;
  }
  return weights;
}

std::optional<double> parse_decimal(std::string_view value) {
  const std::string text(value);
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !std::isfinite(number)) return std::nullopt;
  return number;
}

// --- keys ----------------------------------------------------------------------------------------

bool set_thp(std::string_view, std::string_view value, Wishes& wishes) {
  if (!is_one_of(value, "always|madvise|never")) return false;
  wishes.host.push_back({"host.thp.enabled", std::string(value)});
  return true;
}

bool set_thp_size(std::string_view key, std::string_view value, Wishes& wishes) {
  const auto size = size_name(key.substr(4));
  if (!size || !is_one_of(value, "always|inherit|madvise|never")) return false;
  wishes.host.push_back({"host.thp.size." + *size, std::string(value)});
  return true;
}

bool set_thp_zero_page(std::string_view, std::string_view value, Wishes& wishes) {
  if (!is_one_of(value, "0|1")) return false;
  wishes.host.push_back({"host.thp.use_zero_page", std::string(value)});
  return true;
}

bool set_thp_defrag(std::string_view, std::string_view value, Wishes& wishes) {
  using profile::Defrag;
  for (const Defrag defrag :
       {Defrag::Always, Defrag::Defer, Defrag::DeferMadvise, Defrag::Madvise, Defrag::Never}) {
    if (value != profile::name_of(defrag)) continue;
    wishes.defrag = defrag;
    return true;
  }
  return false;
}

bool set_kernel(std::string_view, std::string_view value, Wishes& wishes) {
  if (!kernel::Behaviour::of_release(value)) return false;
  wishes.host.push_back({"host.kernel", std::string(value)});
  return true;
}

bool set_populate(std::string_view, std::string_view value, Wishes& wishes) {
  wishes.populate_heap = true;
  return value == "heap";
}

bool set_hugetlb_heap(std::string_view, std::string_view value, Wishes& wishes) {
  if (value == "2M") wishes.hugetlb_heap = kHugePageSize;
  if (value == "1G") wishes.hugetlb_heap = kGiB;
  return value == "2M" || value == "1G";
}

bool set_hugetlb_pool(std::string_view key, std::string_view value, Wishes& wishes) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 32U;
  const auto pages = parse_integer<std::uint64_t>(value);
  if (!pages || *pages > kMost) return false;
  (key == "hugetlb.2M" ? wishes.pool_2m : wishes.pool_1g) = *pages;
  return true;
}

bool set_numa_policy(std::string_view, std::string_view value, Wishes& wishes) {
  using numa::Mode;
  const std::size_t colon = value.find(':');
  const std::string_view name = value.substr(0, colon);
  const bool has_nodes = colon != std::string_view::npos;
  const std::string_view list = has_nodes ? value.substr(colon + 1) : std::string_view();
  NumaWish wish;
  if (name == "default" || name == "local") {
    if (has_nodes) return false;
    wishes.numa = wish;
    return true;
  }
  if (name == "weighted") {
    wish.mode = Mode::WeightedInterleave;
    if (has_nodes) {
      const auto weights = weights_of(list);
      if (!weights) return false;
      wish.weights = *weights;
    }
    wishes.numa = wish;
    return true;
  }
  if (name == "interleave") {
    wish.mode = Mode::Interleave;
  } else if (name == "bind") {
    wish.mode = Mode::Bind;
  } else if (name == "preferred") {
    wish.mode = Mode::Preferred;
  } else if (name == "preferred-many") {
    wish.mode = Mode::PreferredMany;
  } else {
    return false;
  }
  if (has_nodes) {
    const auto nodes = nodes_of(list);
    if (!nodes || (wish.mode == Mode::Preferred && nodes->size() != 1)) return false;
    wish.nodes = *nodes;
  } else if (wish.mode != Mode::Interleave) {
    return false;
  }
  wishes.numa = wish;
  return true;
}

bool set_numa_threads(std::string_view, std::string_view value, Wishes& wishes) {
  if (!is_one_of(value, "together|spread")) return false;
  wishes.threads = value == "spread" ? ThreadPlaces::Spread : ThreadPlaces::Together;
  return true;
}

bool set_fragmented(std::string_view, std::string_view value, Wishes& wishes) {
  const auto share = parse_decimal(value);
  if (!share || *share < 0 || *share > 1) return false;
  wishes.fragmented = *share;
  return true;
}

// Of whole pages; the model takes machines in multiples of 4 MiB.
bool set_memory(std::string_view, std::string_view value, Wishes& wishes) {
  constexpr std::uint64_t kLeast = 64 * kMiB;
  constexpr std::uint64_t kMost = 4096 * kGiB;
  const auto bytes = parse_byte_size(value);
  if (!bytes || *bytes < kLeast || *bytes > kMost || *bytes % (4 * kMiB) != 0) return false;
  wishes.limits.machine = *bytes;
  return true;
}

bool set_group_limit(std::string_view, std::string_view value, Wishes& wishes) {
  const auto bytes = parse_byte_size(value);
  if (!bytes || *bytes < kPageSize) return false;
  wishes.limits.group = page_floor(*bytes);
  return true;
}

bool set_swap(std::string_view, std::string_view value, Wishes& wishes) {
  constexpr std::uint64_t kMost = 4096 * kGiB;
  const auto bytes = value == "0" ? std::optional<std::uint64_t>(0) : parse_byte_size(value);
  if (!bytes || *bytes > kMost) return false;
  wishes.limits.swap = page_floor(*bytes);
  return true;
}

bool set_swap_compression(std::string_view, std::string_view value, Wishes& wishes) {
  constexpr double kMost = 1000;
  const auto ratio = parse_decimal(value);
  if (!ratio || *ratio < 1 || *ratio > kMost) return false;
  wishes.limits.swap_compression = *ratio;
  return true;
}

bool set_swappiness(std::string_view, std::string_view value, Wishes& wishes) {
  const auto number = parse_integer<unsigned>(value);
  if (!number || *number > reclaim::kMostSwappiness) return false;
  wishes.limits.swappiness = *number;
  return true;
}

// In the order of the help. A key that ends in <...> takes whatever stands there.
constexpr std::array kSettings = {
    Setting{{"thp", "always|madvise|never", "/sys/kernel/mm/transparent_hugepage/enabled"},
            set_thp},
    Setting{
        {"thp.zero_page", "0|1", "use_zero_page there: reads of untouched huge pages share one"},
        set_thp_zero_page},
    Setting{{"thp.defrag", "always|defer|defer+madvise|madvise|never",
             "defrag there: how hard a fault tries for a huge page"},
            set_thp_defrag},
    Setting{{"thp.<size>", "always|inherit|madvise|never",
             "hugepages-<size>kB/enabled there; <size> is 16kB, 32kB, 64kB ... 2048kB, or 64K, 2M"},
            set_thp_size},
    Setting{{"kernel", "a release as uname -r has it, 6.1 or later",
             "how the kernel behaves; addresses stay the recording's"},
            set_kernel},
    Setting{{"populate", "heap", "MAP_POPULATE in every call that commits Java heap"},
            set_populate},
    Setting{{"hugetlb.heap", "2M|1G", "the Java heap in hugetlb pages, all of it from the start"},
            set_hugetlb_heap},
    Setting{{"hugetlb.2M", "0 or more", "pages in the pool of 2 MiB pages (nr_hugepages)"},
            set_hugetlb_pool},
    Setting{{"hugetlb.1G", "0 or more", "pages in the pool of 1 GiB pages"}, set_hugetlb_pool},
    Setting{{"numa.policy",
             "default|local|interleave|interleave:NODES|bind:NODES|preferred:NODE|"
             "preferred-many:NODES|weighted|weighted:WEIGHTS",
             "of all threads, as numactl would set it; NODES as 0,2-3, a weight for each node"},
            set_numa_policy},
    Setting{{"numa.threads", "together|spread",
             "threads run on the first node's CPUs, or are dealt to all nodes"},
            set_numa_threads},
    Setting{{"fragmented", "0 to 1",
             "share of free 2 MiB blocks in which a page is pinned, so that they serve none"},
            set_fragmented},
    Setting{{"memory", "64M to 4T, in multiples of 4M",
             "a host of so much memory: what is reclaimed, and whom the OOM killer ends"},
            set_memory},
    Setting{{"cgroup.limit", "4k or more", "limit of the memory cgroup that the start runs in"},
            set_group_limit},
    Setting{{"swap", "0 to 4T", "size of the swap space; a disk unless swap.compression is given"},
            set_swap},
    Setting{{"swap.compression", "1 to 1000",
             "the swap space is zram, and pages get so many times smaller in it"},
            set_swap_compression},
    Setting{{"swappiness", "0 to 200", "vm.swappiness"}, set_swappiness},
};

constexpr std::array kKinds = [] {
  std::array<SettingKind, kSettings.size()> kinds;
  for (std::size_t i = 0; i < kinds.size(); ++i) kinds[i] = kSettings[i].kind;
  return kinds;
}();

std::string known_settings() {
  std::string text = "allowed: ";
  for (const SettingKind& kind : kKinds) {
    text += fmt::format("{}{}={}", &kind == kKinds.data() ? "" : ", ", kind.key, kind.allowed);
  }
  return text;
}

bool names(std::string_view key, std::string_view pattern) {
  if (!pattern.ends_with('>')) return key == pattern;
  const std::string_view fixed = pattern.substr(0, pattern.find('<'));
  return key.starts_with(fixed) && key.size() > fixed.size();
}

}  // namespace

std::span<const SettingKind> setting_kinds() {
  return kKinds;
}

Result<void> apply_setting(std::string_view assignment, Wishes& wishes) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos) {
    return fail(fmt::format("--set {}", printable(assignment)), "no KEY=VALUE", known_settings());
  }
  const std::string_view key = assignment.substr(0, equals);
  const std::string_view value = assignment.substr(equals + 1);
  const auto setting = std::ranges::find_if(
      kSettings, [&](const Setting& candidate) { return names(key, candidate.kind.key); });
  const std::string what = fmt::format("--set {}", printable(key));
  if (setting == kSettings.end()) return fail(what, "no such key", known_settings());
  if (key.starts_with("thp.") && setting->take == set_thp_size && !size_name(key.substr(4))) {
    return fail(what, "there are no transparent pages of that size",
                "allowed: powers of two from 16kB to 2048kB");
  }
  if (!setting->take(key, value, wishes)) {
    return fail(what, fmt::format("'{}' is no value of it", printable(value)),
                fmt::format("allowed: {}", setting->kind.allowed));
  }
  return {};
}

}  // namespace ft::sim::whatif
