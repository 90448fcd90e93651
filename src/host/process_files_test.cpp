// status, stat, numa_maps of a process.
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/text.h"
#include "base/units.h"
#include "host/numa_maps.h"
#include "host/process_stat.h"
#include "host/status.h"
#include "host/test_files.h"

namespace ft::host {
namespace {

TEST(Status, ReadsALinux612Process) {
  const auto status = parse_status(read_fixture("status-6.12"));
  ASSERT_TRUE(status) << status.error().message();
  EXPECT_EQ(status->name, "cat");
  EXPECT_EQ(status->state, 'R');
  EXPECT_EQ(status->pid, 509);
  EXPECT_EQ(status->ppid, 185);
  EXPECT_EQ(status->vm_rss, 1344 * kKiB);
  EXPECT_EQ(status->rss_file, 1248 * kKiB);
  EXPECT_EQ(status->vm_pte, 44 * kKiB);
  EXPECT_EQ(status->threads, 1U);
  EXPECT_EQ(status->thp_enabled, 1U);
  EXPECT_EQ(status->effective_caps, 0x1ffffffffffU);
  EXPECT_EQ(status->cpus_allowed, "0-1");
  EXPECT_EQ(status->mems_allowed, "0-1");
  EXPECT_EQ(status->voluntary_switches, 16U);
  EXPECT_EQ(status->involuntary_switches, 2U);
  EXPECT_EQ(status->ns_pids, std::vector<std::int32_t>{509});
}

TEST(Status, AZombieHasNoMemory) {
  const auto status = parse_status("Name:\tx y\nState:\tZ (zombie)\nPid:\t7\nFuture:\tquite so\n");
  ASSERT_TRUE(status);
  EXPECT_EQ(status->name, "x y");
  EXPECT_EQ(status->state, 'Z');
  EXPECT_FALSE(status->vm_rss);
}

TEST(Status, ErrorsSayWhere) {
  EXPECT_EQ(parse_status("Name:\tx\nPid:\t-x\n").error().what, "status:2:6");
  EXPECT_EQ(parse_status("VmRSS:\t 12 pages\n").error().what, "status:1:12");
  EXPECT_EQ(parse_status("Pid:\t99999999999\n").error().what, "status:1:6");
  EXPECT_EQ(parse_status("NSpid:\t1\tx\n").error().what, "status:1:10");
  EXPECT_EQ(parse_status("CapEff:\tnothex\n").error().what, "status:1:9");
  EXPECT_EQ(parse_status("State:\t\n").error().what.substr(0, 9), "status:1:");
  EXPECT_EQ(parse_status("no colon").error().what, "status:1:1");
}

TEST(Status, ReadsThisProcess) {
  const auto status = parse_status(*read_file("/proc/self/status"));
  ASSERT_TRUE(status) << status.error().message();
  EXPECT_EQ(status->pid, ::getpid());
  EXPECT_EQ(status->ppid, ::getppid());
  EXPECT_EQ(status->effective_uid, ::geteuid());
  EXPECT_GT(status->vm_rss.value_or(0), 0U);
}

TEST(ProcessStat, TheNameMayHoldAnything) {
  const auto stat = parse_process_stat(
      "42 (a) R 1 (b\n) S 1 42 42 0 -1 4194304 111 222 3 4 50 60 0 0 20 0 7 0 1234 9999 88 1\n");
  ASSERT_TRUE(stat) << stat.error().message();
  EXPECT_EQ(stat->pid, 42);
  EXPECT_EQ(stat->name, "a) R 1 (b\n");
  EXPECT_EQ(stat->state, 'S');
  EXPECT_EQ(stat->ppid, 1);
  EXPECT_EQ(stat->minor_faults, 111U);
  EXPECT_EQ(stat->children_minor_faults, 222U);
  EXPECT_EQ(stat->major_faults, 3U);
  EXPECT_EQ(stat->children_major_faults, 4U);
  EXPECT_EQ(stat->user_ticks, 50U);
  EXPECT_EQ(stat->system_ticks, 60U);
  EXPECT_EQ(stat->threads, 7);
  EXPECT_EQ(stat->start_ticks, 1234U);
  EXPECT_EQ(stat->vm_bytes, 9999U);
  EXPECT_EQ(stat->rss_pages, 88);
}

TEST(ProcessStat, RefusesWhatIsCutShort) {
  for (const std::string_view text : {"", "42", "42 (x", "x (y) S", "42 (x)", "42 (x) S",
                                      "42 (x) S 1 2 3 4 5 6 nan", ")(", "42 (x) SS 1"}) {
    EXPECT_FALSE(parse_process_stat(text)) << text;
  }
  EXPECT_EQ(parse_process_stat("42 (x) S one").error().what, "stat:1:10");
}

TEST(ProcessStat, ReadsThisProcess) {
  const auto stat = parse_process_stat(*read_file("/proc/self/stat"));
  ASSERT_TRUE(stat) << stat.error().message();
  EXPECT_EQ(stat->pid, ::getpid());
  EXPECT_EQ(stat->ppid, ::getppid());
  EXPECT_GT(stat->minor_faults, 0U);
  EXPECT_GT(stat->rss_pages, 0);
}

TEST(NumaMaps, PoliciesMayHoldABlank) {
  const auto areas = parse_numa_maps(read_fixture("numa_maps-usenuma"));
  ASSERT_TRUE(areas) << areas.error().message();
  EXPECT_EQ((*areas)[0].policy, "interleave:0-1");
  EXPECT_EQ((*areas)[0].anon, 21888U);
  EXPECT_EQ((*areas)[0].bytes_on(1), 10944 * 4 * kKiB);
  EXPECT_EQ((*areas)[1].policy, "prefer (many):0");
  EXPECT_EQ((*areas)[1].policy_mode(), "prefer (many)");
  EXPECT_EQ((*areas)[1].nodes, (std::vector<NodePages>{{0, 2176}}));
  EXPECT_EQ((*areas)[4].file, "/usr/lib/jvm/java-17-openjdk-amd64/bin/java");
  EXPECT_TRUE(areas->back().stack);
  EXPECT_EQ(areas->back().bytes_on(0) + areas->back().bytes_on(1), 8 * 4 * kKiB);
}

TEST(NumaMaps, ReadsEachPolicyTheKernelPrints) {
  const auto areas = parse_numa_maps(
      "1000 weighted interleave:0-1\n"
      "2000 prefer (many)=static:0,2 anon=1 N2=1 kernelpagesize_kB=4\n"
      "3000 bind=static|balancing:0 huge dirty=3 N0=3 kernelpagesize_kB=2048\n"
      "4000 local heap\n"
      "5000 prefer=relative:1 file=/a\\040b\\075c\\012d future=x later mapped=1 N1=1 "
      "kernelpagesize_kB=4\n");
  ASSERT_TRUE(areas) << areas.error().message();
  EXPECT_EQ((*areas)[0].policy, "weighted interleave:0-1");
  EXPECT_EQ((*areas)[0].policy_mode(), "weighted interleave");
  EXPECT_TRUE((*areas)[0].nodes.empty());
  EXPECT_EQ((*areas)[1].policy, "prefer (many)=static:0,2");
  EXPECT_EQ((*areas)[2].policy_mode(), "bind");
  EXPECT_TRUE((*areas)[2].huge);
  EXPECT_EQ((*areas)[2].bytes_on(0), 6 * kMiB);
  EXPECT_TRUE((*areas)[3].heap);
  EXPECT_EQ((*areas)[4].file, "/a b=c\\012d");
  EXPECT_EQ((*areas)[4].mapped, 1U);
}

TEST(NumaMaps, ErrorsSayWhere) {
  EXPECT_EQ(parse_numa_maps("x default").error().what, "numa_maps:1:1");
  EXPECT_EQ(parse_numa_maps("1000").error().what, "numa_maps:1:5");
  EXPECT_EQ(parse_numa_maps("1000 ").error().what, "numa_maps:1:6");
  EXPECT_EQ(parse_numa_maps("1000 default anon=x").error().what, "numa_maps:1:19");
  EXPECT_EQ(parse_numa_maps("1000 default N0=").error().what, "numa_maps:1:17");
  EXPECT_EQ(parse_numa_maps("1000 default N99999999999=1").error().what, "numa_maps:1:14");
  EXPECT_FALSE(parse_numa_maps("1000 default kernelpagesize_kB=18446744073709551615"));
}

TEST(NumaMaps, ReadsThisProcessAndTheCaptures) {
  const auto text = read_file("/proc/self/numa_maps");
  if (text) {
    const auto areas = parse_numa_maps(*text);
    ASSERT_TRUE(areas) << areas.error().message();
    EXPECT_FALSE(areas->empty());
  }
  for (const std::string_view name : {"nm.usenuma", "nm.bind1"}) {
    for (const auto& path : captures_ending_in(name)) {
      const auto areas = parse_numa_maps(*read_file(path), path.native());
      ASSERT_TRUE(areas) << areas.error().message();
      for (const NumaArea& area : *areas) {
        std::uint64_t pages = 0;
        for (const NodePages& on : area.nodes) pages += on.pages;
        EXPECT_GE(pages, area.anon) << path << " " << hex(area.start);
      }
    }
  }
}

}  // namespace
}  // namespace ft::host
