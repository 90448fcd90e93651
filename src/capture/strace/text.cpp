#include "capture/strace/text.h"

#include "capture/strace/call_parser.h"
#include "capture/strace/scanner.h"

namespace ft::capture::strace {

namespace {

char simple_escape(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'v':
      return '\v';
    case 'f':
      return '\f';
    case 'r':
      return '\r';
    default:
      return c;
  }
}

bool is_octal(char c) {
  return c >= '0' && c <= '7';
}

}  // namespace

std::string unescape(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      bytes += text[i];
      continue;
    }
    ++i;
    if (text[i] == 'x' && i + 2 < text.size() && Scanner::hex_digit(text[i + 1]) >= 0 &&
        Scanner::hex_digit(text[i + 2]) >= 0) {
      bytes +=
          static_cast<char>(Scanner::hex_digit(text[i + 1]) * 16 + Scanner::hex_digit(text[i + 2]));
      i += 2;
    } else if (is_octal(text[i])) {
      unsigned value = 0;
      std::size_t digits = 0;
      while (digits < 3 && i < text.size() && is_octal(text[i])) {
        value = value * 8 + static_cast<unsigned>(text[i] - '0');
        ++digits, ++i;
      }
      --i;
      bytes += static_cast<char>(value & 0xffU);
    } else {
      bytes += simple_escape(text[i]);
    }
  }
  return bytes;
}

std::string quoted_string(std::string_view text) {
  if (!text.starts_with('"')) return {};
  std::size_t end = 1;
  while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2U : 1U;
  if (end >= text.size()) return {};
  std::string bytes = unescape(text.substr(1, end - 1));
  if (text.substr(end + 1).starts_with("...")) bytes += "...";
  return bytes;
}

std::vector<std::string> quoted_array(std::string_view text) {
  std::vector<std::string> elements;
  if (!text.starts_with('[') || !text.ends_with(']')) return elements;
  text = text.substr(1, text.size() - 2);
  Scanner scanner(text);
  while (!scanner.done()) {
    const char* start = scanner.position();
    skip_argument(scanner);
    const std::string_view element = scanner.since(start);
    if (element.starts_with('"'))
      elements.push_back(quoted_string(element));
    else if (element == "...")
      elements.emplace_back("...");
    if (!scanner.take(',')) break;
    scanner.skip_blanks();
  }
  return elements;
}

}  // namespace ft::capture::strace
