#include "report/html/columns.h"

#include <utility>

#include "base/check.h"

namespace ft::report::html {

namespace {

void append_varint(std::string& to, std::uint64_t value) {
  while (value >= 0x80) {
    to += static_cast<char>(value | 0x80);
    value >>= 7U;
  }
  to += static_cast<char>(value);
}

std::uint64_t zigzag(std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  return bits << 1U ^ (value < 0 ? ~std::uint64_t{0} : 0);
}

}  // namespace

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t group = 0;
    const std::size_t have = std::min<std::size_t>(bytes.size() - at, 3);
    for (std::size_t i = 0; i < 3; ++i) {
      group = group << 8U | (i < have ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      text += i <= have ? kDigits[group >> (18 - 6 * i) & 63U] : '=';
    }
  }
  return text;
}

std::string encode_column(const std::vector<std::int64_t>& values, Coding coding) {
  std::string bytes;
  std::uint64_t last = 0;
  for (const std::int64_t value : values) {
    if (coding == Coding::Plain) {
      FT_CHECK(value >= 0);
      append_varint(bytes, static_cast<std::uint64_t>(value));
      continue;
    }
    const auto now = static_cast<std::uint64_t>(value);
    append_varint(bytes, zigzag(static_cast<std::int64_t>(now - last)));
    last = now;
  }
  return base64(bytes);
}

std::string encode_runs(const std::vector<std::int64_t>& values) {
  std::string bytes;
  for (std::size_t at = 0; at < values.size();) {
    FT_CHECK(values[at] >= 0);
    std::size_t end = at + 1;
    while (end < values.size() && values[end] == values[at]) ++end;
    append_varint(bytes, static_cast<std::uint64_t>(values[at]));
    append_varint(bytes, end - at);
    at = end;
  }
  return base64(bytes);
}

Table::Table(std::size_t rows) : rows_(rows) {
  json_["rows"] = rows;
  json_["deltas"] = nlohmann::ordered_json::array();
  json_["runs"] = nlohmann::ordered_json::array();
  json_["columns"] = nlohmann::ordered_json::object();
}

void Table::add(const char* name, const std::vector<std::int64_t>& values, Coding coding) {
  FT_CHECK(values.size() == rows_);
  std::string text = encode_column(values, coding);
  if (coding == Coding::Deltas) {
    json_["deltas"].push_back(name);
  } else if (std::string runs = encode_runs(values); runs.size() < text.size()) {
    text = std::move(runs);
    json_["runs"].push_back(name);
  }
  json_["columns"][name] = std::move(text);
}

}  // namespace ft::report::html
