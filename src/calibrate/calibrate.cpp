#include "calibrate/calibrate.h"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include "base/text.h"
#include "base/units.h"
#include "calibrate/cached_file.h"
#include "calibrate/derive.h"
#include "calibrate/memory_speed.h"
#include "calibrate/noise.h"
#include "calibrate/pointer_chase.h"
#include "calibrate/series.h"
#include "host/host_files.h"
#include "sim/profile/machines.h"

namespace ft::calibrate {

namespace {

using sim::profile::Cost;
using sim::profile::Costs;
using sim::profile::Measured;

constexpr std::uint64_t kPages = 8192;          // 32 MiB, more than a core's caches keep
constexpr std::uint64_t kRecordedPages = 4096;  // each is an event
constexpr std::uint64_t kColdPages = 512;       // each takes a pause
constexpr std::uint64_t kMostReach = 8 * kGiB;
constexpr std::uint64_t kReachShare = 4;  // a quarter of the memory that is available

struct Sizes {
  std::size_t rounds;
  std::size_t reach_rounds;
  std::size_t recorded_rounds;
  std::size_t latency_rounds;
};
constexpr Sizes kFull = {
    .rounds = 31, .reach_rounds = 21, .recorded_rounds = 15, .latency_rounds = 7};
constexpr Sizes kQuick = {
    .rounds = 5, .reach_rounds = 4, .recorded_rounds = 4, .latency_rounds = 3};

// Which keys an exercise is about.
std::string keys_of(Key key) {
  switch (key.kind) {
    case Kind::NullCall:
      return "syscall";
    case Kind::AnonWrite:
      for (unsigned order = 0; order <= 9; ++order) {
        const auto cost = sim::profile::anonymous_fault(order);
        if (cost && key.size == 1U << order) return std::string(name_of(*cost));
      }
      return "fault_anon";
    case Kind::AnonNewTable:
      return "page_table";
    case Kind::AnonRead:
      return "fault_zero_page";
    case Kind::FileRead:
      return key.size == 1 ? "fault_file" : "fault_file_page";
    case Kind::FileWrite:
      return "fault_cow";
    case Kind::FileWriteMapped:
      return "fault_cow_mapped";
    case Kind::Reuse:
      return "fault_reuse";
    case Kind::ShmemWrite:
      return "fault_shmem";
    case Kind::HugeWriteOfTwo:
      return "fault_anon_2m_of_two";
    case Kind::HugetlbWrite:
      return "fault_hugetlb_2m";
    case Kind::Populate:
      return "populate_page";
    case Kind::Mmap:
      return "mmap";
    case Kind::MmapFile:
      return "mmap_file";
    case Kind::Munmap:
      return key.size == 0 ? "munmap" : "munmap_page";
    case Kind::MunmapHuge:
      return "munmap_huge";
    case Kind::Mprotect:
      return key.size == 0 ? "mprotect" : "mprotect_page, flush_local, flush_local_page";
    case Kind::MprotectTwoCpus:
      return "flush_remote";
    case Kind::MadviseFlag:
      return "madvise";
    case Kind::Dontneed:
      return "madvise_page";
    case Kind::Mremap:
      return "mremap";
    case Kind::Brk:
      return "brk";
  }
  return {};
}

std::string date_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M UTC", &parts);
  return {text.data(), length};
}

void set(Cost cost, const std::optional<Extra>& extra, Costs& costs, Costs& spreads) {
  if (!extra || extra->ns <= 0) return;
  costs.set(cost, extra->ns);
  if (const auto found = estimate(extra->by_round)) spreads.set(cost, found->spread);
}

class Calibrator {
 public:
  Calibrator(const Options& options, host::HostFacts facts, sim::profile::MachineProfile machine)
      : options_(options),
        sizes_(options.quick ? kQuick : kFull),
        facts_(std::move(facts)),
        done_{.machine = std::move(machine), .left_out = {}},
        cpus_(choose_cpus()),
        before_(disturbance_now(host::HostFiles())) {}

  std::optional<Calibration> run() {
    done_.machine.costs.measured.emplace();
    run_exercises();
    run_chase();
    run_memory();
    judge();
    run_recorded();
    if (stopped_) return std::nullopt;
    return std::move(done_);
  }

 private:
  // Said to the user, and the fixed loops now and then.
  KeepOn step(std::string_view what, double from, double to, std::size_t steps) {
    return [this, what, from, to, steps, done = std::size_t{0}]() mutable {
      constexpr std::size_t kLoopEvery = 8;
      if (stopped_) return false;
      if (done % kLoopEvery == 0) loops_.push_back(time_loops());
      const double share = from + (to - from) * std::min(1.0, static_cast<double>(done) /
                                                                  static_cast<double>(steps));
      ++done;
      if (options_.progress && !options_.progress(what, share)) stopped_ = true;
      return !stopped_;
    };
  }

  void leave_out(std::string sentence) { done_.left_out.push_back(std::move(sentence)); }

  void tell_noise(const Derived& derived, std::string_view where) {
    for (const Cost cost : derived.lost_in_noise) {
      leave_out(fmt::format("{}{}: nothing was left of it above the noise", where, name_of(cost)));
    }
  }

  void run_exercises() {
    const Pinned pinned(cpus_.own);
    const Exercises all = exercises(facts_, kPages, cpus_.other);
    for (const std::string& sentence : all.left_out) leave_out(sentence);
    const Rounds rounds =
        run_rounds(all.list, sizes_.rounds,
                   step("faults and system calls", 0, 0.35, all.list.size() * sizes_.rounds));
    const Derived derived = derive(rounds.rounds);
    for (const auto& [key, why] : rounds.failed) {
      const auto worked = std::ranges::count_if(
          rounds.rounds, [&](const Round& round) { return round.contains(key); });
      if (worked >= 3) continue;
      leave_out(fmt::format("{}: {}", keys_of(key),
                            key.kind == Kind::MprotectTwoCpus || key.kind == Kind::HugeWriteOfTwo
                                ? "the second thread did not have its CPU all the time"
                                : why));
    }
    tell_noise(derived, "");
    costs().cost_ns = derived.costs;
    costs().cost_spread = derived.spreads;
  }

  void run_chase() {
    const Pinned pinned(cpus_.own);
    const std::uint64_t memory =
        std::min(kMostReach, facts_.available_bytes / kReachShare) / kHugePageSize * kHugePageSize;
    const TlbReach reach = measure_reach({.rounds = sizes_.reach_rounds,
                                          .most_bytes = memory,
                                          .huge_pages = gives_folios(facts_, kHugePageSize)},
                                         step("the TLB", 0.35, 0.65, 130 * sizes_.reach_rounds));
    for (const std::string& sentence : reach.left_out) leave_out(sentence);
    costs().tlb = {.l1_entries_4k = reach.l1_4k,
                   .l2_entries_4k = reach.l2_4k,
                   .l1_entries_2m = reach.l1_2m,
                   .l2_entries_2m = reach.l2_2m};
    set(Cost::TlbL2Hit, reach.l2_hit, costs().cost_ns, costs().cost_spread);
    set(Cost::TlbWalk4k, reach.walk_4k, costs().cost_ns, costs().cost_spread);
    set(Cost::TlbWalk2m, reach.walk_2m, costs().cost_ns, costs().cost_spread);
  }

  void run_memory() {
    const auto zeroing = [&] {
      const Pinned pinned(cpus_.own);
      return zeroing_speed(sizes_.rounds, step("zeroing", 0.65, 0.7, sizes_.rounds));
    }();
    if (const auto speed = estimate(zeroing)) measured().zeroing_bytes_per_ns = speed->median;
    const auto& topology = done_.machine.topology;
    const std::size_t nodes = topology.nodes().size();
    NodeLatencies latencies =
        node_latencies(topology, sizes_.latency_rounds,
                       step("memory latency", 0.7, 0.75, nodes * nodes * sizes_.latency_rounds));
    if (!latencies.why_not.empty()) {
      leave_out(fmt::format("memory_latency_ns: {}", latencies.why_not));
    } else if (nodes == 1) {
      leave_out("memory_latency_ns of node pairs: this host has one node, so there is one figure");
    }
    measured().memory_latency_ns = std::move(latencies.ns);
  }

  void judge() {
    const NoiseVerdict verdict = judge_noise(loops_, before_, disturbance_now(host::HostFiles()));
    constexpr double kWide = 0.3;
    const std::vector<Cost> known = costs().cost_spread.known();
    const auto wide = static_cast<std::size_t>(std::ranges::count_if(
        known, [&](Cost cost) { return *costs().cost_spread.of(cost) > kWide; }));
    measured().noisy = verdict.noisy || wide * 4 > known.size();
    measured().why = fmt::format("{}; {} of {} figures have a spread above 30 %", verdict.why, wide,
                                 known.size());
    measured().date = date_now();
    measured().kernel = facts_.kernel;
    measured().cpu = facts_.cpu_model;
    measured().file = CachedFile().path();
  }

  void run_recorded() {
    if (!options_.record || stopped_) return;
    if (!step("as a recording sees it", 0.75, 1, 1)()) return;
    const std::vector<Exercise> list = recorded_exercises(facts_, cpus_.other);
    const auto rounds = options_.record(list);
    if (!rounds) {
      leave_out(fmt::format("[recorded_ns]: {}", rounds.error().message()));
      return;
    }
    const Derived derived = derive(*rounds);
    tell_noise(derived, "recorded_ns.");
    const Derived cold = derive(cold_rounds(*rounds));
    tell_noise(cold, "recorded_cold_ns.");
    costs().recorded_cold_ns = cold.costs;
    costs().recorded_ns = derived.costs;
    costs().recorded_spread = derived.spreads;
    if (derived.costs.empty()) leave_out("[recorded_ns]: the recorder saw none of it");
  }

  sim::profile::MachineCosts& costs() { return done_.machine.costs; }
  Measured& measured() { return *done_.machine.costs.measured; }

  const Options& options_;
  Sizes sizes_;
  host::HostFacts facts_;
  Calibration done_;
  ChosenCpus cpus_;
  Disturbance before_;
  std::vector<LoopTimes> loops_;
  bool stopped_ = false;
};

}  // namespace

ChosenCpus choose_cpus() {
  ChosenCpus chosen{.own = std::max(::sched_getcpu(), 0), .other = {}};
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return chosen;
  for (int cpu = 0; cpu < CPU_SETSIZE && !chosen.other; ++cpu) {
    if (cpu != chosen.own && CPU_ISSET(cpu, &set)) chosen.other = cpu;
  }
  return chosen;
}

Pinned::Pinned(int cpu) : before_(sizeof(cpu_set_t) / sizeof(std::uint64_t)) {
  const std::size_t bytes = before_.size() * sizeof(std::uint64_t);
  if (::sched_getaffinity(0, bytes, reinterpret_cast<cpu_set_t*>(before_.data())) != 0) {
    before_.clear();
    return;
  }
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  ::sched_setaffinity(0, sizeof one, &one);
}

Pinned::~Pinned() {
  if (before_.empty()) return;
  ::sched_setaffinity(0, before_.size() * sizeof(std::uint64_t),
                      reinterpret_cast<const cpu_set_t*>(before_.data()));
}

std::vector<Exercise> recorded_exercises(const host::HostFacts& facts, std::optional<int> other) {
  std::vector<Exercise> list = exercises(facts, kRecordedPages, other).list;
  for (Exercise& exercise : exercises(facts, kColdPages, other).list) {
    if (!exercise.pauses) continue;
    exercise.key.cold = true;
    list.push_back(std::move(exercise));
  }
  return list;
}

std::size_t recorded_rounds(bool quick) {
  return (quick ? kQuick : kFull).recorded_rounds;
}

Result<std::optional<Calibration>> calibrate(const Options& options) {
  const host::HostFiles files;
  auto machine = FT_TRY(sim::profile::probe_host(files));
  machine.name = "calibrated";
  // As it is described, but as it was: memory is free in a machine that is read from a file.
  machine.memory_now.reset();
  return Calibrator(options, host::read_host_facts(files), std::move(machine)).run();
}

}  // namespace ft::calibrate
