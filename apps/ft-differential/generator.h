// Generator makes up programs, one instruction at a time, with an eye on what the process looks
// like by now: most of its addresses are borders of areas, places inside and just beside them,
// borders of huge pages and of page tables, and the surroundings of the stack.
// What it never makes, harmless.h says.
#pragma once

#include <cstdint>
#include <span>

#include "instruction.h"
#include "random.h"
#include "state.h"

namespace ft::differential {

class Generator {
 public:
  Generator(std::uint64_t seed, std::uint64_t program);

  // Limits and files; no instructions yet.
  Program make_start();

  // The next instruction for a world that looks like `state`.
  Instruction next(const WorldState& state, const Program& program);

 private:
  Instruction draw();

  Mmap make_mmap();
  Munmap make_munmap();
  Mprotect make_mprotect();
  Madvise make_madvise();
  Mremap make_mremap();
  Brk make_brk();
  Mlock make_mlock();
  Munlock make_munlock();
  Mseal make_mseal();
  Touch make_touch();
  Ftruncate make_ftruncate();

  const Area* any_area();
  std::uint64_t any_address();
  std::uint64_t page_address();
  std::uint64_t inside(const Area& area);
  std::uint64_t any_length(std::uint64_t address);
  std::uint64_t any_prot();
  std::uint64_t any_map_flags();
  int any_file();
  int any_advice();

  Random random_;
  const Program* program_ = nullptr;
  std::span<const Area> areas_;
  unsigned process_ = 0;
};

}  // namespace ft::differential
