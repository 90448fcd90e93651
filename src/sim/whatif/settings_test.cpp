#include "sim/whatif/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/mman.h>

#include "base/units.h"
#include "sim/profile/machine_file.h"
#include "sim/whatif/scenario.h"

namespace ft::sim::whatif {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Wishes wishes_of(std::initializer_list<const char*> assignments) {
  Wishes wishes;
  for (const char* assignment : assignments) {
    const auto set = apply_setting(assignment, wishes);
    EXPECT_TRUE(set) << set.error().message();
  }
  return wishes;
}

TEST(Settings, ChangeFactsOfTheHost) {
  const Wishes wishes =
      wishes_of({"thp=never", "thp.64K=always", "thp.zero_page=0", "kernel=6.12.3"});
  ASSERT_EQ(wishes.host.size(), 4U);
  EXPECT_EQ(wishes.host[0].key, "host.thp.enabled");
  EXPECT_EQ(wishes.host[1].key, "host.thp.size.64kB");
  EXPECT_EQ(wishes.host[1].value, "always");
  EXPECT_EQ(wishes.host[2].key, "host.thp.use_zero_page");
  EXPECT_EQ(wishes.host[3].value, "6.12.3");
  EXPECT_FALSE(wishes.need_memory());
}

TEST(Settings, NameASizeInAnyWay) {
  for (const char* assignment : {"thp.2M=always", "thp.2048kB=always", "thp.2048K=always"}) {
    EXPECT_EQ(wishes_of({assignment}).host[0].key, "host.thp.size.2048kB") << assignment;
  }
}

TEST(Settings, TakePolicies) {
  EXPECT_EQ(wishes_of({"numa.policy=default"}).numa->mode, numa::Mode::Local);
  const Wishes interleave = wishes_of({"numa.policy=interleave"});
  EXPECT_EQ(interleave.numa->nodes, numa::NodeMask::all());
  EXPECT_TRUE(interleave.need_memory());
  EXPECT_EQ(wishes_of({"numa.policy=interleave:0,2-3"}).numa->nodes.bits(), 0b1101U);
  EXPECT_EQ(wishes_of({"numa.policy=bind:1"}).numa->mode, numa::Mode::Bind);
  EXPECT_EQ(wishes_of({"numa.policy=preferred:1"}).numa->mode, numa::Mode::Preferred);
  EXPECT_EQ(wishes_of({"numa.policy=preferred-many:0-1"}).numa->mode, numa::Mode::PreferredMany);
  EXPECT_EQ(wishes_of({"numa.policy=weighted:3,1"}).numa->weights[0], 3);
}

TEST(Settings, TheLastOneWins) {
  EXPECT_EQ(wishes_of({"numa.policy=bind:1", "numa.policy=local"}).numa->mode, numa::Mode::Local);
  EXPECT_EQ(wishes_of({"hugetlb.heap=2M", "hugetlb.heap=1G"}).hugetlb_heap, kGiB);
}

struct Refusal {
  const char* assignment;
  const char* what;
  const char* why;
};

class Refused : public ::testing::TestWithParam<Refusal> {};

TEST_P(Refused, NamesTheKeyAndWhatIsAllowed) {
  Wishes wishes;
  const auto set = apply_setting(GetParam().assignment, wishes);
  ASSERT_FALSE(set);
  EXPECT_THAT(set.error().message(), AllOf(StartsWith(std::string("--set ") + GetParam().what),
                                           HasSubstr(GetParam().why), HasSubstr("allowed: ")));
}

INSTANTIATE_TEST_SUITE_P(
    Settings, Refused,
    ::testing::Values(Refusal{"thp", "thp: ", "no KEY=VALUE"}, Refusal{"", ": ", "no KEY=VALUE"},
                      Refusal{"=1", ": ", "no such key"},
                      Refusal{"colour=red", "colour: ", "no such key"},
                      Refusal{"thp=", "thp: ", "always|madvise|never"},
                      Refusal{"thp=always|never", "thp: ", "no value"},
                      Refusal{"thp.=always", "thp.: ", "no such key"},
                      Refusal{"thp.3kB=always", "thp.3kB: ", "16kB to 2048kB"},
                      Refusal{"thp.4kB=always", "thp.4kB: ", "16kB to 2048kB"},
                      Refusal{"thp.64kB=on", "thp.64kB: ", "always|inherit|madvise|never"},
                      Refusal{"thp.defrag=hard", "thp.defrag: ", "defer+madvise"},
                      Refusal{"kernel=5.10", "kernel: ", "6.1 or later"},
                      Refusal{"populate=all", "populate: ", "heap"},
                      Refusal{"hugetlb.heap=4K", "hugetlb.heap: ", "2M|1G"},
                      Refusal{"hugetlb.2M=-1", "hugetlb.2M: ", "0 or more"},
                      Refusal{"hugetlb.1G=99999999999", "hugetlb.1G: ", "0 or more"},
                      Refusal{"numa.policy=bind", "numa.policy: ", "bind:NODES"},
                      Refusal{"numa.policy=bind:", "numa.policy: ", "bind:NODES"},
                      Refusal{"numa.policy=bind:64", "numa.policy: ", "bind:NODES"},
                      Refusal{"numa.policy=bind:3-1", "numa.policy: ", "bind:NODES"},
                      Refusal{"numa.policy=local:0", "numa.policy: ", "no value"},
                      Refusal{"numa.policy=preferred:0,1", "numa.policy: ", "preferred:NODE"},
                      Refusal{"numa.policy=weighted:0", "numa.policy: ", "WEIGHTS"},
                      Refusal{"numa.policy=weighted:256", "numa.policy: ", "WEIGHTS"},
                      Refusal{"numa.threads=far", "numa.threads: ", "together|spread"},
                      Refusal{"fragmented=1.01", "fragmented: ", "0 to 1"},
                      Refusal{"fragmented=nan", "fragmented: ", "0 to 1"},
                      Refusal{"fragmented=half", "fragmented: ", "0 to 1"},
                      Refusal{"\x1b[31m=1", "\\x1b", "no such key"}));

TEST(Scenario, TakesFlagsOfTheJvm) {
  Scenario scenario;
  EXPECT_FALSE(scenario.changes_jvm());
  ASSERT_TRUE(scenario.add_jvm_flag("-Xms1g"));
  ASSERT_TRUE(scenario.add_jvm_flag("-XX:+AlwaysPreTouch"));
  ASSERT_TRUE(scenario.add_jvm_flag("-XX:+UseTransparentHugePages"));
  ASSERT_TRUE(scenario.add_jvm_flag("-XX:-AlwaysPreTouch"));
  EXPECT_EQ(scenario.wishes().initial_heap, kGiB);
  EXPECT_TRUE(scenario.wishes().huge_pages);
  EXPECT_FALSE(scenario.wishes().pretouch);
  EXPECT_TRUE(scenario.changes_jvm());
}

TEST(Scenario, RefusesFlagsItDoesNotKnow) {
  for (const char* flag : {"-XX:+UseZGC", "-Xmx1g", "-Xms", "-Xms0", "-Xmsbig", "-Xms-1",
                           "-XX:AlwaysPreTouch", "", "-XX:*AlwaysPreTouch", "-Xms99999999999t"}) {
    Scenario scenario;
    const auto added = scenario.add_jvm_flag(flag);
    ASSERT_FALSE(added) << flag;
    EXPECT_THAT(added.error().message(), AllOf(StartsWith("--jvm"), HasSubstr("allowed: ")));
  }
}

std::shared_ptr<const profile::MachineProfile> two_nodes() {
  auto machine = profile::parse_machine(
      "[[node]]\nmemory = \"1G\"\ncpus = \"0\"\n[[node]]\nmemory = \"1G\"\ncpus = \"1\"\n"
      "[tlb]\ncore = \"zen4\"\n[kernel]\nthp = \"always\"\nhugetlb_2M = 3\nfragmented = 0.5\n");
  EXPECT_TRUE(machine) << machine.error().message();
  return std::make_shared<const profile::MachineProfile>(std::move(*machine));
}

TEST(Scenario, AKeySaysMoreThanTheMachine) {
  Scenario scenario;
  scenario.use_machine(two_nodes());
  ASSERT_TRUE(scenario.set("fragmented=0"));
  ASSERT_TRUE(scenario.set("hugetlb.1G=0"));
  ASSERT_TRUE(scenario.set("numa.policy=interleave"));
  Notes notes;
  const auto plan = scenario.memory({}, notes);
  ASSERT_TRUE(plan && *plan) << plan.error().message();
  EXPECT_EQ((*plan)->fragmented, 0);
  EXPECT_EQ((*plan)->hugetlb.pages_2m, 3U);
  EXPECT_EQ((*plan)->policy.nodes.bits(), 0b11U);
  EXPECT_TRUE((*plan)->keeps_policy);
}

TEST(Scenario, RefusesNodesThatTheMachineDoesNotHave) {
  Scenario scenario;
  scenario.use_machine(two_nodes());
  ASSERT_TRUE(scenario.set("numa.policy=bind:1-2"));
  Notes notes;
  const auto plan = scenario.memory({}, notes);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().message(),
            "--set numa.policy: node 2 is not in the machine (allowed nodes: 0,1)");
}

TEST(Scenario, WithoutAMachineNeedsToKnowTheHost) {
  Scenario scenario;
  ASSERT_TRUE(scenario.set("fragmented=0.5"));
  Notes notes;
  const auto unknown = scenario.memory({}, notes);
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message(), HasSubstr("--machine"));
  event::Trace trace;
  trace.meta = {{"host.memory_bytes", "1073741824"}, {"host.cpus", "2"}};
  const auto plan = scenario.memory(trace, notes);
  ASSERT_TRUE(plan && *plan) << plan.error().message();
  EXPECT_EQ((*plan)->start.node_of_cpu.size(), 2U);
}

}  // namespace
}  // namespace ft::sim::whatif
