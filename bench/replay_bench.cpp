// Time to replay a recorded start through the model: the budget is 10 ms for 5,000 events.
//   replay_bench --recording FILE
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstring>
#include <memory>
#include <string>

#include "recording/reader.h"
#include "sim/replay/validation.h"

namespace {

ft::sim::replay::Material material;

void replay_start(benchmark::State& state) {
  std::uint64_t steps = 0;
  for (auto _ : state) {
    ft::sim::replay::Observer nobody;
    steps = ft::sim::replay::replay(material, nobody).steps;
  }
  state.counters["events"] = static_cast<double>(steps);
  state.SetItemsProcessed(static_cast<std::int64_t>(steps * state.iterations()));
}
BENCHMARK(replay_start)->Unit(benchmark::kMillisecond);

void validate_start(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(ft::sim::replay::validate(material));
}
BENCHMARK(validate_start)->Unit(benchmark::kMillisecond);

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (argc != 3 || std::strcmp(argv[1], "--recording") != 0) {
    fmt::print(stderr, "usage: replay_bench --recording FILE\n");
    return 2;
  }
  const auto reader = ft::recording::Reader::open(argv[2]);
  if (!reader) {
    fmt::print(stderr, "{}\n", reader.error().message());
    return 1;
  }
  auto loaded = ft::sim::replay::Material::load(**reader);
  if (!loaded) {
    fmt::print(stderr, "{}\n", loaded.error().message());
    return 1;
  }
  material = std::move(*loaded);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
