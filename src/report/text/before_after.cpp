// What a command changed on its host, as a table.
#include <fmt/format.h>

#include "base/text.h"
#include "report/text/table.h"
#include "report/text/watch.h"
#include "report/text/watch_words.h"

namespace ft::report::text {

using namespace model;

std::string render_before_after(const BeforeAfter& table, const TextOptions& options) {
  const Styler style(options.colours);
  std::string command;
  for (const std::string& word : table.command) {
    command += (command.empty() ? "" : " ") + printable(std::string_view(word).substr(0, 200));
    if (command.size() > 1000) break;
  }
  std::string out = style(Style::Heading, "Before and after") + "  " +
                    shortened(command, options.width > 20 ? options.width - 20 : 1) + "\n";
  const auto line = [&](std::string_view label, const std::string& figure) {
    out += fmt::format("  {:<26}{}\n", label, figure);
  };
  line("wall time", human_duration(table.wall_ns));
  if (table.user_ns && table.system_ns) {
    line("CPU time", fmt::format("{} user, {} in the kernel", human_duration(*table.user_ns),
                                 human_duration(*table.system_ns)));
  }
  line("peak of resident memory", bytes_or_dash(table.peak_resident));
  line("page faults", fmt::format("{} minor, {} major", count_or_dash(table.minor_faults),
                                  count_or_dash(table.major_faults)));
  if (table.exit_status) line("exit status", std::to_string(*table.exit_status));
  Table rows({{"of the host", Align::Left, Cut::First}, {"before"}, {"after"}, {"change"}});
  for (const BeforeAfterRow& row : table.rows) {
    const bool bytes = row.unit == "bytes";
    const auto shown = [&](Count value) { return bytes ? human_bytes(value) : grouped(value); };
    const auto size = static_cast<std::uint64_t>(row.change < 0 ? -row.change : row.change);
    const std::string change = row.change == 0 ? "0" : (row.change < 0 ? "-" : "+") + shown(size);
    rows.add({printable(row.words), shown(*row.before), shown(*row.after), change});
  }
  return out + rows.render(options.width, style);
}

}  // namespace ft::report::text
