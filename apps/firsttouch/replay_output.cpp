#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>

#include "base/text.h"
#include "limits_output.h"
#include "replay.h"
#include "time_output.h"

namespace ft::app::what_if {

namespace {

namespace phys = sim::phys;
namespace whatif = sim::whatif;
using Json = nlohmann::ordered_json;

std::string value_text(const Row& row, std::uint64_t value) {
  switch (row.unit) {
    case Unit::Bytes:
      return human_bytes(value);
    case Unit::Nanoseconds:
      return human_duration(static_cast<Nanoseconds>(value));
    case Unit::Count:
      break;
  }
  return grouped(value);
}

std::string change_text(const Row& row) {
  if (!row.before || *row.before == row.after) return "";
  const bool more = row.after > *row.before;
  const std::uint64_t difference = more ? row.after - *row.before : *row.before - row.after;
  return (more ? "+" : "-") + value_text(row, difference);
}

bool about_files(sim::fault::Kind kind) {
  using sim::fault::Kind;
  return kind == Kind::FileRead || kind == Kind::FileCopy || kind == Kind::FileShared;
}

class RowMaker {
 public:
  RowMaker(const Figures& before, const Prediction& prediction)
      : before_(before), after_(prediction.figures), estimated_(prediction.estimated) {}

  template <typename Get>
  void count(const std::string& key, const std::string& title, Get get) {
    add({.key = key, .title = title}, get);
  }
  template <typename Get>
  void bytes(const std::string& key, const std::string& title, Get get) {
    add({.key = key, .title = title, .unit = Unit::Bytes}, get);
  }
  // A part of the line before: left out where it is 0 on both sides.
  template <typename Get>
  void part(const std::string& key, const std::string& title, bool estimated, Get get) {
    if (get(before_) == 0 && get(after_) == 0) return;
    add({.key = key, .title = title, .detail = true, .estimated = estimated}, get);
  }

  template <typename Get>
  void part_bytes(const std::string& key, const std::string& title, Get get) {
    if (get(before_) == 0 && get(after_) == 0) return;
    add({.key = key, .title = title, .unit = Unit::Bytes}, get);
  }
  // What only a simulated memory has.
  void predicted(Row row, std::uint64_t after, bool estimated) {
    row.after = after;
    row.estimated = estimated || estimated_;
    rows_.push_back(std::move(row));
  }

  std::vector<Row> take() { return std::move(rows_); }

 private:
  template <typename Get>
  void add(Row row, Get get) {
    row.before = get(before_);
    row.after = get(after_);
    row.estimated = row.estimated || estimated_;
    rows_.push_back(std::move(row));
  }

  const Figures& before_;
  const Figures& after_;
  bool estimated_;
  std::vector<Row> rows_;
};

void add_faults(RowMaker& rows) {
  rows.count("faults", "page faults", [](const Figures& f) { return f.fault_count(); });
  for (std::size_t i = 0; i < whatif::kFaultKinds; ++i) {
    const auto kind = static_cast<sim::fault::Kind>(i);
    rows.part(fmt::format("faults.{}", whatif::name_of(kind)), std::string(whatif::title_of(kind)),
              about_files(kind), [i](const Figures& f) { return f.faults[i]; });
  }
  rows.count("kernel_faults", "pages populated by the kernel",
             [](const Figures& f) { return f.kernel_faults; });
}

void add_allocations(RowMaker& rows) {
  for (unsigned order = 0; order < whatif::kMostOrders; ++order) {
    const auto blocks = [order](const Figures& f) { return f.pages_by_order[order]; };
    const std::string title =
        fmt::format("blocks of {} (order {})", human_bytes(kPageSize << order), order);
    const std::string key = fmt::format("order_{}", order);
    if (order == 0 || order == sim::phys::kHugeOrder) {
      rows.count(key, title, blocks);
    } else {
      rows.part(key, title, false, blocks);
    }
  }
  rows.count("table_pages", "page tables made", [](const Figures& f) { return f.table_pages; });
}

void add_sizes(RowMaker& rows) {
  rows.bytes("page_table_bytes", "page tables at the end",
             [](const Figures& f) { return f.page_table_bytes; });
  rows.bytes("resident_bytes", "resident at the end",
             [](const Figures& f) { return f.resident_bytes(); });
  rows.bytes("resident_peak_bytes", "resident, most",
             [](const Figures& f) { return f.resident_peak_bytes; });
  rows.part_bytes("hugetlb_bytes", "hugetlb pages, in no RSS",
                  [](const Figures& f) { return f.hugetlb_bytes; });
  rows.bytes("anonymous_bytes", "resident and anonymous",
             [](const Figures& f) { return f.resident.anonymous * kPageSize; });
  rows.bytes("bloat_bytes", "resident, never touched",
             [](const Figures& f) { return f.bloat_bytes(); });
}

void add_tlb(RowMaker& rows, const sim::tlb::Geometry& core) {
  rows.count("translations_4k", "translations of 4 KiB",
             [](const Figures& f) { return f.translations[0]; });
  rows.count("translations_2m", "translations of 2 MiB",
             [](const Figures& f) { return f.translations[1]; });
  rows.bytes("tlb_reach_bytes", fmt::format("second-level TLB reach ({})", core.name),
             [&](const Figures& f) { return whatif::tlb_reach(f, core); });
  rows.count("flushes_full", "TLB flushes, full", [](const Figures& f) { return f.flushes_full; });
  rows.count("flushes_ranged", "TLB flushes, ranged",
             [](const Figures& f) { return f.flushes_ranged; });
}

// Where memory is simulated.
void add_memory(RowMaker& rows, const Prediction& prediction) {
  const Figures& figures = prediction.figures;
  const bool by_guess = prediction.placement_estimated;
  if (figures.blocks_refused) {
    rows.predicted({.key = "blocks_refused", .title = "huge pages refused for want of a block"},
                   *figures.blocks_refused, true);
  }
  if (figures.nodes.size() < 2) return;
  for (const whatif::NodeFigures& node : figures.nodes) {
    const std::string key = fmt::format("node{}", node.node);
    const std::string title = fmt::format("node {}", node.node);
    const phys::NumaCounters& requests = node.requests;
    const auto count = [&](const char* name, const std::string& text, std::uint64_t value) {
      rows.predicted({.key = fmt::format("{}.{}", key, name), .title = text, .detail = true}, value,
                     by_guess);
    };
    rows.predicted(
        {.key = key + ".resident_bytes", .title = title + ": resident", .unit = Unit::Bytes},
        node.resident_bytes, by_guess);
    count("numa_hit", "blocks that were wanted here", requests.hit);
    if (requests.miss != 0) count("numa_miss", "wanted elsewhere", requests.miss);
    if (requests.foreign != 0)
      count("numa_foreign", "wanted here, had elsewhere", requests.foreign);
    if (requests.interleave_hit != 0) {
      count("interleave_hit", "by interleaving", requests.interleave_hit);
    }
    count("other_node", "for CPUs of other nodes", requests.other_node);
  }
}

std::string notes_text(const Prediction& prediction) {
  if (prediction.notes.empty() && prediction.figures.estimated.empty()) return "";
  std::string text = "\nAssumed, or not known:\n";
  for (const std::string& note : prediction.notes) text += fmt::format("  {}\n", printable(note));
  for (const std::string& note : prediction.figures.estimated) {
    text += fmt::format("  {}\n", printable(note));
  }
  return text;
}

struct PartPair {
  whatif::PartFigures before;
  whatif::PartFigures after;
};

// By what is resident after, largest first.
std::vector<std::pair<sim::whatif::PartFigures, PartPair>> pairs_of(const Figures& before,
                                                                    const Figures& after) {
  std::map<jvm::Subsystem, PartPair> by_part;
  for (const whatif::PartFigures& part : before.parts) by_part[part.part].before = part;
  for (const whatif::PartFigures& part : after.parts) by_part[part.part].after = part;
  std::vector<std::pair<whatif::PartFigures, PartPair>> pairs;
  for (const auto& [part, pair] : by_part) pairs.push_back({{.part = part}, pair});
  std::ranges::stable_sort(pairs, std::ranges::greater{}, [](const auto& entry) {
    return std::max(entry.second.after.resident_bytes, entry.second.before.resident_bytes);
  });
  return pairs;
}

std::string parts_text(const Figures& before, const Figures& after) {
  std::string text = fmt::format("\n{:<26}{:>12}{:>12}{:>12}{:>14}\n", "part", "recorded",
                                 "predicted", "of it huge", "never touched");
  for (const auto& [key, pair] : pairs_of(before, after)) {
    text +=
        fmt::format("{:<26}{:>12}{:>12}{:>12}{:>14}\n", jvm::name_of(key.part),
                    human_bytes(pair.before.resident_bytes), human_bytes(pair.after.resident_bytes),
                    human_bytes(pair.after.huge_bytes), human_bytes(pair.after.bloat_bytes));
  }
  return text;
}

// Of each part, what lies on which node.
std::string places_text(const Figures& figures) {
  if (figures.nodes.size() < 2) return "";
  std::string text = fmt::format("\n{:<26}", "part, predicted");
  for (const whatif::NodeFigures& node : figures.nodes) {
    text += fmt::format("{:>12}", fmt::format("node {}", node.node));
  }
  text += "\n";
  for (const whatif::PartFigures& part : figures.parts) {
    text += fmt::format("{:<26}", jvm::name_of(part.part));
    for (const std::uint64_t bytes : part.node_bytes) {
      text += fmt::format("{:>12}", human_bytes(bytes));
    }
    text += "\n";
  }
  return text;
}

Json part_json(const whatif::PartFigures& part) {
  Json json = {{"resident_bytes", part.resident_bytes},
               {"huge_bytes", part.huge_bytes},
               {"bloat_bytes", part.bloat_bytes},
               {"hugetlb_bytes", part.hugetlb_bytes}};
  if (!part.node_bytes.empty()) json["node_bytes"] = part.node_bytes;
  return json;
}

Json nodes_json(const Figures& figures) {
  Json nodes = Json::array();
  for (const whatif::NodeFigures& node : figures.nodes) {
    nodes.push_back({{"node", node.node},
                     {"resident_bytes", node.resident_bytes},
                     {"free_bytes", node.free_bytes},
                     {"numa_hit", node.requests.hit},
                     {"numa_miss", node.requests.miss},
                     {"numa_foreign", node.requests.foreign},
                     {"interleave_hit", node.requests.interleave_hit},
                     {"local_node", node.requests.local_node},
                     {"other_node", node.requests.other_node}});
  }
  return nodes;
}

Json notes_json(const Prediction& prediction) {
  Json notes = Json::array();
  for (const std::string& note : prediction.notes) notes.push_back(note);
  for (const std::string& note : prediction.figures.estimated) notes.push_back(note);
  return notes;
}

}  // namespace

std::vector<Row> rows_of(const Before& before, const Answer& after,
                         const sim::tlb::Geometry& core) {
  RowMaker rows(before.figures, after.prediction);
  add_faults(rows);
  add_allocations(rows);
  add_sizes(rows);
  add_tlb(rows, core);
  add_memory(rows, after.prediction);
  std::vector<Row> all = rows.take();
  std::ranges::move(time_rows(before.basis, after.time), std::back_inserter(all));
  return all;
}

std::string as_text(const Before& before, const Answer& after, const sim::tlb::Geometry& core) {
  const Prediction& prediction = after.prediction;
  std::string text =
      fmt::format("{:<44}{:>12}{:>12}{:>12}\n", "", "recorded", "predicted", "change");
  for (const Row& row : rows_of(before, after, core)) {
    text += fmt::format("{:<44}{:>12}{:>12}{:>12}  {}\n", (row.detail ? "  " : "") + row.title,
                        row.before ? value_text(row, *row.before) : "-",
                        (row.at_least ? ">" : "") + value_text(row, row.after), change_text(row),
                        row.estimated ? "estimated" : "exact");
  }
  return text + time_text(before.basis, &after.time) +
         parts_text(before.figures, prediction.figures) + places_text(prediction.figures) +
         (prediction.limits ? limits_text(*prediction.limits) : "") + notes_text(prediction);
}

Json as_json(const Before& before, const Answer& after, const sim::tlb::Geometry& core) {
  const Prediction& prediction = after.prediction;
  Json root;
  root["format"] = 1;
  root["core"] = core.name;
  root["figures"] = Json::object();
  for (const Row& row : rows_of(before, after, core)) {
    Json& figure = root["figures"][row.key];
    figure = {{"recorded", row.before ? Json(*row.before) : Json(nullptr)},
              {"predicted", row.after},
              {"estimated", row.estimated}};
    if (row.at_least) figure["at_least"] = true;
  }
  root["time"] = time_json(before.basis, &after.time);
  root["subsystems"] = Json::array();
  for (const auto& [key, pair] : pairs_of(before.figures, prediction.figures)) {
    root["subsystems"].push_back({{"name", std::string(jvm::name_of(key.part))},
                                  {"recorded", part_json(pair.before)},
                                  {"predicted", part_json(pair.after)}});
  }
  if (!prediction.figures.nodes.empty()) root["nodes"] = nodes_json(prediction.figures);
  if (prediction.limits) root["limits"] = limits_json(*prediction.limits);
  root["notes"] = notes_json(prediction);
  return root;
}

std::string sweep_text(const std::vector<std::string>& keys, const std::vector<SweepLine>& lines) {
  std::string text;
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    std::size_t width = keys[i].size();
    for (const SweepLine& line : lines) width = std::max(width, line.values[i].size());
    widths.push_back(width + 2);
    text += fmt::format("{:<{}}", printable(keys[i]), widths[i]);
  }
  const bool limited = std::ranges::any_of(
      lines, [](const SweepLine& line) { return line.prediction.limits.has_value(); });
  text += fmt::format("{:>10}{:>10}{:>8}{:>12}{:>12}{:>12}{:>9}{:>12}", "faults", "order 0",
                      "order 9", "tables", "resident", "untouched", "flushes", "mm time");
  text += limited ? fmt::format("{:>22}\n", "less memory") : "\n";
  for (const SweepLine& line : lines) {
    const Figures& figures = line.prediction.figures;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      text += fmt::format("{:<{}}", printable(line.values[i]), widths[i]);
    }
    text += fmt::format(
        "{:>10}{:>10}{:>8}{:>12}{:>12}{:>12}{:>9}{:>12}", grouped(figures.fault_count()),
        grouped(figures.pages_by_order[0]), grouped(figures.pages_by_order[sim::phys::kHugeOrder]),
        human_bytes(figures.page_table_bytes), human_bytes(figures.resident_bytes()),
        human_bytes(figures.bloat_bytes()), grouped(figures.flushes_full + figures.flushes_ranged),
        time_word(line.time));
    const auto& limits = line.prediction.limits;
    text += limits ? fmt::format("{:>22}\n", limits_word(*limits)) : "\n";
  }
  Prediction all;
  for (const SweepLine& line : lines) {
    for (const std::string& note : line.prediction.notes) {
      if (std::ranges::find(all.notes, note) == all.notes.end()) all.notes.push_back(note);
    }
  }
  return text + notes_text(all);
}

Json sweep_json(const std::vector<std::string>& keys, const std::vector<SweepLine>& lines) {
  Json root;
  root["format"] = 1;
  root["keys"] = keys;
  root["rows"] = Json::array();
  for (const SweepLine& line : lines) {
    const Figures& figures = line.prediction.figures;
    root["rows"].push_back(
        {{"values", line.values},
         {"faults", figures.fault_count()},
         {"kernel_faults", figures.kernel_faults},
         {"pages_by_order", figures.pages_by_order},
         {"page_table_bytes", figures.page_table_bytes},
         {"resident_bytes", figures.resident_bytes()},
         {"hugetlb_bytes", figures.hugetlb_bytes},
         {"blocks_refused", figures.blocks_refused ? Json(*figures.blocks_refused) : Json(nullptr)},
         {"nodes", nodes_json(figures)},
         {"bloat_bytes", figures.bloat_bytes()},
         {"translations", figures.translations},
         {"flushes_full", figures.flushes_full},
         {"flushes_ranged", figures.flushes_ranged},
         {"time", time_json(line.time)},
         {"estimated", line.prediction.estimated},
         {"notes", notes_json(line.prediction)}});
    if (line.prediction.limits)
      root["rows"].back()["limits"] = limits_json(*line.prediction.limits);
  }
  return root;
}

}  // namespace ft::app::what_if
