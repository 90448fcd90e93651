#include "sim/kernel/behaviour.h"

#include <gtest/gtest.h>

namespace ft::sim::kernel {
namespace {

TEST(BehaviourTest, NamedReleases) {
  EXPECT_EQ(Behaviour::linux_6_1().name, "6.1");
  EXPECT_TRUE(Behaviour::linux_6_1().fixed_unmaps_first);
  EXPECT_EQ(Behaviour::linux_6_1().anonymous_huge_alignment, HugeAlignment::Never);
  EXPECT_FALSE(Behaviour::linux_6_1().seals);
  EXPECT_EQ(Behaviour::linux_6_12().name, "6.12");
  EXPECT_FALSE(Behaviour::linux_6_12().fixed_unmaps_first);
  EXPECT_FALSE(Behaviour::linux_6_12().dontneed_frees_tables);
  EXPECT_FALSE(Behaviour::linux_6_12().faulted_joins_unfaulted);
  EXPECT_EQ(Behaviour::linux_6_18().name, "6.18");
  EXPECT_TRUE(Behaviour::linux_6_18().dontneed_frees_tables);
  EXPECT_TRUE(Behaviour::linux_6_18().moves_many_areas);
}

TEST(BehaviourTest, ADefaultBehaviourIsThatOf618) {
  const Behaviour& named = Behaviour::linux_6_18();
  const Behaviour behaviour;
  EXPECT_EQ(behaviour.name, named.name);
  EXPECT_EQ(behaviour.anonymous_huge_alignment, named.anonymous_huge_alignment);
  EXPECT_EQ(behaviour.fixed_unmaps_first, named.fixed_unmaps_first);
  EXPECT_EQ(behaviour.faulted_joins_unfaulted, named.faulted_joins_unfaulted);
  EXPECT_EQ(behaviour.new_area_tries_next_first, named.new_area_tries_next_first);
  EXPECT_EQ(behaviour.populate_passes_holes, named.populate_passes_holes);
}

TEST(BehaviourTest, ReadsReleasesAsUnamePrintsThem) {
  EXPECT_EQ(Behaviour::of_release("6.18.44-fc-v657")->name, "6.18");
  EXPECT_EQ(Behaviour::of_release("6.1.0-18-amd64")->name, "6.1");
  EXPECT_EQ(Behaviour::of_release("6.12")->name, "6.12");
  EXPECT_EQ(Behaviour::of_release("6.20.1")->name, "6.18");
  EXPECT_EQ(Behaviour::of_release("7.0.0-rc1+")->name, "6.18");
}

TEST(BehaviourTest, ReleasesBetweenHaveWhatCameUpToThem) {
  const Behaviour behaviour = *Behaviour::of_release("6.9.3");
  EXPECT_EQ(behaviour.name, "6.1");
  EXPECT_EQ(behaviour.anonymous_huge_alignment, HugeAlignment::AnyLength);
  EXPECT_TRUE(behaviour.per_vma_lock);
  EXPECT_TRUE(behaviour.multi_size_huge_pages);
  EXPECT_FALSE(behaviour.seals);
  EXPECT_TRUE(behaviour.fixed_unmaps_first);
}

TEST(BehaviourTest, RefusesWhatIsNoReleaseOrTooOld) {
  for (const char* text : {"", "6", "6.", "x.1", "6.x", "-6.1", "6.1x", "99999999999.1", " 6.1"})
    EXPECT_FALSE(Behaviour::of_release(text)) << text;
  for (const char* text : {"5.15.0", "6.0.19", "0.1"}) {
    const Result<Behaviour> behaviour = Behaviour::of_release(text);
    ASSERT_FALSE(behaviour) << text;
    EXPECT_NE(behaviour.error().message().find("6.1"), std::string::npos);
  }
}

}  // namespace
}  // namespace ft::sim::kernel
