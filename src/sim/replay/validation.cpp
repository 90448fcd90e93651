#include "sim/replay/validation.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "base/text.h"
#include "event/system_names.h"
#include "host/rss_precision.h"
#include "sim/replay/area_lists.h"
#include "sim/replay/flush_events.h"
#include "sim/replay/snapshot_sizes.h"

namespace ft::sim::replay {

namespace {

struct AspectWords {
  std::string_view name;
  std::string_view title;
};

constexpr std::array<AspectWords, kAspectCount> kWords = {{
    {"addresses", "addresses the kernel chose"},
    {"results", "results of the other calls"},
    {"faults", "faults"},
    {"area_lists", "lists of areas at snapshots"},
    {"areas", "areas in them"},
    {"vm_size", "VmSize"},
    {"vm_pte", "VmPTE"},
    {"rss_anon", "RssAnon"},
    {"rss_file", "RssFile (estimated)"},
    {"rss_shmem", "RssShmem"},
    {"flushes", "TLB flushes, one thread"},
    {"flushes_of_many", "TLB flushes, others at work (estimated)"},
}};

std::string result_text(const event::Syscall& call, std::int64_t value) {
  if (value < 0 && value >= -4095) {
    const std::string_view name = event::errno_name(static_cast<int>(-value));
    return name.empty() ? std::to_string(value) : std::string(name);
  }
  if (call.number == event::SyscallNumber::Mmap || call.number == event::SyscallNumber::Mremap ||
      call.number == event::SyscallNumber::Brk) {
    return hex(static_cast<std::uint64_t>(value));
  }
  return std::to_string(value);
}

std::string_view words_for(const event::Fault& fault) {
  switch (fault.kind) {
    case event::FaultKind::Minor:
      return "minor";
    case event::FaultKind::Major:
      return "major";
    case event::FaultKind::Unfinished:
      return "never finished";
  }
  return {};
}

std::string words_for(const fault::Outcome& model) {
  if (model.kind == fault::Kind::NoFault) return "no fault: it is there";
  if (model.kind == fault::Kind::OutOfMemory) return "out of memory";
  if (model.kind == fault::Kind::BusPastEnd) return "SIGBUS";
  if (model.signalled()) return "SIGSEGV";
  if (model.faults != 1) return fmt::format("{} faults", model.faults);
  return model.major ? "major" : "minor";
}

// A snapshot that has not agreed yet with any state of its process.
struct Waiting {
  Step step;
  std::optional<AreaList> areas;
  std::optional<host::ProcessStatus> sizes;
  // Nearest so far, for the report.
  AreaDifference areas_differ;
  std::array<std::optional<std::uint64_t>, kSizeCount> model_sizes{};
  std::array<bool, kSizeCount> size_agreed{};
  bool areas_agreed = false;

  bool settled() const {
    if (areas && !areas_agreed) return false;
    return !sizes || std::ranges::all_of(size_agreed, [](bool agreed) { return agreed; });
  }
};

class Validator final : public Observer {
 public:
  Validator(const Material& material, const ValidateOptions& options)
      : material_(material),
        options_(options),
        threads_(material.trace),
        breakpoints_(material.trace),
        flushes_(material.flushes) {}

  ValidateResult take() {
    for (Waiting& waiting : waiting_) settle(waiting);
    return std::move(result_);
  }

  void after_call(const Step& step, const CallOutcome& outcome, const Scene& scene) override {
    const event::Syscall& call = material_.trace.syscalls[step.index];
    result_.reordered += outcome.moved_before;
    if (outcome.compared) compare_result(step, call, outcome, scene);
    if (outcome.kind == CallKind::Modelled && outcome.agrees) compare_flushes(step, scene);
    look_again(step, scene);
  }

  void after_fault(const Step& step, const FaultOutcome& outcome, const Scene& scene) override {
    if (outcome.verdict != FaultVerdict::NotCompared) compare_fault(step, outcome);
    if (outcome.verdict == FaultVerdict::Agrees) compare_flushes(step, scene);
    look_again(step, scene);
  }

  void at_snapshot(const Step& step, const Scene& scene) override {
    if (!scene.start_known) return;
    const event::Snapshot& snapshot = material_.trace.snapshots[step.index];
    Waiting waiting{.step = step, .areas = {}, .sizes = {}, .areas_differ = {}};
    if (snapshot.source == "maps") {
      auto areas = AreaList::parse(snapshot.text);
      if (!areas) return contradict(step, areas.error().message());
      waiting.areas = std::move(*areas);
    } else if (snapshot.source == "status") {
      auto sizes = host::parse_status(snapshot.text);
      if (!sizes) return contradict(step, sizes.error().message());
      if (!sizes->vm_size) return;  // the process had no memory any more
      waiting.sizes = std::move(*sizes);
    } else {
      return;
    }
    look_at(waiting, scene);
    const bool stands_still = snapshot.moment == "exec";
    if (waiting.settled() || stands_still) return settle(waiting);
    waiting_.push_back(std::move(waiting));
  }

 private:
  Tally& tally(Aspect aspect) { return result_.tallies[static_cast<std::size_t>(aspect)]; }

  void count(Aspect aspect, bool agreed) {
    Tally& line = tally(aspect);
    ++line.compared;
    line.agreed += agreed ? 1 : 0;
  }

  // False where enough of the aspect are listed: then its words need not be made.
  bool wants(Aspect aspect) const {
    return static_cast<std::size_t>(std::ranges::count(
               result_.disagreements, aspect, &Disagreement::aspect)) < options_.keep_per_aspect;
  }

  void disagree(Aspect aspect, const Step& step, std::string what, std::string recorded,
                std::string model) {
    result_.disagreements.push_back({.aspect = aspect,
                                     .stream = step.stream,
                                     .number = step.number(),
                                     .ts = step.from,
                                     .what = std::move(what),
                                     .recorded = std::move(recorded),
                                     .model = std::move(model)});
  }

  void contradict(const Step& step, std::string what) {
    result_.contradictions.push_back({step.stream, step.number(), step.from, std::move(what)});
  }

  void compare_result(const Step& step, const event::Syscall& call, const CallOutcome& outcome,
                      const Scene& scene) {
    const bool placed = chooses_place(call);
    if (placed && !scene.mmap_base_known && !outcome.agrees) return;
    const Aspect aspect = placed ? Aspect::Addresses : Aspect::Results;
    count(aspect, outcome.agrees);
    if (outcome.agrees || !wants(aspect)) return;
    disagree(aspect, step,
             fmt::format("{} of 0x{:x} bytes at 0x{:x}", event::name_of(call.number), call.length(),
                         call.addr()),
             result_text(call, call.ret), result_text(call, *outcome.model));
  }

  void compare_fault(const Step& step, const FaultOutcome& outcome) {
    const event::Fault& fault = material_.faults[step.index];
    const bool agreed = outcome.verdict != FaultVerdict::Disagrees;
    count(Aspect::Faults, agreed);
    result_.lost_races += outcome.verdict == FaultVerdict::LostRace ? 1 : 0;
    if (agreed || !wants(Aspect::Faults)) return;
    const bool write = (fault.error_code & event::kFaultWrite) != 0;
    disagree(Aspect::Faults, step,
             fmt::format("{} of 0x{:x}, error code {}", write ? "write" : "read", fault.addr,
                         fault.error_code),
             std::string(words_for(fault)), words_for(outcome.model));
  }

  void compare_flushes(const Step& step, const Scene& scene) {
    if (!scene.start_known || !scene.resident_known || !flushes_.recorded()) return;
    if (step.stream == Stream::Call &&
        breakpoints_.concern(material_.trace.syscalls[step.index], material_.trace)) {
      return;  // writing them flushes, too
    }
    const FlushList recorded = flushes_.of(step);
    const FlushList model = flushes_from(scene.flushes);
    if (recorded.empty() && model.empty()) return;
    // Which of two processes that write to a shared page at once copies it, and which finds itself
    // its only owner, is decided within nanoseconds that no recording shows.
    const bool single = !scene.forked && threads_.threads_alive(step.pid, step.from, step.to) <= 1;
    const Aspect aspect = single ? Aspect::Flushes : Aspect::FlushesOfMany;
    count(aspect, recorded == model);
    if (recorded == model || !wants(aspect)) return;
    disagree(aspect, step, what_of(step), text_of(recorded), text_of(model));
  }

  std::string what_of(const Step& step) const {
    if (step.stream == Stream::Fault) {
      return fmt::format("fault at 0x{:x}", material_.faults[step.index].addr);
    }
    const event::Syscall& call = material_.trace.syscalls[step.index];
    return fmt::format("{} of 0x{:x} bytes at 0x{:x}", event::name_of(call.number), call.length(),
                       call.addr());
  }

  // --- snapshots -----------------------------------------------------------------------------

  void look_at(Waiting& waiting, const Scene& scene) {
    if (waiting.areas && !waiting.areas_agreed) {
      AreaDifference differ = waiting.areas->compare(scene.process.areas());
      waiting.areas_agreed = differ.none();
      if (waiting.areas_differ.untouched() || differ.count() < waiting.areas_differ.count()) {
        waiting.areas_differ = std::move(differ);
      }
    }
    if (!waiting.sizes) return;
    const std::array<std::uint64_t, kSizeCount> model =
        sizes_of(scene.process, breakpoints_.copies_in(scene.process, *scene.files));
    const auto recorded = sizes_of(*waiting.sizes);
    for (std::size_t i = 0; i < kSizeCount; ++i) {
      if (waiting.size_agreed[i]) continue;
      const bool comparable =
          recorded[i].has_value() && (scene.resident_known || size_aspect(i) == Aspect::VmSize);
      const auto distance = [&](std::uint64_t value) {
        return value > *recorded[i] ? value - *recorded[i] : *recorded[i] - value;
      };
      if (!comparable || distance(model[i]) <= kept_by_threads(size_aspect(i), *waiting.sizes)) {
        waiting.size_agreed[i] = true;
      }
      if (!comparable) continue;
      std::optional<std::uint64_t>& nearest = waiting.model_sizes[i];
      if (!nearest || distance(model[i]) < distance(*nearest)) nearest = model[i];
    }
  }

  // What the kernel's own figure may lack.
  std::uint64_t kept_by_threads(Aspect aspect, const host::ProcessStatus& status) const {
    const std::string release = material_.trace.meta_or("host.kernel");
    if (aspect == Aspect::RssAnon) {
      return host::anonymous_kept_by_threads(release, status.threads);
    }
    const bool of_files = aspect == Aspect::RssFile || aspect == Aspect::RssShmem;
    return of_files ? host::rss_kept_by_threads(release, status.threads) : 0;
  }

  void look_again(const Step& step, const Scene& scene) {
    if (waiting_.empty()) return;
    for (Waiting& waiting : waiting_) {
      const bool over = step.from > waiting.step.from + options_.running_window;
      if (!over && waiting.step.pid == step.pid) look_at(waiting, scene);
      if (over || waiting.settled()) settle(waiting);
    }
    std::erase_if(waiting_,
                  [](const Waiting& waiting) { return !waiting.areas && !waiting.sizes; });
  }

  void settle(Waiting& waiting) {
    if (waiting.areas) {
      count(Aspect::AreaLists, waiting.areas_agreed);
      const std::size_t lines = waiting.areas->size();
      const std::size_t wrong =
          waiting.areas_agreed ? 0 : std::min(lines, waiting.areas_differ.missing.size());
      tally(Aspect::Areas).compared += lines;
      tally(Aspect::Areas).agreed += lines - wrong;
      if (!waiting.areas_agreed) tell_areas(waiting);
    }
    if (waiting.sizes) settle_sizes(waiting);
    waiting.areas.reset();
    waiting.sizes.reset();
  }

  void tell_areas(const Waiting& waiting) {
    const event::Snapshot& snapshot = material_.trace.snapshots[waiting.step.index];
    if (wants(Aspect::AreaLists)) {
      disagree(Aspect::AreaLists, waiting.step, fmt::format("areas at \"{}\"", snapshot.moment),
               fmt::format("{} areas", waiting.areas->size()),
               fmt::format("{} of them missing, {} others", waiting.areas_differ.missing.size(),
                           waiting.areas_differ.extra.size()));
    }
    for (const std::string& line : waiting.areas_differ.missing) {
      if (!wants(Aspect::Areas)) return;
      disagree(Aspect::Areas, waiting.step, "area", line, "none like it");
    }
    for (const std::string& line : waiting.areas_differ.extra) {
      if (!wants(Aspect::Areas)) return;
      disagree(Aspect::Areas, waiting.step, "area", "none like it", line);
    }
  }

  void settle_sizes(const Waiting& waiting) {
    const event::Snapshot& snapshot = material_.trace.snapshots[waiting.step.index];
    const auto recorded = sizes_of(*waiting.sizes);
    for (std::size_t i = 0; i < kSizeCount; ++i) {
      if (!waiting.model_sizes[i]) continue;
      const Aspect aspect = size_aspect(i);
      count(aspect, waiting.size_agreed[i]);
      if (waiting.size_agreed[i] || !wants(aspect)) continue;
      disagree(aspect, waiting.step, fmt::format("at \"{}\"", snapshot.moment),
               fmt::format("{} kB", *recorded[i] / kKiB),
               fmt::format("{} kB", *waiting.model_sizes[i] / kKiB));
    }
  }

  const Material& material_;
  const ValidateOptions& options_;
  ThreadTable threads_;
  Breakpoints breakpoints_;
  FlushEvents flushes_;
  std::vector<Waiting> waiting_;
  ValidateResult result_;
};

}  // namespace

std::string_view name_of(Aspect aspect) {
  return kWords[static_cast<std::size_t>(aspect)].name;
}

std::string_view title_of(Aspect aspect) {
  return kWords[static_cast<std::size_t>(aspect)].title;
}

bool is_estimated(Aspect aspect) {
  return aspect == Aspect::RssFile || aspect == Aspect::FlushesOfMany;
}

bool ValidateResult::agrees() const {
  for (std::size_t i = 0; i < kAspectCount; ++i) {
    if (!is_estimated(static_cast<Aspect>(i)) && tallies[i].agreed != tallies[i].compared) {
      return false;
    }
  }
  return contradictions.empty();
}

ValidateResult validate(const Material& material, const ValidateOptions& options) {
  Validator validator(material, options);
  ReplayResult replayed = replay(material, validator);
  ValidateResult result = validator.take();
  result.steps = replayed.steps;
  result.steps_without_process = replayed.steps_without_process;
  result.estimated = std::move(replayed.estimated);
  result.contradictions.insert(result.contradictions.begin(), replayed.contradictions.begin(),
                               replayed.contradictions.end());
  return result;
}

}  // namespace ft::sim::replay
