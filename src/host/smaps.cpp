#include "host/smaps.h"

#include <array>
#include <limits>

#include "base/units.h"

namespace ft::host {

namespace {

struct Field {
  std::string_view key;
  std::uint64_t SmapsCounters::* counter;
};

// In the order the kernel prints them, so that the search for the next one begins at its place.
constexpr std::array kFields = {
    Field{"Size", &SmapsCounters::size},
    Field{"KernelPageSize", &SmapsCounters::kernel_page_size},
    Field{"MMUPageSize", &SmapsCounters::mmu_page_size},
    Field{"Rss", &SmapsCounters::rss},
    Field{"Pss", &SmapsCounters::pss},
    Field{"Pss_Dirty", &SmapsCounters::pss_dirty},
    Field{"Pss_Anon", &SmapsCounters::pss_anon},
    Field{"Pss_File", &SmapsCounters::pss_file},
    Field{"Pss_Shmem", &SmapsCounters::pss_shmem},
    Field{"Shared_Clean", &SmapsCounters::shared_clean},
    Field{"Shared_Dirty", &SmapsCounters::shared_dirty},
    Field{"Private_Clean", &SmapsCounters::private_clean},
    Field{"Private_Dirty", &SmapsCounters::private_dirty},
    Field{"Referenced", &SmapsCounters::referenced},
    Field{"Anonymous", &SmapsCounters::anonymous},
    Field{"KSM", &SmapsCounters::ksm},
    Field{"LazyFree", &SmapsCounters::lazy_free},
    Field{"AnonHugePages", &SmapsCounters::anon_huge_pages},
    Field{"ShmemPmdMapped", &SmapsCounters::shmem_pmd_mapped},
    Field{"FilePmdMapped", &SmapsCounters::file_pmd_mapped},
    Field{"Shared_Hugetlb", &SmapsCounters::shared_hugetlb},
    Field{"Private_Hugetlb", &SmapsCounters::private_hugetlb},
    Field{"Swap", &SmapsCounters::swap},
    Field{"SwapPss", &SmapsCounters::swap_pss},
    Field{"Locked", &SmapsCounters::locked},
    Field{"THPeligible", &SmapsCounters::thp_eligible},
    Field{"ProtectionKey", &SmapsCounters::protection_key},
};

// How far the next field is looked for before the careful search: kernels leave some out.
constexpr std::size_t kLookAhead = 6;
constexpr std::uint64_t kMostKilobytes = std::numeric_limits<std::uint64_t>::max() / kKiB;

// An area's first line starts with a lower-case hexadecimal digit and no colon ends its first word.
bool starts_area(std::string_view line) {
  if (line.empty()) return false;
  const char first = line.front();
  if (!((first >= '0' && first <= '9') || (first >= 'a' && first <= 'f'))) return false;
  return line.find(':') > line.find(' ');
}

class SmapsParser {
 public:
  SmapsParser(std::string_view text, std::string_view name) : lines_(text, name) {}

  // Calls on_area() with each finished area.
  template <typename OnArea>
  Result<void> parse(OnArea on_area) {
    SmapsEntry entry;
    bool in_area = false;
    for (std::string_view line; lines_.next(line);) {
      if (starts_area(line)) {
        if (in_area) on_area(std::move(entry));
        entry = SmapsEntry{FT_TRY(parse_vma(lines_, line)), {}, {}};
        in_area = true;
        next_field_ = 0;
      } else if (!in_area) {
        return lines_.expected_at(line, "an area such as 00400000-00401000 r--p ...");
      } else {
        FT_TRY_VOID(parse_field(line, entry));
      }
    }
    if (in_area) on_area(std::move(entry));
    return {};
  }

  const LineReader& lines() const { return lines_; }

 private:
  Result<void> parse_field(std::string_view line, SmapsEntry& entry) {
    if (take_expected(line, entry.counters)) return {};
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return lines_.expected_at(line, "a field such as Rss:");
    const std::string_view key = line.substr(0, colon);
    const std::string_view value = line.substr(colon + 1);
    if (key == "VmFlags") return parse_flags(value, entry.flags);
    const Field* field = find_field(key);
    if (field) entry.counters.*field->counter = FT_TRY(parse_amount(lines_, value));
    return {};
  }

  // The line that is nearly always there: the next field of the table, well-formed. False, and
  // nothing done, where it is anything else; the careful way then finds out what.
  bool take_expected(std::string_view line, SmapsCounters& counters) {
    for (std::size_t at = next_field_; at < kFields.size() && at < next_field_ + kLookAhead; ++at) {
      const std::string_view key = kFields[at].key;
      if (line.size() <= key.size() || line[key.size()] != ':' || !line.starts_with(key)) continue;
      std::string_view rest = line.substr(key.size() + 1);
      skip_blanks(rest);
      const std::optional<std::uint64_t> number = take_number<std::uint64_t>(rest);
      if (!number || *number > kMostKilobytes || (rest != " kB" && !rest.empty())) return false;
      counters.*kFields[at].counter = rest.empty() ? *number : *number * kKiB;
      next_field_ = at + 1;
      return true;
    }
    return false;
  }

  Result<void> parse_flags(std::string_view value, VmFlags& flags) {
    for (std::string_view code = take_word(value); !code.empty(); code = take_word(value)) {
      if (!flags.add(code)) return lines_.expected_at(code, "a two-letter flag");
    }
    return {};
  }

  const Field* find_field(std::string_view key) {
    for (std::size_t i = 0; i < kFields.size(); ++i) {
      const std::size_t at = (next_field_ + i) % kFields.size();
      if (kFields[at].key == key) {
        next_field_ = at + 1;
        return &kFields[at];
      }
    }
    return nullptr;
  }

  LineReader lines_;
  std::size_t next_field_ = 0;
};

}  // namespace

Result<std::vector<SmapsEntry>> parse_smaps(std::string_view text, std::string_view name) {
  std::vector<SmapsEntry> entries;
  SmapsParser parser(text, name);
  FT_TRY_VOID(parser.parse([&](SmapsEntry&& entry) { entries.push_back(std::move(entry)); }));
  return entries;
}

Result<SmapsCounters> parse_smaps_rollup(std::string_view text, std::string_view name) {
  SmapsCounters counters;
  std::size_t areas = 0;
  SmapsParser parser(text, name);
  FT_TRY_VOID(parser.parse([&](SmapsEntry&& entry) {
    counters = entry.counters;
    ++areas;
  }));
  if (areas != 1) return parser.lines().fail_text("expected exactly one area, [rollup]");
  return counters;
}

}  // namespace ft::host
