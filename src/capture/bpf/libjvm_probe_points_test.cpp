#include "capture/bpf/libjvm_probe_points.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "jvm/installation.h"

namespace ft::capture::bpf {
namespace {

TEST(LibjvmProbePoints, AreFoundInEveryInstalledJdk) {
  int jdks = 0;
  for (const char* home :
       {"/usr/lib/jvm/java-17-openjdk-amd64", "/usr/lib/jvm/temurin-25-jdk-amd64"}) {
    const std::string libjvm = jvm::libjvm_of_command(std::string(home) + "/bin/java");
    if (libjvm.empty()) continue;
    ++jdks;
    const auto points = find_libjvm_probe_points(libjvm);
    ASSERT_TRUE(points) << points.error().message();
    std::set<Probes::JvmMark> marks;
    for (const ProbePoint& point : *points) {
      marks.insert(point.mark);
      EXPECT_GT(point.file_offset, 0U);
      EXPECT_LT(point.file_offset, std::filesystem::file_size(libjvm));
    }
    EXPECT_TRUE(marks.contains(Probes::JvmMark::VmInitBegin)) << libjvm;
    EXPECT_TRUE(marks.contains(Probes::JvmMark::VmInitEnd)) << libjvm;
    EXPECT_TRUE(marks.contains(Probes::JvmMark::AuxMapper)) << libjvm;
  }
  if (jdks == 0) GTEST_SKIP() << "no JDK under /usr/lib/jvm";
}

TEST(LibjvmProbePoints, OtherFilesAreAnswered) {
  EXPECT_FALSE(find_libjvm_probe_points("/nonexistent"));
  EXPECT_FALSE(find_libjvm_probe_points("/etc/passwd"));
  EXPECT_TRUE(find_libjvm_probe_points("/proc/self/exe").value().empty());
}

}  // namespace
}  // namespace ft::capture::bpf
