// KernelSymbols names the kernel's functions by address, from /proc/kallsyms (kernel/kallsyms.c):
// "ffffffff81000000 T name\t[module]", a line a symbol.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ft::host {

class KernelSymbols {
 public:
  struct Symbol {
    std::string_view name;    // "handle_mm_fault"
    std::string_view module;  // "ext4", "bpf"; empty for the kernel itself
    std::uint64_t start = 0;
  };

  // Fails at the first malformed line. Keeps the text.
  static Result<KernelSymbols> parse(std::string text);

  // Whether the kernel showed zeros instead of addresses (kernel.kptr_restrict, CAP_SYSLOG).
  bool hidden() const { return functions_.empty() && lines_ != 0; }
  std::size_t size() const { return functions_.size(); }

  // The function at or before the address; nothing below the first, or too far behind any function
  // to lie in it (kallsyms knows no sizes). Valid as long as this object.
  std::optional<Symbol> find(std::uint64_t address) const;

 private:
  struct Function {
    std::uint64_t start = 0;
    std::uint32_t name_at = 0;  // in text_
    std::uint16_t name_size = 0;
    std::uint16_t module_size = 0;  // 0: none; behind the name, "\t["
  };

  std::string text_;
  std::vector<Function> functions_;  // by start
  std::size_t lines_ = 0;
};

}  // namespace ft::host
