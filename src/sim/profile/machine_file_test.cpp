#include "sim/profile/machine_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/fd.h"
#include "base/units.h"
#include "sim/phys/memory.h"
#include "sim/profile/machines.h"

namespace ft::sim::profile {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr std::string_view kNode = "[[node]]\nmemory = \"1G\"\ncpus = \"0-3\"\n";
constexpr std::string_view kTlb = "[tlb]\ncore = \"zen4\"\n";

std::string with(std::string_view more) {
  return std::string(kNode) + std::string(kTlb) + std::string(more);
}

std::string error_of(const std::string& text) {
  const auto machine = parse_machine(text, "m.toml");
  EXPECT_FALSE(machine) << text;
  return machine ? "" : machine.error().message();
}

TEST(MachineFile, TellsWhatItSays) {
  const auto text = read_file(FT_SOURCE_DIR "/tests/fixtures/fuzz/machine_file/document.toml");
  ASSERT_TRUE(text);
  const auto machine = parse_machine(*text, "document.toml");
  ASSERT_TRUE(machine) << machine.error().message();
  EXPECT_EQ(machine->name, "document");
  ASSERT_THAT(machine->topology.nodes(), SizeIs(2));
  EXPECT_EQ(machine->topology.nodes()[1].memory_bytes, 8 * kGiB);
  EXPECT_EQ(machine->topology.distance(0, 1), 21U);
  EXPECT_EQ(machine->topology.node_of_cpu()[8], 1U);
  EXPECT_EQ(machine->kernel.release, "6.12.30");
  EXPECT_EQ(machine->kernel.thp_sizes.at("64kB"), "always");
  EXPECT_EQ(machine->kernel.defrag, Defrag::DeferMadvise);
  EXPECT_EQ(machine->kernel.hugetlb, (HugetlbPools{.pages_2m = 16, .pages_1g = 1}));
  EXPECT_EQ(machine->weights[0], 3);
  EXPECT_DOUBLE_EQ(machine->fragmented, 0.25);
  EXPECT_EQ(machine->tlb.name, "skylake-sp");
  ASSERT_TRUE(machine->tlb.nested);
  EXPECT_EQ(machine->tlb.nested->page_size, tlb::PageSize::Large);
  EXPECT_EQ(machine->costs.cost_ns.of(Cost::FaultAnon), 520.5);
}

TEST(MachineFile, TakesASpelledOutTlb) {
  const auto text = read_file(FT_SOURCE_DIR "/tests/fixtures/fuzz/machine_file/spelled_out.toml");
  ASSERT_TRUE(text);
  const auto machine = parse_machine(*text, "m.toml");
  ASSERT_TRUE(machine) << machine.error().message();
  EXPECT_EQ(machine->name, "m.toml");
  EXPECT_EQ(machine->tlb.name, "mine");
  EXPECT_EQ(machine->tlb.levels, arch::Levels::Five);
  ASSERT_THAT(machine->tlb.l1, SizeIs(2));
  EXPECT_EQ(machine->tlb.l1[1].ways, 32U);  // fully associative
  EXPECT_TRUE(machine->tlb.l1[1].sizes.has(tlb::PageSize::Giant));
  EXPECT_EQ(machine->tlb.l2[0].index, tlb::SetIndex::XorFold);
}

struct Bad {
  const char* name;
  std::string text;
  const char* place;
  const char* key;
  const char* allowed;
};

class Nonsense : public ::testing::TestWithParam<Bad> {};

TEST_P(Nonsense, IsRefusedWithItsPlaceTheKeyAndWhatIsAllowed) {
  const Bad& bad = GetParam();
  EXPECT_THAT(error_of(bad.text), AllOf(StartsWith(std::string("m.toml:") + bad.place + ":"),
                                        HasSubstr(bad.key), HasSubstr(bad.allowed)));
}

INSTANTIATE_TEST_SUITE_P(
    Machines, Nonsense,
    ::testing::Values(
        Bad{"NoNode", std::string(kTlb), "1", "node: it is missing", "one [[node]] or more"},
        Bad{"NodeWithoutMemory", "[[node]]\ncpus = \"0\"\n" + std::string(kTlb), "1",
            "node[0].memory: it is missing", "a size such as"},
        Bad{"NoBytes", "[[node]]\nmemory = 0\ncpus = \"0\"\n" + std::string(kTlb), "2:10",
            "node[0].memory", "allowed: 64.0 MiB to"},
        Bad{"NegativeMemory", "[[node]]\nmemory = -1\ncpus = \"0\"\n" + std::string(kTlb), "2:10",
            "node[0].memory", "allowed"},
        Bad{"TwoToThe63", "[[node]]\nmemory = \"8388608T\"\ncpus = \"0\"\n" + std::string(kTlb),
            "2:10", "node[0].memory", "to 4.0 TiB"},
        Bad{"TwoToThe63AsInteger",
            "[[node]]\nmemory = 9223372036854775808\ncpus = \"0\"\n" + std::string(kTlb), "2", "",
            ""},
        Bad{"BeyondTheModelInAll",
            "[[node]]\nmemory = \"3T\"\ncpus = \"0\"\n[[node]]\nmemory = \"2T\"\ncpus = \"1\"\n",
            "5:10", "node[1].memory: the machine has more", "4.0 TiB in all"},
        Bad{"NoCpus", "[[node]]\nmemory = \"1G\"\ncpus = \"\"\n" + std::string(kTlb), "1",
            "node: no node has a CPU", ""},
        Bad{"CpusMissing", "[[node]]\nmemory = \"1G\"\n" + std::string(kTlb), "1",
            "node[0].cpus: it is missing", "a list such as"},
        Bad{"CpuTwice", "[[node]]\nmemory = \"1G\"\ncpus = \"0-3,2\"\n" + std::string(kTlb), "3:8",
            "node[0].cpus: CPU 2 is there twice", ""},
        Bad{"CpuGap", "[[node]]\nmemory = \"1G\"\ncpus = \"0,2\"\n" + std::string(kTlb), "1",
            "node: CPU 1 belongs to no node", "without gaps"},
        Bad{"CpusBackwards", "[[node]]\nmemory = \"1G\"\ncpus = \"4-2\"\n" + std::string(kTlb),
            "3:8", "node[0].cpus: it is no list", "numbers below 8192"},
        Bad{"CpuBeyond", "[[node]]\nmemory = \"1G\"\ncpus = \"0-4294967295\"\n", "3:8",
            "node[0].cpus: it is no list", "numbers below 8192"},
        Bad{"WrongType", "[[node]]\nmemory = true\ncpus = \"0\"\n" + std::string(kTlb), "2:10",
            "node[0].memory: a boolean, not a size", ""},
        Bad{"UnknownKey", "colour = 3\n" + with(""), "1:1", "colour: no such key",
            "allowed: name, description"},
        Bad{"UnknownKeyInside", with("ways = 3\n"), "6:1", "tlb.ways: no such key", "core"},
        Bad{"NodeIsNoArray", "node = 3\n" + std::string(kTlb), "1:8",
            "node: an integer, not an array of tables", ""},
        Bad{"NoTlb", std::string(kNode), "1:1", "tlb: it is missing", "sapphire-rapids"},
        Bad{"UnknownCore", std::string(kNode) + "[tlb]\ncore = \"z80\"\n", "5:8",
            "tlb.core: 'z80' is no core", "allowed: haswell"},
        Bad{"NoWays",
            std::string(kNode) + "[tlb]\nl1 = [{ entries = 64, ways = 0, sizes = [\"4K\"] }]\n",
            "5:30", "tlb.l1[0].ways: 0 is out of range", "allowed: 1 to"},
        Bad{"OddSets",
            std::string(kNode) + "[tlb]\nl1 = [{ entries = 64, sizes = [\"4K\"] }]\n"
                                 "l2 = [{ entries = 1536, ways = 8, sizes = [\"4K\"] }]\n",
            "6:32", "tlb.l2[0].ways: 1536 entries of 8 ways are 192 sets", "modulo"},
        Bad{"NoL1", std::string(kNode) + "[tlb]\n", "4:1", "tlb.l1: has no array", ""},
        Bad{"WrongSize",
            std::string(kNode) + "[tlb]\nl1 = [{ entries = 64, sizes = [\"4K\", \"3M\"] }]\n",
            "5:38", "tlb.l1[0].sizes[1]", "\"4K\", \"2M\", \"1G\""},
        Bad{"NegativeCost", with("[cost_ns]\nfault_anon = -1\n"), "7:14",
            "cost_ns.fault_anon: -1 is out of range", "allowed: 0 to"},
        Bad{"CostIsNoNumber", with("[cost_ns]\nfault_anon = nan\n"), "7:14", "cost_ns.fault_anon",
            "allowed: 0 to"},
        Bad{"UnknownCost", with("[cost_ns]\nlunch = 1\n"), "7:1", "cost_ns.lunch: no such key",
            "fault_anon"},
        Bad{"UnknownRelease", with("[kernel]\nrelease = \"2.4\"\n"), "7:11", "kernel.release",
            "6.1 or later"},
        Bad{"UnknownThp", with("[kernel]\nthp = \"sometimes\"\n"), "7:7", "kernel.thp",
            "allowed: always, madvise, never"},
        Bad{"UnknownThpSize", with("[kernel]\nthp_sizes = { 3kB = \"always\" }\n"), "7:15",
            "kernel.thp_sizes.3kB: no such key", "64kB"},
        Bad{"PoolTooLarge", with("[kernel]\nhugetlb_2M = 513\n"), "6:1",
            "kernel: its hugetlb pools are larger", "1.0 GiB in all"},
        Bad{"Fragmented", with("[kernel]\nfragmented = 1.5\n"), "7:14", "kernel.fragmented",
            "allowed: 0 to 1"},
        Bad{"Weights", with("[kernel]\ninterleave_weights = [1, 2]\n"), "7:22",
            "kernel.interleave_weights", "1 integers from 1 to 255"},
        Bad{"NoToml", "[[node\n", "1:7", "", "docs/machine.md"},
        Bad{"KeyTwice", "name = \"a\"\nname = \"b\"\n", "2:8", "", ""}),
    [](const auto& instance) { return std::string(instance.param.name); });

std::string two_nodes(std::string_view distances) {
  return "distances = " + std::string(distances) +
         "\n[[node]]\nmemory = \"1G\"\ncpus = \"0\"\n[[node]]\nmemory = \"1G\"\ncpus = \"1\"\n" +
         std::string(kTlb);
}

TEST(MachineFile, RefusesDistancesThatNoFirmwareWouldTell) {
  EXPECT_THAT(error_of(two_nodes("[[10, 20], [21, 10]]")),
              HasSubstr("m.toml:1:25: distances[1][0]: 21, but 20 the other way"));
  EXPECT_THAT(error_of(two_nodes("[[11, 20], [20, 10]]")),
              HasSubstr("m.toml:1:15: distances[0][0]: 11 from a node to itself"));
  EXPECT_THAT(error_of(two_nodes("[[10, 255], [255, 10]]")), HasSubstr("allowed: 11 to 254"));
  EXPECT_THAT(error_of(two_nodes("[[10, 10], [10, 10]]")), HasSubstr("allowed: 11 to 254"));
  EXPECT_THAT(error_of(two_nodes("[[10, 20]]")), HasSubstr("no table of 2 nodes"));
  EXPECT_THAT(error_of(two_nodes("[[10, 20], [20]]")), HasSubstr("distances[1]: it is no row"));
  EXPECT_THAT(error_of(two_nodes("[[10, \"a\"], [20, 10]]")), HasSubstr("distances[0][1]"));
}

TEST(MachineFile, BracketsWithoutAKeyAreAnError) {
  EXPECT_THAT(error_of("[[[node]]\n"), StartsWith("m.toml:1:3: "));
}

TEST(MachineFile, IsAscii) {
  EXPECT_THAT(error_of("# caf\xc3\xa9\n"), StartsWith("m.toml:1:6: "));
  EXPECT_THAT(error_of("a = 1\nb = \xd1\xbc\n"), StartsWith("m.toml:2:5: "));
}

TEST(MachineFile, IsBounded) {
  EXPECT_THAT(error_of(std::string(kLargestMachineFile + 1, ' ')), HasSubstr("larger than"));
  EXPECT_THAT(error_of("a = " + std::string(100'000, '[')), StartsWith("m.toml:1:"));
}

TEST(MachineFile, ManyNodesAreRefused) {
  std::string text;
  for (int i = 0; i < 65; ++i) text += "[[node]]\nmemory = \"64M\"\ncpus = \"\"\n";
  EXPECT_THAT(error_of(text), HasSubstr("node: 65 nodes (allowed: up to 64)"));
}

TEST(Machines, ThoseBuiltInAreWholeMachines) {
  std::size_t built = 0;
  for (const KnownMachine& known : known_machines()) {
    if (known.name == "host") continue;
    SCOPED_TRACE(known.name);
    const auto machine = load_machine(std::string(known.name));
    ASSERT_TRUE(machine) << machine.error().message();
    EXPECT_EQ(machine->name, known.name);
    EXPECT_EQ(machine->description, known.description);
    EXPECT_FALSE(machine->source.empty());
    const auto start = memory_start(*machine, "6.12.30");
    ASSERT_TRUE(start) << start.error().message();
    const auto memory = phys::Memory::make(*start);
    ASSERT_TRUE(memory) << memory.error().message();
    EXPECT_EQ((*memory)->nodes().size(), machine->topology.nodes().size());
    ++built;
  }
  EXPECT_GE(built, 4U);
}

TEST(Machines, TheHostIsProbed) {
  const auto machine = load_machine("host");
  ASSERT_TRUE(machine) << machine.error().message();
  EXPECT_FALSE(machine->kernel.release.empty());
  ASSERT_TRUE(machine->memory_now);
  const auto memory = phys::Memory::make(*machine->memory_now);
  ASSERT_TRUE(memory) << memory.error().message();
  EXPECT_GT((*memory)->free_pages(), 0U);
}

TEST(Machines, AnUnknownNameSaysWhatThereIs) {
  const auto machine = load_machine("pdp11");
  ASSERT_FALSE(machine);
  EXPECT_THAT(machine.error().message(),
              AllOf(HasSubstr("--machine pdp11: no such machine"), HasSubstr("document")));
  EXPECT_FALSE(load_machine("/nonexistent/machine.toml"));
}

TEST(AllocatorRules, FollowTheRelease) {
  EXPECT_EQ(allocator_rules("6.1.0-18-amd64").claims_before_stealing, false);
  EXPECT_EQ(allocator_rules("6.1.0").tunes_cpu_lists, false);
  EXPECT_EQ(allocator_rules("6.7").tunes_cpu_lists, true);
  EXPECT_EQ(allocator_rules("6.12.25").claims_before_stealing, false);
  EXPECT_EQ(allocator_rules("6.12.26+deb13").claims_before_stealing, true);
  EXPECT_EQ(allocator_rules("6.15.1").large_bursts_stay, false);
  EXPECT_EQ(allocator_rules("7.0").large_bursts_stay, true);
  EXPECT_EQ(allocator_rules("").claims_before_stealing, true);
}

}  // namespace
}  // namespace ft::sim::profile
