#include "host/kernel_symbols.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "base/units.h"

namespace ft::host {

namespace {

constexpr std::size_t kMostText = 256 * kMiB;
constexpr std::size_t kLongestName = 2048;  // the kernel's KSYM_NAME_LEN is 512
// No function of the kernel is longer; behind the last one of a module comes nothing of it.
constexpr std::uint64_t kLongestFunction = kMiB;

bool is_code(char type) {
  return type == 't' || type == 'T' || type == 'w' || type == 'W';
}

}  // namespace

Result<KernelSymbols> KernelSymbols::parse(std::string text) {
  if (text.size() > kMostText) return fail("kallsyms:1", "larger than 256 MiB");
  KernelSymbols symbols;
  symbols.text_ = std::move(text);
  const std::string_view whole = symbols.text_;
  std::string_view rest = whole;
  while (!rest.empty()) {
    const std::string_view line = take_until(rest, '\n');
    ++symbols.lines_;
    const auto malformed = [&](std::string_view why) {
      return fail(fmt::format("kallsyms:{}", symbols.lines_), std::string(why));
    };
    std::string_view left = line;
    const auto start = parse_integer<std::uint64_t>(take_until(left, ' '), 16);
    if (!start) return malformed("does not begin with an address");
    const std::string_view type = take_until(left, ' ');
    if (type.size() != 1) return malformed("has no type of one letter behind its address");
    const std::string_view name = take_until(left, '\t');
    if (name.empty() || name.size() > kLongestName) return malformed("has no name");
    if (left.size() > kLongestName) return malformed("has too long a module");
    std::string_view module = left;
    if (module.starts_with('[') && module.ends_with(']')) {
      module = module.substr(1, module.size() - 2);
    } else if (!module.empty()) {
      return malformed("has a module without brackets");
    }
    if (*start == 0 || !is_code(type[0])) continue;
    symbols.functions_.push_back({.start = *start,
                                  .name_at = static_cast<std::uint32_t>(name.data() - whole.data()),
                                  .name_size = static_cast<std::uint16_t>(name.size()),
                                  .module_size = static_cast<std::uint16_t>(module.size())});
  }
  // Of names for one address the first stays: aliases follow what they stand for.
  std::ranges::stable_sort(symbols.functions_, {}, &Function::start);
  const auto twice = std::ranges::unique(symbols.functions_, {}, &Function::start);
  symbols.functions_.erase(twice.begin(), twice.end());
  return symbols;
}

std::optional<KernelSymbols::Symbol> KernelSymbols::find(std::uint64_t address) const {
  const auto after = std::ranges::upper_bound(functions_, address, {}, &Function::start);
  if (after == functions_.begin()) return std::nullopt;
  const Function& function = *(after - 1);
  if (address - function.start >= kLongestFunction) return std::nullopt;
  const std::string_view whole = text_;
  Symbol symbol;
  symbol.start = function.start;
  symbol.name = whole.substr(function.name_at, function.name_size);
  if (function.module_size != 0) {
    const std::size_t module_at = function.name_at + std::size_t{function.name_size} + 2;
    symbol.module = whole.substr(module_at, function.module_size);
  }
  return symbol;
}

}  // namespace ft::host
