// Compares two groups of reports, runs of one configuration each.
//
// With one run a side nothing is known of what differs from run to run anyway, and every figure
// that is not equal counts as changed. With several, one has changed where no run of the one group
// lies within the other's range: a rank test, which takes no shape of the noise for granted.
#pragma once

#include <span>
#include <string>

#include "report/model/difference.h"
#include "report/model/report.h"

namespace ft::analysis {

struct NamedReport {
  std::string name;
  report::model::Report report;
};

// REQUIRES: neither is empty.
report::model::Difference difference_of(std::span<const NamedReport> before,
                                        std::span<const NamedReport> after);

}  // namespace ft::analysis
