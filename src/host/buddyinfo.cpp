#include "host/buddyinfo.h"

#include "host/line_reader.h"

namespace ft::host {

namespace {

// More orders than any kernel has; a line with more is not from one.
constexpr std::size_t kMaxOrders = 64;

struct ZoneName {
  std::uint32_t node = 0;
  std::string_view zone;
};

// "Node 0, zone   Normal" off the front of the line; a comma behind the zone is taken too.
Result<ZoneName> take_zone(const LineReader& at, std::string_view& rest) {
  const std::string_view line = rest;
  if (take_word(rest) != "Node") return at.expected_at(line, "a line such as Node 0, zone Normal");
  std::string_view number = take_word(rest);
  const std::string_view whole = number;
  if (number.ends_with(',')) number.remove_suffix(1);
  const auto node = parse_integer<std::uint32_t>(number);
  if (!node) return at.expected_at(whole.empty() ? rest : whole, "a node number");
  const std::string_view keyword = take_word(rest);
  if (keyword != "zone") return at.expected_at(keyword.empty() ? rest : keyword, "zone");
  std::string_view zone = take_word(rest);
  if (zone.ends_with(',')) zone.remove_suffix(1);
  if (zone.empty()) return at.expected_at(rest, "a zone's name");
  return ZoneName{*node, zone};
}

Result<std::vector<std::uint64_t>> take_counts(const LineReader& at, std::string_view rest,
                                               bool* lower_bound) {
  std::vector<std::uint64_t> counts;
  for (std::string_view word = take_word(rest); !word.empty(); word = take_word(rest)) {
    std::string_view digits = word;
    if (lower_bound && take_char(digits, '>')) *lower_bound = true;
    const auto count = parse_integer<std::uint64_t>(digits);
    if (!count) return at.expected_at(word, "a number of blocks");
    if (counts.size() == kMaxOrders) return at.fail_at(word, "more columns than there are orders");
    counts.push_back(*count);
  }
  if (counts.empty()) return at.expected_at(rest, "numbers of blocks");
  return counts;
}

Result<std::uint64_t> value_after_colon(const LineReader& at, std::string_view line) {
  return parse_count(at, line.substr(line.find(':') + 1));
}

}  // namespace

std::uint64_t FreeBlocks::free_pages() const {
  std::uint64_t pages = 0;
  for (std::size_t order = 0; order < blocks_by_order.size(); ++order) {
    pages += blocks_by_order[order] << order;
  }
  return pages;
}

Result<std::vector<FreeBlocks>> parse_buddyinfo(std::string_view text, std::string_view name) {
  std::vector<FreeBlocks> zones;
  LineReader lines(text, name);
  for (std::string_view line; lines.next(line);) {
    std::string_view rest = line;
    const ZoneName zone = FT_TRY(take_zone(lines, rest));
    zones.push_back({zone.node, std::string(zone.zone), FT_TRY(take_counts(lines, rest, nullptr))});
  }
  return zones;
}

Result<PageTypeInfo> parse_pagetypeinfo(std::string_view text, std::string_view name) {
  PageTypeInfo info;
  LineReader lines(text, name);
  for (std::string_view line; lines.next(line);) {
    std::string_view rest = line;
    if (line.starts_with("Page block order:")) {
      const std::uint64_t order = FT_TRY(value_after_colon(lines, line));
      if (order >= kMaxOrders) return lines.fail_at(line, "no such order");
      info.pageblock_order = static_cast<std::uint32_t>(order);
    } else if (line.starts_with("Pages per block:")) {
      info.pages_per_block = FT_TRY(value_after_colon(lines, line));
    } else if (line.starts_with("Number of blocks type")) {
      rest.remove_prefix(std::string_view("Number of blocks type").size());
      info.migratetypes.clear();
      for (auto type = take_word(rest); !type.empty(); type = take_word(rest)) {
        info.migratetypes.emplace_back(type);
      }
    } else if (line.starts_with("Node")) {
      const ZoneName zone = FT_TRY(take_zone(lines, rest));
      std::string_view after = rest;
      if (take_word(after) == "type") {
        const std::string_view type = take_word(after);
        if (type.empty()) return lines.expected_at(after, "a migratetype");
        bool lower_bound = false;
        auto counts = FT_TRY(take_counts(lines, after, &lower_bound));
        info.free_blocks.push_back(
            {zone.node, std::string(zone.zone), std::string(type), std::move(counts), lower_bound});
      } else {
        info.pageblocks.push_back(
            {zone.node, std::string(zone.zone), FT_TRY(take_counts(lines, rest, nullptr))});
      }
    }
  }
  return info;
}

}  // namespace ft::host
