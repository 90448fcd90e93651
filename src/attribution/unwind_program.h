// Runs the call frame instructions of unwind tables: the little programs that build, row by row,
// the rules for a function's addresses (DWARF 5, section 6.4.2).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "attribution/byte_cursor.h"
#include "attribution/unwind_table.h"

namespace ft::attribution {

// UnwindProgram holds the row as far as it is built. It runs a common entry's instructions first,
// then a function's, until it passes the wanted address.
class UnwindProgram {
 public:
  struct Factors {
    std::uint64_t code = 1;
    std::int64_t data = 1;
  };

  UnwindProgram(std::span<const std::byte> section, Factors factors);

  // Both fail (false) on instructions that are damaged, unknown or nest too deep.
  bool run_common(SectionPlace program);
  bool run_function(SectionPlace program, std::uint64_t start, std::uint64_t wanted);

  const UnwindRow& row() const { return row_; }

 private:
  enum class Outcome : std::uint8_t { Continue, Arrived, Damaged };

  bool run(SectionPlace program);
  Outcome step(ByteCursor& at);
  Outcome advance(std::uint64_t units);
  void set_rule(std::uint64_t number, UnwindRule rule);
  void restore(std::uint64_t number);
  SectionPlace take_expression(ByteCursor& at);
  std::int64_t scaled(std::int64_t offset) const;

  std::span<const std::byte> section_;
  Factors factors_;
  UnwindRow row_;
  UnwindRow initial_;  // what the common entry built: to be restored
  std::vector<UnwindRow> remembered_;
  bool in_function_ = false;
  std::uint64_t location_ = 0;
  std::uint64_t wanted_ = 0;
};

}  // namespace ft::attribution
