// Faults as a pretouched heap makes them, for tests and benchmarks: two threads touch page after
// page, each in a part of the heap of its own; latencies scatter around 1.15 µs with rare long
// ones; frames come in runs of the per-CPU lists' batch. Seeded, so every run sees the same.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "event/event.h"

namespace ft::recording {

inline std::vector<event::Fault> pretouch_faults(std::size_t count, std::uint32_t seed = 1) {
  constexpr unsigned kThreads = 2;
  constexpr unsigned kFramesInARun = 63;
  constexpr std::uint64_t kHeap = 0x600000000;
  struct Toucher {
    Nanoseconds now;
    std::uint64_t addr;
    std::uint64_t pfn = 0;
    unsigned left_in_run = 0;
  };
  std::mt19937 random(seed);
  std::normal_distribution<double> latency(1150, 90);
  std::exponential_distribution<double> rare(1.0 / 9000);
  std::exponential_distribution<double> gap(1.0 / 25);
  std::uniform_int_distribution<int> percent(0, 99);
  std::uniform_int_distribution<std::uint64_t> frame(1U << 18U, 6U << 18U);

  std::vector<Toucher> touchers;
  touchers.reserve(kThreads);
  for (unsigned i = 0; i < kThreads; ++i) {
    touchers.push_back({.now = 90'000'000 + 1000 * i, .addr = kHeap + count * kPageSize * i});
  }
  std::vector<event::Fault> faults;
  faults.reserve(count);
  while (faults.size() < count) {
    const unsigned which = touchers[0].now <= touchers[1].now ? 0 : 1;
    Toucher& toucher = touchers[which];
    if (toucher.left_in_run == 0) {
      toucher.pfn = frame(random);
      toucher.left_in_run = kFramesInARun;
    }
    double duration = latency(random);
    if (percent(random) < 2) duration += rare(random);
    event::Fault fault;
    fault.ts = toucher.now;
    fault.dur = static_cast<Nanoseconds>(duration);
    fault.addr = toucher.addr;
    fault.ip = 0x7f3a'1c2d'4e5f;
    fault.tid = 4711 + static_cast<event::Tid>(which);
    fault.error_code = event::kFaultWrite | event::kFaultUser;
    fault.has_page = true;
    fault.page = {.ts = fault.ts,
                  .pfn = toucher.pfn,
                  .gfp = 0x140dca,
                  .tid = fault.tid,
                  .migratetype = 1,
                  .context = event::AllocContext::Fault};
    faults.push_back(fault);
    toucher.now += fault.dur + 35 + static_cast<Nanoseconds>(gap(random));
    toucher.addr += kPageSize;
    ++toucher.pfn;
    --toucher.left_in_run;
  }
  return faults;
}

}  // namespace ft::recording
