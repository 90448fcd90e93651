// Entries in words, and back.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

#include "arch/entry.h"
#include "arch/swap_types.h"
#include "base/text.h"

namespace ft::arch {

namespace {

struct BitName {
  unsigned bit;
  std::string_view name;
  std::string_view meaning;
};

// Bits whose meaning is the same in every present entry, table or page.
constexpr std::array<BitName, 6> kCommonBits = {{
    {0, "P", "present: the processor uses the entry"},
    {1, "RW", "may be written"},
    {2, "US", "programs may use it, not the kernel alone"},
    {3, "PWT", "write-through caching (with PCD and PAT: the memory type)"},
    {4, "PCD", "not cached"},
    {5, "A", "accessed: the processor has used it for a translation"},
}};

std::string bit_name(unsigned bit) {
  return fmt::format("bit {}", bit);
}

BitMeaning software_bit(unsigned bit, const Entry& entry, const EntryRules& rules) {
  const bool page = entry.form != EntryForm::Table;
  if (bit == 9 && page) {
    return {
        .bit = 9, .name = "SPECIAL", .meaning = "no struct page to count: the zero page, a device"};
  }
  if (bit == 10 && page) {
    return {.bit = 10, .name = "UFFD_WP", .meaning = "write-protected through userfaultfd"};
  }
  if (bit == 11 && page) {
    return {.bit = 11, .name = "SOFT_DIRTY", .meaning = "written since clear_refs (software)"};
  }
  const unsigned devmap = rules.dialect == Dialect::Linux6_1 ? 58 : 57;
  if (bit == devmap && page && rules.dialect != Dialect::Linux6_18) {
    return {.bit = bit, .name = "DEVMAP", .meaning = "device memory with a struct page"};
  }
  if (bit == 58 && rules.dialect != Dialect::Linux6_1) {
    if (page) {
      return {.bit = 58,
              .name = "SAVED_DIRTY",
              .meaning = "dirty, kept apart because read-only and dirty would be a shadow stack"};
    }
    if (entry.level == Level::Pgd) {
      return {.bit = 58,
              .name = "NOPTISHADOW",
              .meaning = "not copied to the page tables of user mode"};
    }
  }
  return {.bit = bit, .name = bit_name(bit), .meaning = "unused: software may keep something here"};
}

BitMeaning present_bit(unsigned bit, const Entry& entry, const EntryRules& rules) {
  const bool page = entry.form != EntryForm::Table;
  const bool huge = page && entry.level != Level::Pte;
  if (bit < kCommonBits.size()) {
    const BitName& common = kCommonBits[bit];
    std::string meaning(common.meaning);
    if (bit == 5 && entry.form == EntryForm::ProtNone) meaning = "accessed";
    return {.bit = bit, .name = std::string(common.name), .meaning = meaning};
  }
  switch (bit) {
    case 6:
      return {
          .bit = 6,
          .name = "D",
          .meaning = page ? "dirty: written to" : "set by the kernel, ignored in a table's entry"};
    case 7:
      if (!page) return {.bit = 7, .name = "PS", .meaning = "reserved at this level"};
      if (!huge) return {.bit = 7, .name = "PAT", .meaning = "third bit of the memory type"};
      return {.bit = 7,
              .name = "PSE",
              .meaning = entry.level == Level::Pmd ? "a 2 MiB page, not a table"
                                                   : "a 1 GiB page, not a table"};
    case 8:
      if (entry.form == EntryForm::ProtNone) {
        return {
            .bit = 8,
            .name = "PROTNONE",
            .meaning = "there, but not accessible: PROT_NONE, or a NUMA hinting fault is wanted"};
      }
      return {.bit = 8,
              .name = "G",
              .meaning = page ? "global: stays in the TLB when the address space changes"
                              : "ignored in a table's entry"};
    case 12:
      if (huge) return {.bit = 12, .name = "PAT", .meaning = "third bit of the memory type"};
      break;
    case 63:
      return {.bit = 63, .name = "NX", .meaning = "no instructions may be fetched from it"};
    default:
      break;
  }
  if (bit >= 9 && bit <= 11) return software_bit(bit, entry, rules);
  if (bit == 57 || bit == 58) return software_bit(bit, entry, rules);
  if (bit >= 52 && bit <= 56) return {.bit = bit, .name = bit_name(bit), .meaning = "ignored"};
  return {.bit = bit,
          .name = bit_name(bit),
          .meaning = "reserved: a fault where the processor sees it"};
}

BitMeaning swap_flag(unsigned bit, const Entry& entry) {
  switch (bit) {
    case 1:
      return {.bit = 1, .name = "SOFT_DIRTY", .meaning = "soft-dirty, remembered"};
    case 2:
      return {.bit = 2, .name = "UFFD_WP", .meaning = "write-protected through userfaultfd"};
    case 3:
      if (entry.form != EntryForm::Swap) break;
      return {.bit = 3, .name = "EXCLUSIVE", .meaning = "anonymous and this process's alone"};
    default:
      break;
  }
  return {.bit = bit, .name = bit_name(bit), .meaning = "0 in every entry the kernel writes here"};
}

std::string swap_type_meaning(unsigned type, const EntryRules& rules) {
  switch (use_of_swap_type(type, rules)) {
    case SwapUse::Area:
      return fmt::format("swap area {} of /proc/swaps", type);
    case SwapUse::HwPoison:
      return "memory that failed: SIGBUS on access";
    case SwapUse::MigrationRead:
      return "page being moved, read-only";
    case SwapUse::MigrationReadExclusive:
      return "page being moved, read-only, exclusive";
    case SwapUse::MigrationWrite:
      return "page being moved, writable";
    case SwapUse::DeviceWrite:
      return "in a device's private memory, writable";
    case SwapUse::DeviceRead:
      return "in a device's private memory, read-only";
    case SwapUse::DeviceExclusive:
      return "a device has exclusive access";
    case SwapUse::DeviceExclusiveRead:
      return "a device has exclusive access, read-only";
    case SwapUse::Marker:
      return "marker: no page";
    case SwapUse::SwapInError:
      return "could not be read from swap: SIGBUS on access";
  }
  return {};
}

std::string marker_meaning(std::uint64_t offset) {
  std::string text;
  const auto add = [&](std::uint64_t mark, std::string_view meaning) {
    if ((offset & mark) == 0) return;
    if (!text.empty()) text += ", ";
    text += meaning;
  };
  add(kMarkerUffd, "write-protected through userfaultfd");
  add(kMarkerPoisoned, "poisoned: SIGBUS on access");
  add(kMarkerGuard, "guard page (MADV_GUARD_INSTALL): SIGSEGV on access");
  return text.empty() ? "no mark that this kernel knows" : text;
}

void add_swap_fields(const Entry& entry, const EntryRules& rules, std::vector<BitMeaning>& bits) {
  BitMeaning offset{.bit = 9, .width = 50, .value = entry.value, .name = "~offset", .meaning = {}};
  switch (entry.form) {
    case EntryForm::Swap:
      offset.meaning = fmt::format("stored inverted: slot {} of the area", entry.value);
      break;
    case EntryForm::Marker:
      offset.meaning = marker_meaning(entry.value);
      break;
    case EntryForm::SwapError:
      offset.meaning = "unused";
      break;
    default: {
      const unsigned frame_bits = swap_frame_bits(rules.levels);
      offset.meaning = fmt::format("stored inverted: frame 0x{:x}", *frame_of(entry, rules));
      if (entry.form != EntryForm::Migration) break;
      if ((entry.value >> frame_bits & 1U) != 0) offset.meaning += ", accessed";
      if ((entry.value >> (frame_bits + 1) & 1U) != 0) offset.meaning += ", dirty";
    }
  }
  bits.push_back(std::move(offset));
  bits.push_back({.bit = 59,
                  .width = 5,
                  .value = entry.swap_type,
                  .name = "type",
                  .meaning = swap_type_meaning(entry.swap_type, rules)});
}

void add_frame_field(const Entry& entry, std::vector<BitMeaning>& bits) {
  const bool huge = entry.form != EntryForm::Table && (entry.flags & kHuge) != 0;
  unsigned lowest = kPageShift;
  if (huge && entry.level == Level::Pmd) lowest = 21;
  if (huge && entry.level == Level::Pud) lowest = 30;
  const bool inverted = (entry.flags & kPresent) == 0;
  bits.push_back({.bit = lowest,
                  .width = 52 - lowest,
                  .value = entry.value << kPageShift >> lowest,
                  .name = inverted ? "~frame" : "frame",
                  .meaning = fmt::format("{}frame 0x{:x}, physical address 0x{:x}",
                                         inverted ? "stored inverted: " : "", entry.value,
                                         entry.value << kPageShift)});
}

}  // namespace

std::vector<BitMeaning> bits_of(const Entry& entry, const EntryRules& rules) {
  std::vector<BitMeaning> bits;
  const bool pkey =
      !entry.swap_format() && entry.form != EntryForm::Table && (entry.flags & kPkeyMask) != 0;
  std::uint64_t rest = pkey ? entry.flags & ~kPkeyMask : entry.flags;
  for (; rest != 0; rest &= rest - 1) {
    const auto bit = static_cast<unsigned>(std::countr_zero(rest));
    if (entry.form == EntryForm::Unknown) {
      bits.push_back({.bit = bit, .name = bit_name(bit), .meaning = "ignored: not present"});
    } else if (entry.swap_format()) {
      bits.push_back(swap_flag(bit, entry));
    } else {
      bits.push_back(present_bit(bit, entry, rules));
    }
  }
  if (pkey) {
    const std::uint64_t key = (entry.flags & kPkeyMask) >> kPkeyShift;
    bits.push_back({.bit = kPkeyShift,
                    .width = 4,
                    .value = key,
                    .name = "PKEY",
                    .meaning = fmt::format("protection key {}: PKRU may forbid access", key)});
  }
  if (entry.form == EntryForm::Empty || entry.form == EntryForm::Unknown) return bits;
  if (entry.swap_format()) {
    add_swap_fields(entry, rules, bits);
  } else {
    add_frame_field(entry, bits);
  }
  std::ranges::stable_sort(bits, {}, &BitMeaning::bit);
  return bits;
}

std::vector<std::string> oddities_of(const Entry& entry, const EntryRules& rules) {
  std::vector<std::string> odd;
  const auto say = [&](std::string_view what) { odd.emplace_back(what); };
  if (entry.form == EntryForm::Empty) {
    if (entry.flags != 0) say("accessed or dirty alone: an erratum set them, the entry is empty");
    return odd;
  }
  if (entry.form == EntryForm::Unknown) {
    say("Linux keeps nothing in an entry of this level that is not present");
    return odd;
  }
  if (entry.swap_format()) {
    if ((entry.flags & (kPresent | kHuge | kAccessed | kDirty)) != 0) {
      say("bits 5 to 7 are 0 in every swap entry");
    }
    if (entry.form == EntryForm::Marker && (entry.value & ~7ULL) != 0) say("no such marker");
    if (entry.form == EntryForm::Marker && rules.dialect != Dialect::Linux6_18 &&
        (entry.value & kMarkerGuard) != 0) {
      say("this kernel has no guard markers (from 6.13 on)");
    }
    return odd;
  }
  if (entry.form == EntryForm::Table) {
    if ((entry.level == Level::P4d || entry.level == Level::Pgd) && entry.has(kHuge)) {
      say("bit 7 is reserved at this level: a fault on use");
    }
    if (!entry.has(kAccessed | kDirty))
      say("Linux sets A and D in every entry of a table it makes");
    return odd;
  }
  const std::uint64_t low = (1ULL << shift_of(entry.level, Levels::Four)) - 1;
  if (entry.level != Level::Pte && (entry.flags & low & ~0x1fffULL) != 0) {
    say("bits between 13 and the frame are reserved in a huge page's entry: a fault on use");
  }
  if (entry.form == EntryForm::ProtNone && entry.level != Level::Pte && !entry.has(kHuge)) {
    say("PROT_NONE without the huge page bit: Linux writes that at the pte level only");
  }
  if (entry.has(kPresent) && !entry.has(kUser)) say("for the kernel only: no program can use it");
  if (entry.has(kPresent | kUser) && entry.has(kGlobal)) {
    say("global and for programs: Linux never sets both, but for the vsyscall page");
  }
  return odd;
}

}  // namespace ft::arch
