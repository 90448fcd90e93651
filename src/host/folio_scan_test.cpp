// Do folios get their sizes from the marks of their frames, at the borders of what is read too?
#include "host/folio_scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace ft::host {
namespace {

std::vector<std::uint64_t> plain(std::size_t count = 512) {
  return std::vector<std::uint64_t>(count, 0);
}

void put_folio(std::vector<std::uint64_t>& flags, std::size_t first, std::size_t pages) {
  flags[first] |= kFrameCompoundHead;
  for (std::size_t i = 1; i < pages; ++i) flags[first + i] |= kFrameCompoundTail;
}

TEST(FolioOrders, NeighboursOfDifferentSizes) {
  auto flags = plain();
  put_folio(flags, 16, 16);
  put_folio(flags, 32, 2);
  put_folio(flags, 34, 2);
  put_folio(flags, 256, 256);
  const auto orders = folio_orders(flags);
  EXPECT_EQ(orders[15], 0);
  EXPECT_EQ(orders[16], 4);
  EXPECT_EQ(orders[31], 4);
  EXPECT_EQ(orders[32], 1);
  EXPECT_EQ(orders[35], 1);
  EXPECT_EQ(orders[36], 0);
  EXPECT_EQ(orders[256], 8);
  EXPECT_EQ(orders[511], 8);
}

TEST(FolioOrders, AWholeBlockAndWhatIsLarger) {
  auto flags = plain();
  put_folio(flags, 0, 512);
  EXPECT_TRUE(std::ranges::all_of(folio_orders(flags), [](auto order) { return order == 9; }));
  const std::vector<std::uint64_t> inside(512, kFrameCompoundTail);
  EXPECT_TRUE(std::ranges::all_of(folio_orders(inside), [](auto order) { return order == 9; }));
}

TEST(FolioOrders, TheEndOfMemory) {
  auto flags = plain(20);
  put_folio(flags, 16, 4);
  const auto orders = folio_orders(flags);
  EXPECT_EQ(orders[19], 2);
  EXPECT_EQ(orders[20], 0);
  EXPECT_TRUE(std::ranges::all_of(folio_orders({}), [](auto order) { return order == 0; }));
}

}  // namespace
}  // namespace ft::host
