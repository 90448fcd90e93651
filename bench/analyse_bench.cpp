// What the analysis of faults costs: analyse() over 2 million of them, with attribution, residency
// and distribution, from memory; bytes are the heap's growth while it ran, the faults themselves
// not counted. `report` of a recording adds the reading.
#include <benchmark/benchmark.h>
#include <sys/mman.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <string>

#include "analysis/analyse.h"
#include "event/memory_trace.h"
#include "recording/synthetic_faults.h"
#include "recording/writer.h"

namespace ft {
namespace {

constexpr std::uint64_t kHeap = 0x600000000;

void make_start(event::EventSink& sink, std::size_t faults) {
  sink.on_meta("backend", "bpf");
  sink.on_meta("target.pid", "4711");
  event::Process java;
  java.pid = 4711;
  java.exec_ts = 0;
  java.executable = "/usr/bin/java";
  java.command = {"java"};
  sink.on_process(java);
  sink.on_thread({.tid = 4711, .pid = 4711, .name = "java"});
  sink.on_thread({.tid = 4712, .pid = 4711, .name = "GC Thread#0"});
  event::Syscall reserve;
  reserve.ts = 1000;
  reserve.dur = 2000;
  reserve.tid = reserve.pid = 4711;
  reserve.number = event::SyscallNumber::Mmap;
  reserve.args = {
      kHeap, 2 * faults * kPageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, ~0ULL, 0};
  reserve.ret = static_cast<std::int64_t>(kHeap);
  sink.on_syscall(reserve);
}

// Hands out its faults as they are, in batches as large as a recording's chunks: no sorting.
class ReadyFaults : public event::MemoryTrace {
 public:
  std::vector<event::Fault> ready;

  Result<void> faults(const std::function<void(std::span<const event::Fault>)>& visit) override {
    constexpr std::size_t kBatch = 65536;
    const std::span<const event::Fault> all(ready);
    for (std::size_t at = 0; at < all.size(); at += kBatch) {
      visit(all.subspan(at, std::min(kBatch, all.size() - at)));
    }
    return {};
  }
};

long peak_kib() {
  std::ifstream status("/proc/self/status");
  std::string word;
  long value = 0;
  while (status >> word) {
    if (word == "VmHWM:") status >> value;
  }
  return value;
}

// Writing 5 there makes VmHWM start anew.
void reset_peak() {
  std::ofstream("/proc/self/clear_refs") << "5";
}

// `scattered` is the other end from a pretouch: every fault somewhere else in the heap.
void analyse_faults(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  ReadyFaults trace;
  make_start(trace, count);
  trace.ready = recording::pretouch_faults(count);
  if (state.range(1)) {
    std::mt19937_64 random(3);
    for (event::Fault& fault : trace.ready) {
      fault.addr = kHeap + random() % (2 * count) * kPageSize;
    }
  }
  reset_peak();
  const long before = peak_kib();
  for (auto _ : state) {
    auto report = analysis::analyse(trace);
    benchmark::DoNotOptimize(report);
  }
  state.counters["peak_MiB"] = static_cast<double>(peak_kib() - before) / 1024;
  state.counters["per_fault"] =
      benchmark::Counter(static_cast<double>(count), benchmark::Counter::kIsIterationInvariantRate |
                                                         benchmark::Counter::kInvert);
}
BENCHMARK(analyse_faults)
    ->ArgNames({"faults", "scattered"})
    ->Args({2'000'000, 0})
    ->Args({2'000'000, 1})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace ft

// With --write FILE: makes a recording of 2 million faults, to time `firsttouch report` with.
int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "--write") {
    auto writer = ft::recording::Writer::create(argv[2]);
    if (!writer) return 1;
    ft::make_start(**writer, 2'000'000);
    (*writer)->on_faults(ft::recording::pretouch_faults(2'000'000));
    return (*writer)->finish() ? 0 : 1;
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
