// Page-table entries and addresses by themselves: no recording is needed.
#include <fmt/format.h>

#include "arch/paging.h"
#include "base/text.h"
#include "explain.h"

namespace ft::app::explain {

namespace {

std::string place_of(const arch::BitMeaning& bit) {
  if (bit.width == 1) return std::to_string(bit.bit);
  return fmt::format("{}-{}", bit.bit, bit.bit + bit.width - 1);
}

std::optional<std::uint64_t> parse_raw(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
  return parse_integer<std::uint64_t>(text, 16);
}

std::string headline(const arch::Entry& entry, std::uint64_t raw, const arch::EntryRules& rules) {
  std::string text =
      fmt::format("{} 0x{:016x}: {}", name_of(entry.level), raw, arch::name_of(entry.form));
  if (const auto frame = arch::frame_of(entry, rules)) {
    text += fmt::format(", frame 0x{:x} (physical 0x{:x})", *frame, *frame << kPageShift);
  }
  if (entry.form == arch::EntryForm::Page || entry.form == arch::EntryForm::ProtNone) {
    text += ", " + human_bytes(arch::bytes_of(entry, rules));
  }
  return text + "\n";
}

}  // namespace

Answer describe_entry(std::uint64_t raw, arch::Level level, const arch::EntryRules& rules) {
  const arch::Entry entry = arch::decode(raw, level, rules);
  Answer answer;
  answer.text = headline(entry, raw, rules);
  answer.json = {{"entry", fmt::format("0x{:016x}", raw)},
                 {"level", std::string(name_of(level))},
                 {"form", std::string(arch::name_of(entry.form))}};
  if (const auto frame = arch::frame_of(entry, rules)) {
    answer.json["frame"] = *frame;
    answer.json["physical_address"] = hex(*frame << kPageShift);
  }
  answer.json["bytes"] = arch::bytes_of(entry, rules);
  answer.json["bits"] = nlohmann::ordered_json::array();
  for (const arch::BitMeaning& bit : arch::bits_of(entry, rules)) {
    answer.text += fmt::format("  {:>5}  {:<12} {}\n", place_of(bit), bit.name, bit.meaning);
    answer.json["bits"].push_back({{"bit", bit.bit},
                                   {"width", bit.width},
                                   {"value", hex(bit.value)},
                                   {"name", bit.name},
                                   {"meaning", bit.meaning}});
  }
  answer.json["oddities"] = arch::oddities_of(entry, rules);
  for (const std::string& odd : arch::oddities_of(entry, rules)) {
    answer.text += fmt::format("  odd: {}\n", odd);
  }
  return answer;
}

Result<Answer> explain_entry(const std::string& entry, arch::Level level,
                             const arch::EntryRules& rules) {
  const std::optional<std::uint64_t> raw = parse_raw(entry);
  Answer answer =
      describe_entry(raw ? *raw : FT_TRY(arch::parse_entry(entry, level, rules)), level, rules);
  nlohmann::ordered_json json = {{"format", 1}};
  json.update(answer.json);
  answer.json = std::move(json);
  return answer;
}

Answer describe_indices(std::uint64_t address, arch::Levels levels) {
  const arch::Indices at = arch::split(address, levels);
  const bool five = levels == arch::Levels::Five;
  Answer answer;
  answer.text = fmt::format(
      "indices      PGD {}{}, PUD {}, PMD {}, PTE {}, offset 0x{:x} ({} levels)\n", at.pgd,
      five ? fmt::format(", P4D {}", at.p4d) : "", at.pud, at.pmd, at.pte, at.offset, five ? 5 : 4);
  answer.json = {{"levels", five ? 5 : 4}, {"pgd", at.pgd}};
  if (five) answer.json["p4d"] = at.p4d;
  answer.json["pud"] = at.pud;
  answer.json["pmd"] = at.pmd;
  answer.json["pte"] = at.pte;
  answer.json["offset"] = at.offset;
  answer.json["canonical"] = arch::is_canonical(address, levels);
  if (!arch::is_canonical(address, levels)) {
    answer.text += "             not canonical: using it is a general protection fault\n";
  } else if (address >= arch::user_end(levels)) {
    answer.text += "             no program's: above the end of user space\n";
  }
  return answer;
}

}  // namespace ft::app::explain
