// What differs between two groups of recordings, as plain data: figure by figure, with what each
// varies by from run to run where there are several.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "report/model/report.h"

namespace ft::report::model {

// One figure over the runs of a group that know it.
struct Spread {
  Count runs = 0;
  std::uint64_t median = 0;  // of an even number of runs, the mean of the middle two, rounded down
  std::uint64_t least = 0;
  std::uint64_t most = 0;
};

enum class Verdict : std::uint8_t {
  Same,     // the ranges touch or overlap
  More,     // every run after is above every run before
  Less,     // every run after is below every run before
  Unknown,  // no run of one of the groups knows it
};

struct DifferenceRow {
  std::string group;   // "start", "Java heap", "mmap", "faults"
  std::string figure;  // "page faults"
  std::string unit;    // "bytes", "ns", "" for counts
  Spread before;
  Spread after;
  std::int64_t change = 0;  // between the medians
  Verdict verdict = Verdict::Same;
};

// Something that is not measured but set: the command, the kernel, a THP setting.
struct Setting {
  std::string name;
  std::string before;  // "differs" where the runs of the group do not agree
  std::string after;
};

struct Difference {
  std::vector<std::string> before;  // names of the recordings
  std::vector<std::string> after;
  std::vector<Setting> settings;    // those that differ
  std::vector<DifferenceRow> rows;  // all of them, "start" first
  // How often a figure's ranges would lie apart by luck if nothing had changed: 2 in (n+m choose
  // n). 1 for one run each.
  double chance = 1;
  std::vector<std::string> warnings;  // events lost, recordings cut short
};

std::string_view name_of(Verdict verdict);

}  // namespace ft::report::model
