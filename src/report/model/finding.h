// A finding: one remark in plain words with the numbers that support it. What each means, when it
// fires and what to do: docs/findings.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ft::report::model {

enum class FindingState : std::uint8_t {
  Fires,
  Quiet,         // looked at, nothing to say
  NotEvaluated,  // a figure it needs is not known
};

constexpr std::string_view name_of(FindingState state) {
  switch (state) {
    case FindingState::Fires:
      return "fires";
    case FindingState::Quiet:
      return "quiet";
    case FindingState::NotEvaluated:
      return "not evaluated";
  }
  return "";
}

struct Finding {
  std::string name;  // "heap-swapped": a contract with scripts, and a heading of docs/findings.md
  FindingState state = FindingState::NotEvaluated;
  std::string words;   // where it fires: the remark; else why it does not, in short
  std::string advice;  // where it fires: what can be done about it
  // The figures it rests on, by name: bytes, counts.
  std::vector<std::pair<std::string, std::uint64_t>> numbers;
  std::vector<std::string> missing;  // where it is not evaluated: the figures it lacks, in words
};

}  // namespace ft::report::model
