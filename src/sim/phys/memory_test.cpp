#include "sim/phys/memory.h"

#include <gtest/gtest.h>

namespace ft::sim::phys {
namespace {

TEST(Memory, Smoke) {
  const NodeSize node = {.bytes = 1024ULL << 20U, .cpus = 2};
  auto start = plain_memory({&node, 1});
  ASSERT_TRUE(start) << start.error().message();
  auto memory = Memory::make(*start);
  ASSERT_TRUE(memory) << memory.error().message();
  (*memory)->check();
  std::vector<Pfn> taken;
  while (auto first = (*memory)->allocate(0, FrameUse::Anonymous)) {
    (*memory)->frames()[*first] = {.map_count = 1, .kind = FrameKind::Anonymous};
    taken.push_back(*first);
  }
  (*memory)->check();
  EXPECT_GT(taken.size(), 240000U);
  for (const Pfn pfn : taken) (*memory)->free(pfn, 0);
  (*memory)->check();
}

}  // namespace
}  // namespace ft::sim::phys
