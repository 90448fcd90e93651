// Look-ups a second in the modelled TLB, one core. The addresses of random_lookups are made
// beforehand, so the figure is the model's alone; zipf_stream has the making of them in it. `best`
// is the fastest pass over all addresses, about a millisecond: what the model does while nothing
// else wants the processor.
#include <benchmark/benchmark.h>
#include <time.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/check.h"
#include "sim/tlb/synthetic_streams.h"
#include "sim/tlb/tlb.h"

namespace ft::sim::tlb {
namespace {

constexpr std::size_t kAccesses = std::size_t{1} << 16U;
constexpr std::uint64_t kStart = 0x7f0000000000;

std::vector<std::uint64_t> random_addresses(std::uint64_t bytes) {
  std::vector<std::uint64_t> addresses(kAccesses);
  std::uint64_t state = 42;
  for (std::uint64_t& address : addresses) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    address = kStart + (state >> 20U) % bytes;
  }
  return addresses;
}

double processor_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Arguments: core, MiB touched at random, size of the pages.
void random_lookups(benchmark::State& state) {
  const Geometry& core = cores()[static_cast<std::size_t>(state.range(0))];
  const auto size = static_cast<PageSize>(state.range(2));
  Tlb tlb = std::move(*Tlb::make(core));
  const auto addresses = random_addresses(static_cast<std::uint64_t>(state.range(1)) * kMiB);
  for (const std::uint64_t address : addresses) tlb.access(address, size);
  tlb.reset_counts();
  double best = 1;
  for (auto unused : state) {
    const double begin = processor_seconds();
    tlb.access_all(addresses, size);
    best = std::min(best, processor_seconds() - begin);
  }
  const Counts& counts = tlb.counts();
  const auto lookups = static_cast<double>(counts.lookups());
  state.SetLabel(core.name + " " + std::string(name_of(size)));
  state.counters["lookups/s"] = benchmark::Counter(lookups, benchmark::Counter::kIsRate);
  state.counters["best/s"] = kAccesses / best;
  state.counters["L1 %"] = 100 * static_cast<double>(counts.l1_hits_total()) / lookups;
  state.counters["walk %"] = 100 * static_cast<double>(counts.misses()) / lookups;
}
BENCHMARK(random_lookups)
    ->ArgNames({"core", "MiB", "page"})
    ->ArgsProduct({{2, 4, 6, 8}, {1, 8, 64, 1024, 16384}, {0}})
    ->ArgsProduct({{2, 8}, {16384}, {1, 2}});

void zipf_stream(benchmark::State& state) {
  Tlb tlb = std::move(*Tlb::make(*core_named("zen4")));
  for (auto unused : state) {
    const auto stream = make_zipf(
        {.range = AddressRange::of_size(kStart, kGiB), .exponent = 0.99, .accesses = kAccesses});
    benchmark::DoNotOptimize(run(tlb, **stream, PageSize::Small));
  }
  state.counters["lookups/s"] =
      benchmark::Counter(static_cast<double>(tlb.counts().lookups()), benchmark::Counter::kIsRate);
}
BENCHMARK(zipf_stream);

}  // namespace
}  // namespace ft::sim::tlb

BENCHMARK_MAIN();
