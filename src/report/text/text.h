// The report for people at a terminal: the first screen in words, then the tables.
#pragma once

#include <string>

#include "base/terminal.h"
#include "report/model/report.h"

namespace ft::report::text {

struct TextOptions {
  Styler::Colours colours = Styler::Colours::Off;
  unsigned width = 100;  // columns
};

// Every string that came from outside is disarmed: no control character, no bidi override and no
// invalid UTF-8 reaches the terminal.
std::string render(const model::Report& report, const TextOptions& options = {});

}  // namespace ft::report::text
