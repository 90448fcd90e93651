#include "host/pressure.h"

#include <cmath>

#include "host/line_reader.h"

namespace ft::host {

namespace {

Result<double> parse_percent(const LineReader& at, std::string_view text) {
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value) ||
      value < 0) {
    return at.expected_at(text, "a share in percent");
  }
  return value;
}

Result<StallShare> parse_share(const LineReader& at, std::string_view rest) {
  StallShare share;
  for (std::string_view word = take_word(rest); !word.empty(); word = take_word(rest)) {
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) return at.expected_at(word, "key=value");
    const std::string_view key = word.substr(0, equals);
    const std::string_view value = word.substr(equals + 1);
    if (key == "avg10")
      share.avg10 = FT_TRY(parse_percent(at, value));
    else if (key == "avg60")
      share.avg60 = FT_TRY(parse_percent(at, value));
    else if (key == "avg300")
      share.avg300 = FT_TRY(parse_percent(at, value));
    else if (key == "total")
      share.total_us = FT_TRY(parse_count(at, value));
  }
  return share;
}

}  // namespace

Result<Pressure> parse_pressure(std::string_view text, std::string_view name) {
  Pressure pressure;
  LineReader lines(text, name);
  for (std::string_view line; lines.next(line);) {
    std::string_view rest = line;
    const std::string_view kind = take_word(rest);
    if (kind == "some")
      pressure.some = FT_TRY(parse_share(lines, rest));
    else if (kind == "full")
      pressure.full = FT_TRY(parse_share(lines, rest));
  }
  return pressure;
}

}  // namespace ft::host
