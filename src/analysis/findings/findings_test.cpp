#include "analysis/findings/findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "base/fd.h"
#include "base/units.h"

namespace ft::analysis {

namespace {

using report::model::Finding;
using report::model::FindingState;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Finding of(const FindingFacts& facts, std::string_view name) {
  for (const Finding& finding : find(facts)) {
    if (finding.name == name) return finding;
  }
  ADD_FAILURE() << "no finding is called " << name;
  return {};
}

FindingState state(const FindingFacts& facts, std::string_view name) {
  return of(facts, name).state;
}

TEST(Findings, WithoutFactsNothingIsEvaluatedAndEachSaysWhatItLacks) {
  std::set<std::string> names;
  for (const Finding& finding : find({})) {
    EXPECT_EQ(finding.state, FindingState::NotEvaluated) << finding.name;
    EXPECT_FALSE(finding.missing.empty()) << finding.name;
    EXPECT_THAT(finding.words, HasSubstr("not known")) << finding.name;
    EXPECT_TRUE(names.insert(finding.name).second) << finding.name << " twice";
  }
  EXPECT_EQ(names.size(), 9U);
}

TEST(Findings, EachHasASectionInTheManual) {
  const auto manual = read_file(FT_SOURCE_DIR "/docs/findings.md");
  ASSERT_TRUE(manual) << manual.error().message();
  for (const Finding& finding : find({})) EXPECT_THAT(*manual, HasSubstr("\n## " + finding.name));
}

TEST(Findings, FiringKeepsOnlyWhatFires) {
  FindingFacts facts;
  facts.heap_swapped = kMiB;
  facts.stacks_huge = 0;
  const auto firing_now = firing(find(facts));
  ASSERT_EQ(firing_now.size(), 1U);
  EXPECT_EQ(firing_now[0].name, "heap-swapped");
  EXPECT_FALSE(firing_now[0].advice.empty());
}

TEST(Findings, CLibraryRetained) {
  FindingFacts facts;
  facts.c_heap_resident = 600 * kMiB;
  EXPECT_EQ(state(facts, "c-library-retained"), FindingState::NotEvaluated);
  facts.c_heap_used = 100 * kMiB;
  facts.c_heap_arenas = 7;
  const Finding finding = of(facts, "c-library-retained");
  EXPECT_EQ(finding.state, FindingState::Fires);
  EXPECT_THAT(finding.words, HasSubstr("500.0 MiB are resident and free"));
  EXPECT_THAT(finding.words, HasSubstr("in 8 arenas"));
  // Below what is worth saying, and below a quarter of what is resident.
  facts.c_heap_used = 600 * kMiB - 63 * kMiB;
  EXPECT_EQ(state(facts, "c-library-retained"), FindingState::Quiet);
  facts.c_heap_used = 500 * kMiB;
  EXPECT_EQ(state(facts, "c-library-retained"), FindingState::Quiet);
  // More handed out than resident: malloc that was never touched.
  facts.c_heap_used = kGiB;
  EXPECT_EQ(state(facts, "c-library-retained"), FindingState::Quiet);
}

TEST(Findings, ASmallCHeapNeedsNoLookInside) {
  FindingFacts facts;
  facts.c_heap_resident = 63 * kMiB;
  EXPECT_EQ(state(facts, "c-library-retained"), FindingState::Quiet);
  facts.c_heap_resident = 64 * kMiB;
  EXPECT_EQ(state(facts, "c-library-retained"), FindingState::NotEvaluated);
}

TEST(Findings, LittleBeyondNmtNeedsNoAnswerOfTheJvm) {
  FindingFacts facts;
  facts.resident = kGiB;
  EXPECT_EQ(state(facts, "resident-above-nmt"), FindingState::NotEvaluated);
  facts.beyond_nmt = 63 * kMiB;
  EXPECT_EQ(state(facts, "resident-above-nmt"), FindingState::Quiet);
  facts.beyond_nmt = 64 * kMiB;
  EXPECT_EQ(state(facts, "resident-above-nmt"), FindingState::NotEvaluated);
  // Asked, the answer counts.
  facts.nmt_committed = 700 * kMiB;
  facts.beyond_nmt = 10 * kMiB;
  EXPECT_EQ(state(facts, "resident-above-nmt"), FindingState::Fires);
}

TEST(Findings, ResidentAboveNmt) {
  FindingFacts facts;
  facts.resident = kGiB;
  facts.nmt_committed = 700 * kMiB;
  facts.outside_nmt = {{"libraries", 100 * kMiB}, {"other files", 0}};
  const Finding finding = of(facts, "resident-above-nmt");
  EXPECT_EQ(finding.state, FindingState::Fires);
  EXPECT_THAT(finding.words, HasSubstr("at least 324.0 MiB"));
  EXPECT_THAT(finding.words, HasSubstr("libraries 100.0 MiB"));
  EXPECT_THAT(finding.words, ::testing::Not(HasSubstr("other files")));
  facts.nmt_committed = 2 * kGiB;
  EXPECT_EQ(state(facts, "resident-above-nmt"), FindingState::Quiet);
}

TEST(Findings, HugePagesLittleUsed) {
  FindingFacts facts;
  facts.huge = kGiB;
  EXPECT_EQ(state(facts, "huge-pages-little-used"), FindingState::NotEvaluated);
  facts.huge_used = kGiB / 2 - kPageSize;
  EXPECT_EQ(state(facts, "huge-pages-little-used"), FindingState::Fires);
  facts.huge_used = kGiB / 2;
  EXPECT_EQ(state(facts, "huge-pages-little-used"), FindingState::Quiet);
  // Few huge pages need no measurement.
  facts.huge = 62 * kMiB;
  facts.huge_used.reset();
  EXPECT_EQ(state(facts, "huge-pages-little-used"), FindingState::Quiet);
}

TEST(Findings, ThreadStacksHuge) {
  FindingFacts facts;
  facts.stacks_huge = 80 * kMiB;
  facts.threads = 40;
  const Finding finding = of(facts, "thread-stacks-huge");
  EXPECT_EQ(finding.state, FindingState::Fires);
  EXPECT_THAT(finding.words, HasSubstr("80.0 MiB"));
  EXPECT_THAT(finding.words, HasSubstr("40 threads"));
  facts.stacks_huge = 0;
  EXPECT_EQ(state(facts, "thread-stacks-huge"), FindingState::Quiet);
}

TEST(Findings, HeapOnWrongNode) {
  FindingFacts facts;
  facts.heap_by_node = {{{0, 900 * kMiB}, {1, 124 * kMiB}}};
  facts.cpu_nodes = {{0}};
  const Finding finding = of(facts, "heap-on-wrong-node");
  EXPECT_EQ(finding.state, FindingState::Fires);
  EXPECT_THAT(finding.words, HasSubstr("124.0 MiB of the Java heap's 1.0 GiB"));
  facts.cpu_nodes = {{0, 1}};
  EXPECT_EQ(state(facts, "heap-on-wrong-node"), FindingState::Quiet);
  facts.cpu_nodes = {{0}};
  facts.heap_by_node = {{{0, 9 * kGiB}, {1, 100 * kMiB}}};
  EXPECT_EQ(state(facts, "heap-on-wrong-node"), FindingState::Quiet);
}

TEST(Findings, HeapSwapped) {
  FindingFacts facts;
  facts.heap_swapped = kPageSize;
  EXPECT_EQ(state(facts, "heap-swapped"), FindingState::Fires);
  facts.heap_swapped = 0;
  EXPECT_EQ(state(facts, "heap-swapped"), FindingState::Quiet);
}

FindingFacts in_a_group(std::uint64_t limit, std::uint64_t heap_maximum) {
  FindingFacts facts;
  facts.cgroup_limit = std::optional(limit);
  facts.heap_reserved = heap_maximum;
  facts.resident = 700 * kMiB;
  facts.heap_resident = 400 * kMiB;
  facts.host_memory = 32 * kGiB;
  facts.jvm_words = {{"java", "-jar", "app.jar"}};
  return facts;
}

TEST(Findings, CgroupLimitBelowHeapMaximum) {
  const char* name = "cgroup-limit-below-heap-maximum";
  const Finding finding = of(in_a_group(2 * kGiB, 2 * kGiB), name);
  EXPECT_EQ(finding.state, FindingState::Fires);
  EXPECT_THAT(finding.words, HasSubstr("the group is full when the heap is at 1.7 GiB"));
  EXPECT_EQ(state(in_a_group(2 * kGiB, 2 * kGiB - 300 * kMiB), name), FindingState::Quiet);
  FindingFacts facts = in_a_group(2 * kGiB, 2 * kGiB);
  facts.cgroup_limit = std::optional<std::uint64_t>{};
  EXPECT_EQ(state(facts, name), FindingState::Quiet);
  facts = in_a_group(2 * kGiB, 2 * kGiB);
  facts.heap_reserved.reset();
  EXPECT_EQ(state(facts, name), FindingState::NotEvaluated);
}

TEST(Findings, MapCountNearLimit) {
  FindingFacts facts;
  facts.max_map_count = 65530;
  facts.map_count = 52'500;
  EXPECT_EQ(state(facts, "map-count-near-limit"), FindingState::Fires);
  facts.map_count = 50'000;
  EXPECT_EQ(state(facts, "map-count-near-limit"), FindingState::Quiet);
}

TEST(Findings, ContainerMemoryNotSeen) {
  const char* name = "container-memory-not-seen";
  // A quarter of the host's memory, in a group of 2 GiB.
  EXPECT_EQ(state(in_a_group(2 * kGiB, 8 * kGiB), name), FindingState::Fires);
  EXPECT_EQ(state(in_a_group(2 * kGiB, 512 * kMiB), name), FindingState::Quiet);
  EXPECT_EQ(state(in_a_group(64 * kGiB, 8 * kGiB), name), FindingState::Quiet);
  FindingFacts facts = in_a_group(2 * kGiB, 8 * kGiB);
  facts.jvm_words->push_back("-Xmx8g");
  EXPECT_EQ(state(facts, name), FindingState::Quiet);
  facts.jvm_words->push_back("-XX:-UseContainerSupport");
  EXPECT_EQ(state(facts, name), FindingState::Fires);
  facts.jvm_words.reset();
  EXPECT_EQ(state(facts, name), FindingState::NotEvaluated);
}

TEST(Findings, LargestNumbersDoNotOverflow) {
  FindingFacts facts = in_a_group(UINT64_MAX - 1, UINT64_MAX);
  facts.resident = UINT64_MAX;
  facts.heap_resident = 0;
  facts.map_count = UINT64_MAX;
  facts.max_map_count = UINT64_MAX;
  facts.host_memory = UINT64_MAX;
  EXPECT_THAT(firing(find(facts)), ::testing::Not(IsEmpty()));
}

}  // namespace

}  // namespace ft::analysis
