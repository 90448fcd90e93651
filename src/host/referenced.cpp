#include "host/referenced.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>

#include "host/line_reader.h"

namespace ft::host {

namespace {

// The figures that are times, by their name in the text.
struct TimeFigure {
  std::string_view name;
  Nanoseconds ReferencedScan::* value;
};
constexpr std::array kTimes = {TimeFigure{"interval_ns", &ReferencedScan::interval},
                               TimeFigure{"read_ns", &ReferencedScan::read},
                               TimeFigure{"clear_ns", &ReferencedScan::clear},
                               TimeFigure{"evict_ns", &ReferencedScan::evict}};
struct CountFigure {
  std::string_view name;
  std::uint64_t ReferencedScan::* value;
};
constexpr std::array kCounts = {CountFigure{"cpus", &ReferencedScan::cpus},
                                CountFigure{"hugetlb_bytes", &ReferencedScan::hugetlb}};

Result<void> take_figure(const LineReader& at, std::string_view line, ReferencedScan& scan) {
  const std::size_t blank = line.find(' ');
  if (blank == std::string_view::npos) return at.fail_line("neither a figure nor an area");
  const std::string_view name = line.substr(0, blank);
  std::string_view rest = line.substr(blank + 1);
  const auto value = take_number<std::uint64_t>(rest);
  if (!value || !rest.empty() || *value > static_cast<std::uint64_t>(INT64_MAX)) {
    return at.fail_at(line.substr(blank + 1), fmt::format("{}: not a number", name));
  }
  for (const TimeFigure& time : kTimes) {
    if (time.name == name) scan.*time.value = static_cast<Nanoseconds>(*value);
  }
  for (const CountFigure& count : kCounts) {
    if (count.name == name) scan.*count.value = *value;
  }
  return {};
}

// False where the line does not begin as an area does.
bool take_range(std::string_view& rest, AddressRange& range) {
  std::string_view line = rest;
  const auto start = take_number<std::uint64_t>(line, 16);
  if (!start || !take_char(line, '-')) return false;
  const auto end = take_number<std::uint64_t>(line, 16);
  if (!end) return false;
  range = {*start, *end};
  rest = line;
  return true;
}

Result<void> take_area(const LineReader& at, std::string_view rest, ReferencedArea area,
                       ReferencedScan& scan) {
  if (area.range.end <= area.range.start) return at.fail_line("an area that ends before it starts");
  if (!scan.areas.empty() && area.range.start < scan.areas.back().range.end) {
    return at.fail_line("an area below the one before");
  }
  for (std::uint64_t* value : {&area.resident, &area.referenced, &area.huge}) {
    skip_blanks(rest);
    const auto number = take_number<std::uint64_t>(rest);
    if (!number || *number > area.range.size())
      return at.fail_at(rest, "not a number, or more than the area holds");
    *value = *number;
  }
  if (!rest.empty()) return at.fail_line("more than three figures");
  if (area.referenced > area.resident || area.huge > area.resident) {
    return at.fail_line("more than is resident");
  }
  scan.areas.push_back(area);
  return {};
}

}  // namespace

void take_areas(std::span<const SmapsEntry> smaps, ReferencedScan& scan) {
  for (const SmapsEntry& entry : smaps) {
    const SmapsCounters& counters = entry.counters;
    const std::uint64_t size = entry.vma.range.size();
    scan.hugetlb += counters.shared_hugetlb + counters.private_hugetlb;
    // What changes while it is read may not fit together: the area's size holds.
    const std::uint64_t resident = std::min(counters.rss, size);
    const bool follows = scan.areas.empty() || scan.areas.back().range.end <= entry.vma.range.start;
    if (resident == 0 || entry.vma.range.end <= entry.vma.range.start || !follows) continue;
    const std::uint64_t huge =
        counters.anon_huge_pages + counters.shmem_pmd_mapped + counters.file_pmd_mapped;
    scan.areas.push_back({.range = entry.vma.range,
                          .resident = resident,
                          .referenced = std::min(counters.referenced, resident),
                          .huge = std::min(huge, resident)});
  }
}

std::string to_text(const ReferencedScan& scan) {
  std::string text;
  for (const TimeFigure& time : kTimes) {
    fmt::format_to(std::back_inserter(text), "{} {}\n", time.name, scan.*time.value);
  }
  for (const CountFigure& count : kCounts) {
    fmt::format_to(std::back_inserter(text), "{} {}\n", count.name, scan.*count.value);
  }
  for (const ReferencedArea& area : scan.areas) {
    fmt::format_to(std::back_inserter(text), "{:x}-{:x} {} {} {}\n", area.range.start,
                   area.range.end, area.resident, area.referenced, area.huge);
  }
  return text;
}

Result<ReferencedScan> parse_referenced(std::string_view text, std::string_view name) {
  ReferencedScan scan;
  LineReader reader(text, name);
  while (reader.next()) {
    const std::string_view line = reader.line();
    if (line.empty()) continue;
    ReferencedArea area;
    std::string_view rest = line;
    if (take_range(rest, area.range)) {
      FT_TRY_VOID(take_area(reader, rest, area, scan));
    } else {
      FT_TRY_VOID(take_figure(reader, line, scan));
    }
  }
  return scan;
}

}  // namespace ft::host
