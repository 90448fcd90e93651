#include "calibrate/pointer_chase.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "base/units.h"
#include "calibrate/area.h"
#include "calibrate/chain.h"

namespace ft::calibrate {

namespace {

constexpr std::uint64_t kLine = 64;  // bytes of a cache line, of every core the model knows
constexpr std::uint64_t kLinesPerPage = kPageSize / kLine;
constexpr std::uint64_t kLoads = 60'000;
constexpr std::uint64_t kMostPages = std::uint64_t{1} << 16U;
constexpr std::uint64_t kFewestPages = 8;
constexpr unsigned kCoarse = 2;  // points an octave
constexpr unsigned kFine = 8;
constexpr std::size_t kCoarseRounds = 3;

// How the lines lie that a ring goes through. In each layout they are spread alike over the sets of
// a first-level data cache.
enum class Layout : std::uint8_t { LineAPage, Packed, LineAHugePage };

char* place_of(char* start, Layout layout, std::uint64_t i) {
  switch (layout) {
    case Layout::LineAPage:
      return start + i * kPageSize + i % kLinesPerPage * kLine;
    case Layout::Packed:
      return start + i * kLine;
    case Layout::LineAHugePage:
      return start + i * kHugePageSize + mixed(i) % (kHugePageSize / kPageSize) * kPageSize +
             i % kLinesPerPage * kLine;
  }
  return start;
}

double time_ring(char* start, Layout layout, std::uint64_t count) {
  std::vector<char*> places;
  places.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) places.push_back(place_of(start, layout, i));
  link_randomly(places);
  return time_of_load(places.front(), 2 * count, std::max(kLoads, 2 * count));
}

// Sizes between the two, so many an octave, the same wherever they begin.
void add_sizes(std::set<std::uint64_t>& sizes, std::uint64_t from, std::uint64_t to,
               unsigned an_octave) {
  for (unsigned step = 0;; ++step) {
    const double size =
        static_cast<double>(kFewestPages) * std::exp2(static_cast<double>(step) / an_octave);
    const auto whole = static_cast<std::uint64_t>(std::llround(size));
    if (whole > to) return;
    if (whole >= from) sizes.insert(whole);
  }
}

// A curve: what loads took, by number of pages, round after round.
class Curve {
 public:
  Curve(char* start, Layout layout, char* packed)
      : start_(start), packed_(packed), layout_(layout) {}

  bool measure(const std::set<std::uint64_t>& sizes, std::size_t rounds, const KeepOn& keep_on) {
    times_.clear();
    for (std::size_t round = 0; round < rounds; ++round) {
      for (const std::uint64_t size : sizes) {
        if (!keep_on()) return false;
        Times& times = times_[size];
        times.load.push_back(time_ring(start_, layout_, size));
        times.packed.push_back(time_ring(packed_, Layout::Packed, size));
      }
    }
    return true;
  }

  // What the packed lines themselves miss in a first level of so many pages counts to the pages.
  void correct(std::uint64_t l1_pages, double hit_ns) {
    for (auto& [size, times] : times_) {
      if (size / kLinesPerPage <= l1_pages) continue;
      for (double& packed : times.packed) packed -= hit_ns;
    }
  }

  // Of the quickest loads: what disturbs them makes them longer.
  std::vector<ReachPoint> points() const {
    std::vector<ReachPoint> points;
    for (const auto& [size, times] : times_) {
      const double load = std::ranges::min(times.load);
      points.push_back(
          {.pages = size, .load_ns = load, .extra_ns = load - std::ranges::min(times.packed)});
    }
    return points;
  }

  std::vector<ReachPoint> of_round(std::size_t round) const {
    std::vector<ReachPoint> points;
    for (const auto& [size, times] : times_) {
      points.push_back({.pages = size,
                        .load_ns = times.load[round],
                        .extra_ns = times.load[round] - times.packed[round]});
    }
    return points;
  }

 private:
  struct Times {
    std::vector<double> load;
    std::vector<double> packed;
  };
  char* start_;
  char* packed_;
  Layout layout_;
  std::map<std::uint64_t, Times> times_;
};

std::uint64_t faults_so_far() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return static_cast<std::uint64_t>(usage.ru_minflt);
}

// Small pages in a random order: neighbours that lie side by side in memory, too, may share an
// entry of the TLB, and the knee would tell how memory was handed out.
void touch_scattered(const Area& area) {
  std::vector<std::uint32_t> order(area.bytes() / kPageSize);
  std::iota(order.begin(), order.end(), 0U);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[mixed(i) % i]);
  for (const std::uint32_t page : order) write_byte(area.page(page));
}

// Memory with every page there; empty where the host has not the pages asked for.
Area touched(std::uint64_t bytes, bool huge) {
  Area area = Area::map(bytes, PROT_READ | PROT_WRITE, MAP_NORESERVE, kHugePageSize);
  if (!area) return area;
  ::madvise(area.data(), bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  if (!huge) {
    touch_scattered(area);
    return area;
  }
  const std::uint64_t before = faults_so_far();
  for (std::uint64_t at = 0; at < bytes; at += kPageSize) write_byte(area.data() + at);
  const std::uint64_t wanted = bytes / kHugePageSize;
  if (faults_so_far() - before > wanted + wanted / 8) area.reset();
  return area;
}

std::set<std::uint64_t> coarse_sizes(std::uint64_t most) {
  std::set<std::uint64_t> sizes;
  add_sizes(sizes, kFewestPages, most, kCoarse);
  return sizes;
}

// Small steps around the knees, and what lies between and behind them.
std::set<std::uint64_t> fine_sizes(const Knees& knees, std::uint64_t most) {
  std::set<std::uint64_t> sizes = {kFewestPages, 2 * kFewestPages};
  const auto around = [&](std::uint64_t knee) {
    add_sizes(sizes, knee / 2, std::min(knee * 2, most), kFine);
  };
  if (!knees.l1_pages) return sizes;
  around(*knees.l1_pages);
  add_sizes(sizes, *knees.l1_pages, std::min(4 * *knees.l1_pages, most), 4);
  if (!knees.l2_pages) return sizes;
  around(*knees.l2_pages);
  add_sizes(sizes, 2 * *knees.l2_pages, std::min(6 * *knees.l2_pages, most), 4);
  return sizes;
}

struct Found {
  Knees knees;
  Curve curve;
  std::size_t rounds = 0;
};

// First in large steps, then in small ones where the knees are. `packed_is_small`: the packed lines
// lie in pages of the size that is looked at.
std::optional<Found> find(char* start, Layout layout, char* packed, std::uint64_t most,
                          bool packed_is_small, std::size_t rounds, const KeepOn& keep_on) {
  Found found{.knees = {}, .curve = Curve(start, layout, packed), .rounds = rounds};
  const auto look = [&] {
    const Knees first = find_knees(found.curve.points());
    if (packed_is_small && first.l1_pages && first.l2_hit_ns) {
      found.curve.correct(*first.l1_pages, *first.l2_hit_ns);
    }
    found.knees = find_knees(found.curve.points());
  };
  if (!found.curve.measure(coarse_sizes(most), kCoarseRounds, keep_on)) return std::nullopt;
  look();
  if (!found.knees.l1_pages) return found;
  if (!found.curve.measure(fine_sizes(found.knees, most), rounds, keep_on)) return std::nullopt;
  look();
  return found;
}

// Of a level between the knees, which are those of all rounds together: a single round's are
// noise's.
std::optional<Extra> extra_of(const Found& found, std::optional<double> Knees::* level) {
  if (!(found.knees.*level)) return std::nullopt;
  Extra extra{.ns = *(found.knees.*level), .by_round = {}};
  for (std::size_t round = 0; round < found.rounds; ++round) {
    const Knees knees = levels_between(found.curve.of_round(round), found.knees);
    if (knees.*level) extra.by_round.push_back(*(knees.*level));
  }
  return extra;
}

constexpr std::uint64_t kAlike = 4;  // knees that lie no further apart are of pages of one size

void measure_huge(const ReachOptions& options, const Found& small, char* packed, TlbReach& reach,
                  const KeepOn& keep_on) {
  constexpr const char* kKeys = "tlb_l1_entries_2m, tlb_l2_entries_2m, tlb_walk_2m";
  if (!options.huge_pages) {
    reach.left_out.push_back(fmt::format("{}: transparent huge pages are switched off", kKeys));
    return;
  }
  const std::uint64_t pages = std::min(kMostPages, options.most_bytes / kPageSize);
  Area near = touched(pages * kPageSize, true);
  if (!near) {
    reach.left_out.push_back(fmt::format("{}: too few huge pages were free", kKeys));
    return;
  }
  // A line of each 4 KiB of huge pages: where that has a knee as small pages have, they are none to
  // the processor, because the host below this virtual machine has the memory in small pages.
  const auto split =
      find(near.data(), Layout::LineAPage, packed, pages, true, options.rounds, keep_on);
  if (!split) return;
  if (split->knees.l1_pages && small.knees.l1_pages &&
      *split->knees.l1_pages <= kAlike * *small.knees.l1_pages) {
    reach.left_out.push_back(
        fmt::format("tlb_l1_entries_2m, tlb_l2_entries_2m: huge pages reach as far as small ones "
                    "here ({} pages "
                    "of 4 KiB): what this virtual machine runs on backs them with small pages",
                    *split->knees.l1_pages));
    reach.walk_2m = extra_of(*split, &Knees::walk_ns);
    if (!reach.walk_2m) reach.left_out.emplace_back("tlb_walk_2m: no knee was found");
    return;
  }
  near.reset();
  const std::uint64_t huge = std::min(kMostPages, options.most_bytes / kHugePageSize);
  const Area far = touched(huge * kHugePageSize, true);
  if (!far) {
    reach.left_out.push_back(fmt::format("{}: too few huge pages were free", kKeys));
    return;
  }
  const auto found =
      find(far.data(), Layout::LineAHugePage, packed, huge, false, options.rounds, keep_on);
  if (!found) return;
  reach.l1_2m = found->knees.l1_pages;
  reach.l2_2m = found->knees.l2_pages;
  reach.walk_2m = extra_of(*found, &Knees::walk_ns);
  if (!reach.l1_2m)
    reach.left_out.push_back(fmt::format("{}: no knee up to {} pages", kKeys, huge));
  if (reach.l1_2m && !reach.walk_2m) {
    reach.left_out.push_back(
        fmt::format("{}tlb_walk_2m: {} huge pages were tried, as many as a quarter of the free "
                    "memory holds",
                    reach.l2_2m ? "" : "tlb_l2_entries_2m, ", huge));
  }
}

}  // namespace

TlbReach measure_reach(const ReachOptions& options, const KeepOn& keep_on) {
  TlbReach reach;
  const std::uint64_t pages = std::min(kMostPages, options.most_bytes / kPageSize);
  const Area memory = touched(pages * kPageSize, false);
  Area packed = options.huge_pages ? touched(pages * kLine, true) : Area();
  if (!packed) packed = touched(pages * kLine, false);
  if (!memory || !packed) {
    reach.left_out.emplace_back("tlb_*: there was no memory for the pointer chase");
    return reach;
  }
  const auto small =
      find(memory.data(), Layout::LineAPage, packed.data(), pages, true, options.rounds, keep_on);
  if (!small) return reach;
  reach.l1_4k = small->knees.l1_pages;
  reach.l2_4k = small->knees.l2_pages;
  reach.l2_hit = extra_of(*small, &Knees::l2_hit_ns);
  reach.walk_4k = extra_of(*small, &Knees::walk_ns);
  if (!reach.l1_4k) {
    reach.left_out.push_back(
        fmt::format("tlb_*: no knee was found up to {} pages: the host is too noisy", pages));
    return reach;
  }
  if (!reach.l2_4k) {
    reach.left_out.push_back(fmt::format(
        "tlb_l2_entries_4k, tlb_walk_4k: no knee of the second level was found up to {} pages",
        pages));
  }
  measure_huge(options, *small, packed.data(), reach, keep_on);
  return reach;
}

std::optional<double> memory_latency(std::uint64_t bytes,
                                     const std::function<bool(void*, std::size_t)>& bind) {
  // Windows of few pages in turn, each place in them once in a random order: every load leaves the
  // data caches, and few leave the TLB.
  constexpr std::uint64_t kWindow = 32 * kPageSize;
  constexpr std::uint64_t kStep = 2 * kLine;  // processors fetch lines in pairs
  constexpr std::uint64_t kTimed = 400'000;
  Area area = Area::map(bytes, PROT_READ | PROT_WRITE, MAP_NORESERVE, kHugePageSize);
  if (!area || !bind(area.data(), bytes)) return std::nullopt;
  ::madvise(area.data(), bytes, MADV_HUGEPAGE);
  for (std::uint64_t at = 0; at < bytes; at += kPageSize) write_byte(area.data() + at);
  std::vector<char*> places;
  places.reserve(bytes / kStep);
  for (std::uint64_t window = 0; window + kWindow <= bytes; window += kWindow) {
    const std::size_t first = places.size();
    for (std::uint64_t at = 0; at < kWindow; at += kStep) {
      places.push_back(area.data() + window + at);
    }
    for (std::size_t i = places.size() - first; i > 1; --i) {
      std::swap(places[first + i - 1], places[first + mixed(window + i) % i]);
    }
  }
  link_in_order(places);
  return time_of_load(places.front(), kTimed / 100, std::min<std::uint64_t>(kTimed, places.size()));
}

}  // namespace ft::calibrate
