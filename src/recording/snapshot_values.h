// What single values a snapshot of a /proc or /sys file holds, for the SQL table `snapshot`.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "event/event.h"

namespace ft::recording {

struct SnapshotValue {
  std::variant<std::string, std::int64_t> key;  // a name, or the number of a line from 1
  std::variant<std::string, std::int64_t, double> value;
};

// status, meminfo: a key for each "Key: value"; numbers as numbers, "kB" in bytes.
// vmstat, memory.stat: a key for each "key number".
// pressure/*: "some avg10", "some total" and so on.
// Everything else: every line by its number.
std::vector<SnapshotValue> values_of(const event::Snapshot& snapshot);

}  // namespace ft::recording
