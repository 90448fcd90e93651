// Runner runs a program on both sides, one instruction at a time, and stops where they differ.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "instruction.h"
#include "sim/machine/process.h"
#include "state.h"
#include "world.h"

namespace ft::differential {

struct Mismatch {
  std::size_t at = 0;  // index of the instruction after which they differed
  std::vector<Difference> differences;
};

struct Run {
  Program program;  // what was run: up to the mismatch, if there was one
  std::optional<Mismatch> mismatch;
  // Why the mismatch does not count: whenever it came the kernel had done something of its own
  // accord, and which of its counters moved; or it did not come again. The program says nothing
  // then.
  std::string disturbed_by;
};

// What both sides did, before their states are compared.
using Watcher = std::function<void(const Instruction&, const Effect& live, const Effect& model)>;

class Runner {
 public:
  explicit Runner(sim::machine::Settings settings) : settings_(settings) {}

  void set_watcher(Watcher watcher) { watcher_ = std::move(watcher); }
  // Whether the model checks its own structures after every instruction. Costs.
  void set_checking(bool checking) { checking_ = checking; }

  // Program `number` of a seed.
  Result<Run> generate(std::uint64_t seed, std::uint64_t number, std::size_t instructions);
  Result<Run> run(const Program& program);
  // The same, and run again where it differs, as generate does.
  Result<Run> run_confirmed(const Program& program);

 private:
  // The next instruction for a world in that state; none: the program is over.
  using Source = std::function<std::optional<Instruction>(const WorldState&, const Program&)>;

  Result<Run> run_once(Program start, const Source& next);
  Result<Run> confirm(Run run);

  sim::machine::Settings settings_;
  Watcher watcher_;
  bool checking_ = false;
};

// "Mremap: page": what kind of mismatch it is; those of the same kind likely have one cause.
std::string kind_of(const Run& run);

// The differences, a line each.
std::string describe(const Mismatch& mismatch);

}  // namespace ft::differential
