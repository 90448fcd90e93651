// Rows writes a table as CSV (RFC 4180), cell by cell. Strings of the target are disarmed: control
// characters become \xNN, and a cell that a spreadsheet would take for a formula starts with an
// apostrophe.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>

#include "base/text.h"
#include "report/model/report.h"

namespace ft::report::csv {

class Rows {
 public:
  explicit Rows(std::string_view header) : out_(std::string(header) + "\n") {}

  template <typename... Cells>
  void add(const Cells&... cells) {
    bool first = true;
    ((put(cells, first), first = false), ...);
    out_ += '\n';
  }
  std::string take() { return std::move(out_); }

 private:
  template <typename Cell>
  void put(const Cell& cell, bool first) {
    if (!first) out_ += ',';
    out_ += shown(cell);
  }

  static std::string shown(std::string_view text) {
    std::string safe = printable(text);
    const bool formula =
        !safe.empty() && std::string_view("=+-@").find(safe[0]) != std::string::npos;
    if (formula) safe.insert(0, 1, '\'');
    if (safe.find_first_of(",\"") == std::string::npos) return safe;
    std::string quoted = "\"";
    for (const char c : safe) {
      if (c == '"') quoted += '"';
      quoted += c;
    }
    return quoted + "\"";
  }
  template <typename Number>
    requires std::is_integral_v<Number>
  static std::string shown(Number number) {
    return std::to_string(number);
  }
  static std::string shown(bool truth) { return truth ? "true" : "false"; }
  template <typename T>
  static std::string shown(const model::Known<T>& known) {
    return known ? shown(*known) : std::string();
  }

  std::string out_;
};

}  // namespace ft::report::csv
