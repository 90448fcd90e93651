#include "calibrate/noise.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <array>
#include <charconv>
#include <optional>

#include "base/clock.h"
#include "base/text.h"
#include "calibrate/series.h"

namespace ft::calibrate {

namespace {

// On a quiet host a loop's quartiles lie within 1 %, and its slowest tenth within 3 %.
constexpr double kMostLoopSpread = 0.05;
constexpr double kMostSlowTenth = 1.2;
constexpr double kMostSteal = 0.02;
constexpr std::uint64_t kStealField = 7;  // of the line "cpu": man 5 proc_stat
constexpr std::uint64_t kFields = 8;      // guest time is part of user time

struct Repeats {
  double middle_half = 0;  // its width, as a share of the median
  double slow_tenth = 1;   // as a multiple of the fastest tenth
};

std::optional<Repeats> repeats(const std::vector<LoopTimes>& loops, double LoopTimes::* which) {
  std::vector<double> times;
  for (const LoopTimes& loop : loops) times.push_back(loop.*which);
  const auto middle = estimate(times);
  if (!middle) return std::nullopt;
  return Repeats{.middle_half = middle->spread,
                 .slow_tenth = quantile(times, 0.9) / quantile(times, 0.1)};
}

}  // namespace

Disturbance disturbance_now(const host::HostFiles& files) {
  Disturbance now;
  if (const auto stat = files.read("/proc/stat")) {
    std::string_view rest = *stat;
    std::string_view line = take_until(rest, '\n');
    take_word(line);
    for (std::uint64_t field = 0; field < kFields; ++field) {
      const auto ticks = parse_integer<std::uint64_t>(take_word(line)).value_or(0);
      now.all_ticks += ticks;
      if (field == kStealField) now.steal_ticks = ticks;
    }
  }
  if (const auto text = files.text("/proc/loadavg")) {
    std::string_view rest = *text;
    const std::string_view load = take_word(rest);
    std::from_chars(load.data(), load.data() + load.size(), now.load);
  }
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  now.involuntary_switches = static_cast<std::uint64_t>(usage.ru_nivcsw);
  return now;
}

LoopTimes time_loops() {
  constexpr std::uint64_t kTurns = 100'000;
  std::uint64_t value = 1;
  const Nanoseconds begin = monotonic_now();
  for (std::uint64_t i = 0; i < kTurns; ++i) {
    value = value * 6364136223846793005 + 1442695040888963407;
    asm volatile("" : "+r"(value));
  }
  const Nanoseconds middle = monotonic_now();
  std::array<std::uint64_t, 8> values{};
  for (std::uint64_t i = 0; i < kTurns; ++i) {
#pragma GCC unroll 8
    for (std::uint64_t& each : values) {
      each += i;
      asm volatile("" : "+r"(each));
    }
  }
  return {.dependent_ns = static_cast<double>(middle - begin),
          .independent_ns = static_cast<double>(monotonic_now() - middle)};
}

NoiseVerdict judge_noise(const std::vector<LoopTimes>& loops, const Disturbance& before,
                         const Disturbance& after) {
  NoiseVerdict verdict;
  std::vector<std::string> said;
  const auto dependent = repeats(loops, &LoopTimes::dependent_ns);
  const auto independent = repeats(loops, &LoopTimes::independent_ns);
  if (dependent && independent) {
    verdict.noisy =
        dependent->middle_half > kMostLoopSpread || dependent->slow_tenth > kMostSlowTenth;
    said.push_back(
        fmt::format("a fixed loop's middle half lay within {:.1f} %, its slowest tenth "
                    "{:.0f} % above its fastest",
                    100 * dependent->middle_half, 100 * (dependent->slow_tenth - 1)));
    if (!verdict.noisy && independent->slow_tenth > kMostSlowTenth) {
      verdict.noisy = true;
      said.push_back(
          fmt::format("one of independent instructions {:.0f} %: at times the core is shared, with "
                      "another program or virtual machine on its other hardware thread",
                      100 * (independent->slow_tenth - 1)));
    }
  }
  const std::uint64_t ticks = after.all_ticks - before.all_ticks;
  if (ticks > 0) {
    const double steal =
        static_cast<double>(after.steal_ticks - before.steal_ticks) / static_cast<double>(ticks);
    verdict.noisy = verdict.noisy || steal > kMostSteal;
    said.push_back(fmt::format("{:.1f} % of the CPUs' time was stolen", 100 * steal));
  }
  said.push_back(fmt::format("{} involuntary switches, load {:.1f} before",
                             after.involuntary_switches - before.involuntary_switches,
                             before.load));
  verdict.why = fmt::format("{}", fmt::join(said, "; "));
  return verdict;
}

}  // namespace ft::calibrate
