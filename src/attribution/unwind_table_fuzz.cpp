// Any bytes as an .eh_frame section: every function it claims is asked for the rules at its start,
// its middle and its end, and all expressions of these rules are evaluated.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "attribution/unwind_expression.h"
#include "attribution/unwind_table.h"

namespace {

using namespace ft::attribution;

void evaluate_all(const UnwindTable& table, const UnwindRow& row) {
  UnwindRegisters registers;
  registers.fill(0x1000);
  std::array<std::uint64_t, 64> words{};
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = 0x1000 + 8 * i;
  StackMemory memory(0x1000, std::as_bytes(std::span(words)));
  if (row.cfa_by_expression) evaluate(table.bytes(row.cfa_expression), registers, memory);
  for (const UnwindRule& rule : row.rules) {
    evaluate(table.bytes(rule.expression), registers, memory, 0x1010);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::byte> section(size);
  if (size != 0) std::memcpy(section.data(), data, size);
  UnwindTable table = UnwindTable::parse(section, 0x9000);
  const std::vector<UnwindFunction> functions(table.functions().begin(), table.functions().end());
  for (std::size_t i = 0; i < std::min<std::size_t>(functions.size(), 256); ++i) {
    const UnwindFunction& function = functions[i];
    const std::uint64_t length = function.end - function.start;
    for (const std::uint64_t inside : {std::uint64_t{0}, length / 2, length - 1}) {
      if (const UnwindRow* row = table.find(function.start + inside)) evaluate_all(table, *row);
    }
  }
  return 0;
}
