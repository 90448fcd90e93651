#include "attribution/unwind_program.h"

#include <dwarf.h>

namespace ft::attribution {

namespace {

constexpr std::size_t kMaxRemembered = 32;
// The largest functions of node and libjvm have a few thousand.
constexpr std::size_t kMaxInstructions = std::size_t{1} << 16U;

using Kind = UnwindRule::Kind;

// What the ABI promises where a table is silent: a function leaves these as they were, and the
// caller's stack pointer is the CFA.
UnwindRow abi_row() {
  UnwindRow row;
  for (const unsigned kept : {3U, kRbp, 12U, 13U, 14U, 15U}) row.rules[kept].kind = Kind::Same;
  row.rules[kRsp].kind = Kind::CfaPlus;
  return row;
}

}  // namespace

UnwindProgram::UnwindProgram(std::span<const std::byte> section, Factors factors)
    : section_(section), factors_(factors), row_(abi_row()), initial_(row_) {}

bool UnwindProgram::run_common(SectionPlace program) {
  in_function_ = false;
  const bool ran = run(program);
  initial_ = row_;
  return ran;
}

bool UnwindProgram::run_function(SectionPlace program, std::uint64_t start, std::uint64_t wanted) {
  in_function_ = true;
  location_ = start;
  wanted_ = wanted;
  return run(program);
}

bool UnwindProgram::run(SectionPlace program) {
  ByteCursor at(section_.first(std::size_t{program.begin} + program.size), program.begin);
  for (std::size_t i = 0; i < kMaxInstructions; ++i) {
    if (at.at_end()) return at.ok();
    const Outcome outcome = step(at);
    if (outcome == Outcome::Damaged || !at.ok()) return false;
    if (outcome == Outcome::Arrived) return true;
  }
  return false;
}

// Moving on closes the row: when that passes the wanted address, the row so far is the one.
UnwindProgram::Outcome UnwindProgram::advance(std::uint64_t units) {
  if (!in_function_) return Outcome::Damaged;
  location_ += units * factors_.code;
  return location_ > wanted_ ? Outcome::Arrived : Outcome::Continue;
}

// Rules of registers nobody follows (vectors) are read and dropped.
void UnwindProgram::set_rule(std::uint64_t number, UnwindRule rule) {
  if (number < kRegisterCount) row_.rules[static_cast<std::size_t>(number)] = rule;
}

void UnwindProgram::restore(std::uint64_t number) {
  if (number < kRegisterCount) {
    const auto index = static_cast<std::size_t>(number);
    row_.rules[index] = initial_.rules[index];
  }
}

SectionPlace UnwindProgram::take_expression(ByteCursor& at) {
  const std::uint64_t size = at.uleb();
  const std::size_t begin = at.position();
  at.skip(size);
  if (!at.ok()) return {};
  return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(size)};
}

std::int64_t UnwindProgram::scaled(std::int64_t offset) const {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(offset) *
                                   static_cast<std::uint64_t>(factors_.data));
}

UnwindProgram::Outcome UnwindProgram::step(ByteCursor& at) {
  const auto instruction = at.read<std::uint8_t>();
  const std::uint8_t low = instruction & 0x3fU;
  switch (instruction & 0xc0U) {
    case DW_CFA_advance_loc:
      return advance(low);
    case DW_CFA_offset:
      set_rule(low, {Kind::AtCfa, scaled(static_cast<std::int64_t>(at.uleb())), {}});
      return Outcome::Continue;
    case DW_CFA_restore:
      restore(low);
      return Outcome::Continue;
    default:
      break;
  }

  const auto take_unsigned = [&] { return static_cast<std::int64_t>(at.uleb()); };
  switch (instruction) {
    case DW_CFA_nop:
      return Outcome::Continue;
    case DW_CFA_advance_loc1:
      return advance(at.read<std::uint8_t>());
    case DW_CFA_advance_loc2:
      return advance(at.read<std::uint16_t>());
    case DW_CFA_advance_loc4:
      return advance(at.read<std::uint32_t>());

    case DW_CFA_def_cfa:
    case DW_CFA_def_cfa_sf: {
      const std::uint64_t number = at.uleb();
      row_.cfa_by_expression = false;
      row_.cfa_register = number < kRegisterCount ? static_cast<unsigned>(number) : kRegisterCount;
      row_.cfa_offset = instruction == DW_CFA_def_cfa ? take_unsigned() : scaled(at.sleb());
      return Outcome::Continue;
    }
    case DW_CFA_def_cfa_register: {
      const std::uint64_t number = at.uleb();
      row_.cfa_register = number < kRegisterCount ? static_cast<unsigned>(number) : kRegisterCount;
      return row_.cfa_by_expression ? Outcome::Damaged : Outcome::Continue;
    }
    case DW_CFA_def_cfa_offset:
    case DW_CFA_def_cfa_offset_sf:
      row_.cfa_offset = instruction == DW_CFA_def_cfa_offset ? take_unsigned() : scaled(at.sleb());
      return row_.cfa_by_expression ? Outcome::Damaged : Outcome::Continue;
    case DW_CFA_def_cfa_expression:
      row_.cfa_by_expression = true;
      row_.cfa_expression = take_expression(at);
      return Outcome::Continue;

    case DW_CFA_undefined:
      set_rule(at.uleb(), {Kind::Undefined, 0, {}});
      return Outcome::Continue;
    case DW_CFA_same_value:
      set_rule(at.uleb(), {Kind::Same, 0, {}});
      return Outcome::Continue;
    case DW_CFA_restore_extended:
      restore(at.uleb());
      return Outcome::Continue;
    case DW_CFA_offset_extended:
    case DW_CFA_offset_extended_sf:
    case DW_CFA_GNU_negative_offset_extended:
    case DW_CFA_val_offset:
    case DW_CFA_val_offset_sf: {
      const std::uint64_t number = at.uleb();
      const bool is_value = instruction == DW_CFA_val_offset || instruction == DW_CFA_val_offset_sf;
      const bool is_signed =
          instruction == DW_CFA_offset_extended_sf || instruction == DW_CFA_val_offset_sf;
      std::uint64_t offset = is_signed ? static_cast<std::uint64_t>(at.sleb()) : at.uleb();
      if (instruction == DW_CFA_GNU_negative_offset_extended) offset = 0 - offset;
      set_rule(
          number,
          {is_value ? Kind::CfaPlus : Kind::AtCfa, scaled(static_cast<std::int64_t>(offset)), {}});
      return Outcome::Continue;
    }
    case DW_CFA_register: {
      const std::uint64_t number = at.uleb();
      set_rule(number, {Kind::InRegister, take_unsigned(), {}});
      return Outcome::Continue;
    }
    case DW_CFA_expression:
    case DW_CFA_val_expression: {
      const std::uint64_t number = at.uleb();
      const Kind kind = instruction == DW_CFA_expression ? Kind::AtExpression : Kind::Expression;
      set_rule(number, {kind, 0, take_expression(at)});
      return Outcome::Continue;
    }

    case DW_CFA_remember_state:
      if (remembered_.size() == kMaxRemembered) return Outcome::Damaged;
      remembered_.push_back(row_);
      return Outcome::Continue;
    case DW_CFA_restore_state:
      if (remembered_.empty()) return Outcome::Damaged;
      row_ = remembered_.back();
      remembered_.pop_back();
      return Outcome::Continue;

    case DW_CFA_GNU_args_size:
      at.uleb();
      return Outcome::Continue;
    default:
      return Outcome::Damaged;
  }
}

}  // namespace ft::attribution
