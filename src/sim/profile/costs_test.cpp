#include "sim/profile/costs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/fd.h"
#include "sim/profile/machine_file.h"

namespace ft::sim::profile {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::string with(std::string_view more) {
  return "[[node]]\nmemory = \"1G\"\ncpus = \"0-3\"\n[tlb]\ncore = \"zen4\"\n" + std::string(more);
}

TEST(Costs, HaveEachANameOfTheirOwn) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kCosts; ++i) names.insert(name_of(static_cast<Cost>(i)));
  EXPECT_EQ(names.size(), kCosts);
  EXPECT_FALSE(names.contains(""));
  EXPECT_EQ(name_of(Cost::FaultAnon2m), "fault_anon_2m");
  EXPECT_EQ(name_of(Cost::TlbWalk2m), "tlb_walk_2m");
}

TEST(Costs, OfAnAnonymousFaultFollowTheOrder) {
  EXPECT_EQ(anonymous_fault(0), Cost::FaultAnon);
  EXPECT_EQ(anonymous_fault(1), std::nullopt);
  EXPECT_EQ(anonymous_fault(2), Cost::FaultAnon16k);
  EXPECT_EQ(anonymous_fault(8), Cost::FaultAnon1024k);
  EXPECT_EQ(anonymous_fault(9), Cost::FaultAnon2m);
  EXPECT_EQ(anonymous_fault(10), std::nullopt);
}

TEST(Costs, AreReadFromAMachineFile) {
  const auto text = read_file(FT_SOURCE_DIR "/tests/fixtures/fuzz/machine_file/costs.toml");
  ASSERT_TRUE(text);
  const auto machine = parse_machine(*text, "costs.toml");
  ASSERT_TRUE(machine) << machine.error().message();
  const MachineCosts& costs = machine->costs;
  EXPECT_EQ(costs.cost_ns.of(Cost::Syscall), 71.5);
  EXPECT_EQ(costs.cost_ns.of(Cost::FaultAnon2m), 95000);  // an integer is a number too
  EXPECT_EQ(costs.cost_ns.of(Cost::FaultCow), std::nullopt);
  EXPECT_THAT(costs.recorded_ns.known(), ElementsAre(Cost::FaultAnon, Cost::Mmap));
  EXPECT_EQ(costs.cost_spread.of(Cost::FaultAnon), 0.04);
  EXPECT_EQ(costs.recorded_spread.of(Cost::Mmap), 0.5);
  EXPECT_EQ(costs.tlb.l2_entries_4k, 3072U);
  EXPECT_EQ(costs.tlb.l2_entries_2m, std::nullopt);
  ASSERT_TRUE(costs.measured);
  EXPECT_EQ(costs.measured->kernel, "6.18.44");
  EXPECT_EQ(costs.measured->noisy, false);
  EXPECT_EQ(costs.measured->zeroing_bytes_per_ns, 21.5);
  EXPECT_THAT(costs.measured->memory_latency_ns, ElementsAre(ElementsAre(98.5, 160), IsEmpty()));
}

TEST(Costs, WithoutSectionsAreNotKnown) {
  const auto machine = parse_machine(with(""), "m.toml");
  ASSERT_TRUE(machine) << machine.error().message();
  EXPECT_EQ(machine->costs, MachineCosts());
  EXPECT_TRUE(machine->costs.cost_ns.empty());
  EXPECT_FALSE(machine->costs.measured);
}

TEST(Costs, ANullIsKnown) {
  const auto machine = parse_machine(with("[cost_ns]\nsyscall = 0\n"), "m.toml");
  ASSERT_TRUE(machine) << machine.error().message();
  EXPECT_EQ(machine->costs.cost_ns.of(Cost::Syscall), 0);
}

struct Bad {
  const char* name;
  const char* text;
  const char* place;
  const char* says;
  const char* allowed;
};

class CostNonsense : public ::testing::TestWithParam<Bad> {};

TEST_P(CostNonsense, IsRefusedWithItsPlaceTheKeyAndWhatIsAllowed) {
  const Bad& bad = GetParam();
  const auto machine = parse_machine(with(bad.text), "m.toml");
  ASSERT_FALSE(machine);
  EXPECT_THAT(machine.error().message(), AllOf(StartsWith(std::string("m.toml:") + bad.place + ":"),
                                               HasSubstr(bad.says), HasSubstr(bad.allowed)));
}

INSTANTIATE_TEST_SUITE_P(
    MachineFiles, CostNonsense,
    ::testing::Values(
        Bad{"Negative", "[recorded_ns]\nmmap = -0.5\n", "7:8", "recorded_ns.mmap: -0.5 is out of",
            "allowed: 0 to"},
        Bad{"Infinite", "[cost_ns]\nmmap = inf\n", "7:8", "cost_ns.mmap: inf is out of range",
            "allowed: 0 to"},
        Bad{"Text", "[cost_ns]\nmmap = \"1us\"\n", "7:8", "cost_ns.mmap: text, not a number", ""},
        Bad{"OldName", "[cost_ns]\nfault_2m = 1\n", "7:1", "cost_ns.fault_2m: no such key",
            "fault_anon_2m"},
        Bad{"NoTable", "[[cost_spread]]\nbrk = 1\n", "6:1", "cost_spread: an array, not a table",
            ""},
        Bad{"NoSize", "[recorded_ns]\nfault_anon_8k = 3\n", "7:1", "no such key", "fault_anon_16k"},
        Bad{"NegativeSpread", "[cost_ns]\nbrk = 3\n[cost_spread]\nbrk = -1\n", "9:7",
            "cost_spread.brk: -1 is out", "allowed: 0 to"},
        Bad{"SpreadOfNothing", "[cost_ns]\nmmap = 3\n[cost_spread]\nbrk = 1\n", "9:7",
            "cost_spread.brk: a spread of what [cost_ns] does not tell", ""},
        Bad{"NoEntries", "[measured_tlb]\ntlb_l1_entries_4k = 0\n", "7:21",
            "measured_tlb.tlb_l1_entries_4k: 0 is out of range", "allowed: 1 to"},
        Bad{"HalfAnEntry", "[measured_tlb]\ntlb_l2_entries_2m = 1.5\n", "7:21",
            "measured_tlb.tlb_l2_entries_2m: a number, not an integer", ""},
        Bad{"Perhaps", "[measured]\nnoisy = \"perhaps\"\n", "7:9",
            "measured.noisy: text, not true or false", ""},
        Bad{"DateOfToml", "[measured]\ndate = 2026-11-23\n", "7:8",
            "measured.date: a time, not text in quotes", ""},
        Bad{"RowsMissing", "[measured]\nmemory_latency_ns = []\n", "7:21",
            "measured.memory_latency_ns: it is no table of 1 nodes", "1 rows"},
        Bad{"RowTooLong", "[measured]\nmemory_latency_ns = [[1, 2]]\n", "7:22",
            "measured.memory_latency_ns[0]: it is no row of 1 nodes", "1 rows"},
        Bad{"NoLatency", "[measured]\nmemory_latency_ns = [[nan]]\n", "7:23",
            "measured.memory_latency_ns[0]: it is no latency", "0 to"}),
    [](const auto& instance) { return std::string(instance.param.name); });

}  // namespace
}  // namespace ft::sim::profile
