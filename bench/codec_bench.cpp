// What recording a fault costs in time and bytes, apart from SQLite: the chunk codec on a heap
// pretouched by two threads. Counters: ns a fault, bytes a fault.
#include <benchmark/benchmark.h>

#include <span>
#include <string>
#include <vector>

#include "recording/chunk_codec.h"
#include "recording/synthetic_faults.h"

namespace ft::recording {
namespace {

constexpr std::size_t kFaults = std::size_t{1} << 20U;

const std::vector<event::Fault>& faults() {
  static const std::vector<event::Fault> made = pretouch_faults(kFaults);
  return made;
}

std::span<const event::Fault> chunk_of(std::size_t number) {
  return std::span(faults()).subspan(number * kMaxChunkEvents, kMaxChunkEvents);
}

void count_per_fault(benchmark::State& state, std::size_t bytes) {
  using benchmark::Counter;
  const double done = static_cast<double>(state.iterations()) * static_cast<double>(kFaults);
  state.counters["s/fault"] = Counter(done, Counter::kIsRate | Counter::kInvert);
  state.counters["bytes/fault"] = static_cast<double>(bytes) / static_cast<double>(kFaults);
}

void encode_faults(benchmark::State& state) {
  ChunkEncoder encoder(static_cast<int>(state.range(0)));
  faults();
  std::size_t bytes = 0;
  for (auto unused : state) {
    bytes = 0;
    for (std::size_t i = 0; i < kFaults / kMaxChunkEvents; ++i) {
      bytes += encoder.encode(chunk_of(i)).size();
    }
  }
  count_per_fault(state, bytes);
}
BENCHMARK(encode_faults)
    ->ArgName("zstd_level")
    ->Arg(-1)
    ->Arg(1)
    ->Arg(2)
    ->Arg(3)
    ->Arg(6)
    ->Unit(benchmark::kMillisecond);

void decode_faults(benchmark::State& state) {
  ChunkEncoder encoder;
  std::vector<std::string> chunks;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < kFaults / kMaxChunkEvents; ++i) {
    chunks.emplace_back(encoder.encode(chunk_of(i)));
    bytes += chunks.back().size();
  }
  ChunkDecoder decoder;
  std::vector<event::Fault> decoded;
  for (auto unused : state) {
    for (const std::string& chunk : chunks) {
      if (!decoder.decode(chunk, decoded)) state.SkipWithError("damaged chunk");
      benchmark::DoNotOptimize(decoded.data());
    }
  }
  count_per_fault(state, bytes);
}
BENCHMARK(decode_faults)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace ft::recording

BENCHMARK_MAIN();
