// Compares two groups of reports, runs of one configuration each.
//
// With one run a side nothing is known of what differs from run to run anyway, and every figure
// that is not equal counts as changed. With several, one has changed where no run of the one group
// lies within the other's range: a rank test, which takes no shape of the noise for granted.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "report/model/difference.h"
#include "report/model/report.h"

namespace ft::analysis {

struct NamedReport {
  std::string name;
  report::model::Report report;
};

// Which run of the group to show where only one can be: the one whose time in memory management is
// the median (of an even number the lower of the middle two), by wall time where that is not known.
// REQUIRES: not empty.
std::size_t typical_run(std::span<const NamedReport> group);

// REQUIRES: neither is empty.
report::model::Difference difference_of(std::span<const NamedReport> before,
                                        std::span<const NamedReport> after);

}  // namespace ft::analysis
