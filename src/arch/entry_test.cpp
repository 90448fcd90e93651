#include "arch/entry.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "arch/pagemap.h"
#include "arch/swap_types.h"

namespace ft::arch {
namespace {

constexpr Level kLevels[] = {Level::Pte, Level::Pmd, Level::Pud, Level::P4d, Level::Pgd};

std::string words(const Entry& entry, const EntryRules& rules = {}) {
  std::string text;
  for (const BitMeaning& bit : bits_of(entry, rules)) text += (text.empty() ? "" : " ") + bit.name;
  return text;
}

// The names of the flags, the frame and the types left out.
std::uint64_t parsed(std::string_view text, Level level = Level::Pte, EntryRules rules = {}) {
  const auto raw = parse_entry(text, level, rules);
  EXPECT_TRUE(raw) << raw.error().message();
  return raw.value_or(~0ULL);
}

TEST(Entry, WorkedExampleOfAHeapPage) {
  // Frame 0x1a2b3c, present, writable, user, accessed, dirty.
  const std::uint64_t raw = 0x1a2b3c000 | 0x67;
  const Entry entry = decode(raw, Level::Pte);
  EXPECT_EQ(entry.form, EntryForm::Page);
  EXPECT_EQ(entry.value, 0x1a2b3cU);
  EXPECT_EQ(words(entry), "P RW US A D frame");
  EXPECT_TRUE(oddities_of(entry).empty());
  EXPECT_EQ(bytes_of(entry), kPageSize);
  EXPECT_EQ(parsed("P,RW,US,A,D,pfn=0x1a2b3c"), raw);
  // A new anonymous page of Linux cannot be executed either.
  EXPECT_EQ(parsed("P|RW|US|A|D|NX|pfn=0x1a2b3c"), 0x80000001a2b3c067U);
}

TEST(Entry, ATableAndAHugePageDifferByOneBit) {
  const Entry table = decode(0x1a2a00067, Level::Pmd);
  EXPECT_EQ(table.form, EntryForm::Table);
  EXPECT_EQ(table.value, 0x1a2a00U);
  EXPECT_TRUE(oddities_of(table).empty());
  const Entry huge = decode(0x80000001a2a000e7, Level::Pmd);
  EXPECT_EQ(huge.form, EntryForm::Page);
  EXPECT_EQ(huge.value, 0x1a2a00U);
  EXPECT_EQ(bytes_of(huge), kHugePageSize);
  EXPECT_EQ(words(huge), "P RW US A D PSE frame NX");
  EXPECT_EQ(bytes_of(decode(0x400000e7, Level::Pud)), kGiB);
}

TEST(Entry, Bit7IsPatInAPteAndReservedAtTheTop) {
  EXPECT_EQ(words(decode(0x10e7, Level::Pte)), "P RW US A D PAT frame");
  EXPECT_FALSE(oddities_of(decode(0x10e7, Level::Pgd)).empty());
  EXPECT_EQ(decode(0x10e7, Level::Pgd).form, EntryForm::Table);
}

TEST(Entry, ReservedBitsOfAHugePageAreOdd) {
  EXPECT_TRUE(oddities_of(decode(0x2000e7 | kPatHuge, Level::Pmd)).empty());
  EXPECT_FALSE(oddities_of(decode(0x2000e7 | 0x2000, Level::Pmd)).empty());
}

TEST(Entry, ProtNoneKeepsItsFrameInverted) {
  const std::uint64_t raw = parsed("protnone,pfn=0x1a2b3c,NX");
  EXPECT_EQ(raw & 1, 0U);
  EXPECT_EQ(raw, ((~0x1a2b3c000ULL) & 0xffffffffff000) | kProtNoneFlags | kNoExecute);
  const Entry entry = decode(raw, Level::Pte);
  EXPECT_EQ(entry.form, EntryForm::ProtNone);
  EXPECT_EQ(frame_of(entry), 0x1a2b3cU);
  EXPECT_EQ(words(entry), "A PROTNONE ~frame NX");
  EXPECT_EQ(decode(parsed("protnone,pfn=0x400", Level::Pmd), Level::Pmd).form, EntryForm::ProtNone);
}

TEST(Entry, AHugePageBeingSplitIsThereAlthoughNotPresent) {
  const Entry entry = decode(0x8ffffffe5d4000e6, Level::Pmd);
  EXPECT_EQ(entry.form, EntryForm::Splitting);
  EXPECT_EQ(encode(entry), 0x8ffffffe5d4000e6U);
}

TEST(Entry, SwapEntryHasTypeAndInvertedOffset) {
  const std::uint64_t raw = parsed("swap,type=3,offset=0x40");
  // Linux: type << 59 | (~offset << 14) >> 5.
  EXPECT_EQ(raw, (3ULL << 59U) | ((~0x40ULL << 14U) >> 5U));
  const Entry entry = decode(raw, Level::Pte);
  EXPECT_EQ(entry.form, EntryForm::Swap);
  EXPECT_EQ(entry.swap_type, 3U);
  EXPECT_EQ(entry.value, 0x40U);
  EXPECT_EQ(frame_of(entry), std::nullopt);
}

TEST(Entry, GuardMarkerOfThisKernel) {
  const std::uint64_t raw = parsed("guard");
  const Entry entry = decode(raw, Level::Pte);
  EXPECT_EQ(entry.form, EntryForm::Marker);
  EXPECT_EQ(entry.swap_type, 31U);
  EXPECT_EQ(entry.value, kMarkerGuard);
  EXPECT_TRUE(oddities_of(entry).empty());
  const EntryRules old{.dialect = Dialect::Linux6_12};
  EXPECT_FALSE(oddities_of(decode(raw, Level::Pte, old), old).empty());
}

TEST(Entry, SpecialTypesMoveWithTheKernelsOptions) {
  // All on, 6.12: 23 poison, 24..26 migration, 27..30 device, 31 marker.
  const EntryRules debian{.dialect = Dialect::Linux6_12};
  EXPECT_EQ(use_of_swap_type(22, debian), SwapUse::Area);
  EXPECT_EQ(use_of_swap_type(23, debian), SwapUse::HwPoison);
  EXPECT_EQ(use_of_swap_type(26, debian), SwapUse::MigrationWrite);
  EXPECT_EQ(use_of_swap_type(30, debian), SwapUse::DeviceExclusiveRead);
  // 6.1 has the error's type behind the marker's, 6.18 one device type less.
  EXPECT_EQ(swap_type_for(SwapUse::Marker, {.dialect = Dialect::Linux6_1}), 30U);
  EXPECT_EQ(swap_type_for(SwapUse::MigrationRead, {.dialect = Dialect::Linux6_18}), 25U);
  const EntryRules small{.device_private = false, .memory_failure = false};
  EXPECT_EQ(swap_type_for(SwapUse::MigrationRead, small), 28U);
  EXPECT_EQ(swap_type_for(SwapUse::HwPoison, small), std::nullopt);
  EXPECT_EQ(decode(parsed("migration-write,pfn=0x77", Level::Pte, small), Level::Pte, small).form,
            EntryForm::Migration);
}

TEST(Entry, MigrationEntryKeepsFrameAccessedAndDirty) {
  const Entry entry = decode(parsed("migration-write,offset=0xc00001234"), Level::Pte);
  EXPECT_EQ(frame_of(entry), 0x1234U);
  const auto bits = bits_of(entry);
  EXPECT_TRUE(std::ranges::any_of(bits, [](const BitMeaning& bit) {
    return bit.meaning == "stored inverted: frame 0x1234, accessed, dirty";
  }));
}

TEST(Entry, SoftwareBitsAreTheKernels) {
  const std::uint64_t bit57 = 0x1067 | 1ULL << 57U;
  const std::uint64_t bit58 = 0x1067 | 1ULL << 58U;
  EXPECT_EQ(words(decode(bit58, Level::Pte), {.dialect = Dialect::Linux6_1}),
            "P RW US A D frame DEVMAP");
  EXPECT_EQ(words(decode(bit57, Level::Pte), {.dialect = Dialect::Linux6_12}),
            "P RW US A D frame DEVMAP");
  EXPECT_EQ(words(decode(bit58, Level::Pte), {.dialect = Dialect::Linux6_18}),
            "P RW US A D frame SAVED_DIRTY");
  EXPECT_EQ(words(decode(bit57, Level::Pte), {.dialect = Dialect::Linux6_18}),
            "P RW US A D frame bit 57");
  EXPECT_EQ(words(decode(bit58, Level::Pgd), {.dialect = Dialect::Linux6_18}),
            "P RW US A D frame NOPTISHADOW");
}

TEST(Entry, ProtectionKeyIsOneField) {
  const Entry entry = decode(0x1067 | 5ULL << 59U, Level::Pte);
  EXPECT_EQ(words(entry), "P RW US A D frame PKEY");
  EXPECT_EQ(bits_of(entry).back().value, 5U);
  EXPECT_EQ(parsed("P,RW,US,A,D,pfn=1,pkey=5"), 0x1067 | 5ULL << 59U);
}

TEST(Entry, NothingAndWhatAnErratumMakesOfIt) {
  EXPECT_EQ(decode(0, Level::Pte).form, EntryForm::Empty);
  EXPECT_TRUE(bits_of(decode(0, Level::Pte)).empty());
  EXPECT_EQ(decode(0x60, Level::Pmd).form, EntryForm::Empty);
  EXPECT_FALSE(oddities_of(decode(0x60, Level::Pmd)).empty());
}

TEST(Entry, TopLevelsHoldNothingElse) {
  EXPECT_EQ(decode(0x1066, Level::Pgd).form, EntryForm::Unknown);
  EXPECT_FALSE(oddities_of(decode(0x1066, Level::P4d)).empty());
}

TEST(Entry, WrongWordsAreRefused) {
  for (const char* text :
       {"P,XX", "pfn=", "pfn=0x", "pfn=1,P,pkey=16", "RW,pfn=1", "swap,type=31", "swap,type=32",
        "pfn=0x10000000000,P", "guard,P", "foo=1", "=", "swap,offset=0x4000000000000"}) {
    EXPECT_FALSE(parse_entry(text, Level::Pte)) << text;
  }
  EXPECT_FALSE(parse_entry("P,PSE,pfn=1", Level::Pmd)) << "not aligned to 2 MiB";
  EXPECT_FALSE(parse_entry("guard", Level::Pgd));
  EXPECT_EQ(parsed(""), 0U);
}

EntryRules any_rules() {
  return {.dialect = *rc::gen::element(Dialect::Linux6_1, Dialect::Linux6_12, Dialect::Linux6_18),
          .device_private = *rc::gen::arbitrary<bool>(),
          .memory_failure = *rc::gen::arbitrary<bool>(),
          .levels = *rc::gen::element(Levels::Four, Levels::Five)};
}

// Bits matter more than magnitudes here: all 64 at random, with the low ones often clear.
std::uint64_t any_raw() {
  const auto raw = *rc::gen::arbitrary<std::uint64_t>();
  const auto high = *rc::gen::arbitrary<std::uint64_t>();
  return (raw ^ high << 31U) & ~*rc::gen::element<std::uint64_t>(0, 1, 0x101, 0x181, 0x1ff);
}

RC_GTEST_PROP(EntryProperty, NothingOfTheBitsIsLost, ()) {
  const EntryRules rules = any_rules();
  const std::uint64_t raw = any_raw();
  for (const Level level : kLevels) {
    RC_ASSERT(encode(decode(raw, level, rules)) == raw);
  }
}

// The explanation covers every set bit once, with the value that stands there.
RC_GTEST_PROP(EntryProperty, TheExplanationAddsUpToTheEntry, ()) {
  const EntryRules rules = any_rules();
  const std::uint64_t raw = any_raw();
  for (const Level level : kLevels) {
    const Entry entry = decode(raw, level, rules);
    std::uint64_t sum = 0;
    for (const BitMeaning& bit : bits_of(entry, rules)) {
      const std::uint64_t mask = (1ULL << bit.width) - 1;
      const bool inverted = bit.name.starts_with('~');
      RC_ASSERT((sum & mask << bit.bit) == 0U);
      RC_ASSERT(!bit.meaning.empty());
      sum |= ((inverted ? ~bit.value : bit.value) & mask) << bit.bit;
    }
    RC_ASSERT(sum == raw);
  }
}

RC_GTEST_PROP(EntryProperty, SwapEntriesComeBackAsTheyWent, ()) {
  const EntryRules rules = any_rules();
  Entry entry{.level = *rc::gen::element(Level::Pte, Level::Pmd, Level::Pud),
              .form = EntryForm::Swap,
              .value = *rc::gen::inRange<std::uint64_t>(0, 1ULL << 50U),
              .swap_type = *rc::gen::inRange(0U, 22U),
              .flags = *rc::gen::element<std::uint64_t>(0, 2, 4, 8, 14)};
  const std::uint64_t raw = encode(entry);
  RC_PRE((raw & ~(kAccessed | kDirty)) != 0U);
  RC_ASSERT(decode(raw, entry.level, rules) == entry);
}

RC_GTEST_PROP(PagemapProperty, EveryWordComesBack, (std::uint64_t word)) {
  RC_ASSERT(encode_pagemap(decode_pagemap(word)) == word);
}

TEST(Pagemap, WordsSeenOnRealKernels) {
  const PagemapWord huge_zero = decode_pagemap(0xa000000000135c00);
  EXPECT_TRUE(huge_zero.present && huge_zero.file_or_shared && !huge_zero.exclusive);
  EXPECT_EQ(huge_zero.frame, 0x135c00U);
  const PagemapWord swapped = decode_pagemap((1ULL << 62U) | (0x40ULL << 5U) | 3);
  EXPECT_TRUE(swapped.swapped);
  EXPECT_EQ(swapped.swap_type, 3U);
  EXPECT_EQ(swapped.swap_offset, 0x40U);
  EXPECT_EQ(swapped.frame, 0U);
  EXPECT_TRUE(decode_pagemap(1ULL << 58U).guard);
}

}  // namespace
}  // namespace ft::arch
