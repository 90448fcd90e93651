// Walks a text line by line and words its complaints as "name:line:column".
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/range.h"
#include "base/result.h"
#include "base/text.h"

namespace ft::jvm {

class LineReader {
 public:
  LineReader(std::string_view text, std::string_view name) : rest_(text), name_(name) {}

  bool next() {
    if (rest_.empty()) return false;
    line_ = take_until(rest_, '\n');
    if (line_.ends_with('\r')) line_.remove_suffix(1);
    ++number_;
    return true;
  }

  std::string_view line() const { return line_; }

  // `at` must be a part of line(): its first byte is the column.
  std::unexpected<Error> complain(std::string_view at, std::string why) const {
    const auto column = static_cast<std::size_t>(at.data() - line_.data()) + 1;
    return fail(fmt::format("{}:{}:{}", name_, number_, column), std::move(why));
  }
  std::unexpected<Error> complain(std::string why) const { return complain(line_, std::move(why)); }

 private:
  std::string_view rest_;
  std::string_view line_;
  std::string name_;
  std::size_t number_ = 0;
};

// Takes "0x<hex> - 0x<hex>" off the front of `text`; nothing where it is something else or
// backwards. Blanks around the dash and the prefix 0x may be missing.
std::optional<AddressRange> take_address_range(std::string_view& text);

// "128M", "5692K", "8G", "12B", "12": bytes. Nothing where it is something else or does not fit.
std::optional<std::uint64_t> parse_scaled(std::string_view text);

}  // namespace ft::jvm
