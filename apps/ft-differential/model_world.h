// ModelWorld runs a program in the model kernel.
#pragma once

#include <memory>
#include <vector>

#include "instruction.h"
#include "live_world.h"
#include "sim/machine/process.h"
#include "sim/phys/frame_store.h"
#include "state.h"
#include "world.h"

namespace ft::differential {

class ModelWorld {
 public:
  // `settings`: of the host. `facts`: where the live kernel put the areas of the start.
  ModelWorld(const sim::machine::Settings& settings, const Program& program,
             const StartFacts& facts);

  Effect run(const Instruction& instruction);
  // Fault counts begin at 0.
  WorldState state() const;
  void check() const;  // every structure of every process

 private:
  struct Member {
    std::unique_ptr<sim::machine::Process> process;  // none: it has ended
    sim::machine::FaultCounts before;
  };
  struct OpenFile {
    std::shared_ptr<sim::virt::BackingFile> file;
    File::Mode mode = File::Mode::ReadWrite;
    bool resizable = false;
  };

  void add_files(const Program& program);
  void settle(const StartFacts& facts);
  Effect act(sim::machine::Process& process, const Instruction& instruction);
  std::int64_t mmap(sim::machine::Process& process, const Mmap& call) const;
  Effect fork(sim::machine::Process& process);
  std::int64_t truncate(const Ftruncate& call);
  ProcessState state_of(const Member& member) const;
  Area area_of(const sim::virt::Vma& vma) const;
  void add_pages(const sim::machine::Process& process, Area& area, std::vector<Page>& pages) const;

  sim::phys::FrameStore frames_;
  sim::virt::CommitAccount committed_;
  std::vector<OpenFile> files_;
  std::vector<Member> members_;
};

}  // namespace ft::differential
