// The parts of the text report, in their order on the page. Each is empty where there is nothing to
// say; each ends in a newline.
#pragma once

#include <string>

#include "report/model/report.h"
#include "report/text/text.h"

namespace ft::report::text {

struct Page {
  const model::Report& report;
  Styler style;
  std::size_t width;

  std::string heading(std::string_view title) const;
  // Wrapped at the width, later lines indented by `indent`.
  std::string wrapped(std::string_view text, std::size_t indent) const;
};

std::string first_screen(const Page& page);
std::string stages_section(const Page& page);
std::string memory_section(const Page& page);
std::string working_sets_section(const Page& page);
std::string calls_section(const Page& page);
std::string faults_section(const Page& page);
std::string kernel_section(const Page& page);
std::string counters_section(const Page& page);
std::string threads_section(const Page& page);
std::string trust_section(const Page& page);

// "1 fault", "1,234 faults"
std::string counted(model::Count count, std::string_view one);
// "12.3 %"
std::string percent(double share);
// A figure, or "not known".
std::string bytes_or_unknown(const model::Known<model::Bytes>& bytes);
std::string time_or_unknown(const model::Known<Nanoseconds>& time);
std::string count_or_unknown(const model::Known<model::Count>& count);

}  // namespace ft::report::text
