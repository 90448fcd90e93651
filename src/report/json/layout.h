// How JSON is laid out.
#pragma once

#include <cstdint>

namespace ft::report::json {

// Line: all of it on one line. Indented: to be read by people too. Both end in a newline.
enum class Layout : std::uint8_t { Line, Indented };

constexpr int indent_of(Layout layout) {
  return layout == Layout::Indented ? 2 : -1;
}

}  // namespace ft::report::json
