#include "jvm/system_map.h"

#include "jvm/line_reader.h"

namespace ft::jvm {

namespace {

constexpr std::size_t kMaxEntries = std::size_t{1} << 20;

std::vector<std::string> comma_list(std::string_view text) {
  std::vector<std::string> items;
  if (text == "-") return items;
  for (const std::string_view item : split(text, ',')) items.emplace_back(item);
  return items;
}

}  // namespace

Result<std::vector<SystemMapEntry>> parse_system_map(std::string_view text, std::string_view name) {
  std::vector<SystemMapEntry> entries;
  bool heading_seen = false;
  LineReader lines(text, name);
  while (lines.next()) {
    std::string_view rest = lines.line();
    if (rest.starts_with("Memory mappings:")) heading_seen = true;
    if (!rest.starts_with("0x")) continue;
    if (entries.size() >= kMaxEntries) return lines.fail_line("too many mappings");

    SystemMapEntry entry;
    const auto range = take_address_range(rest);
    if (!range) return lines.fail_line("an address range was expected: 0x...-0x...");
    entry.range = *range;

    std::string_view column = take_word(rest);
    const auto size = parse_integer<std::uint64_t>(column);
    if (!size || *size != range->size()) {
      return lines.fail_at(column.empty() ? rest : column,
                           "the size does not agree with the range");
    }
    entry.prot = take_word(rest);
    column = take_word(rest);
    const auto rss = parse_integer<std::uint64_t>(column);
    if (!rss) return lines.fail_at(column.empty() ? rest : column, "rss in bytes was expected");
    entry.rss = *rss;
    column = take_word(rest);
    const auto hugetlb = parse_integer<std::uint64_t>(column);
    if (!hugetlb) {
      return lines.fail_at(column.empty() ? rest : column, "hugetlb in bytes was expected");
    }
    entry.hugetlb = *hugetlb;
    entry.page_size = take_word(rest);
    entry.notes = comma_list(take_word(rest));
    const std::string_view info = take_word(rest);
    if (info.empty()) return lines.fail_at(rest, "the line ends before the column \"info\"");
    entry.info = comma_list(info);
    const std::string_view file = trim(rest);
    if (file != "-") entry.file = file;
    entries.push_back(std::move(entry));
  }
  if (!heading_seen && entries.empty()) {
    return lines.fail_line("this is no System.map: no heading and no mapping");
  }
  return entries;
}

}  // namespace ft::jvm
