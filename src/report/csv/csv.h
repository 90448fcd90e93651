// One table of the report as CSV (RFC 4180), for spreadsheets and scripts: a header line, then a
// line for each row. Unknown figures are empty cells.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "report/model/report.h"

namespace ft::report::csv {

enum class Table : std::uint8_t {
  Subsystems,
  Syscalls,  // by kind of call
  Calls,     // the longest calls
  Faults,    // the longest page faults
  Threads,
  Phases,
  Reconcile,
  WorkingSets,
  WorkingSetTimes,  // a line for each subsystem and look
  Counters,         // a line for each event and phase
};

inline constexpr std::array<std::string_view, 10> kTableNames = {
    "subsystems",   "syscalls",          "calls",   "faults", "threads", "phases", "reconcile",
    "working-sets", "working-set-times", "counters"};

std::optional<Table> table_named(std::string_view name);

// Strings of the target are disarmed: control characters become \xNN, and a cell that a spreadsheet
// would take for a formula starts with an apostrophe.
std::string render(const model::Report& report, Table table);

}  // namespace ft::report::csv
