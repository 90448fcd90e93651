#include "arch/entry.h"

#include <array>

#include "arch/swap_types.h"
#include "base/check.h"

namespace ft::arch {

namespace {

constexpr std::uint64_t mask_of_bits(unsigned lowest, unsigned highest) {
  return (~0ULL >> (63 - highest)) & (~0ULL << lowest);
}

constexpr unsigned kFrameTop = 51;  // physical addresses have at most 52 bits
constexpr unsigned kSwapTypeShift = 59;
constexpr unsigned kSwapOffsetShift = 9;  // above the bit that would say PROT_NONE
constexpr std::uint64_t kSwapOffsetMask = mask_of_bits(kSwapOffsetShift, 58);
constexpr std::uint64_t kSwapFlagsMask = mask_of_bits(0, 8);

// The bits of the frame: those of a huge page's number begin higher.
std::uint64_t frame_mask(Level level, std::uint64_t raw) {
  unsigned lowest = kPageShift;
  if ((raw & kHuge) != 0) {
    if (level == Level::Pmd) lowest = shift_of(Level::Pmd, Levels::Four);
    if (level == Level::Pud) lowest = shift_of(Level::Pud, Levels::Four);
  }
  return mask_of_bits(lowest, kFrameTop);
}

EntryForm form_of_present(std::uint64_t raw, Level level) {
  if (level == Level::Pte) return EntryForm::Page;
  const bool may_be_huge = level == Level::Pmd || level == Level::Pud;
  return may_be_huge && (raw & kHuge) != 0 ? EntryForm::Page : EntryForm::Table;
}

EntryForm form_of_swap_use(SwapUse use) {
  switch (use) {
    case SwapUse::Area:
      return EntryForm::Swap;
    case SwapUse::HwPoison:
      return EntryForm::HwPoison;
    case SwapUse::MigrationRead:
    case SwapUse::MigrationReadExclusive:
    case SwapUse::MigrationWrite:
      return EntryForm::Migration;
    case SwapUse::DeviceWrite:
    case SwapUse::DeviceRead:
    case SwapUse::DeviceExclusive:
    case SwapUse::DeviceExclusiveRead:
      return EntryForm::Device;
    case SwapUse::Marker:
      return EntryForm::Marker;
    case SwapUse::SwapInError:
      return EntryForm::SwapError;
  }
  return EntryForm::Swap;
}

Entry decode_swap_format(std::uint64_t raw, Level level, const EntryRules& rules) {
  Entry entry{.level = level,
              .value = (~raw & kSwapOffsetMask) >> kSwapOffsetShift,
              .swap_type = static_cast<unsigned>(raw >> kSwapTypeShift),
              .flags = raw & kSwapFlagsMask};
  entry.form = form_of_swap_use(use_of_swap_type(entry.swap_type, rules));
  return entry;
}

Entry decode_framed(EntryForm form, std::uint64_t raw, Level level) {
  const std::uint64_t mask = frame_mask(level, raw);
  // L1TF: a frame that the processor might look up although the entry is not present is inverted.
  const std::uint64_t frame = (raw & kPresent) != 0 ? raw & mask : ~raw & mask;
  return {.level = level, .form = form, .value = frame >> kPageShift, .flags = raw & ~mask};
}

bool has_frame_field(EntryForm form) {
  return form == EntryForm::Table || form == EntryForm::Page || form == EntryForm::ProtNone ||
         form == EntryForm::Splitting;
}

}  // namespace

std::string_view name_of(EntryForm form) {
  constexpr std::array<std::string_view, 12> kNames = {
      "empty",         "table",     "page",          "PROT_NONE page", "huge page being split",
      "swap",          "migration", "device memory", "poisoned",       "marker",
      "swap-in error", "unknown"};
  return kNames[static_cast<std::size_t>(form)];
}

Entry decode(std::uint64_t raw, Level level, const EntryRules& rules) {
  if ((raw & ~(kAccessed | kDirty)) == 0) return {.level = level, .flags = raw};
  if ((raw & kPresent) != 0) return decode_framed(form_of_present(raw, level), raw, level);
  if (level == Level::P4d || level == Level::Pgd) {
    return {.level = level, .form = EntryForm::Unknown, .flags = raw};
  }
  if ((raw & kGlobal) != 0) return decode_framed(EntryForm::ProtNone, raw, level);
  if (level != Level::Pte && (raw & kHuge) != 0) {
    return decode_framed(EntryForm::Splitting, raw, level);
  }
  return decode_swap_format(raw, level, rules);
}

std::uint64_t encode(const Entry& entry) {
  if (entry.form == EntryForm::Empty || entry.form == EntryForm::Unknown) return entry.flags;
  if (has_frame_field(entry.form)) {
    const std::uint64_t mask = frame_mask(entry.level, entry.flags);
    FT_CHECK((entry.flags & mask) == 0);
    FT_CHECK(entry.value < 1ULL << (kFrameTop + 1 - kPageShift));
    const std::uint64_t frame = entry.value << kPageShift;
    FT_CHECK((frame & ~mask) == 0);
    return entry.flags | ((entry.flags & kPresent) != 0 ? frame : ~frame & mask);
  }
  FT_CHECK((entry.flags & ~kSwapFlagsMask) == 0 && entry.swap_type < kSwapTypes);
  FT_CHECK(entry.value <= kSwapOffsetMask >> kSwapOffsetShift);
  return entry.flags | std::uint64_t{entry.swap_type} << kSwapTypeShift |
         (~(entry.value << kSwapOffsetShift) & kSwapOffsetMask);
}

std::optional<std::uint64_t> frame_of(const Entry& entry, const EntryRules& rules) {
  if (has_frame_field(entry.form)) return entry.value;
  if (entry.form == EntryForm::Migration || entry.form == EntryForm::Device ||
      entry.form == EntryForm::HwPoison) {
    return entry.value & ((1ULL << swap_frame_bits(rules.levels)) - 1);
  }
  return std::nullopt;
}

std::uint64_t bytes_of(const Entry& entry, const EntryRules& rules) {
  if (!has_frame_field(entry.form)) return 0;
  if (entry.form == EntryForm::Table) return kPageSize;
  return span_of_entry(entry.level, rules.levels);
}

}  // namespace ft::arch
