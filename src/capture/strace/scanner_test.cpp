// What Scanner reads eight characters at a time, held against reading them one by one.
#include "capture/strace/scanner.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "capture/strace/line.h"

namespace ft::capture::strace {
namespace {

TEST(Scanner, SkipsToTheFirstOfTwoCharacters) {
  for (const char filler : {'x', '+', '-', '(', '*', '\0', '\x80', '\xff', '\xac'}) {
    for (std::size_t size = 0; size < 20; ++size) {
      for (std::size_t at = 0; at <= size; ++at) {
        for (const char wanted : {',', ')'}) {
          std::string line(size, filler);
          if (at < size) line[at] = wanted;
          Scanner scanner(line);
          scanner.skip_to(',', ')');
          ASSERT_EQ(scanner.offset(), at) << "of " << size;
        }
      }
    }
  }
  // Of several, the first.
  Scanner scanner("PROT_)_,");
  scanner.skip_to(',', ')');
  EXPECT_EQ(scanner.offset(), 5U);
}

TEST(Scanner, TakesSixDigitsOnlyWhereSixStand) {
  for (const std::uint64_t number : {0U, 1U, 9U, 10U, 12345U, 999999U, 700001U, 123456U}) {
    const std::string line = fmt::format("{:06} <", number);
    Scanner scanner(line);
    std::uint64_t value = 77;
    ASSERT_TRUE(scanner.take_six_digits(value)) << line;
    EXPECT_EQ(value, number);
    EXPECT_EQ(scanner.offset(), 6U);
  }
  for (const char* line : {"", "123456", "123456>", "1234567 x", "12345 xyz", "12345/ x",
                           "12345: x", "/23456 x", "a23456 xx",
                           "1234\x80"
                           "6 xx"}) {
    Scanner scanner(line);
    std::uint64_t value = 77;
    EXPECT_FALSE(scanner.take_six_digits(value)) << line;
    EXPECT_EQ(scanner.offset(), 0U);
  }
}

TEST(Scanner, ReadsFractionsOfAnyLength) {
  const std::string digits = "123456789123";
  for (std::size_t count = 1; count <= digits.size(); ++count) {
    for (const char* rest : {"", ">", " mmap("}) {
      const std::string line = "5." + digits.substr(0, count) + rest;
      Scanner scanner(line);
      Nanoseconds time = 0;
      ASSERT_TRUE(read_seconds(scanner, time));
      std::string nanoseconds = digits.substr(0, std::min<std::size_t>(count, 9));
      nanoseconds.resize(9, '0');
      EXPECT_EQ(time, 5'000'000'000 + std::stoll(nanoseconds)) << line;
      EXPECT_EQ(scanner.rest(), rest);
    }
  }
}

}  // namespace
}  // namespace ft::capture::strace
