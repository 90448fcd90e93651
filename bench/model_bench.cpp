// Page faults a second of the model kernel, page tables included, beside those of the kernel it
// runs on: both touch each page of a fresh anonymous mapping once. Tearing down is not timed in
// either. The last line of the output is the ratio of the two best rounds.
#include <benchmark/benchmark.h>
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <memory>

#include "base/check.h"
#include "base/units.h"
#include "sim/machine/process.h"
#include "sim/phys/frame_store.h"

namespace ft::sim::machine {
namespace {

constexpr std::uint64_t kPages = std::uint64_t{1} << 18U;  // 1 GiB
constexpr std::uint64_t kBytes = kPages * kPageSize;

double best_model = 0;  // faults a second
double best_kernel = 0;

Settings settings() {
  Settings settings;
  settings.layout.mmap_base = 0x7ffff7fff000;
  settings.limits.total_ram_pages = 6ULL << 20U;
  settings.limits.commit_limit_pages = 3ULL << 20U;
  return settings;
}

// Time this thread has had a processor, in user space and in the kernel: others may run meanwhile.
std::chrono::nanoseconds thread_time() {
  timespec now{};
  FT_CHECK(::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

// Times `touch_all` alone, and keeps the best round.
template <typename TouchAll>
void time_round(benchmark::State& state, double& best, TouchAll touch_all) {
  const std::chrono::nanoseconds begin = thread_time();
  touch_all();
  const std::chrono::duration<double> spent = thread_time() - begin;
  state.SetIterationTime(spent.count());
  best = std::max(best, static_cast<double>(kPages) / spent.count());
}

void count_faults(benchmark::State& state) {
  state.counters["faults/s"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * static_cast<double>(kPages),
                         benchmark::Counter::kIsRate);
}

void model_small_page_faults(benchmark::State& state) {
  phys::FrameStore frames;
  virt::CommitAccount committed;
  Process process(settings(), frames, committed);
  for (auto unused : state) {
    const std::int64_t at =
        process.mmap(0, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, nullptr, 0);
    FT_CHECK(at > 0);
    const auto start = static_cast<std::uint64_t>(at);
    const std::uint64_t before = process.faults().minor;
    time_round(state, best_model, [&] {
      for (std::uint64_t offset = 0; offset < kBytes; offset += kPageSize)
        benchmark::DoNotOptimize(process.touch(start + offset, fault::Access::Write));
    });
    FT_CHECK(process.faults().minor - before == kPages);
    FT_CHECK(process.tables().pte == kPages / 512);
    FT_CHECK(process.munmap(start, kBytes) == 0);
  }
  count_faults(state);
}

void kernel_small_page_faults(benchmark::State& state) {
  for (auto unused : state) {
    void* memory =
        ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    FT_CHECK(memory != MAP_FAILED);
    FT_CHECK(::madvise(memory, kBytes, MADV_NOHUGEPAGE) == 0);
    time_round(state, best_kernel, [&] {
      auto* bytes = static_cast<volatile char*>(memory);
      for (std::uint64_t offset = 0; offset < kBytes; offset += kPageSize) bytes[offset] = 1;
    });
    ::munmap(memory, kBytes);
  }
  count_faults(state);
}

// In turns, so that a slow moment of the machine hits both.
BENCHMARK(model_small_page_faults)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(kernel_small_page_faults)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(model_small_page_faults)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(kernel_small_page_faults)->UseManualTime()->Unit(benchmark::kMillisecond);

}  // namespace

void print_ratio() {
  if (best_model > 0 && best_kernel > 0)
    std::printf("best rounds: model %.1f million faults/s, this kernel %.2f: ratio %.0f\n",
                best_model / 1e6, best_kernel / 1e6, best_model / best_kernel);
}

}  // namespace ft::sim::machine

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  ft::sim::machine::print_ratio();
  return 0;
}
