#include "report/strace/escape.h"

#include <fmt/format.h>

#include <iterator>

namespace ft::report::strace {

namespace {

// The letter behind the backslash, '\0' where the byte has none.
char short_escape(char c) {
  switch (c) {
    case '\n':
      return 'n';
    case '\t':
      return 't';
    case '\v':
      return 'v';
    case '\f':
      return 'f';
    case '\r':
      return 'r';
    case '"':
      return '"';
    case '\\':
      return '\\';
    default:
      return '\0';
  }
}

bool is_printable(char c) {
  return c >= ' ' && c <= '~';
}

}  // namespace

void append_escaped(std::string& out, std::string_view bytes, Quoting quoting) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    const bool bracket = quoting == Quoting::Decoration && (c == '<' || c == '>');
    if (const char letter = short_escape(c)) {
      out += '\\';
      out += letter;
    } else if (is_printable(c) && !bracket) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      const bool digit_next = i + 1 < bytes.size() && bytes[i + 1] >= '0' && bytes[i + 1] <= '9';
      if (digit_next)
        fmt::format_to(std::back_inserter(out), "\\{:03o}", byte);
      else
        fmt::format_to(std::back_inserter(out), "\\{:o}", byte);
    }
  }
}

void append_quoted(std::string& out, std::string_view bytes, std::size_t limit) {
  out += '"';
  append_escaped(out, bytes.substr(0, limit), Quoting::String);
  out += '"';
  if (bytes.size() > limit) out += "...";
}

void append_decoration(std::string& out, std::string_view path) {
  constexpr std::string_view kDeleted = " (deleted)";
  const bool deleted = path.ends_with(kDeleted);
  if (deleted) path.remove_suffix(kDeleted.size());
  out += '<';
  append_escaped(out, path, Quoting::Decoration);
  out += '>';
  if (deleted) out += "(deleted)";
}

}  // namespace ft::report::strace
