// Files of /proc and /sys that are a list of names and numbers: meminfo, vmstat, memory.stat,
// memory.events.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ft::host {

struct NamedNumber {
  std::string name;
  std::uint64_t value = 0;
};

// In the order of the file; where a name repeats, find() gives the first.
class NumberTable {
 public:
  void add(std::string_view name, std::uint64_t value) {
    numbers_.push_back({std::string(name), value});
  }
  std::optional<std::uint64_t> find(std::string_view name) const {
    for (const NamedNumber& number : numbers_) {
      if (number.name == name) return number.value;
    }
    return std::nullopt;
  }
  std::uint64_t value_or(std::string_view name, std::uint64_t fallback) const {
    return find(name).value_or(fallback);
  }
  const std::vector<NamedNumber>& numbers() const { return numbers_; }
  bool empty() const { return numbers_.empty(); }

 private:
  std::vector<NamedNumber> numbers_;
};

// "MemTotal:  24684092 kB": sizes become bytes, what has no unit stays a count (HugePages_Total).
Result<NumberTable> parse_meminfo(std::string_view text, std::string_view name = "meminfo");

// "pgfault 1234": vmstat, memory.stat, memory.events, memory.oom_control, numastat.
Result<NumberTable> parse_counters(std::string_view text, std::string_view name = "vmstat");

}  // namespace ft::host
