#include "recording/snapshot_values.h"

#include <charconv>
#include <optional>

#include "base/text.h"

namespace ft::recording {

namespace {

enum class Form : std::uint8_t { KeyColonValue, KeyNumber, Pressure, Lines };

// By the file's name, whatever folder it stands in.
Form form_of(std::string_view source) {
  if (source.starts_with("pressure/") || source.ends_with(".pressure")) return Form::Pressure;
  const std::size_t slash = source.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? source : source.substr(slash + 1);
  if (name == "status" || name == "meminfo" || name == "smaps_rollup") return Form::KeyColonValue;
  if (name == "vmstat" || name == "memory.stat") return Form::KeyNumber;
  return Form::Lines;
}

template <typename Visit>
void for_each_line(std::string_view text, Visit visit) {
  while (!text.empty()) visit(take_until(text, '\n'));
}

std::variant<std::string, std::int64_t, double> number_or_text(std::string_view text) {
  if (text.ends_with(" kB")) {
    const auto kilobytes = parse_integer<std::int64_t>(trim(text.substr(0, text.size() - 3)));
    if (kilobytes && *kilobytes >= 0 && *kilobytes <= INT64_MAX / 1024) return *kilobytes * 1024;
  }
  if (const auto number = parse_integer<std::int64_t>(text)) return *number;
  return std::string(text);
}

std::optional<double> decimal(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

void add_colon_line(std::string_view line, std::vector<SnapshotValue>& values) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  values.push_back({.key = std::string(trim(line.substr(0, colon))),
                    .value = number_or_text(trim(line.substr(colon + 1)))});
}

void add_number_line(std::string_view line, std::vector<SnapshotValue>& values) {
  const std::string_view key = take_word(line);
  if (key.empty()) return;
  values.push_back({.key = std::string(key), .value = number_or_text(trim(line))});
}

// "some avg10=0.00 avg60=0.00 avg300=0.00 total=1234"
void add_pressure_line(std::string_view line, std::vector<SnapshotValue>& values) {
  const std::string_view who = take_word(line);
  for (std::string_view word = take_word(line); !word.empty(); word = take_word(line)) {
    const std::string_view what = take_until(word, '=');
    std::string key = std::string(who) + " " + std::string(what);
    if (const auto whole = parse_integer<std::int64_t>(word)) {
      values.push_back({.key = std::move(key), .value = *whole});
    } else if (const auto share = decimal(word)) {
      values.push_back({.key = std::move(key), .value = *share});
    } else {
      values.push_back({.key = std::move(key), .value = std::string(word)});
    }
  }
}

}  // namespace

std::vector<SnapshotValue> values_of(const event::Snapshot& snapshot) {
  std::vector<SnapshotValue> values;
  const Form form = form_of(snapshot.source);
  std::int64_t number = 0;
  for_each_line(snapshot.text, [&](std::string_view line) {
    ++number;
    switch (form) {
      case Form::KeyColonValue:
        return add_colon_line(line, values);
      case Form::KeyNumber:
        return add_number_line(line, values);
      case Form::Pressure:
        return add_pressure_line(line, values);
      case Form::Lines:
        values.push_back({.key = number, .value = std::string(line)});
    }
  });
  return values;
}

}  // namespace ft::recording
