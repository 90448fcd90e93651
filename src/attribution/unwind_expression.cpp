#include "attribution/unwind_expression.h"

#include <dwarf.h>

#include <array>
#include <utility>

#include "attribution/byte_cursor.h"

namespace ft::attribution {

namespace {

constexpr std::size_t kMaxDepth = 64;

class Machine {
 public:
  Machine(std::span<const std::byte> expression, const UnwindRegisters& registers,
          StackMemory& memory)
      : code_(expression), registers_(registers), memory_(memory) {}

  void push(std::uint64_t value) {
    if (depth_ == kMaxDepth) {
      ok_ = false;
    } else {
      stack_[depth_++] = value;
    }
  }

  std::optional<std::uint64_t> run() {
    while (ok_ && !code_.at_end()) step(code_.read<std::uint8_t>());
    if (!ok_ || !code_.ok() || depth_ == 0) return std::nullopt;
    return stack_[depth_ - 1];
  }

 private:
  std::uint64_t pop() {
    if (depth_ == 0) {
      ok_ = false;
      return 0;
    }
    return stack_[--depth_];
  }

  void push_read(std::optional<std::uint64_t> value) {
    ok_ = ok_ && value.has_value();
    push(value.value_or(0));
  }

  void push_register(std::uint64_t number, std::int64_t offset) {
    if (number >= kRegisterCount) {
      ok_ = false;
      return;
    }
    const auto& value = registers_[static_cast<std::size_t>(number)];
    ok_ = ok_ && value.has_value();
    push(value.value_or(0) + static_cast<std::uint64_t>(offset));
  }

  void pick(std::size_t below) {
    if (below >= depth_) {
      ok_ = false;
    } else {
      push(stack_[depth_ - 1 - below]);
    }
  }

  void step(std::uint8_t operation) {
    if (operation >= DW_OP_lit0 && operation <= DW_OP_lit31) return push(operation - DW_OP_lit0);
    if (operation >= DW_OP_breg0 && operation <= DW_OP_breg31) {
      return push_register(operation - DW_OP_breg0, code_.sleb());
    }
    switch (operation) {
      case DW_OP_nop:
        return;
      case DW_OP_bregx: {
        const std::uint64_t number = code_.uleb();
        return push_register(number, code_.sleb());
      }
      case DW_OP_deref:
        return push_read(memory_.read(pop()));
      case DW_OP_const1u:
        return push(code_.read<std::uint8_t>());
      case DW_OP_const1s:
        return push(static_cast<std::uint64_t>(std::int64_t{code_.read<std::int8_t>()}));
      case DW_OP_const2u:
        return push(code_.read<std::uint16_t>());
      case DW_OP_const2s:
        return push(static_cast<std::uint64_t>(std::int64_t{code_.read<std::int16_t>()}));
      case DW_OP_const4u:
        return push(code_.read<std::uint32_t>());
      case DW_OP_const4s:
        return push(static_cast<std::uint64_t>(std::int64_t{code_.read<std::int32_t>()}));
      case DW_OP_const8u:
      case DW_OP_const8s:
        return push(code_.read<std::uint64_t>());
      case DW_OP_constu:
        return push(code_.uleb());
      case DW_OP_consts:
        return push(static_cast<std::uint64_t>(code_.sleb()));
      case DW_OP_dup:
        return pick(0);
      case DW_OP_over:
        return pick(1);
      case DW_OP_pick:
        return pick(code_.read<std::uint8_t>());
      case DW_OP_drop:
        pop();
        return;
      case DW_OP_swap: {
        const std::uint64_t top = pop();
        const std::uint64_t below = pop();
        push(top);
        return push(below);
      }
      case DW_OP_plus_uconst:
        return push(pop() + code_.uleb());
      case DW_OP_neg:
        return push(0 - pop());
      case DW_OP_not:
        return push(~pop());
      default:
        return binary(operation);
    }
  }

  void binary(std::uint8_t operation) {
    const std::uint64_t right = pop();
    const std::uint64_t left = pop();
    const auto signed_left = static_cast<std::int64_t>(left);
    const auto signed_right = static_cast<std::int64_t>(right);
    switch (operation) {
      case DW_OP_plus:
        return push(left + right);
      case DW_OP_minus:
        return push(left - right);
      case DW_OP_mul:
        return push(left * right);
      case DW_OP_and:
        return push(left & right);
      case DW_OP_or:
        return push(left | right);
      case DW_OP_xor:
        return push(left ^ right);
      case DW_OP_shl:
        return push(right < 64 ? left << right : 0);
      case DW_OP_shr:
        return push(right < 64 ? left >> right : 0);
      case DW_OP_shra:
        return push(static_cast<std::uint64_t>(signed_left >> (right < 64 ? right : 63)));
      case DW_OP_eq:
        return push(left == right ? 1 : 0);
      case DW_OP_ne:
        return push(left != right ? 1 : 0);
      case DW_OP_lt:
        return push(signed_left < signed_right ? 1 : 0);
      case DW_OP_le:
        return push(signed_left <= signed_right ? 1 : 0);
      case DW_OP_gt:
        return push(signed_left > signed_right ? 1 : 0);
      case DW_OP_ge:
        return push(signed_left >= signed_right ? 1 : 0);
      default:
        ok_ = false;
    }
  }

  ByteCursor code_;
  const UnwindRegisters& registers_;
  StackMemory& memory_;
  std::array<std::uint64_t, kMaxDepth> stack_{};
  std::size_t depth_ = 0;
  bool ok_ = true;
};

}  // namespace

std::optional<std::uint64_t> evaluate(std::span<const std::byte> expression,
                                      const UnwindRegisters& registers, StackMemory& memory,
                                      std::optional<std::uint64_t> first) {
  Machine machine(expression, registers, memory);
  if (first) machine.push(*first);
  return machine.run();
}

}  // namespace ft::attribution
