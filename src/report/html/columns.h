// A table of numbers as JSON that stays small: each column is one string, base64 of its values as
// variable-length integers (LEB128; signed ones zigzag), most of them as the difference to the
// value before. Where values repeat, a column is runs of equal ones instead: value and length, in
// turn. web/src/columns.ts reads it back.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace ft::report::html {

enum class Coding : std::uint8_t {
  Plain,   // each value by itself; none is negative
  Deltas,  // differences, signed
};

std::string encode_column(const std::vector<std::int64_t>& values, Coding coding);

// REQUIRES: none is negative.
std::string encode_runs(const std::vector<std::int64_t>& values);

std::string base64(std::string_view bytes);

// {"rows": 2, "deltas": ["ts"], "runs": ["pages"], "columns": {"ts": "...", "pages": "..."}}
class Table {
 public:
  explicit Table(std::size_t rows);

  // Of plain columns the shorter of both ways is taken.
  // REQUIRES: as many values as there are rows.
  void add(const char* name, const std::vector<std::int64_t>& values, Coding coding);

  // value(item) for each item of `items`.
  template <typename Items, typename Value>
  void add(const char* name, const Items& items, Coding coding, Value value) {
    std::vector<std::int64_t> values;
    values.reserve(items.size());
    for (const auto& item : items) values.push_back(static_cast<std::int64_t>(value(item)));
    add(name, values, coding);
  }

  const nlohmann::ordered_json& json() const { return json_; }

 private:
  std::size_t rows_;
  nlohmann::ordered_json json_;
};

}  // namespace ft::report::html
