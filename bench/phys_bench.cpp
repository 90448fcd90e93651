// Speed of the model's page allocator, and the memory it takes a simulated frame.
#include <benchmark/benchmark.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <vector>

#include "base/check.h"
#include "sim/machine/process.h"
#include "sim/phys/memory.h"

namespace {

using namespace ft::sim::phys;

std::unique_ptr<Memory> memory_of(std::uint64_t bytes) {
  const NodeSize node = {.bytes = bytes, .cpus = 8};
  auto start = plain_memory({&node, 1});
  FT_CHECK(start);
  auto memory = Memory::make(*start);
  FT_CHECK(memory);
  return std::move(*memory);
}

std::uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  statm >> size >> resident;
  return resident * static_cast<std::uint64_t>(::getpagesize());
}

void describe(Memory& memory, Pfn pfn) {
  memory.frames()[pfn] = {.map_count = 1, .kind = FrameKind::Anonymous};
}

// One frame taken and given back: both from the CPU's list.
void take_and_give(benchmark::State& state) {
  const auto memory = memory_of(16ULL << 30U);
  FrameSource& source = *memory;
  for (auto _ : state) {
    const Pfn pfn = *source.allocate(0, FrameUse::Anonymous);
    describe(*memory, pfn);
    source.free(pfn, 0);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(take_and_give);

// The same of the CPU's list alone, which a fault asks once it has chosen a zone.
void list_take_and_give(benchmark::State& state) {
  const auto memory = memory_of(16ULL << 30U);
  Zone& zone = *memory->zones().back();
  PerCpuLists& lists = zone.cpu_lists(0);
  for (auto _ : state) {
    const Pfn pfn = lists.take(0, MigrateType::Movable, Fragmenting::Avoided, zone.pressure());
    lists.give_frame(pfn, MigrateType::Movable, zone.pressure());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(list_take_and_give);

// A process that touches `range` frames and then ends: refills, splits, drains, merges.
void fill_and_empty(benchmark::State& state) {
  const auto memory = memory_of(16ULL << 30U);
  FrameSource& source = *memory;
  std::vector<Pfn> taken(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    for (Pfn& pfn : taken) {
      pfn = *source.allocate(0, FrameUse::Anonymous);
      describe(*memory, pfn);
    }
    for (const Pfn pfn : taken) source.free(pfn, 0);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(fill_and_empty)->Arg(1 << 12)->Arg(1 << 16)->Arg(1 << 20);

// Taking alone, as faults do.
void fill(benchmark::State& state) {
  const auto memory = memory_of(16ULL << 30U);
  FrameSource& source = *memory;
  std::vector<Pfn> taken(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    for (Pfn& pfn : taken) {
      pfn = *source.allocate(0, FrameUse::Anonymous);
      describe(*memory, pfn);
    }
    state.PauseTiming();
    for (const Pfn pfn : taken) source.free(pfn, 0);
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(fill)->Arg(1 << 20);

// Whole faults, page tables included, on frames of this allocator: each page of a fresh mapping of
// 1 GiB once. Tearing down is not timed.
void small_page_faults(benchmark::State& state) {
  using namespace ft::sim;
  constexpr std::uint64_t kBytes = 1ULL << 30U;
  const auto memory = memory_of(16ULL << 30U);
  machine::Settings settings;
  settings.layout.mmap_base = 0x7ffff7fff000;
  settings.limits.total_ram_pages = 6ULL << 20U;
  settings.limits.commit_limit_pages = 3ULL << 20U;
  virt::CommitAccount committed;
  machine::Process process(settings, *memory, committed);
  for (auto _ : state) {
    state.PauseTiming();
    const std::int64_t at =
        process.mmap(0, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, nullptr, 0);
    FT_CHECK(at > 0);
    const auto start = static_cast<std::uint64_t>(at);
    const std::uint64_t before = process.faults().minor;
    state.ResumeTiming();
    for (std::uint64_t offset = 0; offset < kBytes; offset += 4096) {
      benchmark::DoNotOptimize(process.touch(start + offset, fault::Access::Write));
    }
    state.PauseTiming();
    FT_CHECK(process.faults().minor - before == kBytes / 4096);
    FT_CHECK(process.munmap(start, kBytes) == 0);
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBytes / 4096));
}
BENCHMARK(small_page_faults)->Unit(benchmark::kMillisecond);

void huge_pages(benchmark::State& state) {
  const auto memory = memory_of(16ULL << 30U);
  FrameSource& source = *memory;
  for (auto _ : state) {
    const Pfn pfn = *source.allocate(kHugeOrder, FrameUse::Anonymous);
    memory->frames()[pfn] = {.kind = FrameKind::Anonymous, .order = kHugeOrder};
    source.free(pfn, kHugeOrder);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(huge_pages);

// Bytes of the host's memory a simulated frame, with every frame in use; and those of a machine of
// 1 TiB in which nobody did anything.
void memory_per_frame(benchmark::State& state) {
  constexpr std::uint64_t kBytes = 16ULL << 30U;
  for (auto _ : state) {
    ::malloc_trim(0);
    const std::uint64_t before = resident_bytes();
    const auto memory = memory_of(kBytes);
    std::uint64_t frames = 0;
    while (const auto pfn = static_cast<FrameSource&>(*memory).allocate(0, FrameUse::Anonymous)) {
      describe(*memory, *pfn);
      ++frames;
    }
    const auto used = static_cast<double>(resident_bytes() - before);
    state.counters["frames_in_use"] = static_cast<double>(frames);
    state.counters["bytes_per_frame"] = used / (static_cast<double>(kBytes) / 4096.0);
  }
}
BENCHMARK(memory_per_frame)->Iterations(1)->Unit(benchmark::kMillisecond);

void idle_terabyte(benchmark::State& state) {
  for (auto _ : state) {
    ::malloc_trim(0);
    const std::uint64_t before = resident_bytes();
    const auto memory = memory_of(1ULL << 40U);
    benchmark::DoNotOptimize(memory.get());
    state.counters["MiB_resident"] = static_cast<double>(resident_bytes() - before) / (1 << 20);
  }
}
BENCHMARK(idle_terabyte)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
