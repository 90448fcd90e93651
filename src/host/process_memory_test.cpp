#include "host/process_memory.h"

#include "host/node_cpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include "base/clock.h"
#include "host/host_memory.h"
#include "host/test_files.h"

namespace ft::host {

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kStatus =
    "Name:\tjava\nState:\tS (sleeping)\nTgid:\t77\nPid:\t77\nUid:\t1000\t1000\t1000\t1000\n"
    "VmSize:\t 1000 kB\nVmRSS:\t 100 kB\nThreads:\t3\n";

std::string stat_of(char state, std::uint64_t start_ticks, int threads = 3) {
  return "77 (java) " + std::string(1, state) + " 1 77 77 0 -1 0 10 0 2 0 5 6 0 0 20 0 " +
         std::to_string(threads) + " 0 " + std::to_string(start_ticks) + " 1024000 25 0 0\n";
}

class ProcessMemoryTest : public ::testing::Test {
 protected:
  void process(const std::string& stat, const std::string& status = kStatus) const {
    root_.write("/proc/77/stat", stat);
    root_.write("/proc/77/status", status);
  }
  HostFiles files() const { return HostFiles(root_.path()); }

  TempRoot root_;
};

TEST_F(ProcessMemoryTest, IdentifiesAProcessByItsStart) {
  process(stat_of('S', 4711));
  const auto who = identify_process(files(), 77);
  ASSERT_TRUE(who) << who.error().message();
  EXPECT_EQ(who->start_ticks, 4711U);
}

TEST_F(ProcessMemoryTest, SaysWhyAProcessCannotBeWatched) {
  const auto message = [&] {
    const auto who = identify_process(files(), 77);
    return who ? std::string("it can") : who.error().message();
  };
  EXPECT_THAT(message(), HasSubstr("no such process"));
  process(stat_of('Z', 1));
  EXPECT_THAT(message(), HasSubstr("has ended"));
  const std::string no_memory = "Name:\tkswapd0\nState:\tS (sleeping)\nTgid:\t77\nPid:\t77\n";
  process("77 (kswapd0) S 2 0 0 0 -1 2097216 0 0 0 0 0 0 0 0 20 0 1 0 9 0 0\n", no_memory);
  EXPECT_THAT(message(), HasSubstr("kernel thread"));
  process(stat_of('R', 1), no_memory);  // just ending
  EXPECT_THAT(message(), HasSubstr("has ended"));
  process(stat_of('S', 1), "Name:\tGC\nState:\tS (sleeping)\nTgid:\t70\nPid:\t77\nVmSize: 1 kB\n");
  EXPECT_THAT(message(), HasSubstr("its process is 70"));
  process("nonsense");
  EXPECT_THAT(message(), HasSubstr("stat"));
}

TEST_F(ProcessMemoryTest, TellsAPidThatWasGivenToAnother) {
  process(stat_of('S', 4711));
  const auto who = identify_process(files(), 77);
  ASSERT_TRUE(who);
  const auto there = look_at_process(files(), *who, 5);
  ASSERT_TRUE(there) << there.error().message();
  EXPECT_EQ(there->presence, Presence::There);
  EXPECT_EQ(there->memory->at, 5);
  EXPECT_EQ(there->memory->status.vm_rss, 100U * 1024);
  process(stat_of('S', 9999));
  const auto other = look_at_process(files(), *who, 6);
  ASSERT_TRUE(other);
  EXPECT_EQ(other->presence, Presence::Reused);
  EXPECT_FALSE(other->memory);
}

TEST_F(ProcessMemoryTest, TellsAnEnd) {
  process(stat_of('S', 4711));
  const auto who = identify_process(files(), 77);
  ASSERT_TRUE(who);
  process(stat_of('Z', 4711));
  EXPECT_EQ(look_at_process(files(), *who, 1)->presence, Presence::Ended);
  // Its address space is gone, it is no zombie yet.
  process(stat_of('S', 4711, 1), "Name:\tjava\nState:\tS (sleeping)\nTgid:\t77\nPid:\t77\n");
  EXPECT_EQ(look_at_process(files(), *who, 1)->presence, Presence::Ended);
  std::filesystem::remove_all(root_.path() + "/proc/77");
  EXPECT_EQ(look_at_process(files(), *who, 1)->presence, Presence::Ended);
}

TEST_F(ProcessMemoryTest, CountsMappingsAsTheKernelDoes) {
  process(stat_of('S', 1));
  root_.write("/proc/77/maps",
              "1000-2000 r--p 00000000 00:00 0\n"
              "2000-3000 rw-p 00000000 00:00 0\n"
              "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\n");
  EXPECT_EQ(read_map_count(files(), {77, 1}), 2U);
}

TEST_F(ProcessMemoryTest, SaysWhatARefusalWants) {
  process(stat_of('S', 1));
  const auto rollup = read_rollup(files(), {77, 1});
  ASSERT_FALSE(rollup);
  EXPECT_THAT(rollup.error().what, HasSubstr("smaps_rollup"));
  if (::geteuid() != 0 && ::geteuid() != 1000) {
    EXPECT_THAT(rollup.error().remedy, HasSubstr("user 1000"));
  }
}

TEST_F(ProcessMemoryTest, TakesOptionsFromTheEnvironmentToo) {
  using namespace std::string_literals;
  root_.write("/proc/77/cmdline", "java\0-Xmx1g\0App\0"s);
  const auto alone = read_command_words(files(), {77, 1});
  ASSERT_TRUE(alone);
  EXPECT_FALSE(alone->with_environment);
  root_.write("/proc/77/environ", "HOME=/x\0JAVA_TOOL_OPTIONS=-Xms1m  -Da=b\0SECRET=1\0"s);
  const auto both = read_command_words(files(), {77, 1});
  ASSERT_TRUE(both);
  EXPECT_TRUE(both->with_environment);
  EXPECT_THAT(both->words, ElementsAre("java", "-Xmx1g", "App", "-Xms1m", "-Da=b"));
}

TEST_F(ProcessMemoryTest, FindsTheNodesOfCpus) {
  EXPECT_FALSE(nodes_of_cpus(files(), "0-3"));
  root_.write("/sys/devices/system/node/node0/cpulist", "0-3,8\n");
  root_.write("/sys/devices/system/node/node1/cpulist", "4-7\n");
  EXPECT_THAT(*nodes_of_cpus(files(), "8"), ElementsAre(0U));
  EXPECT_THAT(*nodes_of_cpus(files(), "3-4"), ElementsAre(0U, 1U));
  EXPECT_FALSE(nodes_of_cpus(files(), "x"));
}

TEST(NumbersOfList, ReadsRangesAndRefusesWhatIsNone) {
  EXPECT_THAT(*numbers_of_list("0-2,7\n"), ElementsAre(0U, 1U, 2U, 7U));
  EXPECT_TRUE(numbers_of_list("")->empty());
  for (const char* bad : {"3-1", "1,", "x", "0-", "-1", "0-4294967295"}) {
    EXPECT_FALSE(numbers_of_list(bad)) << bad;
  }
}

TEST(HostMemory, ReadsThisHost) {
  const HostMemory memory = read_host_memory(HostFiles(), monotonic_now());
  EXPECT_TRUE(memory.meminfo.find("MemTotal"));
  EXPECT_TRUE(memory.vmstat.find("pgfault"));
  EXPECT_FALSE(memory.zones.empty());
  EXPECT_FALSE(memory.free_blocks.empty());
}

TEST(HostMemory, SaysWhatIsMissingOrMalformed) {
  const TempRoot root;
  root.write("/proc/meminfo", "MemTotal: lots kB\n");
  root.write("/proc/vmstat", "pgfault 12\n");
  root.write("/sys/devices/system/node/node0/numastat", "numa_hit 5\n");
  root.write("/sys/devices/system/node/node1/numastat", "numa_hit five\n");
  root.write("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
  const HostMemory memory = read_host_memory(HostFiles(root.path()), 1);
  EXPECT_TRUE(memory.meminfo.empty());
  EXPECT_EQ(memory.vmstat.find("pgfault"), 12U);
  ASSERT_EQ(memory.nodes.size(), 1U);
  EXPECT_EQ(memory.settings.thp_enabled, "madvise");
  EXPECT_FALSE(memory.settings.max_map_count);
  // meminfo, zoneinfo, buddyinfo, pressure, node1
  EXPECT_EQ(memory.problems.size(), 5U);
}

}  // namespace

}  // namespace ft::host
