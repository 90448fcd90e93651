#include "host/cgroup_levels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/units.h"
#include "host/test_files.h"

namespace ft::host {

namespace {

using ::testing::HasSubstr;

class CgroupLevelsTest : public ::testing::Test {
 protected:
  void version2() const {
    root_.write("/proc/77/cgroup", "0::/a/b\n");
    root_.write("/proc/self/mountinfo",
                "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n");
  }
  void version1() const {
    root_.write("/proc/77/cgroup", "4:memory:/box\n0::/\n");
    root_.write("/proc/self/mountinfo",
                "30 1 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  }
  HostFiles files() const { return HostFiles(root_.path()); }

  TempRoot root_;
};

TEST_F(CgroupLevelsTest, ReadsEveryLevelOfVersion2) {
  version2();
  root_.write("/sys/fs/cgroup/a/b/memory.max", "max\n");
  root_.write("/sys/fs/cgroup/a/b/memory.current", "1000\n");
  root_.write("/sys/fs/cgroup/a/b/memory.events", "low 0\nhigh 3\nmax 2\noom 1\noom_kill 1\n");
  root_.write("/sys/fs/cgroup/a/b/memory.pressure",
              "some avg10=1.50 avg60=0.00 avg300=0.00 total=99\n"
              "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
  root_.write("/sys/fs/cgroup/a/memory.max", "1073741824\n");
  root_.write("/sys/fs/cgroup/a/memory.high", "536870912\n");
  root_.write("/sys/fs/cgroup/a/memory.swap.max", "0\n");
  root_.write("/sys/fs/cgroup/a/memory.stat",
              "anon 10\nactive_file 1\ninactive_file 2\nslab_reclaimable 4\nshmem 100\n");
  root_.write("/sys/fs/cgroup/memory.stat", "anon 5\n");
  const auto all = read_cgroup_levels(files(), "77");
  ASSERT_TRUE(all) << all.error().message();
  EXPECT_EQ(all->version, 2U);
  ASSERT_EQ(all->levels.size(), 3U);
  const CgroupLevel& own = all->levels[0];
  EXPECT_EQ(own.path, "/a/b");
  EXPECT_FALSE(own.limit);
  EXPECT_EQ(own.current, 1000U);
  EXPECT_EQ(own.events.find("oom_kill"), 1U);
  ASSERT_TRUE(own.pressure && own.pressure->some);
  EXPECT_EQ(own.pressure->some->avg10, 1.5);
  EXPECT_FALSE(reclaimable_bytes(own, 2));
  const CgroupLevel& above = all->levels[1];
  EXPECT_EQ(above.path, "/a");
  EXPECT_EQ(above.limit, kGiB);
  EXPECT_EQ(above.high, 512 * kMiB);
  EXPECT_EQ(above.swap_limit, 0U);
  EXPECT_EQ(reclaimable_bytes(above, 2), 7U);
  EXPECT_EQ(anonymous_bytes(above, 2), 10U);
  EXPECT_EQ(all->levels[2].path, "/");
  EXPECT_FALSE(all->levels[2].current);
}

TEST_F(CgroupLevelsTest, ReadsVersion1) {
  version1();
  const std::string folder = "/sys/fs/cgroup/memory/box/";
  root_.write(folder + "memory.limit_in_bytes", "2147483648\n");
  root_.write(folder + "memory.usage_in_bytes", "1048576\n");
  root_.write(folder + "memory.max_usage_in_bytes", "3145728\n");
  root_.write(folder + "memory.memsw.limit_in_bytes", "9223372036854771712\n");
  root_.write(folder + "memory.failcnt", "12\n");
  root_.write(folder + "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
  root_.write(folder + "memory.stat",
              "cache 1\nrss 2\ntotal_rss 30\ntotal_active_file 5\ntotal_inactive_file 6\n");
  root_.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  const auto all = read_cgroup_levels(files(), "77");
  ASSERT_TRUE(all) << all.error().message();
  EXPECT_EQ(all->version, 1U);
  ASSERT_EQ(all->levels.size(), 2U);
  const CgroupLevel& own = all->levels[0];
  EXPECT_EQ(own.path, "/box");
  EXPECT_EQ(own.limit, 2 * kGiB);
  EXPECT_EQ(own.current, kMiB);
  EXPECT_EQ(own.peak, 3 * kMiB);
  EXPECT_FALSE(own.swap_limit);
  EXPECT_EQ(own.events.find("failcnt"), 12U);
  EXPECT_EQ(own.events.find("oom_kill"), 3U);
  EXPECT_EQ(reclaimable_bytes(own, 1), 11U);
  EXPECT_EQ(anonymous_bytes(own, 1), 30U);
  EXPECT_FALSE(all->levels[1].limit);
}

TEST_F(CgroupLevelsTest, SaysWhatDoesNotReadAsItShould) {
  version2();
  root_.write("/sys/fs/cgroup/a/b/memory.max", "a lot\n");
  root_.write("/sys/fs/cgroup/a/b/memory.current", "-5\n");
  root_.write("/sys/fs/cgroup/a/b/memory.stat", "anon many\n");
  root_.write("/sys/fs/cgroup/a/b/memory.events", "oom 99999999999999999999999\n");
  const auto all = read_cgroup_levels(files(), "77");
  ASSERT_TRUE(all) << all.error().message();
  const CgroupLevel& own = all->levels[0];
  EXPECT_FALSE(own.limit);
  EXPECT_FALSE(own.current);
  EXPECT_EQ(own.problems.size(), 4U);
  EXPECT_THAT(own.problems[0].message(), HasSubstr("memory.max:1:1"));
}

TEST_F(CgroupLevelsTest, FailsWithoutAProcessOrAController) {
  EXPECT_FALSE(read_cgroup_levels(files(), "77"));
  root_.write("/proc/77/cgroup", "0::/\n");
  root_.write("/proc/self/mountinfo", "30 1 0:26 / /proc rw - proc proc rw\n");
  const auto none = read_cgroup_levels(files(), "77");
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message(), HasSubstr("no memory controller is mounted"));
}

TEST_F(CgroupLevelsTest, APathOfManyLevelsIsNotFollowedForEver) {
  std::string path;
  for (int i = 0; i < 500; ++i) path += "/x";
  root_.write("/proc/77/cgroup", "0::" + path + "\n");
  root_.write("/proc/self/mountinfo", "30 1 0:26 / /cg rw - cgroup2 cgroup2 rw\n");
  const auto all = read_cgroup_levels(files(), "77");
  ASSERT_TRUE(all) << all.error().message();
  EXPECT_LE(all->levels.size(), 64U);
}

}  // namespace

}  // namespace ft::host
