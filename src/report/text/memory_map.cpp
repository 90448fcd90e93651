#include "report/text/memory_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "base/units.h"
#include "report/text/table.h"

namespace ft::report::text {

namespace {

using namespace model;

std::string bytes_or_mark(const Known<Bytes>& bytes) {
  if (!bytes) return "?";
  return *bytes == 0 ? "-" : human_bytes(*bytes);
}

// A figure's column: shown where any row has it. The last may be left out on a narrow terminal.
struct FigureColumn {
  std::string_view title;
  Known<Bytes> (*value)(const MapFigures&);
  bool always;  // also where every row has none of it
};

constexpr std::array kColumns = {
    FigureColumn{"reserved", [](const MapFigures& f) { return Known<Bytes>(f.reserved); }, true},
    FigureColumn{"committed", [](const MapFigures& f) { return Known<Bytes>(f.committed); }, true},
    FigureColumn{"resident", [](const MapFigures& f) { return f.once(); }, true},
    FigureColumn{"dirty", [](const MapFigures& f) { return f.dirty; }, true},
    FigureColumn{"huge", [](const MapFigures& f) { return f.huge; }, true},
    FigureColumn{"swapped", [](const MapFigures& f) { return f.swapped; }, false},
    FigureColumn{"shared", [](const MapFigures& f) { return f.shared; }, true},
    FigureColumn{"tables", [](const MapFigures& f) { return f.tables; }, true},
    FigureColumn{"mapped again", [](const MapFigures& f) { return f.mapped_again; }, false},
};

class MapPage {
 public:
  MapPage(const MemoryMap& map, const TextOptions& options)
      : map_(map), style_(options.colours), width_(options.width) {
    for (const FigureColumn& column : kColumns) {
      const Known<Bytes> sum = column.value(map.total);
      if (column.always || (sum && *sum != 0)) columns_.push_back(&column);
    }
    if (map.total.nodes.size() > 1) nodes_ = map.total.nodes;
  }

  std::string head() const {
    std::string text = fmt::format("process {}", map_.pid);
    if (!map_.command.empty()) text += " " + printable(map_.command);
    text += map_.jvm.empty() ? std::string(", no HotSpot JVM") : ": " + printable(map_.jvm);
    text += fmt::format("; {} mappings", grouped(map_.areas));
    if (!map_.moment.empty()) text += "; " + printable(map_.moment);
    return style_(Style::Heading, text) + "\n\n";
  }

  std::string subsystems() const {
    std::vector<Column> columns = {{"subsystem", Align::Left, Cut::Last}};
    add_titles(columns);
    Table table(columns);
    for (const MapSubsystem& subsystem : map_.subsystems) {
      std::vector<std::string> cells = {std::string(subsystem.name)};
      add_cells(subsystem.figures, cells);
      table.add(std::move(cells));
    }
    table.add_rule();
    std::vector<std::string> cells = {"whole process"};
    add_cells(map_.total, cells);
    table.add(std::move(cells));
    return table.render(width_, style_);
  }

  // By size of the folios the memory is in; nothing where all is in pages of 4 KiB, or not known.
  std::string folios() const {
    const std::vector<FolioBytes>& sizes = map_.total.folios;
    if (sizes.empty() || sizes.back().size == kPageSize) return {};
    std::vector<Column> columns = {{"resident, by size of the folio", Align::Left, Cut::Last}};
    for (const FolioBytes& size : sizes) columns.push_back({human_bytes(size.size)});
    Table table(columns);
    const auto add = [&](std::string name, const MapFigures& figures) {
      std::vector<std::string> cells = {std::move(name)};
      for (const FolioBytes& size : sizes) {
        const auto found = std::ranges::find(figures.folios, size.size, &FolioBytes::size);
        cells.push_back(found == figures.folios.end() ? "-" : human_bytes(found->bytes));
      }
      table.add(std::move(cells));
    };
    for (const MapSubsystem& subsystem : map_.subsystems) {
      if (!subsystem.figures.folios.empty()) add(std::string(subsystem.name), subsystem.figures);
    }
    table.add_rule();
    add("whole process", map_.total);
    return "\n" + table.render(width_, style_);
  }

  std::string regions() const {
    std::vector<Column> columns = {{"start", Align::Left}, {"end", Align::Left}, {"prot"}};
    add_titles(columns);
    columns.push_back({"whose", Align::Left, Cut::Last});
    columns.push_back({"by", Align::Left, Cut::First});
    columns.push_back({"name", Align::Left, Cut::First});
    Table table(columns);
    for (const MapRegion& region : map_.regions) {
      std::vector<std::string> cells = {hex(region.range.start), hex(region.range.end),
                                        region.prot};
      add_cells(region.figures, cells);
      std::string whose(region.subsystem);
      if (!region.detail.empty()) whose += " / " + printable(region.detail);
      cells.push_back(std::move(whose));
      cells.emplace_back(region.evidence);
      cells.push_back(printable(region.name));
      table.add(std::move(cells));
    }
    return "\n" + table.render(width_, style_);
  }

  std::string reconciliation() const {
    if (map_.reconcile.empty()) return {};
    Table table({{"sum of the regions", Align::Left},
                 {"here"},
                 {"kernel"},
                 {"", Align::Left},
                 {"remark", Align::Left, Cut::Last}});
    for (const ReconcileLine& line : map_.reconcile) {
      table.add({line.what, grouped(static_cast<std::uint64_t>(line.recorded)),
                 grouped(static_cast<std::uint64_t>(line.kernel)),
                 line.agrees ? "agrees" : "DIFFERS", line.note});
    }
    return "\n" + table.render(width_, style_);
  }

  std::string remarks() const {
    std::string text;
    for (const Finding& finding : map_.findings) {
      if (finding.state != FindingState::Fires) continue;
      text += wrapped(
          fmt::format("! {} {} ({})", printable(finding.words), finding.advice, finding.name));
    }
    if (map_.asked) text += wrapped("- " + asked());
    for (const std::string& note : map_.notes) text += wrapped("- " + printable(note));
    for (const Missing& missing : map_.missing) {
      text += wrapped(fmt::format("- {}: not known: {}", missing.what, printable(missing.why)));
    }
    return text.empty() ? text : "\n" + text;
  }

 private:
  void add_titles(std::vector<Column>& columns) const {
    for (const FigureColumn* column : columns_) columns.push_back({std::string(column->title)});
    if (map_.total.faults) columns.push_back({"faults"});
    for (const NodeBytes& node : nodes_) columns.push_back({fmt::format("node {}", node.node)});
  }

  void add_cells(const MapFigures& figures, std::vector<std::string>& cells) const {
    for (const FigureColumn* column : columns_) {
      cells.push_back(bytes_or_mark(column->value(figures)));
    }
    if (map_.total.faults) cells.push_back(figures.faults ? grouped(*figures.faults) : "?");
    for (const NodeBytes& node : nodes_) {
      const auto found = std::ranges::find(figures.nodes, node.node, &NodeBytes::node);
      cells.push_back(found == figures.nodes.end() ? "-" : human_bytes(found->bytes));
    }
  }

  std::string asked() const {
    const JvmAsked& asked = *map_.asked;
    std::string commands;
    for (const std::string& command : asked.commands) {
      commands += (commands.empty() ? "" : ", ") + command;
    }
    const bool more = asked.resident_after >= asked.resident_before;
    const Bytes apart = more ? asked.resident_after - asked.resident_before
                             : asked.resident_before - asked.resident_after;
    std::string text = fmt::format(
        "the JVM was asked ({}): resident {} before, {} after ({}{}), threads {} before, {} after; "
        "whatever else it did meanwhile is in that too",
        printable(commands), human_bytes(asked.resident_before), human_bytes(asked.resident_after),
        more ? "+" : "-", human_bytes(apart), asked.threads_before, asked.threads_after);
    if (asked.nmt_committed && asked.nmt_reserved) {
      text += fmt::format("; its own account has {} reserved, {} committed",
                          human_bytes(*asked.nmt_reserved), human_bytes(*asked.nmt_committed));
    }
    return text;
  }

  std::string wrapped(std::string_view text) const {
    std::string out;
    std::size_t column = 0;
    while (!text.empty()) {
      const std::string_view word = text.substr(0, text.find(' '));
      text.remove_prefix(std::min(text.size(), word.size() + 1));
      if (column != 0 && column + 1 + shown_width(word) > width_) {
        out += "\n  ";
        column = 2;
      } else if (column != 0) {
        out += ' ';
        ++column;
      }
      out += word;
      column += shown_width(word);
    }
    return out + "\n";
  }

  const MemoryMap& map_;
  Styler style_;
  std::size_t width_;
  std::vector<const FigureColumn*> columns_;
  std::vector<NodeBytes> nodes_;
};

}  // namespace

std::string render(const MemoryMap& map, MapRegions regions, const TextOptions& options) {
  const MapPage page(map, options);
  std::string text = page.head() + page.subsystems();
  text += page.folios();
  if (regions == MapRegions::Yes) text += page.regions();
  return text + page.reconciliation() + page.remarks();
}

}  // namespace ft::report::text
