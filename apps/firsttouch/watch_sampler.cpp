#include "watch_sampler.h"

#include <fmt/format.h>

#include <ctime>

#include "analysis/watch/cgroups.h"
#include "analysis/watch/subsystems.h"
#include "base/clock.h"
#include "host/cgroup_levels.h"
#include "host/node_cpus.h"
#include "live_findings.h"

namespace ft::app {

namespace {

// Where a dear part cannot be read, asking again is as dear as this.
constexpr Nanoseconds kCostOfARefusal = 20'000'000;
constexpr Nanoseconds kFirstMapFactor = 10;
// Each question leaves some memory behind in the JVM.
constexpr Nanoseconds kBetweenQuestions = 60'000'000'000;

Nanoseconds cpu_time() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return Nanoseconds{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// Reads one dear part where it is due and remembers what it cost. The error where that fails.
template <typename T, typename Read>
std::optional<Error> read_when_due(analysis::Cadence& cadence, bool always, analysis::Aged<T>& into,
                                   Read read) {
  const Nanoseconds now = monotonic_now();
  if (!always && !cadence.due(now)) return std::nullopt;
  const Nanoseconds before = cpu_time();
  Result<T> value = read();
  if (!value) {
    cadence.done(now, kCostOfARefusal);
    return value.error();
  }
  cadence.done(now, cpu_time() - before);
  into = {.value = *std::move(value), .at = now};
  return std::nullopt;
}

}  // namespace

analysis::WatchLook look_at_host(const host::HostFiles& files) {
  analysis::WatchLook look;
  look.host = host::read_host_memory(files, monotonic_now());
  if (auto groups = host::read_cgroup_levels(files, "self")) look.cgroups = *std::move(groups);
  return look;
}

void WatchSampler::follow(const host::ProcessIdentity& who) {
  who_ = who;
  live_map_.reset();
  map_.reset();
  if (auto words = host::read_command_words(files_, who)) words_ = *std::move(words);
  malloc_used_.reset();
  malloc_arenas_.reset();
  asked_at_.reset();
  begin_counting_faults();
}

void WatchSampler::begin_counting_faults() {
  fault_counter_.reset();
  if (!options_.count_faults) {
    why_no_faults_ = "--no-faults was given";
    return;
  }
  auto counter = capture::bpf::FaultCounter::open(who_->pid);
  if (counter)
    fault_counter_ = *std::move(counter);
  else
    why_no_faults_ = counter.error().message();
}

// Where they cannot be read the columns stay away, from now on.
void WatchSampler::take_fault_counts() {
  if (!fault_counter_) return;
  auto counts = fault_counter_->take();
  if (counts) {
    fault_counts_ = *std::move(counts);
  } else {
    why_no_faults_ = counts.error().message();
    fault_counter_.reset();
  }
}

void WatchSampler::ask_jvm() {
  const Nanoseconds now = monotonic_now();
  if (!options_.ask_jvm || (asked_at_ && now - *asked_at_ < kBetweenQuestions)) return;
  asked_at_ = now;
  if (auto asked = live_map_->ask_jvm(); !asked) {
    note_missing("process.jvm_answer", asked.error().message());
  }
}

// Malloc's lists are read more rarely than the map; in between the last sums stand.
void WatchSampler::add_malloc_use(Reading reading) {
  const Nanoseconds now = monotonic_now();
  if (reading == Reading::Everything || malloc_cadence_.due(now)) {
    const Nanoseconds before = cpu_time();
    live_map_->add_malloc_use(*map_);
    malloc_cadence_.done(now, cpu_time() - before);
    malloc_used_ = map_->c_heap_used;
    malloc_arenas_ = map_->c_heap_arenas;
  }
  map_->c_heap_used = malloc_used_;
  map_->c_heap_arenas = malloc_arenas_;
}

void WatchSampler::note_missing(const std::string& what, const std::string& why) {
  for (report::model::Missing& missing : last_.missing) {
    if (missing.what != what) continue;
    missing.why = why;
    return;
  }
  last_.missing.push_back({.what = what, .why = why});
}

void WatchSampler::read_dear_parts(Reading reading) {
  const bool always = reading == Reading::Everything;
  const auto rollup_error = read_when_due(rollup_cadence_, always, last_.rollup,
                                          [&] { return host::read_rollup(files_, *who_); });
  if (rollup_error) note_missing("process.smaps_rollup", rollup_error->message());
  const auto count_error = read_when_due(map_count_cadence_, always, last_.map_count,
                                         [&] { return host::read_map_count(files_, *who_); });
  if (count_error) note_missing("process.map_count", count_error->message());
  const bool first_map = !map_;
  const auto map_error = read_when_due(map_cadence_, always, last_.subsystems,
                                       [&] { return read_subsystems(reading); });
  // The first one also finds out whose memory is whose, and says little about the next.
  if (first_map && map_) {
    map_cadence_.done(last_.subsystems.at, *last_.subsystems.value->cost / kFirstMapFactor);
  }
  if (map_error) note_missing("process.subsystems", map_error->message());
  if (!fault_counter_) {
    note_missing("process.subsystems.faults_per_second",
                 why_no_faults_ + "; new pages are those that came into memory between two looks");
  }
}

Result<report::model::SubsystemsView> WatchSampler::read_subsystems(Reading reading) {
  const Nanoseconds before = cpu_time();
  if (!live_map_) live_map_.emplace(FT_TRY(analysis::LiveMap::open(who_->pid)));
  ask_jvm();
  take_fault_counts();
  const analysis::FaultCounts faults{.places = fault_counts_.places,
                                     .without_a_place = fault_counts_.without_a_place};
  map_ = FT_TRY(live_map_->take(analysis::MapDetail::Quick, fault_counter_ ? &faults : nullptr));
  add_malloc_use(reading);
  report::model::SubsystemsView view = analysis::subsystems_of(*map_);
  view.cost = cpu_time() - before;
  return view;
}

analysis::FindingFacts WatchSampler::facts_of(const report::model::Watch& watch) const {
  if (!watch.process) return {};
  const report::model::ProcessView& process = *watch.process;
  ProcessFacts facts{.words = words_,
                     .cpu_nodes = cpu_nodes_,
                     .resident = process.resident,
                     .threads = process.threads,
                     .map_count = process.map_count,
                     .max_map_count = process.max_map_count,
                     .host_memory = watch.host.total};
  if (watch.nodes.size() == 1) facts.only_node = watch.nodes.front().node;
  if (watch.cgroups) facts.cgroup_limit = analysis::tightest_limit(*watch.cgroups);
  return live_facts(map_ ? &*map_ : nullptr, facts);
}

void WatchSampler::look_at_target(Reading reading) {
  const auto sight = host::look_at_process(files_, *who_, monotonic_now());
  if (!sight) {
    note_missing("process", sight.error().message());
    return;
  }
  if (sight->presence == host::Presence::Reused) {
    ended_words_ = "has ended; its pid belongs to another process now";
  } else if (sight->presence == host::Presence::Ended) {
    ended_words_ = "has ended";
  } else {
    last_.process = sight->memory;
    cpu_nodes_ = host::nodes_of_cpus(files_, sight->memory->status.cpus_allowed);
    read_dear_parts(reading);
    auto groups = host::read_cgroup_levels(files_, std::to_string(who_->pid));
    if (groups)
      last_.cgroups = *std::move(groups);
    else
      note_missing("cgroups", groups.error().message());
  }
}

// Since the first sample, which reads everything.
std::optional<double> WatchSampler::own_cpu_share() {
  const Nanoseconds now = monotonic_now();
  if (!began_at_) {
    began_at_ = now;
    began_cpu_ = cpu_time();
    return std::nullopt;
  }
  if (now <= *began_at_) return std::nullopt;
  return static_cast<double>(cpu_time() - began_cpu_) / static_cast<double>(now - *began_at_);
}

report::model::Watch WatchSampler::sample(Reading reading) {
  last_.missing.clear();
  if (who_ && !ended()) look_at_target(reading);
  last_.host = host::read_host_memory(files_, monotonic_now());
  last_.realtime = realtime_now();
  last_.ended_words = ended_words_;
  last_.own_cpu_share = own_cpu_share();
  report::model::Watch watch = model_.next(last_);
  watch.findings = analysis::find(facts_of(watch));
  return watch;
}

}  // namespace ft::app
