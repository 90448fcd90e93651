#include "host/zoneinfo.h"

#include <array>

#include "host/line_reader.h"

namespace ft::host {

namespace {

struct ZoneField {
  std::string_view key;
  std::uint64_t Zone::* field;
};

constexpr std::array kZoneFields = {
    ZoneField{"boost", &Zone::boost},     ZoneField{"min", &Zone::min},
    ZoneField{"low", &Zone::low},         ZoneField{"high", &Zone::high},
    ZoneField{"promo", &Zone::promo},     ZoneField{"spanned", &Zone::spanned},
    ZoneField{"present", &Zone::present}, ZoneField{"managed", &Zone::managed},
    ZoneField{"cma", &Zone::cma},
};

struct PageSetField {
  std::string_view key;
  std::uint64_t PageSet::* field;
};

constexpr std::array kPageSetFields = {
    PageSetField{"count:", &PageSet::count},       PageSetField{"high:", &PageSet::high},
    PageSetField{"batch:", &PageSet::batch},       PageSetField{"high_min:", &PageSet::high_min},
    PageSetField{"high_max:", &PageSet::high_max},
};

class ZoneinfoParser {
 public:
  ZoneinfoParser(std::string_view text, std::string_view name) : lines_(text, name) {}

  Result<std::vector<Zone>> parse() {
    for (std::string_view line; lines_.next(line);) {
      std::string_view rest = line;
      const std::string_view key = take_word(rest);
      if (key.empty()) continue;
      if (key == "Node") {
        FT_TRY_VOID(begin_zone(rest));
      } else if (zones_.empty()) {
        return lines_.expected_at(key, "a line such as Node 0, zone Normal");
      } else {
        FT_TRY_VOID(parse_line(key, rest));
      }
    }
    return std::move(zones_);
  }

 private:
  enum class Section { Pages, NodeStats, PageSets };

  Result<void> begin_zone(std::string_view rest) {
    std::string_view number = take_word(rest);
    const std::string_view whole = number;
    if (number.ends_with(',')) number.remove_suffix(1);
    const auto node = parse_integer<std::uint32_t>(number);
    if (!node) return lines_.expected_at(whole.empty() ? rest : whole, "a node number");
    const std::string_view keyword = take_word(rest);
    if (keyword != "zone") return lines_.expected_at(keyword.empty() ? rest : keyword, "zone");
    const std::string_view name = take_word(rest);
    if (name.empty()) return lines_.expected_at(rest, "a zone's name");
    Zone& zone = zones_.emplace_back();
    zone.node = *node;
    zone.name.assign(name);
    section_ = Section::Pages;
    return {};
  }

  Result<void> parse_line(std::string_view key, std::string_view rest) {
    Zone& zone = zones_.back();
    if (key == "per-node") {
      section_ = Section::NodeStats;
    } else if (key == "pages") {
      section_ = Section::Pages;
      const std::string_view what = take_word(rest);
      if (what != "free") return lines_.expected_at(what.empty() ? rest : what, "free");
      zone.free = FT_TRY(parse_count(lines_, rest));
    } else if (key == "pagesets") {
      section_ = Section::PageSets;
    } else if (key == "protection:") {
      FT_TRY_VOID(parse_protection(rest, zone));
    } else if (key == "start_pfn:") {
      zone.start_pfn = FT_TRY(parse_count(lines_, rest));
    } else if (key == "node_unreclaimable:") {
      zone.unreclaimable = FT_TRY(parse_count(lines_, rest));
    } else if (section_ == Section::NodeStats) {
      zone.node_stats.add(key, FT_TRY(parse_count(lines_, rest)));
    } else if (section_ == Section::PageSets) {
      return parse_page_set(key, rest, zone);
    } else {
      return parse_pages(key, rest, zone);
    }
    return {};
  }

  Result<void> parse_pages(std::string_view key, std::string_view rest, Zone& zone) {
    const std::uint64_t value = FT_TRY(parse_count(lines_, rest));
    for (const ZoneField& field : kZoneFields) {
      if (field.key == key) {
        zone.*field.field = value;
        return {};
      }
    }
    zone.stats.add(key, value);
    return {};
  }

  // Lines between the lists ("vm stats threshold: 4") are of no use here and skipped.
  Result<void> parse_page_set(std::string_view key, std::string_view rest, Zone& zone) {
    if (key == "cpu:") {
      const std::uint64_t cpu = FT_TRY(parse_count(lines_, rest));
      if (cpu > ~std::uint32_t{0}) return lines_.expected_at(rest, "a CPU number");
      zone.page_sets.emplace_back().cpu = static_cast<std::uint32_t>(cpu);
      return {};
    }
    for (const PageSetField& field : kPageSetFields) {
      if (field.key != key) continue;
      if (zone.page_sets.empty()) return lines_.fail_at(key, "a per-CPU list without its CPU");
      zone.page_sets.back().*field.field = FT_TRY(parse_count(lines_, rest));
    }
    return {};
  }

  // "(0, 3019, 5067)"
  Result<void> parse_protection(std::string_view rest, Zone& zone) {
    skip_blanks(rest);
    if (!take_char(rest, '(')) return lines_.expected_at(rest, "'('");
    while (true) {
      skip_blanks(rest);
      const auto pages = take_number<std::uint64_t>(rest);
      if (!pages) return lines_.expected_at(rest, "a number");
      zone.protection.push_back(*pages);
      if (take_char(rest, ')')) return {};
      if (!take_char(rest, ',')) return lines_.expected_at(rest, "',' or ')'");
    }
  }

  LineReader lines_;
  std::vector<Zone> zones_;
  Section section_ = Section::Pages;
};

}  // namespace

Result<std::vector<Zone>> parse_zoneinfo(std::string_view text, std::string_view name) {
  return ZoneinfoParser(text, name).parse();
}

}  // namespace ft::host
