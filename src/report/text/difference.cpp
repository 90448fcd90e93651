#include "report/text/difference.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "report/text/table.h"

namespace ft::report::text {

namespace {

using namespace model;

std::string amount(std::uint64_t value, const std::string& unit) {
  if (unit == "bytes") return human_bytes(value);
  if (unit == "ns") return human_duration(static_cast<Nanoseconds>(value));
  return grouped(value);
}

std::string median_of(const Spread& spread, const std::string& unit) {
  return spread.runs == 0 ? "not known" : amount(spread.median, unit);
}

// How far the runs of the more scattered group lie apart, around its median.
std::string noise_of(const DifferenceRow& row) {
  const auto width = [](const Spread& spread) { return spread.most - spread.least; };
  if (row.before.runs < 2 && row.after.runs < 2) return "?";
  return amount(std::max(width(row.before), width(row.after)), row.unit);
}

std::string change_of(const DifferenceRow& row) {
  if (row.verdict == Verdict::Unknown) return "?";
  if (row.change == 0) return "0";
  const std::uint64_t size = row.change < 0 ? 0 - static_cast<std::uint64_t>(row.change)
                                            : static_cast<std::uint64_t>(row.change);
  std::string text = (row.change < 0 ? "-" : "+") + amount(size, row.unit);
  if (row.before.median != 0) {
    text += fmt::format(" ({:+.1f} %)", 100.0 * static_cast<double>(row.change) /
                                            static_cast<double>(row.before.median));
  }
  return text;
}

std::string words_of(const DifferenceRow& row) {
  if (row.verdict != Verdict::Same) return std::string(name_of(row.verdict));
  return row.change == 0 ? "same" : "within noise";
}

void add(Table& table, const DifferenceRow& row) {
  table.add({printable(row.group), printable(row.figure), median_of(row.before, row.unit),
             median_of(row.after, row.unit), change_of(row), noise_of(row), words_of(row)});
}

Table empty_table() {
  return Table({{"what", Align::Left, Cut::Last},
                {"figure", Align::Left, Cut::First},
                {"before"},
                {"after"},
                {"change"},
                {"spread"},
                {"", Align::Left}});
}

std::string files_of(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + printable(name);
  return text;
}

std::string how_sure(const Difference& difference) {
  if (difference.before.size() == 1 && difference.after.size() == 1) {
    return "One run each: how far equal starts lie apart is not known, so each figure that is not "
           "equal is shown\nas changed. More runs of each: --before FILE..., --after FILE...\n";
  }
  return fmt::format(
      "Changed is a figure whose {} and {} runs lie apart altogether; of figures that did not "
      "change, {:.2g} %\nwould look so by luck. Medians; spread: from the least to the most run.\n",
      difference.before.size(), difference.after.size(), 100 * difference.chance);
}

}  // namespace

std::string render_difference(const Difference& difference, const TextOptions& options,
                              std::size_t most) {
  const Styler style(options.colours);
  std::string out = style(Style::Heading, "Difference") + "\n";
  out += fmt::format("  before  {}\n  after   {}\n", files_of(difference.before),
                     files_of(difference.after));
  for (const std::string& warning : difference.warnings) {
    out += "  " + style(Style::Warning, printable(warning)) + "\n";
  }
  if (!difference.settings.empty()) {
    out += "\n" + style(Style::Heading, "Set otherwise") + "\n";
    for (const Setting& setting : difference.settings) {
      const auto shown = [](const std::string& value) {
        return value.empty() ? std::string("(none)") : printable(value);
      };
      out += fmt::format("  {}\n    before  {}\n    after   {}\n", printable(setting.name),
                         shown(setting.before), shown(setting.after));
    }
  }
  out += "\n" + style(Style::Heading, "The start as a whole") + "\n";
  Table whole = empty_table();
  std::vector<const DifferenceRow*> changed;
  for (const DifferenceRow& row : difference.rows) {
    if (row.group == "start") {
      add(whole, row);
    } else if (row.verdict == Verdict::More || row.verdict == Verdict::Less) {
      changed.push_back(&row);
    }
  }
  out += whole.render(options.width, style);
  std::ranges::stable_sort(changed, std::ranges::greater{}, [](const DifferenceRow* row) {
    return row->change < 0 ? 0 - static_cast<std::uint64_t>(row->change)
                           : static_cast<std::uint64_t>(row->change);
  });
  constexpr std::pair<const char*, const char*> kUnits[] = {{"bytes", "Memory that changed most"},
                                                            {"ns", "Time that changed most"},
                                                            {"", "Counts that changed most"}};
  for (const auto& [unit, title] : kUnits) {
    Table table = empty_table();
    std::size_t shown = 0;
    for (const DifferenceRow* row : changed) {
      if (row->unit == unit && shown++ < most) add(table, *row);
    }
    if (table.empty()) continue;
    out += "\n" + style(Style::Heading, title) + "\n" + table.render(options.width, style);
    if (shown > most) out += fmt::format("  and {} more (--top)\n", shown - most);
  }
  if (changed.empty()) out += "\n  No part differs by more than runs do anyway.\n";
  return out + "\n" + how_sure(difference);
}

}  // namespace ft::report::text
