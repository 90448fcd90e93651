// Entries of x86-64 page tables as Linux keeps them: 64 bits that mean a table, a page, or, where
// the present bit is clear, whatever the kernel wants to remember in that place.
//
// Source: Intel SDM volume 3, chapter 5; Linux 6.1, 6.12 and 6.18
// arch/x86/include/asm/pgtable_types.h, pgtable_64.h, pgtable-invert.h, include/linux/swap.h,
// swapops.h; pagemap: fs/proc/task_mmu.c, Documentation/admin-guide/mm/pagemap.rst.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arch/paging.h"
#include "base/result.h"

namespace ft::arch {

inline constexpr std::uint64_t kPresent = 1ULL << 0U;
inline constexpr std::uint64_t kWritable = 1ULL << 1U;
inline constexpr std::uint64_t kUser = 1ULL << 2U;
inline constexpr std::uint64_t kWriteThrough = 1ULL << 3U;
inline constexpr std::uint64_t kCacheDisabled = 1ULL << 4U;
inline constexpr std::uint64_t kAccessed = 1ULL << 5U;
inline constexpr std::uint64_t kDirty = 1ULL << 6U;
inline constexpr std::uint64_t kHuge = 1ULL << 7U;    // in a pmd or pud; PAT in a pte
inline constexpr std::uint64_t kGlobal = 1ULL << 8U;  // not present: PROT_NONE or a NUMA hint
inline constexpr std::uint64_t kSpecial = 1ULL << 9U;
inline constexpr std::uint64_t kUffdWriteProtected = 1ULL << 10U;
inline constexpr std::uint64_t kSoftDirty = 1ULL << 11U;
inline constexpr std::uint64_t kPatHuge = 1ULL << 12U;  // in a huge page's entry
inline constexpr std::uint64_t kNoExecute = 1ULL << 63U;
inline constexpr unsigned kPkeyShift = 59;  // four bits
inline constexpr std::uint64_t kPkeyMask = 15ULL << kPkeyShift;

// What the kernel writes: a table that programs may use, a page that is neither readable nor
// writable.
inline constexpr std::uint64_t kTableFlags = kPresent | kWritable | kUser | kAccessed | kDirty;
inline constexpr std::uint64_t kProtNoneFlags = kAccessed | kGlobal;

// Where kernels differ: the software bits and the numbers of the entries that look like swap.
enum class Dialect : std::uint8_t {
  Linux6_1,   // bit 58 is DEVMAP; swap-in errors have a type of their own
  Linux6_12,  // bit 57 is DEVMAP, bit 58 SAVED_DIRTY (leaf) or NOPTISHADOW (top table)
  Linux6_18,  // bit 57 is free; guard markers
};

struct EntryRules {
  Dialect dialect = Dialect::Linux6_18;
  // Options of the kernel's build that move the special swap types (Debian: both on).
  bool device_private = true;  // CONFIG_DEVICE_PRIVATE: four types
  bool memory_failure = true;  // CONFIG_MEMORY_FAILURE: one type
  Levels levels = Levels::Four;
};

enum class EntryForm : std::uint8_t {
  Empty,      // nothing there; accessed and dirty alone count as nothing (an erratum sets them)
  Table,      // points to the table of the level below
  Page,       // present
  ProtNone,   // there for the kernel, not for the processor; frame inverted
  Splitting,  // a huge page whose present bit was taken away for a moment; frame inverted
  Swap,       // in swap: area and slot
  Migration,  // the page is being moved
  Device,     // in a device's private memory, or reserved for it
  HwPoison,   // the memory failed: SIGBUS on access
  Marker,     // no page, but a mark: guard page, poisoned, uffd write-protected
  SwapError,  // 6.1: could not be read from swap; later kernels use a marker
  Unknown,    // a level that holds none of these while not present
};

std::string_view name_of(EntryForm form);

// One entry, taken apart. Nothing of the 64 bits is lost: encode() gives them back.
struct Entry {
  Level level = Level::Pte;
  EntryForm form = EntryForm::Empty;
  // Table, Page, ProtNone, Splitting: the frame's number. All other non-empty forms: the offset
  // field of the swap format.
  std::uint64_t value = 0;
  unsigned swap_type = 0;   // 0 to 31, where the form has the swap format
  std::uint64_t flags = 0;  // every other bit, at its place

  bool swap_format() const { return form >= EntryForm::Swap; }
  bool has(std::uint64_t bits) const { return (flags & bits) == bits; }
  bool operator==(const Entry&) const = default;
};

Entry decode(std::uint64_t raw, Level level, const EntryRules& rules = {});
// REQUIRES: `value` and `swap_type` fit their fields, flags hold none of those fields' bits.
std::uint64_t encode(const Entry& entry);

// What `entry` points to; nothing where it has no frame. Frames of a huge page are its first.
std::optional<std::uint64_t> frame_of(const Entry& entry, const EntryRules& rules = {});
// Bytes of the page or table that a present entry stands for.
std::uint64_t bytes_of(const Entry& entry, const EntryRules& rules = {});

// One bit or field of an entry, explained.
struct BitMeaning {
  unsigned bit = 0;  // the lowest, where it is a field
  unsigned width = 1;
  std::uint64_t value = 1;
  std::string name;     // "RW"
  std::string meaning;  // "may be written"
};

// Every bit that is set, lowest first, with what it means in this form, at this level.
std::vector<BitMeaning> bits_of(const Entry& entry, const EntryRules& rules = {});

// What the kernel or the processor would not have written, or would refuse: "bits 13 to 20 of a
// 2 MiB page's entry are reserved". Empty for what Linux itself writes.
std::vector<std::string> oddities_of(const Entry& entry, const EntryRules& rules = {});

// "P,RW,US,A,D,NX,pfn=0x1a2b3c", "protnone,pfn=0x5", "swap,type=1,offset=0x40",
// "migration-write,pfn=0x5", "guard": the reverse of an explanation. Separators: comma, blank, |.
Result<std::uint64_t> parse_entry(std::string_view text, Level level, const EntryRules& rules = {});

}  // namespace ft::arch
