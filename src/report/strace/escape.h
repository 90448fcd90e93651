// Bytes in strace's quoting.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ft::report::strace {

enum class Quoting : std::uint8_t {
  String,      // between double quotes
  Decoration,  // between < and >, which are then escaped as well
};

// Appends the bytes with strace's escapes: \n and its like, octal for what is not printable ASCII
// (as short as the next character allows), \" and \\.
void append_escaped(std::string& out, std::string_view bytes, Quoting quoting);

// "text" with quotes, cut after `limit` bytes and then followed by "...".
void append_quoted(std::string& out, std::string_view bytes, std::size_t limit);

// <path> or <path>(deleted), from a path as /proc/PID/maps has it.
void append_decoration(std::string& out, std::string_view path);

}  // namespace ft::report::strace
