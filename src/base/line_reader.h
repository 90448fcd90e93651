// LineReader walks a text line by line and knows where it is, so that a parser can say "smaps:17:9"
// when something is wrong there.
//
// Its errors: what = name:line:column (both from 1), why = what was expected.
#pragma once

#include <string_view>

#include "base/result.h"
#include "base/text.h"

namespace ft {

class LineReader {
 public:
  // `name` is what errors call the text. Both outlive the reader.
  LineReader(std::string_view text, std::string_view name) : rest_(text), name_(name) {}

  // Goes to the next line; false at the end of the text.
  bool next() {
    if (rest_.empty()) return false;
    line_ = take_until(rest_, '\n');
    if (line_.ends_with('\r')) line_.remove_suffix(1);
    ++number_;
    return true;
  }
  bool next(std::string_view& line) {
    const bool more = next();
    if (more) line = line_;
    return more;
  }

  // The current line, without its end.
  std::string_view line() const { return line_; }

  // All that is left, as one line: for texts whose line ends mean nothing.
  std::string_view take_all() {
    line_ = rest_;
    rest_ = {};
    ++number_;
    return line_;
  }

  // An error at `where`, a part of the current line.
  std::unexpected<Error> fail_at(std::string_view where, std::string_view why) const;
  std::unexpected<Error> fail_line(std::string_view why) const { return fail_at(line_, why); }

  // The same, with the wrong text quoted (cut where it is long): "expected a number, found 'x'".
  std::unexpected<Error> expected_at(std::string_view where, std::string_view expected) const;

  // An error that concerns the text as a whole.
  std::unexpected<Error> fail_text(std::string_view why) const;

 private:
  std::string_view rest_;
  std::string_view line_;
  std::string_view name_;
  std::size_t number_ = 0;
};

}  // namespace ft
