#include "sim/cost/lookups.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "base/check.h"
#include "sim/tlb/access_stream.h"
#include "sim/tlb/synthetic_streams.h"
#include "sim/tlb/tlb.h"

namespace ft::sim::cost {

namespace {

constexpr std::uint64_t kLine = 64;
constexpr std::uint64_t kBase = std::uint64_t{1} << 40U;  // anywhere

// Largest error of a share counted so often: 0.1 %.
constexpr std::uint64_t kRandomLoads = 200'000;

// More pages than that behave alike: everything of an earlier pass is gone.
std::uint64_t enough_pages(const tlb::Geometry& geometry, tlb::PageSize size) {
  const std::uint64_t reach =
      tlb::reach(geometry.l1, size) + tlb::reach(geometry.l2, size) + tlb::bytes_of(size);
  return 4 * reach / tlb::bytes_of(size);
}

LookupRates rates_of(const tlb::Counts& counts, double loads) {
  return {.l2_hits = static_cast<double>(counts.l2_hits_total()) / loads,
          .walks = static_cast<double>(counts.misses()) / loads};
}

// Page by page: the other lines of a page find what its first one looked up.
Result<LookupRates> sequential(tlb::Tlb& tlb, tlb::PageSize size, std::uint64_t pages) {
  const std::uint64_t bytes = tlb::bytes_of(size);
  for (int pass = 0; pass < 2; ++pass) {
    tlb.reset_counts();
    const auto stream =
        FT_TRY(tlb::make_sequential({.range = AddressRange::of_size(kBase, pages * bytes),
                                     .stride = bytes,
                                     .accesses = pages}));
    FT_TRY(tlb::run(tlb, *stream, size));
  }
  const std::uint64_t loads = pages * (bytes / kLine);
  return rates_of(tlb.counts(), static_cast<double>(loads));
}

Result<LookupRates> random(tlb::Tlb& tlb, tlb::PageSize size, std::uint64_t pages,
                           std::uint64_t until_warm) {
  for (const std::uint64_t loads : {until_warm, kRandomLoads}) {
    tlb.reset_counts();
    const auto stream =
        FT_TRY(tlb::make_random({.range = AddressRange::of_size(kBase, pages * tlb::bytes_of(size)),
                                 .accesses = loads,
                                 .seed = loads}));
    FT_TRY(tlb::run(tlb, *stream, size));
  }
  return rates_of(tlb.counts(), static_cast<double>(kRandomLoads));
}

tlb::ArrayShape whole(std::uint64_t entries, tlb::PageSize size) {
  const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(entries, 1U << 20U));
  return {.entries = count, .ways = count, .sizes = {size}};
}

// Nothing where neither level was measured.
std::optional<tlb::Geometry> measured_geometry(const profile::MeasuredTlb& measured,
                                               tlb::PageSize size) {
  const bool small = size == tlb::PageSize::Small;
  const auto l1 = small ? measured.l1_entries_4k : measured.l1_entries_2m;
  const auto l2 = small ? measured.l2_entries_4k : measured.l2_entries_2m;
  if (size == tlb::PageSize::Giant || (!l1 && !l2)) return std::nullopt;
  tlb::Geometry geometry;
  geometry.name = "measured";
  if (l1 && *l1 != 0) geometry.l1.push_back(whole(*l1, size));
  if (l2 && *l2 != 0) (l1 ? geometry.l2 : geometry.l1).push_back(whole(*l2, size));
  return geometry;
}

std::uint64_t entries_of(const tlb::Geometry& geometry, tlb::PageSize size) {
  return std::max(tlb::reach(geometry.l1, size), tlb::reach(geometry.l2, size)) /
         tlb::bytes_of(size);
}

}  // namespace

Result<LookupBounds> lookups_of(const tlb::Geometry& geometry, tlb::PageSize size,
                                std::uint64_t pages) {
  FT_CHECK(pages != 0);
  const std::uint64_t enough = enough_pages(geometry, size);
  const std::uint64_t passed = std::min(pages, enough);
  LookupBounds bounds;
  tlb::Tlb tlb = FT_TRY(tlb::Tlb::make(geometry));
  bounds.line_by_line = FT_TRY(sequential(tlb, size, passed));
  // The passes have put what fits in; at random it takes a while until the ages are so too.
  bounds.at_random = FT_TRY(random(tlb, size, pages, enough));
  return bounds;
}

Reach reach_of(const tlb::Geometry& core, const profile::MachineCosts& costs, tlb::PageSize size) {
  Reach reach;
  const auto measured = measured_geometry(costs.tlb, size);
  // A file that tells of one size what was measured would tell of the other as well, if it could.
  const bool calibrated = costs.tlb != profile::MeasuredTlb{};
  reach.measured = measured.has_value();
  reach.geometry = measured.value_or(core);
  if (measured || !calibrated) {
    const std::uint64_t entries = entries_of(reach.geometry, size);
    if (entries != 0) reach.entries = entries;
  }
  const profile::Cost walk =
      size == tlb::PageSize::Small ? profile::Cost::TlbWalk4k : profile::Cost::TlbWalk2m;
  reach.walk_ns = costs.cost_ns.of(walk);
  reach.walk_spread = costs.cost_spread.of(walk);
  reach.l2_hit_ns = costs.cost_ns.of(profile::Cost::TlbL2Hit);
  return reach;
}

std::optional<double> lookup_ns(const Reach& reach, const LookupRates& rates, double off) {
  if (!reach.walk_ns) return std::nullopt;
  const double walk = *reach.walk_ns * (1 + off * reach.walk_spread.value_or(0));
  return rates.walks * std::max(walk, 0.0) + rates.l2_hits * reach.l2_hit_ns.value_or(0);
}

}  // namespace ft::sim::cost
