// The report as one HTML file that needs nothing else: no network, no server, no other file. The
// page itself is web/, bundled when the tool is built; here the data are put into it, as JSON that
// its script reads. docs/html-report.md tells what it shows.
#pragma once

#include <span>
#include <string>

#include "report/model/difference.h"
#include "report/model/picture.h"
#include "report/model/report.h"

namespace ft::report::html {

struct Recorded {
  std::string name;  // of the recording's file; may hold any bytes
  const model::Report& report;
  const model::Picture& picture;
};

// One recording, or two to lay over each other; with two, what changed from the first to the
// second, each of which may stand for several runs. Holds no byte beyond ASCII of what the target
// said: everything of it is JSON with escapes, in which no '<' occurs.
std::string render(std::span<const Recorded> recordings,
                   const model::Difference* difference = nullptr);

}  // namespace ft::report::html
