#include "jvm/xlog.h"

#include <limits>
#include <optional>

#include "jvm/line_reader.h"

namespace ft::jvm {

namespace {

constexpr std::size_t kMaxRegions = std::size_t{1} << 16;

// "[98ms][info ][pagesize     ] Card Table: ..." -> the message; the tag list is the last bracket
// before it. Nothing where the line has none of the two tags.
std::optional<XlogSource> take_decorations(std::string_view& line) {
  std::optional<XlogSource> source;
  while (line.starts_with('[')) {
    const std::size_t close = line.find(']');
    if (close == line.npos) return std::nullopt;
    const std::string_view decoration = trim(line.substr(1, close - 1));
    if (decoration == "pagesize") source = XlogSource::PageSize;
    if (decoration == "cds") source = XlogSource::Cds;
    line.remove_prefix(close + 1);
  }
  line = trim(line);
  return source;
}

// The value of " key=" in the message, up to the next blank.
std::string_view value_of(std::string_view message, std::string_view key) {
  const std::size_t at = message.find(key);
  if (at == message.npos) return {};
  std::string_view rest = message.substr(at + key.size());
  return take_until(rest, ' ');
}

}  // namespace

Result<std::vector<XlogRegion>> parse_xlog(std::string_view text, std::string_view name) {
  std::vector<XlogRegion> regions;
  LineReader lines(text, name);
  while (lines.next()) {
    std::string_view message = lines.line();
    const auto source = take_decorations(message);
    if (!source) continue;
    if (regions.size() >= kMaxRegions) return lines.fail_line("too many regions");

    if (*source == XlogSource::PageSize) {
      const std::string_view base = value_of(message, " base=");
      const std::size_t colon = message.find(':');
      if (base.empty() || colon == message.npos) continue;
      const std::string_view size = value_of(message, " size=");
      const auto bytes = parse_scaled(size);
      const auto start =
          base.starts_with("0x") ? parse_integer<std::uint64_t>(base.substr(2), 16) : std::nullopt;
      if (!start) return lines.fail_at(base, "an address was expected after \"base=\"");
      if (!bytes || *bytes > std::numeric_limits<std::uint64_t>::max() - *start) {
        return lines.fail_at(size.empty() ? message : size, "a size was expected after \"size=\"");
      }
      regions.push_back({*source, std::string(trim(message.substr(0, colon))),
                         AddressRange::of_size(*start, *bytes)});
    } else if (message.starts_with("Reserved ")) {
      message.remove_prefix(std::string_view("Reserved ").size());
      const std::string_view what = take_word(message);
      const std::size_t open = message.find('[');
      if (open == message.npos) continue;
      message.remove_prefix(open + 1);
      const auto range = take_address_range(message);
      if (!range) return lines.fail_at(message, "an address range was expected");
      regions.push_back({*source, std::string(what), *range});
    }
  }
  return regions;
}

}  // namespace ft::jvm
