// The report as JSON, for scripts. The keys of docs/cli.md are a contract; others may be added.
// Unknown figures are null, and "missing" says why.
#pragma once

#include <string>

#include "report/json/layout.h"
#include "report/model/report.h"

namespace ft::report::json {

// ASCII only: bytes that are no UTF-8 become U+FFFD, everything else beyond ASCII \uXXXX, so that
// nothing in a target's strings reaches a terminal. Ends in a newline.
std::string render(const model::Report& report, Layout layout = Layout::Indented);

}  // namespace ft::report::json
