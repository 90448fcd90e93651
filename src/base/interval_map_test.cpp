#include "base/interval_map.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace ft {
namespace {

std::string shape(const IntervalMap<char>& map) {
  std::string text;
  map.for_each([&](AddressRange range, char value) {
    text += std::to_string(range.start) + "-" + std::to_string(range.end) + value + " ";
  });
  return text;
}

TEST(IntervalMap, AssignOverTheMiddleSplitsTheOldRange) {
  IntervalMap<char> map;
  map.assign({0, 100}, 'a');
  map.assign({40, 60}, 'b');
  EXPECT_EQ(shape(map), "0-40a 40-60b 60-100a ");
}

TEST(IntervalMap, EraseOfAHoleIsHarmless) {
  IntervalMap<char> map;
  map.assign({10, 20}, 'a');
  map.erase({30, 40});
  map.erase({0, 10});
  EXPECT_EQ(shape(map), "10-20a ");
}

TEST(IntervalMap, FindKnowsTheBorders) {
  IntervalMap<char> map;
  map.assign({10, 20}, 'a');
  EXPECT_EQ(map.find(9).second, nullptr);
  EXPECT_EQ(*map.find(10).second, 'a');
  EXPECT_EQ(*map.find(19).second, 'a');
  EXPECT_EQ(map.find(20).second, nullptr);
}

TEST(IntervalMap, AgreesWithAnArrayUnderRandomOperations) {
  std::mt19937 random(1);
  IntervalMap<char> map;
  std::string bytes(200, ' ');
  for (int step = 0; step < 5000; ++step) {
    const std::uint64_t a = random() % 200;
    const std::uint64_t b = a + random() % (201 - a);
    const char value = "abc "[random() % 4];
    if (value == ' ')
      map.erase({a, b});
    else
      map.assign({a, b}, value);
    for (std::uint64_t i = a; i < b; ++i) bytes[i] = value;
    map.check();
    const std::uint64_t probe = random() % 200;
    const char* found = map.find(probe).second;
    ASSERT_EQ(found ? *found : ' ', bytes[probe]);
  }
}

}  // namespace
}  // namespace ft
