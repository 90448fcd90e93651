// What explain's parts share: each answers one kind of question, as text and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "arch/entry.h"
#include "base/result.h"
#include "event/event.h"

namespace ft::app::explain {

// An answer in both forms; the command prints one.
struct Answer {
  std::string text;
  nlohmann::ordered_json json;
};

// `entry`: the bits in hexadecimal, or what parse_entry() reads.
Result<Answer> explain_entry(const std::string& entry, arch::Level level,
                             const arch::EntryRules& rules);

// The same for an entry inside another answer: text indented by two blanks.
Answer describe_entry(std::uint64_t raw, arch::Level level, const arch::EntryRules& rules);

// Indices, and the tables on the way: what an address says by itself.
Answer describe_indices(std::uint64_t address, arch::Levels levels);

Result<Answer> explain_address(const std::string& file, std::uint64_t address,
                               std::optional<event::Pid> process);
Result<Answer> explain_live_address(event::Pid process, std::uint64_t address);
Result<Answer> explain_call(const std::string& file, std::uint64_t number);
Result<Answer> explain_fault(const std::string& file, std::uint64_t number);

}  // namespace ft::app::explain
