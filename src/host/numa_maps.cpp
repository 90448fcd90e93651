#include "host/numa_maps.h"

#include <array>

#include "base/units.h"
#include "host/line_reader.h"

namespace ft::host {

namespace {

// Policy names with a blank inside; every other ends at the first blank.
constexpr std::array<std::string_view, 2> kTwoWordPolicies = {"prefer (many)",
                                                              "weighted interleave"};

std::string_view take_policy(std::string_view& rest) {
  std::size_t name = 0;
  for (const std::string_view two_words : kTwoWordPolicies) {
    if (rest.starts_with(two_words)) name = two_words.size();
  }
  const std::size_t end = std::min(rest.find(' ', name), rest.size());
  const std::string_view policy = rest.substr(0, end);
  rest.remove_prefix(end);
  return policy;
}

// numa_maps writes blank, tab, newline and '=' of a path as octal; maps only the newline.
std::string as_in_maps(std::string_view escaped) {
  std::string path;
  path.reserve(escaped.size());
  while (!escaped.empty()) {
    const std::string_view code = escaped.substr(0, 4);
    char plain = 0;
    if (code == "\\040")
      plain = ' ';
    else if (code == "\\011")
      plain = '\t';
    else if (code == "\\075")
      plain = '=';
    path += plain != 0 ? plain : escaped.front();
    escaped.remove_prefix(plain != 0 ? 4 : 1);
  }
  return path;
}

struct CountField {
  std::string_view key;
  std::uint64_t NumaArea::* field;
};

constexpr std::array kCounts = {
    CountField{"anon", &NumaArea::anon},
    CountField{"dirty", &NumaArea::dirty},
    CountField{"mapped", &NumaArea::mapped},
    CountField{"mapmax", &NumaArea::mapmax},
    CountField{"swapcache", &NumaArea::swapcache},
    CountField{"active", &NumaArea::active},
    CountField{"writeback", &NumaArea::writeback},
    CountField{"kernelpagesize_kB", &NumaArea::kernel_page_size},
};

bool is_node_key(std::string_view key) {
  return key.size() >= 2 && key[0] == 'N' &&
         key.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

Result<void> parse_pair(const LineReader& at, std::string_view key, std::string_view value,
                        NumaArea& area) {
  if (key == "file") {
    area.file = as_in_maps(value);
    return {};
  }
  if (is_node_key(key)) {
    const auto node = parse_integer<std::uint32_t>(key.substr(1));
    if (!node) return at.expected_at(key, "a node number");
    area.nodes.push_back({*node, FT_TRY(parse_count(at, value))});
    return {};
  }
  for (const CountField& count : kCounts) {
    if (count.key != key) continue;
    area.*count.field = FT_TRY(parse_count(at, value));
  }
  return {};
}

Result<NumaArea> parse_area(const LineReader& at, std::string_view line) {
  NumaArea area;
  std::string_view rest = line;
  const auto start = take_number<std::uint64_t>(rest, 16);
  if (!start) return at.expected_at(rest, "a hexadecimal address");
  area.start = *start;
  if (!take_char(rest, ' ')) return at.expected_at(rest, "a blank");
  area.policy = take_policy(rest);
  if (area.policy.empty()) return at.expected_at(rest, "a memory policy");

  for (std::string_view word = take_word(rest); !word.empty(); word = take_word(rest)) {
    const std::size_t equals = word.find('=');
    if (equals != std::string_view::npos) {
      FT_TRY_VOID(parse_pair(at, word.substr(0, equals), word.substr(equals + 1), area));
    } else if (word == "heap") {
      area.heap = true;
    } else if (word == "stack") {
      area.stack = true;
    } else if (word == "huge") {
      area.huge = true;
    }
  }
  if (area.kernel_page_size > ~std::uint64_t{0} / kKiB) {
    return at.fail_at(line, "kernelpagesize_kB does not fit into 64 bits");
  }
  area.kernel_page_size *= kKiB;
  return area;
}

}  // namespace

std::uint64_t NumaArea::bytes_on(std::uint32_t node) const {
  std::uint64_t pages = 0;
  for (const NodePages& on : nodes) {
    if (on.node == node) pages += on.pages;
  }
  return pages * kernel_page_size;
}

Result<std::vector<NumaArea>> parse_numa_maps(std::string_view text, std::string_view name) {
  std::vector<NumaArea> areas;
  LineReader lines(text, name);
  for (std::string_view line; lines.next(line);) {
    areas.push_back(FT_TRY(parse_area(lines, line)));
  }
  return areas;
}

}  // namespace ft::host
