#include "runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "generator.h"
#include "harmless.h"
#include "host_counters.h"
#include "live_view.h"
#include "live_world.h"
#include "model_world.h"

namespace ft::differential {

namespace {

constexpr unsigned kConfirmations = 4;

std::vector<Difference> compare_effects(const Effect& live, const Effect& model,
                                        const Instruction& instruction) {
  if (live == model) return {};
  return {{"result", describe(live, instruction), describe(model, instruction)}};
}

void forget_resident_counts(WorldState& state) {
  for (ProcessState& process : state) {
    process.rss_anonymous = 0;
    process.rss_file = 0;
    process.rss_shmem = 0;
  }
}

// As LiveView lists pages where PAGEMAP_SCAN is not there.
void forget_unlisted_pages(ProcessState& process) {
  for (const Area& area : process.areas) {
    if (area.range.size() <= kMostListedBytes) continue;
    std::erase_if(process.pages,
                  [&](const Page& page) { return area.range.contains(page.address); });
  }
  for (Page& page : process.pages) page.zero = page.huge = false;
}

// smaps of 6.1 does not count huge pages that may not be accessed (fs/proc/task_mmu.c
// smaps_pmd_entry).
void forget_inaccessible_huge_pages(ProcessState& model) {
  for (Area& area : model.areas) {
    if (area.flags.has("rd") || area.flags.has("wr") || area.flags.has("ex")) continue;
    area.rss -= area.huge;
    area.anonymous -= area.huge;
    area.huge = 0;
  }
}

// 6.12 asks each part of a huge page who maps it, others (and the model) the first for all of them
// (fs/proc/task_mmu.c pagemap_pmd_range).
void forget_exclusive_parts(WorldState& state) {
  for (ProcessState& process : state) {
    for (Page& page : process.pages) page.exclusive = page.exclusive && !page.huge;
  }
}

// What this kernel does not tell is not compared.
void forget_unknown(const sim::kernel::Behaviour& behaviour, WorldState& live, WorldState& model) {
  if (!behaviour.exact_resident_counts) {
    forget_resident_counts(live);
    forget_resident_counts(model);
  }
  if (behaviour.name == "6.12") {
    forget_exclusive_parts(live);
    forget_exclusive_parts(model);
  }
  if (behaviour.name == "6.1") {
    for (ProcessState& process : model) forget_inaccessible_huge_pages(process);
  }
  static const bool kPages = can_list_pages();
  if (kPages) return;
  for (ProcessState& process : model) forget_unlisted_pages(process);
}

}  // namespace

Result<Run> Runner::generate(std::uint64_t seed, std::uint64_t number, std::size_t instructions) {
  Generator generator(seed, number);
  Program start = generator.make_start();
  Run first = FT_TRY(
      run_once(std::move(start),
               [&](const WorldState& state, const Program& program) -> std::optional<Instruction> {
                 if (program.instructions.size() == instructions) return std::nullopt;
                 return generator.next(state, program);
               }));
  return confirm(std::move(first));
}

Result<Run> Runner::run(const Program& program) {
  std::size_t at = 0;
  const Source next = [&](const WorldState& state, const Program&) -> std::optional<Instruction> {
    while (at < program.instructions.size()) {
      const Instruction& instruction = program.instructions[at++];
      if (is_harmless(instruction, state)) return instruction;
    }
    return std::nullopt;
  };
  Program start{.start = program.start, .files = program.files};
  return run_once(std::move(start), next);
}

Result<Run> Runner::run_confirmed(const Program& program) {
  return confirm(FT_TRY(run(program)));
}

// `start` has no instructions yet; those that were run are added to it.
Result<Run> Runner::run_once(Program start, const Source& next) {
  const std::vector<HostCounter> before = FT_TRY(read_host_counters());
  Run run{.program = std::move(start)};
  LiveWorld live = FT_TRY(LiveWorld::start(run.program));
  ModelWorld model(settings_, run.program, live.start_facts());
  std::vector<Difference> differences;
  WorldState state = FT_TRY(live.state());
  while (true) {
    WorldState expected = model.state();
    forget_unknown(settings_.behaviour, state, expected);
    if (differences.empty()) differences = compare(state, expected);
    if (!differences.empty()) break;
    const std::optional<Instruction> instruction = next(state, run.program);
    if (!instruction) return run;
    run.program.instructions.push_back(*instruction);
    const Effect live_effect = FT_TRY(live.run(*instruction));
    const Effect model_effect = model.run(*instruction);
    if (watcher_) watcher_(*instruction, live_effect, model_effect);
    if (checking_) model.check();
    differences = compare_effects(live_effect, model_effect, *instruction);
    state = FT_TRY(live.state());
  }
  if (run.program.instructions.empty())
    return fail("the start of a program", "the model differs already: " + differences[0].what +
                                              " is " + differences[0].live + ", not " +
                                              differences[0].model);
  run.mismatch = Mismatch{run.program.instructions.size() - 1, std::move(differences)};
  const std::vector<HostCounter> after = FT_TRY(read_host_counters());
  run.disturbed_by = moved(before, after);
  // All pages of all files are in memory, and nothing is swapped out.
  if (std::ranges::any_of(state, [](const ProcessState& any) { return any.major_faults != 0; }))
    run.disturbed_by += run.disturbed_by.empty() ? "major faults" : ", major faults";
  return run;
}

// A mismatch counts when it comes again, and came while the kernel did nothing of its own accord:
// the model does the same each time. Otherwise the program is run again, until it is undisturbed or
// agrees.
Result<Run> Runner::confirm(Run first) {
  if (!first.mismatch) return first;
  for (unsigned tries = 0; tries < kConfirmations; ++tries) {
    Run again = FT_TRY(run(first.program));
    if (!again.mismatch) {
      if (first.disturbed_by.empty()) first.disturbed_by = "it did not differ when run again";
      break;
    }
    if (again.disturbed_by.empty()) return again;
  }
  return first;
}

std::string kind_of(const Run& run) {
  if (!run.mismatch) return {};
  const std::string instruction = to_cpp(run.program.instructions[run.mismatch->at]);
  std::string what = run.mismatch->differences.front().what;
  if (what.starts_with("process ")) what = what.substr(what.find(": ") + 2);
  if (what.starts_with("frame of")) what = "frame";
  return instruction.substr(0, instruction.find('{')) + ": " + what;
}

std::string describe(const Mismatch& mismatch) {
  std::string text;
  for (const Difference& difference : mismatch.differences)
    text += fmt::format("  {}\n    live:  {}\n    model: {}\n", difference.what, difference.live,
                        difference.model);
  return text;
}

}  // namespace ft::differential
