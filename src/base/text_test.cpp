#include "base/text.h"

#include <gtest/gtest.h>

namespace ft {
namespace {

TEST(Text, ParseIntegerTakesAllOrNothing) {
  EXPECT_EQ(parse_integer<int>("42"), 42);
  EXPECT_EQ(parse_integer<std::uint64_t>("ffffffffffffffff", 16), ~std::uint64_t{0});
  EXPECT_EQ(parse_integer<int>("42 "), std::nullopt);
  EXPECT_EQ(parse_integer<int>(""), std::nullopt);
  EXPECT_EQ(parse_integer<std::uint8_t>("256"), std::nullopt);
}

TEST(Text, HumanUnits) {
  EXPECT_EQ(human_bytes(512), "512 B");
  EXPECT_EQ(human_bytes(4096), "4 KiB");
  EXPECT_EQ(human_bytes(8 * kGiB), "8.0 GiB");
  EXPECT_EQ(human_duration(930), "930 ns");
  EXPECT_EQ(human_duration(1930), "1.93 µs");
  EXPECT_EQ(grouped(1234567), "1,234,567");
  EXPECT_EQ(grouped(123), "123");
}

TEST(Text, PrintableDisarmsWhatATerminalWouldObey) {
  EXPECT_EQ(printable("plain µ"), "plain µ");
  EXPECT_EQ(printable("\x1b[31m"), "\\x1b[31m");
  EXPECT_EQ(printable("\xff"), "\\xff");
  EXPECT_EQ(printable("a\u202eb"), "a\\xe2\\x80\\xaeb");
}

}  // namespace
}  // namespace ft
