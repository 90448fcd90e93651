// Where the kernel time went: the samples by stage, as a whole and by subsystem, phase and call,
// and the stacks they have.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <tuple>

#include "analysis/describe.h"
#include "analysis/phases.h"
#include "jvm/subsystem.h"

namespace ft::analysis {

namespace {

using kernel::Stage;
using report::model::Count;
using report::model::Report;
using report::model::SampledStack;
using report::model::Samples;
using report::model::StagesOf;
using report::model::StageTime;

// 19 times in 20 a normal variable lies within so many standard deviations.
constexpr double kConfidence = 1.96;

using StageCounts = std::array<Count, kernel::kStageCount>;

// What k of n samples stand for, each for `each`.
class Estimate {
 public:
  Estimate(Count taken, Nanoseconds each) : taken_(taken), each_(each) {}

  Nanoseconds time(Count k) const { return static_cast<Nanoseconds>(k) * each_; }
  // Of a binomial share; a single sample still leaves an error of two.
  Nanoseconds error(Count k) const {
    if (taken_ == 0) return 0;
    const auto n = static_cast<double>(taken_);
    const double p = static_cast<double>(k) / n;
    return static_cast<Nanoseconds>(kConfidence * static_cast<double>(each_) *
                                    std::sqrt(n * p * (1 - p)));
  }

  StagesOf of(std::string name, const StageCounts& counts) const {
    StagesOf of;
    of.name = std::move(name);
    for (const Count count : counts) of.samples += count;
    of.ns = time(of.samples);
    of.error_ns = error(of.samples);
    for (std::size_t i = 0; i < counts.size(); ++i) {
      if (counts[i] == 0) continue;
      of.stages.push_back(
          {.name = std::string(kernel::name_of(static_cast<Stage>(i))),
           .samples = counts[i],
           .ns = time(counts[i]),
           .error_ns = error(counts[i]),
           .share = static_cast<double>(counts[i]) / static_cast<double>(of.samples)});
    }
    std::ranges::stable_sort(of.stages, std::ranges::greater{}, &StageTime::samples);
    return of;
  }

 private:
  Count taken_;
  Nanoseconds each_;
};

std::string why_no_samples(const Passes& passes) {
  const std::string backend = passes.trace.meta_or("backend");
  if (backend == "ptrace") return "the ptrace backend takes no samples";
  if (backend == "import") return "a log of system calls holds no samples";
  for (const event::Loss& loss : passes.trace.losses) {
    if (loss.kind == "samples refused") return loss.meaning;
  }
  if (passes.trace.meta_or("sample.event").empty()) return "it was recorded without samples";
  return "the target ran too shortly for a sample";
}

std::string module_name(const std::string& path) {
  return "[" + path.substr(path.rfind('/') + 1) + "]";
}

std::string frame_name(const event::Frame& frame) {
  if (!frame.symbol.empty()) return frame.symbol;
  if (frame.module.empty()) return "[code without a name]";
  return frame.module.starts_with('[') ? frame.module : module_name(frame.module);
}

// Outermost first. Interpreted and compiled Java has no names: a run of such frames is one.
void append_frames(const event::Trace& trace, event::StackId id, std::vector<std::string>& frames) {
  if (id < 0 || static_cast<std::size_t>(id) >= trace.stacks.size()) return;
  const std::vector<event::Frame>& from = trace.stacks[static_cast<std::size_t>(id)].frames;
  for (auto frame = from.rbegin(); frame != from.rend(); ++frame) {
    std::string name = frame_name(*frame);
    if (frame->symbol.empty() && !frames.empty() && frames.back() == name) continue;
    frames.push_back(std::move(name));
  }
}

std::vector<SampledStack> stacks_of(const Passes& passes, const SamplePass& sampled) {
  // Few different names stand for many different addresses: by ids first, then by names.
  std::map<std::tuple<std::string, event::StackId, event::StackId>, std::vector<Nanoseconds>> by_id;
  for (const PlacedSample& sample : sampled.samples()) {
    by_id[{passes.thread_name(sample.tid, sample.ts), sample.user_stack, sample.kernel_stack}]
        .push_back(sample.ts);
  }
  std::map<std::pair<std::vector<std::string>, std::size_t>, SampledStack> by_name;
  for (const auto& [key, times] : by_id) {
    const auto& [thread, user, in_kernel] = key;
    std::vector<std::string> frames = {thread.empty() ? "[thread]" : thread};
    append_frames(passes.trace, user, frames);
    const std::size_t kernel_from = frames.size();
    append_frames(passes.trace, in_kernel, frames);
    SampledStack& stack = by_name[{frames, kernel_from}];
    if (stack.count == 0) {
      const Stage stage = sampled.meaning({.kernel_stack = in_kernel, .user_stack = user}).stage;
      stack.frames = std::move(frames);
      stack.kernel_from = kernel_from;
      stack.stage = kernel::name_of(stage);
    }
    stack.count += times.size();
    stack.at.insert(stack.at.end(), times.begin(), times.end());
  }
  std::vector<SampledStack> stacks;
  for (auto& [names, stack] : by_name) stacks.push_back(std::move(stack));
  std::ranges::stable_sort(stacks, std::ranges::greater{}, &SampledStack::count);
  return stacks;
}

bool in_memory_management(const StackMeaning& meaning) {
  return meaning.in_fault != kernel::InFault::No || meaning.in_memory_call;
}

void break_down(const Passes& passes, const SamplePass& sampled, const Estimate& estimate,
                const Report& report, Samples& samples) {
  std::map<std::string, StageCounts> by_subsystem;
  std::map<std::int32_t, StageCounts> by_call;
  std::vector<StageCounts> by_phase(passes.trace.phases.size());
  StageCounts outside{};
  Count in_memory = 0;
  Count inside = 0;
  for (const PlacedSample& sample : sampled.samples()) {
    if (!sample.in_kernel()) continue;
    const StackMeaning& meaning = sampled.meaning(sample);
    const auto stage = static_cast<std::size_t>(meaning.stage);
    bool in_any = false;
    for (std::size_t i = 0; i < by_phase.size(); ++i) {
      if (!in_phase(passes.trace.phases[i], sample.ts)) continue;
      ++by_phase[i][stage];
      in_any = true;
    }
    if (!in_any) ++outside[stage];
    if (sample.call != PlacedSample::kNone) ++by_call[sample.call][stage];
    if (!in_memory_management(meaning)) continue;
    ++in_memory;
    const bool edge = meaning.in_fault == kernel::InFault::Edge && !meaning.in_memory_call;
    if (!edge && meaning.stage != Stage::Recording) ++inside;
    const bool placed = sample.owner != PlacedSample::kNone;
    const auto owner = static_cast<attribution::OwnerId>(sample.owner);
    ++by_subsystem[placed ? std::string(jvm::name_of(passes.owner(owner).subsystem))
                          : std::string("in no recorded fault or call")][stage];
  }
  samples.memory_ns = estimate.time(in_memory);
  samples.memory_inside_ns = estimate.time(inside);
  samples.memory_error_ns = estimate.error(in_memory);
  for (const auto& [name, counts] : by_subsystem) {
    samples.by_subsystem.push_back(estimate.of(name, counts));
  }
  std::ranges::stable_sort(samples.by_subsystem, std::ranges::greater{}, &StagesOf::samples);
  for (std::size_t i = 0; i < by_phase.size(); ++i) {
    samples.by_phase.push_back(estimate.of(passes.trace.phases[i].name, by_phase[i]));
  }
  if (std::ranges::any_of(outside, [](Count count) { return count != 0; })) {
    samples.by_phase.push_back(estimate.of("before and after them", outside));
  }
  for (const report::model::Call& call : report.calls) {
    const auto found = by_call.find(static_cast<std::int32_t>(call.id) - 1);
    if (found != by_call.end()) {
      samples.by_call.push_back(estimate.of(call.name + ": " + call.words, found->second));
    }
  }
}

}  // namespace

void describe_samples(const Passes& passes, Report& report) {
  const SamplePass& sampled = passes.samples;
  if (sampled.samples().empty()) {
    report.missing.push_back({"samples", why_no_samples(passes)});
    return;
  }
  Samples samples;
  samples.event = passes.trace.meta_or("sample.event", "unknown");
  samples.period_ns = meta_number(passes.trace, "sample.period_ns").value_or(0);
  if (const auto clock = meta_number(passes.trace, "sample.clock_ns"); clock && *clock > 0) {
    samples.cpu_ns = *clock;
  }
  for (const event::Loss& loss : passes.trace.losses) {
    if (loss.kind == "samples: ring full") samples.lost = loss.count;
    if (loss.kind == "samples that did not come") samples.missed = loss.count;
  }

  StageCounts counts{};
  std::map<std::string_view, Count> unclassified;
  for (const PlacedSample& sample : sampled.samples()) {
    ++samples.taken;
    const StackMeaning& meaning = sampled.meaning(sample);
    if (!sample.in_kernel()) {
      ++samples.user;
      continue;
    }
    ++samples.kernel;
    ++counts[static_cast<std::size_t>(meaning.stage)];
    if (meaning.stage == Stage::Unknown) ++unclassified[meaning.unclassified];
  }
  samples.each_ns = samples.cpu_ns ? *samples.cpu_ns / static_cast<Nanoseconds>(samples.taken)
                                   : samples.period_ns;
  const Estimate estimate(samples.taken, samples.each_ns);
  samples.user_ns = estimate.time(samples.user);
  const StagesOf whole = estimate.of("", counts);
  samples.kernel_ns = whole.ns;
  samples.kernel_error_ns = whole.error_ns;
  samples.stages = whole.stages;
  for (const auto& [name, count] : unclassified) {
    samples.unclassified.push_back({name.empty() ? "(no name)" : std::string(name), count});
  }
  std::ranges::stable_sort(samples.unclassified, std::ranges::greater{},
                           &report::model::NamedCount::count);
  break_down(passes, sampled, estimate, report, samples);
  report.samples = std::move(samples);
  report.sampled_stacks = stacks_of(passes, sampled);
}

}  // namespace ft::analysis
