#include "report/terminal/navigation.h"

#include <gtest/gtest.h>

namespace ft::report::terminal {

namespace {

constexpr std::size_t kLines = 50;
constexpr std::size_t kPage = 20;

TEST(Navigation, GoesRoundTheViewsBothWays) {
  Navigation navigation(3, 2);
  navigation.press(Key::PreviousView, kLines, kPage);
  EXPECT_EQ(navigation.view(), 2U);
  navigation.press(Key::NextView, kLines, kPage);
  EXPECT_EQ(navigation.view(), 0U);
}

TEST(Navigation, ScrollsNoFurtherThanTheLastPage) {
  Navigation navigation(2, 1);
  for (int i = 0; i < 9; ++i) navigation.press(Key::PageDown, kLines, kPage);
  EXPECT_EQ(navigation.scroll(kLines, kPage), kLines - kPage);
  navigation.press(Key::Up, kLines, kPage);
  EXPECT_EQ(navigation.scroll(kLines, kPage), kLines - kPage - 1);
  navigation.press(Key::Home, kLines, kPage);
  EXPECT_EQ(navigation.scroll(kLines, kPage), 0U);
  navigation.press(Key::Up, kLines, kPage);
  EXPECT_EQ(navigation.scroll(kLines, kPage), 0U);
}

TEST(Navigation, KeepsThePlaceOfEachView) {
  Navigation navigation(2, 1);
  navigation.press(Key::Down, kLines, kPage);
  navigation.press(Key::NextView, kLines, kPage);
  EXPECT_EQ(navigation.scroll(kLines, kPage), 0U);
  navigation.press(Key::PreviousView, kLines, kPage);
  EXPECT_EQ(navigation.scroll(kLines, kPage), 1U);
}

TEST(Navigation, FollowsAShrinkingTextAndAGrowingScreen) {
  Navigation navigation(1, 1);
  navigation.press(Key::End, kLines, kPage);
  EXPECT_EQ(navigation.scroll(25, kPage), 5U);
  EXPECT_EQ(navigation.scroll(kLines, 60), 0U);
}

TEST(Navigation, DoesNotMoveInAnEmptyTextOrAPageOfNoLines) {
  Navigation navigation(1, 1);
  navigation.press(Key::End, 0, kPage);
  EXPECT_EQ(navigation.scroll(0, kPage), 0U);
  navigation.press(Key::PageDown, kLines, 0);
  EXPECT_EQ(navigation.scroll(kLines, 0), 1U);
}

TEST(Navigation, QuitLeavesTheHelpFirst) {
  Navigation navigation(1, 1);
  navigation.press(Key::Help, kLines, kPage);
  EXPECT_TRUE(navigation.help());
  navigation.press(Key::Quit, kLines, kPage);
  EXPECT_FALSE(navigation.help());
  EXPECT_FALSE(navigation.quit());
  navigation.press(Key::Quit, kLines, kPage);
  EXPECT_TRUE(navigation.quit());
}

TEST(Navigation, SortAndPauseToggle) {
  Navigation navigation(1, 2);
  navigation.press(Key::Sort, kLines, kPage);
  EXPECT_EQ(navigation.sort(), 1U);
  navigation.press(Key::Sort, kLines, kPage);
  EXPECT_EQ(navigation.sort(), 0U);
  navigation.press(Key::Pause, kLines, kPage);
  EXPECT_TRUE(navigation.paused());
  navigation.press(Key::Pause, kLines, kPage);
  EXPECT_FALSE(navigation.paused());
}

TEST(Navigation, OtherKeysChangeNothing) {
  Navigation navigation(2, 2);
  for (const Key key : {Key::None, Key::Other, Key::Resize}) navigation.press(key, kLines, kPage);
  EXPECT_EQ(navigation.view(), 0U);
  EXPECT_EQ(navigation.sort(), 0U);
  EXPECT_FALSE(navigation.quit());
}

}  // namespace

}  // namespace ft::report::terminal
