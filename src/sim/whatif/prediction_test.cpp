// Each change to a recording, and what is predicted of it.
#include "sim/whatif/prediction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/profile/machine_file.h"
#include "sim/whatif/test_recording.h"

namespace ft::sim::whatif {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using testing::JvmRecording;
using testing::kCards;
using testing::kCardsOfInitial;
using testing::kHeap;
using testing::kHeapBytes;
using testing::kInitialBytes;
using ::testing::SizeIs;

constexpr std::uint64_t kYoungPages = kMiB / kPageSize;
constexpr std::uint64_t kCardPages = kCardsOfInitial / kPageSize;

Prediction predicted(const JvmRecording& recording, const Scenario& scenario) {
  const auto prediction = predict(recording.material, scenario, testing::parts_of);
  EXPECT_TRUE(prediction) << prediction.error().message();
  return prediction ? *prediction : Prediction{};
}

std::string refused(const JvmRecording& recording, const Scenario& scenario) {
  const auto prediction = predict(recording.material, scenario, testing::parts_of);
  EXPECT_FALSE(prediction);
  return prediction ? "" : prediction.error().message();
}

Scenario with_setting(std::initializer_list<const char*> settings) {
  Scenario scenario;
  for (const char* setting : settings) {
    const auto set = scenario.set(setting);
    EXPECT_TRUE(set) << set.error().message();
  }
  return scenario;
}

Scenario with_flag(const char* flag) {
  Scenario scenario;
  const auto added = scenario.add_jvm_flag(flag);
  EXPECT_TRUE(added) << added.error().message();
  return scenario;
}

const PartFigures* heap_of(const Figures& figures) {
  const auto found = std::ranges::find(figures.parts, jvm::Subsystem::JavaHeap, &PartFigures::part);
  return found == figures.parts.end() ? nullptr : &*found;
}

TEST(Prediction, ARecordingAsItWas) {
  const JvmRecording recording;
  const Figures figures = figures_of_recording(recording.material, testing::parts_of);
  EXPECT_EQ(figures.pages_by_order[0], kYoungPages + kCardPages);
  ASSERT_NE(heap_of(figures), nullptr);
  EXPECT_EQ(heap_of(figures)->resident_bytes, kMiB);
  EXPECT_TRUE(figures.nodes.empty());
  EXPECT_FALSE(figures.blocks_refused);
}

TEST(Prediction, HugePagesWhereTheHostGivesThemToAll) {
  const Prediction prediction = predicted(JvmRecording(), with_setting({"thp=always"}));
  EXPECT_EQ(prediction.figures.pages_by_order[9], 1U);
  EXPECT_EQ(heap_of(prediction.figures)->resident_bytes, kHugePageSize);
  EXPECT_EQ(heap_of(prediction.figures)->bloat_bytes, kHugePageSize - kMiB);
  EXPECT_FALSE(prediction.estimated);
  EXPECT_THAT(prediction.notes, Contains(HasSubstr("huge pages are taken to be free")));
}

TEST(Prediction, PopulateMakesTheKernelFault) {
  const Prediction prediction = predicted(JvmRecording(), with_setting({"populate=heap"}));
  EXPECT_EQ(prediction.figures.kernel_faults, kInitialBytes / kPageSize);
  EXPECT_EQ(prediction.figures.pages_by_order[0], kInitialBytes / kPageSize + kCardPages);
}

TEST(Prediction, ALargerInitialHeapMovesTheYoungRegions) {
  const Prediction prediction = predicted(JvmRecording(), with_flag("-Xms32m"));
  // The young region moved; the table has twice the pages, all of which were touched.
  EXPECT_EQ(heap_of(prediction.figures)->resident_bytes, kMiB);
  EXPECT_EQ(prediction.figures.pages_by_order[0], kYoungPages + 2 * kCardPages);
  EXPECT_EQ(prediction.figures.mapped_bytes,
            figures_of_recording(JvmRecording().material, testing::parts_of).mapped_bytes);
  EXPECT_TRUE(prediction.estimated);
}

// Threads allocate from buffers of their own, one behind the other in a young region. They are a
// share of the young generation, half a region at most: with a larger heap fewer lie in one region.
TEST(Prediction, ALargerInitialHeapMovesAllocationBuffersApart) {
  constexpr std::uint64_t kBuffer = 200'000;
  constexpr std::uint64_t kRegion = kHeap + kInitialBytes - kMiB;
  JvmRecording buffers;
  std::erase_if(buffers.material.faults, [](const event::Fault& fault) {
    return AddressRange{kRegion, kRegion + kMiB}.contains(fault.addr);
  });
  buffers.touch({kRegion, kRegion + 3 * kPageSize});
  for (const std::uint64_t number : {1, 2}) {
    buffers.fault(kRegion + number * kBuffer + 12, event::kFaultUser | event::kFaultWrite);
  }
  Notes notes;
  const auto larger = changed(buffers.material, with_flag("-Xms48m"), testing::parts_of, notes);
  ASSERT_TRUE(larger) << larger.error().message();
  std::vector<std::uint64_t> touched;
  for (const event::Fault& fault : larger->faults) {
    if (AddressRange{kHeap, kHeap + kHeapBytes}.contains(fault.addr)) touched.push_back(fault.addr);
  }
  constexpr std::uint64_t kMoved = kHeap + 47 * kMiB;
  EXPECT_THAT(touched,
              ::testing::UnorderedElementsAre(kMoved, kMoved + kPageSize, kMoved + 2 * kPageSize,
                                              kMoved + kMiB / 2 + 12, kMoved - kMiB + 12));
}

TEST(Prediction, InitialHeapsThatCannotBeAreRefused) {
  EXPECT_THAT(refused(JvmRecording(), with_flag("-Xms65m")), HasSubstr("more than the maximum"));
  EXPECT_THAT(refused(JvmRecording(), with_flag("-Xms8m")), HasSubstr("less than what was"));
  JvmRecording resized;
  resized.commit(kHeap + kInitialBytes, kMiB);
  EXPECT_THAT(refused(resized, with_flag("-Xms32m")), HasSubstr("changed its heap"));
}

// The archive of Java objects lies at the heap's end: behind a small -Xms it has commits of its
// own, within a heap that is committed whole it has none, and young regions lie below it.
TEST(Prediction, AHeapCommittedWholeHasTheArchiveWithinIt) {
  JvmRecording archived;
  const std::uint64_t archive = kHeap + kHeapBytes - 2 * kMiB;
  const std::uint64_t archived_cards = kCards + testing::kCardBytes - 2 * kMiB / 512;
  archived.commit(archive, 2 * kMiB);
  archived.commit(archived_cards, 2 * kMiB / 512);
  archived.touch({archived_cards, kCards + testing::kCardBytes});
  archived.call(event::SyscallNumber::Mmap,
                {archive, kMiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, 4, 0},
                static_cast<std::int64_t>(archive));
  archived.touch({archive, archive + 4 * kPageSize});

  Notes notes;
  const auto whole = changed(archived.material, with_flag("-Xms64m"), testing::parts_of, notes);
  ASSERT_TRUE(whole) << whole.error().message();
  std::uint64_t commits = 0;
  for (const event::Syscall& call : whole->trace.syscalls) {
    if (call.number == event::SyscallNumber::Mmap && (call.prot() & PROT_WRITE) != 0 &&
        (call.flags() & MAP_ANONYMOUS) != 0) {
      ++commits;
      EXPECT_EQ(call.length(), call.addr() == kHeap ? kHeapBytes : testing::kCardBytes);
    }
  }
  EXPECT_EQ(commits, 2U);
  std::uint64_t young = 0;
  std::uint64_t of_archive = 0;
  for (const event::Fault& fault : whole->faults) {
    if (AddressRange{archive - kMiB, archive}.contains(fault.addr)) ++young;
    if (AddressRange{archive, kHeap + kHeapBytes}.contains(fault.addr)) ++of_archive;
  }
  EXPECT_EQ(young, kMiB / kPageSize);
  EXPECT_EQ(of_archive, 4U);
}

TEST(Prediction, PreTouchWritesToTheWholeHeapAndItsTables) {
  const Prediction prediction = predicted(JvmRecording(), with_flag("-XX:+AlwaysPreTouch"));
  EXPECT_EQ(prediction.figures.pages_by_order[0], kInitialBytes / kPageSize + kCardPages);
  EXPECT_EQ(heap_of(prediction.figures)->resident_bytes, kInitialBytes);
  // Touched by the JVM: none of it is bloat.
  EXPECT_EQ(heap_of(prediction.figures)->bloat_bytes, 0U);
}

TEST(Prediction, AdvisedHugePagesHoldTheHeap) {
  const Prediction prediction =
      predicted(JvmRecording(), with_flag("-XX:+UseTransparentHugePages"));
  EXPECT_EQ(prediction.figures.pages_by_order[9], 1U);
  JvmRecording never;
  never.material.trace.meta["host.thp.enabled"] = "never";
  const Prediction without = predicted(never, with_flag("-XX:+UseTransparentHugePages"));
  EXPECT_EQ(without.figures.pages_by_order[9], 0U);
  EXPECT_THAT(without.notes, Contains(HasSubstr("the host's setting is never")));
}

TEST(Prediction, FlagsNeedAJvm) {
  JvmRecording none;
  std::erase_if(none.material.trace.syscalls, [](const event::Syscall& call) {
    return static_cast<std::uint64_t>(call.ret) == kHeap;
  });
  EXPECT_THAT(refused(none, with_flag("-Xms32m")), HasSubstr("no JVM that reserved a heap"));
  EXPECT_THAT(refused(none, with_setting({"populate=heap"})), HasSubstr("no call commits"));
  JvmRecording other;
  other.material.trace.meta.erase("probe.aux.0");
  EXPECT_THAT(refused(other, with_flag("-XX:+AlwaysPreTouch")), HasSubstr("G1 collector only"));
}

// --- hugetlb -------------------------------------------------------------------------------------

TEST(Prediction, AHeapOfHugetlbPagesCountsInNoRss) {
  const Prediction prediction = predicted(JvmRecording(), with_setting({"hugetlb.heap=2M"}));
  const Figures& figures = prediction.figures;
  EXPECT_EQ(figures.faults[static_cast<std::size_t>(fault::Kind::Hugetlb)], 1U);
  EXPECT_EQ(figures.hugetlb_bytes, kHugePageSize);
  EXPECT_EQ(heap_of(figures)->resident_bytes, 0U);
  EXPECT_EQ(heap_of(figures)->hugetlb_bytes, kHugePageSize);
  EXPECT_EQ(figures.pages_by_order[0], kCardPages);
  EXPECT_EQ(figures.translations[1], 1U);
  EXPECT_EQ(figures.resident.anonymous,
            figures_of_recording(JvmRecording().material, testing::parts_of).resident.anonymous -
                kYoungPages);
  EXPECT_TRUE(prediction.estimated);
}

TEST(Prediction, AnEmptyPoolLeavesTheHeapAsItWas) {
  const Prediction prediction =
      predicted(JvmRecording(), with_setting({"hugetlb.heap=2M", "hugetlb.2M=31"}));
  EXPECT_EQ(prediction.figures.hugetlb_bytes, 0U);
  EXPECT_EQ(heap_of(prediction.figures)->resident_bytes, kMiB);
  EXPECT_THAT(prediction.notes, Contains(HasSubstr("takes 32 pages")));
  const Prediction enough =
      predicted(JvmRecording(), with_setting({"hugetlb.heap=2M", "hugetlb.2M=32"}));
  EXPECT_EQ(enough.figures.hugetlb_bytes, kHugePageSize);
}

// The card table is too small for large pages, and there is no code cache: the heap alone takes
// them.
TEST(Prediction, LargePagesHoldWhatIsLargeEnough) {
  const Prediction prediction = predicted(JvmRecording(), with_flag("-XX:+UseLargePages"));
  EXPECT_EQ(prediction.figures.hugetlb_bytes, kHugePageSize);
  EXPECT_EQ(prediction.figures.pages_by_order[0], kCardPages);
  EXPECT_EQ(heap_of(prediction.figures)->hugetlb_bytes, kHugePageSize);
}

TEST(Prediction, LargePagesYieldToTransparentOnes) {
  Scenario both = with_flag("-XX:+UseLargePages");
  ASSERT_TRUE(both.add_jvm_flag("-XX:+UseTransparentHugePages"));
  const Prediction prediction = predicted(JvmRecording(), both);
  EXPECT_EQ(prediction.figures.hugetlb_bytes, 0U);
  EXPECT_THAT(prediction.notes, Contains(HasSubstr("prefers transparent huge pages")));
}

TEST(Prediction, LargePagesTakeTheHeapOnce) {
  Scenario twice = with_flag("-XX:+UseLargePages");
  ASSERT_TRUE(twice.set("hugetlb.heap=2M"));
  EXPECT_THAT(refused(JvmRecording(), twice), HasSubstr("takes the heap already"));
}

TEST(Prediction, AHeapThatIsNotInWholePagesIsRefused) {
  EXPECT_THAT(refused(JvmRecording(), with_setting({"hugetlb.heap=1G"})),
              HasSubstr("is not in whole pages of 1.0 GiB"));
}

// --- machines ------------------------------------------------------------------------------------

Scenario on_two_nodes(std::initializer_list<const char*> settings, std::string_view more = {}) {
  Scenario scenario = with_setting(settings);
  auto machine = profile::parse_machine(
      "name = \"two\"\n[[node]]\nmemory = \"1G\"\ncpus = \"0\"\n[[node]]\nmemory = \"1G\"\n"
      "cpus = \"1\"\n[tlb]\ncore = \"zen4\"\n" +
      std::string(more));
  EXPECT_TRUE(machine) << machine.error().message();
  scenario.use_machine(std::make_shared<const profile::MachineProfile>(std::move(*machine)));
  return scenario;
}

std::uint64_t heap_on(const Prediction& prediction, std::size_t node) {
  const PartFigures* heap = heap_of(prediction.figures);
  return heap && node < heap->node_bytes.size() ? heap->node_bytes[node] : 0;
}

TEST(Prediction, WithoutAPolicyMemoryIsWhereTheThreadRuns) {
  const Prediction prediction = predicted(JvmRecording(), on_two_nodes({}));
  ASSERT_THAT(prediction.figures.nodes, SizeIs(2));
  EXPECT_EQ(heap_on(prediction, 0), kMiB);
  EXPECT_EQ(heap_on(prediction, 1), 0U);
  EXPECT_TRUE(prediction.placement_estimated);
  EXPECT_THAT(prediction.notes, Contains(HasSubstr("which CPUs threads ran on")));
}

TEST(Prediction, InterleavingGoesByAddress) {
  const Prediction prediction = predicted(JvmRecording(), on_two_nodes({"numa.policy=interleave"}));
  EXPECT_EQ(heap_on(prediction, 0), kMiB / 2);
  EXPECT_EQ(heap_on(prediction, 1), kMiB / 2);
  EXPECT_FALSE(prediction.placement_estimated);
  // Of the pages that were touched, each other one.
  EXPECT_EQ(prediction.figures.nodes[1].requests.miss, 0U);
}

TEST(Prediction, HugePagesAreInterleavedWhole) {
  JvmRecording recording;
  recording.touch({kHeap, kHeap + 1});
  recording.touch({kHeap + kHugePageSize, kHeap + kHugePageSize + 1});
  const Prediction prediction =
      predicted(recording, on_two_nodes({"numa.policy=interleave", "thp=always"}));
  EXPECT_EQ(prediction.figures.pages_by_order[9], 3U);
  EXPECT_EQ(heap_on(prediction, 0) + heap_on(prediction, 1), 3 * kHugePageSize);
  EXPECT_GT(heap_on(prediction, 0), 0U);
  EXPECT_GT(heap_on(prediction, 1), 0U);
}

TEST(Prediction, BindingPutsAllOnTheNode) {
  const Prediction prediction = predicted(JvmRecording(), on_two_nodes({"numa.policy=bind:1"}));
  EXPECT_EQ(heap_on(prediction, 1), kMiB);
  EXPECT_EQ(prediction.figures.nodes[0].requests.hit, 0U);
  // The CPU is of node 0.
  EXPECT_GT(prediction.figures.nodes[1].requests.other_node, 0U);
  EXPECT_FALSE(prediction.placement_estimated);
}

TEST(Prediction, WeightsShareAsTheySay) {
  const Prediction prediction =
      predicted(JvmRecording(), on_two_nodes({"numa.policy=weighted:3,1"}));
  EXPECT_EQ(heap_on(prediction, 0), 3 * heap_on(prediction, 1));
}

TEST(Prediction, WhatTheTargetAskedForHolds) {
  JvmRecording recording;
  recording.call(event::SyscallNumber::Mbind, {kHeap, kHeapBytes, 3, 1, 64, 0}, 0);
  recording.touch({kHeap, kHeap + kMiB});
  const Prediction prediction = predicted(recording, on_two_nodes({}));
  EXPECT_EQ(heap_on(prediction, 1), kMiB / 2);  // of what was touched after it
  EXPECT_THAT(prediction.figures.estimated,
              Contains(HasSubstr("mbind interleaves over nodes that are not in the recording")));
  EXPECT_THAT(prediction.figures.estimated,
              ::testing::Not(Contains(HasSubstr("has no part in the model"))));
}

TEST(Prediction, ATaskPolicyOfTheTargetYieldsToTheKey) {
  JvmRecording recording;
  recording.call(event::SyscallNumber::SetMempolicy, {3, 1, 64, 0, 0, 0}, 0);
  recording.touch({kHeap, kHeap + kMiB});
  EXPECT_EQ(heap_on(predicted(recording, on_two_nodes({})), 1), kMiB / 2);
  EXPECT_EQ(heap_on(predicted(recording, on_two_nodes({"numa.policy=local"})), 1), 0U);
}

TEST(Prediction, FragmentedMemoryRefusesHugePages) {
  const Prediction prediction =
      predicted(JvmRecording(), on_two_nodes({"thp=always", "fragmented=1"}));
  EXPECT_EQ(prediction.figures.pages_by_order[9], 0U);
  EXPECT_GT(prediction.figures.blocks_refused.value_or(0), 0U);
  EXPECT_EQ(heap_of(prediction.figures)->resident_bytes, kMiB);
  EXPECT_THAT(prediction.notes, Contains(HasSubstr("huge pages are refused")));
  const Prediction whole = predicted(JvmRecording(), on_two_nodes({"thp=always"}));
  EXPECT_EQ(whole.figures.pages_by_order[9], 1U);
  EXPECT_EQ(whole.figures.blocks_refused, 0U);
}

TEST(Prediction, AHeapOfHugetlbPagesComesFromThePool) {
  const Prediction prediction = predicted(
      JvmRecording(),
      on_two_nodes({"hugetlb.heap=2M", "numa.policy=bind:1"}, "[kernel]\nhugetlb_2M = 64\n"));
  EXPECT_EQ(prediction.figures.hugetlb_bytes, kHugePageSize);
  EXPECT_EQ(heap_on(prediction, 1), kHugePageSize);
  // The pool was there before: 64 MiB of each node.
  EXPECT_LT(prediction.figures.nodes[0].free_bytes, kGiB - 64 * kMiB);
}

TEST(Prediction, APoolThatDoesNotFitIsRefused) {
  EXPECT_THAT(refused(JvmRecording(), on_two_nodes({"hugetlb.2M=1024"})),
              HasSubstr("hugetlb pages of 2.0 MiB were asked for"));
}

TEST(Prediction, WithAMachineTheSameFaultsAreTaken) {
  const Prediction plain = predicted(JvmRecording(), Scenario());
  const Prediction placed = predicted(JvmRecording(), on_two_nodes({}));
  EXPECT_EQ(plain.figures.faults, placed.figures.faults);
  EXPECT_EQ(plain.figures.pages_by_order, placed.figures.pages_by_order);
  EXPECT_EQ(plain.figures.table_pages, placed.figures.table_pages);
  EXPECT_EQ(plain.figures.resident_bytes(), placed.figures.resident_bytes());
}

}  // namespace
}  // namespace ft::sim::whatif
