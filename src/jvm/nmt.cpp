#include "jvm/nmt.h"

#include <fmt/format.h>

#include <algorithm>

#include "jvm/line_reader.h"

namespace ft::jvm {

namespace {

constexpr std::size_t kMaxRegions = std::size_t{1} << 20;

// The number after `key` ("committed="), as far as its digits go.
std::optional<std::uint64_t> number_after(std::string_view line, std::string_view key) {
  const std::size_t at = line.find(key);
  if (at == line.npos) return std::nullopt;
  std::string_view digits = line.substr(at + key.size());
  const std::size_t length = std::min(digits.find_first_not_of("0123456789"), digits.size());
  return parse_integer<std::uint64_t>(digits.substr(0, length));
}

bool is_scaled(std::string_view line, std::string_view key) {
  const std::size_t at = line.find(key);
  if (at == line.npos) return false;
  const std::string_view digits = line.substr(at + key.size());
  const std::size_t end = digits.find_first_not_of("0123456789");
  return end != digits.npos && end > 0 &&
         (digits[end] == 'K' || digits[end] == 'M' || digits[end] == 'G');
}

class NmtParser {
 public:
  NmtParser(std::string_view text, std::string_view name) : lines_(text, name) {}

  Result<NmtReport> parse() {
    while (lines_.next()) {
      const std::string_view line = lines_.line();
      if (line.starts_with("Details:")) break;
      if (line.starts_with("Virtual memory map:")) {
        section_ = Section::Map;
      } else if (line.starts_with("Memory file details") || line.starts_with("Memory map of ")) {
        section_ = Section::BackingFile;
      } else if (section_ == Section::Summary) {
        FT_TRY_VOID(summary_line(line));
      } else if (section_ == Section::Map) {
        FT_TRY_VOID(map_line(line));
      } else {
        FT_TRY_VOID(backing_file_line(line));
      }
    }
    if (!total_seen_ && report_.regions.empty()) {
      return lines_.fail_line(
          "this is no Native Memory Tracking report: it has neither a total nor "
          "a virtual memory map");
    }
    return std::move(report_);
  }

 private:
  enum class Section { Summary, Map, BackingFile };

  // "17435:" / "Total: reserved=N, committed=N" / "-    Java Heap (reserved=N, committed=N)" and
  // below it "(mmap: reserved=N, committed=N...)", "(malloc=N ...)".
  Result<void> summary_line(std::string_view line) {
    if (is_scaled(line, "reserved=")) {
      return lines_.fail_line("the report is scaled: make it with scale=B");
    }
    const std::string_view text = trim(line);
    if (text.ends_with(':') && !total_seen_) {
      const auto pid = parse_integer<std::int64_t>(text.substr(0, text.size() - 1));
      if (pid) report_.pid = *pid;
    } else if (text.starts_with("Total:")) {
      total_seen_ = true;
      report_.total_reserved = FT_TRY(number(line, "reserved="));
      report_.total_committed = FT_TRY(number(line, "committed="));
    } else if (text.starts_with("- ") || text.starts_with("-\t")) {
      if (report_.summary.size() >= kMaxRegions) return lines_.fail_line("too many categories");
      const std::size_t open = text.find('(');
      if (open == text.npos) return lines_.fail_line("a category without its sizes");
      NmtSummary summary;
      summary.tag = trim(text.substr(1, open - 1));
      summary.reserved = FT_TRY(number(line, "(reserved="));
      summary.committed = FT_TRY(number(line, "committed="));
      report_.summary.push_back(std::move(summary));
    } else if (text.starts_with("(mmap:") && !report_.summary.empty()) {
      report_.summary.back().mmap_reserved = FT_TRY(number(line, "reserved="));
      report_.summary.back().mmap_committed = FT_TRY(number(line, "committed="));
    } else if (text.starts_with("(malloc=") && !report_.summary.empty()) {
      report_.summary.back().malloc = FT_TRY(number(line, "(malloc="));
    }
    return {};
  }

  // Unindented: a region. Indented with an address range: what of it is committed. Anything else is
  // a frame of the stack that asked for it.
  Result<void> map_line(std::string_view line) {
    const std::string_view text = trim(line);
    if (text.empty() || !text.starts_with('[')) return {};
    std::string_view rest = text.substr(1);
    const std::string_view inside = rest;
    const auto range = take_address_range(rest);
    const bool indented = line.front() == ' ' || line.front() == '\t';
    if (!range) {
      if (indented) return {};  // "[0x00007f...]Function+0x10"
      return lines_.fail_at(inside, "an address range was expected: [0x... - 0x...]");
    }
    if (!rest.starts_with(']')) return lines_.fail_at(rest, "']' was expected");
    rest = trim(rest.substr(1));
    if (indented) return committed_line(*range, rest);

    if (report_.regions.size() >= kMaxRegions) return lines_.fail_line("too many regions");
    NmtRegion region;
    region.range = *range;
    if (rest.starts_with("reserved and committed ")) {
      region.whole_committed = true;
      rest.remove_prefix(std::string_view("reserved and committed ").size());
    } else if (rest.starts_with("reserved ")) {
      rest.remove_prefix(std::string_view("reserved ").size());
    } else {
      return lines_.fail_at(rest, "\"reserved\" was expected");
    }
    const std::string_view size = take_word(rest);
    const auto bytes = parse_integer<std::uint64_t>(size);
    if (!bytes || *bytes != range->size()) {
      return lines_.fail_at(size, "the size does not agree with the range");
    }
    rest = trim(rest);
    if (!rest.starts_with("for ")) return lines_.fail_at(rest, "\"for\" was expected");
    rest.remove_prefix(4);
    if (rest.ends_with(" from")) rest.remove_suffix(5);
    region.tag = trim(rest);
    if (region.whole_committed) region.committed.push_back(region.range);
    report_.regions.push_back(std::move(region));
    return {};
  }

  Result<void> committed_line(AddressRange range, std::string_view rest) {
    if (!rest.starts_with("committed ")) return lines_.fail_at(rest, "\"committed\" was expected");
    if (report_.regions.empty()) return lines_.fail_line("committed bytes before any region");
    NmtRegion& region = report_.regions.back();
    if (!region.range.contains(range))
      return lines_.fail_line("committed bytes outside their region");
    if (region.committed.size() >= kMaxRegions)
      return lines_.fail_line("too many committed ranges");
    region.committed.push_back(range);
    return {};
  }

  // "[0x0 - 0x10000000] allocated 268435456 for Java Heap from"
  Result<void> backing_file_line(std::string_view line) {
    if (!line.starts_with('[')) return {};
    const std::size_t at = line.find("] allocated ");
    if (at == line.npos) return {};
    report_.backing_file_bytes += FT_TRY(number(line, "] allocated "));
    return {};
  }

  Result<std::uint64_t> number(std::string_view line, std::string_view key) const {
    const auto value = number_after(line, key);
    if (!value) return lines_.fail_line(fmt::format("a number was expected after \"{}\"", key));
    return *value;
  }

  LineReader lines_;
  NmtReport report_;
  Section section_ = Section::Summary;
  bool total_seen_ = false;
};

}  // namespace

std::vector<AddressRange> NmtReport::merged_committed(const NmtRegion& region) const {
  std::vector<AddressRange> ranges = region.committed;
  std::ranges::sort(ranges);
  std::vector<AddressRange> merged;
  for (const AddressRange& range : ranges) {
    if (!merged.empty() && range.start <= merged.back().end) {
      merged.back().end = std::max(merged.back().end, range.end);
    } else if (!range.empty()) {
      merged.push_back(range);
    }
  }
  return merged;
}

Result<NmtReport> parse_nmt(std::string_view text, std::string_view name) {
  return NmtParser(text, name).parse();
}

}  // namespace ft::jvm
