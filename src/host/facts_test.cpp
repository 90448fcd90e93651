#include "host/facts.h"

#include <gtest/gtest.h>

#include <map>

#include "base/units.h"
#include "host/test_files.h"

namespace ft::host {
namespace {

TEST(CountOfList, CountsRangesAndNothingElse) {
  EXPECT_EQ(count_of_list("0"), 1U);
  EXPECT_EQ(count_of_list("0-3,8\n"), 5U);
  EXPECT_EQ(count_of_list(""), 0U);
  EXPECT_EQ(count_of_list("0-4294967295"), 4294967296U);
  for (const std::string_view bad : {"x", "3-1", "1,", "1-", "1 2", ",1", "99999999999"}) {
    EXPECT_EQ(count_of_list(bad), std::nullopt) << bad;
  }
}

TEST(Cgroup, ReadsMembershipsAndMounts) {
  const auto memberships =
      parse_cgroup("9:name=systemd:/\n4:memory,hugetlb:/a/b:c\n0::/user.slice\n");
  ASSERT_TRUE(memberships) << memberships.error().message();
  EXPECT_EQ((*memberships)[1].controllers, (std::vector<std::string>{"memory", "hugetlb"}));
  EXPECT_EQ((*memberships)[1].path, "/a/b:c");
  EXPECT_TRUE((*memberships)[2].controllers.empty());
  EXPECT_EQ(parse_cgroup("x").error().what, "cgroup:1:1");
  EXPECT_EQ(parse_cgroup("1:memory").error().what, "cgroup:1:3");

  const auto mounts = parse_mountinfo(
      "35 31 0:32 / /sys/fs/cgroup/me\\040m rw,relatime shared:1 - cgroup cgroup rw,memory\n");
  ASSERT_TRUE(mounts) << mounts.error().message();
  EXPECT_EQ((*mounts)[0].mount_point, "/sys/fs/cgroup/me m");
  EXPECT_EQ((*mounts)[0].fs_type, "cgroup");
  EXPECT_EQ((*mounts)[0].device_major, 0U);
  EXPECT_EQ((*mounts)[0].device_minor, 32U);
  EXPECT_EQ((*parse_mountinfo("35 31 8:x / /m rw - ext4 /dev/sda rw"))[0].device_major, 0U);
  EXPECT_EQ((*mounts)[0].super_options, "rw,memory");
  EXPECT_FALSE(parse_mountinfo("35 31 0:32 /"));
  EXPECT_FALSE(parse_mountinfo("35 31 0:32 / /mnt rw,relatime"));
}

TEST(Cgroup, LimitsOfBothVersions) {
  EXPECT_EQ(*parse_memory_limit("max\n"), std::nullopt);
  EXPECT_EQ(*parse_memory_limit("9223372036854771712\n"), std::nullopt);
  EXPECT_EQ(*parse_memory_limit("1073741824\n"), kGiB);
  EXPECT_FALSE(parse_memory_limit("lots"));
  EXPECT_FALSE(parse_memory_limit(""));
}

TEST(Cgroup, Version2TakesTheTightestLimitAbove) {
  const TempRoot root;
  root.write("/proc/7/cgroup", "0::/outer/inner\n");
  root.write("/proc/self/mountinfo", "1 2 0:3 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  const std::string outer = "/sys/fs/cgroup/outer";
  root.write(outer + "/memory.max", "1048576\n");
  root.write(outer + "/inner/memory.max", "max\n");
  root.write(outer + "/inner/memory.high", "4096\n");
  root.write(outer + "/inner/memory.current", "2048\n");
  root.write(outer + "/inner/memory.events", "low 0\nhigh 3\nmax 1\noom 0\noom_kill 0\n");
  const auto cgroup = read_memory_cgroup(HostFiles(root.path()), "7");
  ASSERT_TRUE(cgroup) << cgroup.error().message();
  EXPECT_EQ(cgroup->version, 2U);
  EXPECT_EQ(cgroup->limit, kMiB);
  EXPECT_EQ(cgroup->high, 4096U);
  EXPECT_EQ(cgroup->current, 2048U);
  EXPECT_EQ(cgroup->peak, std::nullopt);
  EXPECT_EQ(cgroup->events.find("high"), 3U);
}

TEST(Cgroup, Version1InsideAContainersMount) {
  const TempRoot root;
  root.write("/proc/self/cgroup", "4:memory:/docker/abc/x\n0::/\n");
  root.write("/proc/self/mountinfo",
             "1 2 0:3 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
             "1 2 0:4 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  root.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "8192\n");
  root.write("/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "9223372036854771712\n");
  root.write("/sys/fs/cgroup/memory/x/memory.failcnt", "17\n");
  const auto cgroup = read_memory_cgroup(HostFiles(root.path()), "self");
  ASSERT_TRUE(cgroup) << cgroup.error().message();
  EXPECT_EQ(cgroup->version, 1U);
  EXPECT_EQ(cgroup->folder, "/sys/fs/cgroup/memory/x");
  EXPECT_EQ(cgroup->limit, 8192U);
  EXPECT_EQ(cgroup->events.find("failcnt"), 17U);
}

TEST(Cgroup, FailsWithoutAController) {
  const TempRoot root;
  EXPECT_FALSE(read_memory_cgroup(HostFiles(root.path()), "self"));
  root.write("/proc/self/cgroup", "");
  root.write("/proc/self/mountinfo", "");
  EXPECT_FALSE(read_memory_cgroup(HostFiles(root.path()), "self"));
}

std::map<std::string, std::string> flat(const HostFiles& files) {
  std::map<std::string, std::string> pairs;
  for (auto& [key, value] : flatten(read_host_facts(files))) pairs.emplace(key, value);
  return pairs;
}

TEST(Facts, ReadsAMadeUpHost) {
  const TempRoot root;
  root.write("/proc/sys/kernel/osrelease", "6.1.0-56-amd64\n");
  root.write("/proc/sys/vm/overcommit_memory", "2\n");
  root.write("/proc/meminfo", read_fixture("meminfo-6.1"));
  root.write("/proc/cpuinfo",
             "processor\t: 0\nmodel name\t: Fast CPU\nphysical id\t: 0\ncore id\t: 0\n"
             "flags\t\t: fpu la57 pcid hypervisor\n\n"
             "processor\t: 1\nmodel name\t: Fast CPU\nphysical id\t: 0\ncore id\t: 0\n\n"
             "processor\t: 2\nphysical id\t: 1\ncore id\t: 0\n");
  const std::string thp = "/sys/kernel/mm/transparent_hugepage";
  root.write(thp + "/enabled", "always [madvise] never\n");
  root.write(thp + "/defrag", "always defer [defer+madvise] madvise never\n");
  root.write(thp + "/hugepages-64kB/enabled", "[always] inherit madvise never\n");
  root.write(thp + "/hugepages-x/enabled", "[always]\n");
  root.write("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "12\n");
  root.write("/sys/devices/system/node/online", "0-1\n");
  root.write("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");

  const auto facts = flat(HostFiles(root.path()));
  EXPECT_EQ(facts.at("host.kernel"), "6.1.0-56-amd64");
  EXPECT_EQ(facts.at("host.cpu"), "Fast CPU");
  EXPECT_EQ(facts.at("host.cpus"), "3");
  EXPECT_EQ(facts.at("host.cores"), "2");
  EXPECT_EQ(facts.at("host.sockets"), "2");
  EXPECT_EQ(facts.at("host.nodes"), "2");
  EXPECT_EQ(facts.at("host.page_table_levels"), "5");
  EXPECT_EQ(facts.at("host.paging_features"), "pcid la57");
  EXPECT_EQ(facts.at("host.hypervisor"), "yes");
  EXPECT_EQ(facts.at("host.thp.enabled"), "madvise");
  EXPECT_EQ(facts.at("host.thp.defrag"), "defer+madvise");
  EXPECT_EQ(facts.at("host.thp.size.64kB"), "always");
  EXPECT_EQ(facts.at("host.hugetlb.2048kB.total"), "12");
  EXPECT_EQ(facts.at("host.sysctl.vm.overcommit_memory"), "2");
  EXPECT_EQ(facts.at("host.lockdown"), "integrity");
  EXPECT_FALSE(facts.contains("host.mglru"));
  EXPECT_FALSE(facts.contains("host.cgroup.version"));
}

TEST(Facts, AnEmptyHostIsNoError) {
  const TempRoot root;
  const auto facts = flat(HostFiles(root.path()));
  EXPECT_EQ(facts.at("host.nodes"), "1");
  EXPECT_EQ(facts.at("host.memory_bytes"), "0");
  EXPECT_FALSE(facts.contains("host.thp.enabled"));
}

TEST(Facts, ReadsThisHost) {
  const auto facts = flat(HostFiles());
  EXPECT_FALSE(facts.at("host.kernel").empty());
  EXPECT_NE(facts.at("host.memory_bytes"), "0");
  EXPECT_NE(facts.at("host.cpus"), "0");
  for (const auto& [key, value] : facts) EXPECT_TRUE(key.starts_with("host.")) << key;
}

}  // namespace
}  // namespace ft::host
