// LiveWorld runs a program on the kernel of this host, in processes of its own.
#pragma once

#include <optional>
#include <vector>

#include "instruction.h"
#include "live_view.h"
#include "program_files.h"
#include "state.h"
#include "tracee.h"
#include "world.h"

namespace ft::differential {

// Where the kernel put things, which the model is told.
struct StartFacts {
  std::vector<Area> areas;  // of the settled first process
  std::uint64_t start_brk = 0;
  std::uint64_t start_stack = 0;
  std::uint64_t start_data = 0;
  std::uint64_t end_data = 0;
};

class LiveWorld {
 public:
  static Result<LiveWorld> start(const Program& program);

  Result<Effect> run(const Instruction& instruction);
  // Fault counts begin at 0.
  Result<WorldState> state();
  const StartFacts& start_facts() const { return facts_; }

 private:
  struct Member {
    Tracee tracee;
    LiveView view;
    std::uint64_t minor_before = 0;  // faults of the start
    std::uint64_t major_before = 0;
  };

  LiveWorld() = default;
  Result<void> add(Tracee tracee);
  Result<void> read_start_facts();
  Result<Effect> act(Member& member, const Instruction& instruction);
  Result<Effect> fork(Member& member);
  int descriptor(int file) const;

  ProgramFiles files_;
  std::vector<std::optional<Member>> members_;
  StartFacts facts_;
};

}  // namespace ft::differential
