#include "recording/row_printer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "base/text.h"

namespace ft::recording {

namespace {

using Go = RowVisitor::Go;

std::string hex_of(SqlBlob blob) {
  std::string text;
  for (const char c : blob.bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

std::string text_of_real(double real) {
  std::string text = fmt::format("{}", real);
  if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
  return text;
}

// How a value looks as plain text; `null` for NULL.
std::string text_of(const SqlValue& value, std::string_view null) {
  struct Text {
    std::string_view null;
    std::string operator()(std::monostate) const { return std::string(null); }
    std::string operator()(std::int64_t number) const { return std::to_string(number); }
    std::string operator()(double real) const { return text_of_real(real); }
    std::string operator()(std::string_view text) const { return std::string(text); }
    std::string operator()(SqlBlob blob) const { return hex_of(blob); }
  };
  return std::visit(Text{null}, value);
}

// Characters, not bytes: for text that printable() let through.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; }));
}

class TablePrinter : public RowPrinter {
 public:
  explicit TablePrinter(TextOutput output) : output_(std::move(output)) {}

  void columns(std::span<const std::string> names) override {
    for (const std::string& name : names) {
      header_.push_back({.text = printable(name), .is_number = false});
      widths_.push_back(width_of(header_.back().text));
    }
  }

  Go row(std::span<const SqlValue> values) override {
    Row next;
    for (const SqlValue& value : values) {
      next.push_back({.text = printable(text_of(value, "NULL")),
                      .is_number = std::holds_alternative<std::int64_t>(value) ||
                                   std::holds_alternative<double>(value)});
    }
    if (flushed_) return print(next);
    for (std::size_t i = 0; i < next.size(); ++i) {
      widths_[i] = std::max(widths_[i], width_of(next[i].text));
      held_bytes_ += sizeof next[i] + next[i].text.size();
    }
    held_.push_back(std::move(next));
    return held_bytes_ < kHeldBytes ? Go::On : flush();
  }

  void finish() override {
    if (!flushed_) flush();
  }

 private:
  static constexpr std::size_t kHeldBytes = std::size_t{4} << 20U;
  static constexpr std::string_view kGap = "  ";

  struct Field {
    std::string text;
    bool is_number;
  };
  using Row = std::vector<Field>;

  Go flush() {
    flushed_ = true;
    // Names stand over their numbers.
    for (std::size_t i = 0; i < header_.size(); ++i) {
      header_[i].is_number = !held_.empty() && held_.front()[i].is_number;
    }
    Row rule;
    for (const std::size_t width : widths_) rule.push_back({std::string(width, '-'), false});
    if (print(header_) == Go::Stop || print(rule) == Go::Stop) return Go::Stop;
    for (const Row& held : held_) {
      if (print(held) == Go::Stop) return Go::Stop;
    }
    held_.clear();
    return Go::On;
  }

  Go print(const Row& row) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) line += kGap;
      const std::size_t width = width_of(row[i].text);
      const std::size_t fill = widths_[i] > width ? widths_[i] - width : 0;
      const bool is_last = i + 1 == row.size();
      if (row[i].is_number) line.append(fill, ' ');
      line += row[i].text;
      if (!row[i].is_number && !is_last) line.append(fill, ' ');
    }
    return output_(line + '\n') ? Go::On : Go::Stop;
  }

  TextOutput output_;
  Row header_;
  std::vector<std::size_t> widths_;
  std::vector<Row> held_;  // until the widths are chosen
  std::size_t held_bytes_ = 0;
  bool flushed_ = false;
};

class CsvPrinter : public RowPrinter {
 public:
  explicit CsvPrinter(TextOutput output) : output_(std::move(output)) {}

  void columns(std::span<const std::string> names) override {
    std::string line;
    for (const std::string& name : names) add(line, name);
    open_ = output_(line + "\r\n");
    first_ = true;
  }

  Go row(std::span<const SqlValue> values) override {
    if (!open_) return Go::Stop;
    std::string line;
    for (const SqlValue& value : values) {
      add(line, text_of(value, ""), std::holds_alternative<std::string_view>(value));
    }
    first_ = true;
    return output_(line + "\r\n") ? Go::On : Go::Stop;
  }

  void finish() override {}

 private:
  // An empty text is quoted: without quotes it is NULL.
  void add(std::string& line, std::string_view text, bool is_text = true) {
    if (!std::exchange(first_, false)) line += ',';
    const bool quote = text.find_first_of("\",\r\n") != std::string_view::npos ||
                       (is_text && text.empty()) || text.starts_with(' ') || text.ends_with(' ');
    if (!quote) {
      line += text;
      return;
    }
    line += '"';
    for (const char c : text) {
      if (c == '"') line += '"';
      line += c;
    }
    line += '"';
  }

  TextOutput output_;
  bool open_ = true;
  bool first_ = true;  // in its line
};

class JsonPrinter : public RowPrinter {
 public:
  explicit JsonPrinter(TextOutput output) : output_(std::move(output)) {}

  void columns(std::span<const std::string> names) override {
    std::set<std::string> taken;
    for (const std::string& name : names) {
      std::string unique = name;
      for (int i = 2; !taken.insert(unique).second; ++i) unique = fmt::format("{}_{}", name, i);
      names_.push_back(quoted(unique));
    }
  }

  Go row(std::span<const SqlValue> values) override {
    std::string line = std::exchange(first_, false) ? "[\n {" : ",\n {";
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i > 0) line += ", ";
      line += names_[i] + ": " + json_of(values[i]);
    }
    return output_(line + '}') ? Go::On : Go::Stop;
  }

  void finish() override { output_(first_ ? "[]\n" : "\n]\n"); }

 private:
  static std::string quoted(std::string_view text) {
    return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  static std::string json_of(const SqlValue& value) {
    if (const auto* text = std::get_if<std::string_view>(&value)) return quoted(*text);
    if (const auto* blob = std::get_if<SqlBlob>(&value)) return quoted(hex_of(*blob));
    if (const auto* real = std::get_if<double>(&value); real && !std::isfinite(*real)) {
      return "null";
    }
    return text_of(value, "null");
  }

  TextOutput output_;
  std::vector<std::string> names_;
  bool first_ = true;
};

}  // namespace

std::optional<RowFormat> row_format_named(std::string_view name) {
  if (name == "table") return RowFormat::Table;
  if (name == "csv") return RowFormat::Csv;
  if (name == "json") return RowFormat::Json;
  return std::nullopt;
}

std::unique_ptr<RowPrinter> make_row_printer(RowFormat format, TextOutput output) {
  switch (format) {
    case RowFormat::Csv:
      return std::make_unique<CsvPrinter>(std::move(output));
    case RowFormat::Json:
      return std::make_unique<JsonPrinter>(std::move(output));
    case RowFormat::Table:
      break;
  }
  return std::make_unique<TablePrinter>(std::move(output));
}

}  // namespace ft::recording
