// A million random addresses and entries against a second computation that shares no code with the
// first: addresses by division and remainder, entries by C++ bit fields laid out as the processor's
// manual draws them. Both directions.
#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <random>

#include "arch/entry.h"
#include "arch/paging.h"

namespace ft::arch {
namespace {

constexpr int kMany = 1'000'000;

TEST(Million, AddressesBothWays) {
  std::mt19937_64 random(1);
  for (int i = 0; i < kMany; ++i) {
    const bool five = (i & 1) != 0;
    const Levels levels = five ? Levels::Five : Levels::Four;
    // Sign-extended: canonical, of both halves.
    const unsigned unused = five ? 64 - 57 : 64 - 48;
    const auto address = static_cast<std::uint64_t>(static_cast<std::int64_t>(random() << unused) >>
                                                    static_cast<int>(unused));
    std::uint64_t rest = address;
    const auto take = [&rest](std::uint64_t count) {
      const std::uint64_t digit = rest % count;
      rest /= count;
      return static_cast<unsigned>(digit);
    };
    Indices expected;
    expected.offset = take(4096);
    expected.pte = take(512);
    expected.pmd = take(512);
    expected.pud = take(512);
    if (five) expected.p4d = take(512);
    expected.pgd = take(512);
    ASSERT_EQ(split(address, levels), expected) << std::hex << address;
    ASSERT_EQ(join(expected, levels), address) << std::hex << address;
    ASSERT_TRUE(is_canonical(address, levels));
  }
}

// Intel SDM volume 3, figures 5-11 and 5-12; bit fields of x86-64 start at the lowest bit.
struct SmallPage {
  std::uint64_t present : 1;
  std::uint64_t writable : 1;
  std::uint64_t user : 1;
  std::uint64_t write_through : 1;
  std::uint64_t cache_disabled : 1;
  std::uint64_t accessed : 1;
  std::uint64_t dirty : 1;
  std::uint64_t pat : 1;
  std::uint64_t global : 1;
  std::uint64_t software_low : 3;
  std::uint64_t frame : 40;
  std::uint64_t software_high : 7;
  std::uint64_t key : 4;
  std::uint64_t no_execute : 1;
};

TEST(Million, PresentEntriesBothWays) {
  std::mt19937_64 random(2);
  for (int i = 0; i < kMany; ++i) {
    auto fields = std::bit_cast<SmallPage>(random());
    fields.present = 1;
    const auto raw = std::bit_cast<std::uint64_t>(fields);
    const Entry entry = decode(raw, Level::Pte);
    ASSERT_EQ(entry.form, EntryForm::Page) << std::hex << raw;
    ASSERT_EQ(entry.value, fields.frame) << std::hex << raw;
    ASSERT_EQ(frame_of(entry), fields.frame);
    ASSERT_EQ(entry.has(kWritable), fields.writable == 1);
    ASSERT_EQ(entry.has(kUser), fields.user == 1);
    ASSERT_EQ(entry.has(kAccessed), fields.accessed == 1);
    ASSERT_EQ(entry.has(kDirty), fields.dirty == 1);
    ASSERT_EQ(entry.has(kGlobal), fields.global == 1);
    ASSERT_EQ(entry.has(kNoExecute), fields.no_execute == 1);
    ASSERT_EQ((entry.flags & kPkeyMask) >> kPkeyShift, fields.key);
    ASSERT_EQ(encode(entry), raw);
  }
}

// arch/x86/include/asm/pgtable_64.h: the offset of a swap entry is stored inverted, so that what
// lies at that address for a processor that guesses is nothing (L1TF).
struct SwapPlace {
  std::uint64_t low : 9;
  std::uint64_t inverted_offset : 50;
  std::uint64_t type : 5;
};

TEST(Million, SwapEntriesBothWays) {
  std::mt19937_64 random(3);
  for (int i = 0; i < kMany; ++i) {
    auto fields = std::bit_cast<SwapPlace>(random());
    fields.low &= 0xeU;                       // soft-dirty, uffd write-protected, exclusive
    fields.type = (fields.type % 20) & 0x1f;  // below the types the kernel keeps for itself
    const auto raw = std::bit_cast<std::uint64_t>(fields);
    const Entry entry = decode(raw, Level::Pte);
    if (raw == 0) continue;
    ASSERT_EQ(entry.form, EntryForm::Swap) << std::hex << raw;
    ASSERT_EQ(entry.swap_type, fields.type);
    ASSERT_EQ(entry.value, ~std::uint64_t{fields.inverted_offset} & ((1ULL << 50U) - 1));
    ASSERT_EQ(encode(entry), raw);
  }
}

}  // namespace
}  // namespace ft::arch
