// What a dependent load costs by the size of its working set, with 4 KiB and with 2 MiB pages, and
// where that curve has its knees, beside what the model of this host's TLB says.
//
//   pointer_chase [CORE]      default zen4; "list" names all
//
// One line of each 4 KiB page is in a ring through the whole set: each load needs another 4 KiB
// translation, while the data caches hold 64 times as many pages as they could whole. The same
// lines are used with both page sizes. All points are measured in turn, several rounds; shown are
// medians, and the middle half of the differences.
//
// Knees: the largest working set before a curve first passes the middle between two plateaus.
// L1: of the 4 KiB curve, from up to 48 pages to 96..384 pages (more lines leave the L1 data
// cache). L2: of the difference 4 KiB - 2 MiB, from 96..1024 pages to 8192..16384 pages. In the
// model: the largest working set of which L1 hits half, and of which half is not walked for.
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <numeric>
#include <string>
#include <vector>

#include "base/units.h"
#include "sim/tlb/random.h"
#include "sim/tlb/synthetic_streams.h"
#include "sim/tlb/tlb.h"

namespace {

using namespace ft;
using namespace ft::sim::tlb;

constexpr std::uint64_t kMostPages = std::uint64_t{1} << 18U;  // 1 GiB
constexpr int kRounds = 15;
constexpr std::uint64_t kLoads = 100000;  // timed, for each point and round

// Memory mapped with pages of one size, as far as the host gives them.
class Arena {
 public:
  explicit Arena(PageSize size) {
    const std::uint64_t bytes = kMostPages * kPageSize;
    void* raw = ::mmap(nullptr, bytes + kHugePageSize, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (raw == MAP_FAILED) {
      std::perror("pointer_chase: mmap");
      std::exit(1);
    }
    const auto start = reinterpret_cast<std::uintptr_t>(raw);
    base_ = reinterpret_cast<char*>((start + kHugePageSize - 1) & ~(kHugePageSize - 1));
    ::madvise(base_, bytes, size == PageSize::Large ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    for (std::uint64_t page = 0; page < kMostPages; ++page) base_[page * kPageSize] = 1;
  }
  // The line of a page that is used: spread over all sets of the data caches.
  char** node(std::uint64_t page) const {
    return reinterpret_cast<char**>(base_ + page * kPageSize +
                                    (Random::mixed(page) % (kPageSize / 64)) * 64);
  }

 private:
  char* base_;
};

// One ring through the first `pages` pages, in random order.
void link(const Arena& arena, std::uint64_t pages) {
  std::vector<std::uint32_t> order(pages);
  std::iota(order.begin(), order.end(), 0U);
  Random random(pages);
  for (std::uint64_t i = pages - 1; i > 0; --i) std::swap(order[i], order[random.below(i + 1)]);
  for (std::uint64_t i = 0; i < pages; ++i) {
    *arena.node(order[i]) = reinterpret_cast<char*>(arena.node(order[(i + 1) % pages]));
  }
}

char** chase(char** at, std::uint64_t loads) {
  for (std::uint64_t i = 0; i < loads; ++i) {
    at = reinterpret_cast<char**>(*reinterpret_cast<char* volatile*>(at));
  }
  return at;
}

double nanoseconds_a_load(const Arena& arena, std::uint64_t pages) {
  link(arena, pages);
  char** at = chase(arena.node(0), std::min(pages * 2, kLoads));
  const auto begin = std::chrono::steady_clock::now();
  at = chase(at, kLoads);
  const auto end = std::chrono::steady_clock::now();
  asm volatile("" ::"r"(at));
  return std::chrono::duration<double, std::nano>(end - begin).count() / kLoads;
}

struct Modelled {
  double l1_hits = 0;  // shares of the look-ups
  double walks = 0;
  double loads = 0;  // a look-up
};

struct Point {
  std::uint64_t pages;
  std::vector<double> small;
  std::vector<double> large;
  std::vector<double> difference;
  Modelled small_model;
  Modelled large_model;
};

double quantile(std::vector<double> values, double share) {
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5)];
}

Modelled model(const Geometry& core, std::uint64_t pages, PageSize size) {
  Tlb tlb = std::move(*Tlb::make(core));
  const AddressRange range = AddressRange::of_size(0x7f0000000000, pages * kPageSize);
  for (const bool counted : {false, true}) {
    tlb.reset_counts();
    const std::uint64_t accesses = counted ? std::max<std::uint64_t>(pages, 20000) : 2 * pages;
    if (!run(tlb, **make_pointer_chase({.range = range, .accesses = accesses}), size)) std::abort();
  }
  const auto lookups = static_cast<double>(tlb.counts().lookups());
  return {.l1_hits = static_cast<double>(tlb.counts().l1_hits_total()) / lookups,
          .walks = static_cast<double>(tlb.counts().misses()) / lookups,
          .loads = static_cast<double>(tlb.counts().loads()) / lookups};
}

bool in_virtual_machine() {
  std::ifstream file("/proc/cpuinfo");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  return text.find(" hypervisor") != std::string::npos;
}

std::vector<Point> working_sets() {
  std::vector<Point> points;
  for (std::uint64_t pages = 16; pages <= kMostPages; pages *= 2) {
    const bool near_a_knee = pages == 64 || pages == 1024 || pages == 2048;
    const std::uint64_t parts = near_a_knee ? 8 : 2;
    for (std::uint64_t part = 0; part < parts; ++part) {
      const std::uint64_t size = pages + pages * part / parts;
      if (size <= kMostPages) points.push_back({.pages = size});
    }
  }
  return points;
}

// Median of value(point) over the points of `from` to `to` pages.
template <typename Value>
double plateau(const std::vector<Point>& points, std::uint64_t from, std::uint64_t to,
               Value value) {
  std::vector<double> values;
  for (const Point& point : points) {
    if (point.pages >= from && point.pages <= to) values.push_back(value(point));
  }
  return quantile(values, 0.5);
}

// The largest working set before value(point) first passes `limit` for good: twice in a row.
template <typename Value>
std::uint64_t knee(const std::vector<Point>& points, double limit, Value value) {
  for (std::size_t i = 1; i + 1 < points.size(); ++i) {
    if (value(points[i]) > limit && value(points[i + 1]) > limit) return points[i - 1].pages;
  }
  return 0;
}

void print_knees(const std::vector<Point>& points, const Geometry& core) {
  const auto small = [](const Point& point) { return quantile(point.small, 0.5); };
  const auto large = [](const Point& point) { return quantile(point.large, 0.5); };
  const double l1_limit = (plateau(points, 16, 48, small) + plateau(points, 96, 384, small)) / 2;
  const double l2_limit = 2 * plateau(points, 1024, 2048, small);
  fmt::print("\nknees, in 4 KiB pages           measured   {}\n", core.name);
  fmt::print("L1, 4 KiB pages                 {:>8}   {:>8}\n", knee(points, l1_limit, small),
             knee(points, 0.5, [](const Point& p) { return 1 - p.small_model.l1_hits; }));
  fmt::print("L1, 2 MiB pages (0: none)       {:>8}   {:>8}\n", knee(points, l1_limit, large),
             knee(points, 0.5, [](const Point& p) { return 1 - p.large_model.l1_hits; }));
  fmt::print("L2, 4 KiB pages                 {:>8}   {:>8}\n", knee(points, l2_limit, small),
             knee(points, 0.5, [](const Point& p) { return p.small_model.walks; }));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "zen4";
  if (name == "list") {
    for (const Geometry& core : cores()) fmt::print("{:16} {}\n", core.name, core.core);
    return 0;
  }
  Result<Geometry> core = core_named(name);
  if (!core) {
    fmt::print(stderr, "pointer_chase: {}\n", core.error().message());
    return 2;
  }
  if (in_virtual_machine()) {
    core->nested = NestedPaging{.page_size = PageSize::Small, .tlb_entries = 64};
    fmt::print("In a virtual machine; the model's host maps the guest with 4 KiB pages.\n");
  }
  std::vector<Point> points = working_sets();
  const Arena small(PageSize::Small);
  const Arena large(PageSize::Large);
  for (int round = 0; round < kRounds; ++round) {
    for (Point& point : points) {
      point.small.push_back(nanoseconds_a_load(small, point.pages));
      point.large.push_back(nanoseconds_a_load(large, point.pages));
      point.difference.push_back(point.small.back() - point.large.back());
    }
  }
  fmt::print("{:>8} {:>8} {:>8} {:>8} {:>8} {:>17} | model: {:>6} {:>6} {:>6} {:>8}\n", "pages",
             "KiB", "4K ns", "2M ns", "diff ns", "middle half", "L1 %", "walk %", "loads",
             "2M loads");
  for (Point& point : points) {
    point.small_model = model(*core, point.pages, PageSize::Small);
    point.large_model = model(*core, point.pages, PageSize::Large);
    fmt::print(
        "{:>8} {:>8} {:>8.2f} {:>8.2f} {:>8.2f} {:>7.2f} to {:>6.2f} | {:>13.1f} {:>6.1f} "
        "{:>6.2f} {:>8.2f}\n",
        point.pages, point.pages * 4, quantile(point.small, 0.5), quantile(point.large, 0.5),
        quantile(point.difference, 0.5), quantile(point.difference, 0.25),
        quantile(point.difference, 0.75), 100 * point.small_model.l1_hits,
        100 * point.small_model.walks, point.small_model.loads, point.large_model.loads);
  }
  print_knees(points, *core);
  return 0;
}
