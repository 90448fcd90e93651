// Do samples show what the kernel really did? Programs whose work is known, and JVMs.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "base/text.h"
#include "run.h"

namespace ft::e2e {
namespace {

using Json = nlohmann::json;

Json report_of(const std::string& path) {
  const Finished ran = run({firsttouch(), "report", path, "--format", "json"});
  EXPECT_EQ(ran.exit_status(), 0) << ran.err;
  return Json::parse(ran.out);
}

double share_of(const Json& report, std::string_view stage) {
  for (const Json& of : report["stages"]) {
    if (of["name"] == stage) return of["share"];
  }
  return 0;
}

std::uint64_t samples_in(const std::string& folded) {
  std::uint64_t samples = 0;
  std::string_view rest = folded;
  while (!rest.empty()) {
    const std::string_view line = take_until(rest, '\n');
    samples += parse_integer<std::uint64_t>(line.substr(line.rfind(' ') + 1)).value_or(0);
  }
  return samples;
}

TEST(Samples, ShowThatTouchingMemoryIsFaultingAndZeroing) {
  FT_NEEDS_BPF();
  const std::string path = scratch("touch.ft");
  const Finished ran = run({firsttouch(), "record", "--sample", "5000", "-o", path, "--",
                            target("touch_pages"), "60000"});
  ASSERT_EQ(ran.exit_status(), 0) << ran.err;
  const Json report = report_of(path);
  const Json& samples = report["samples"];
  ASSERT_FALSE(samples.is_null());
  EXPECT_EQ(samples["lost"], 0);
  EXPECT_GT(samples["taken"].get<int>(), 20);
  EXPECT_EQ(samples["user"].get<int>() + samples["kernel"].get<int>(), samples["taken"].get<int>());
  // Nearly all it does is fault; how much of that is zeroing differs between machines.
  EXPECT_GT(samples["memory_ns"].get<double>(), 0.5 * samples["kernel_ns"].get<double>());
  EXPECT_LT(share_of(report, "unknown"), 0.2);
  EXPECT_GT(share_of(report, "zeroing"), 0.0);

  const Finished folded = run({firsttouch(), "report", path, "--format", "folded"});
  EXPECT_EQ(samples_in(folded.out), samples["taken"].get<std::uint64_t>());
  EXPECT_NE(folded.out.find("handle_mm_fault_[k];"), std::string::npos) << folded.out;

  const Finished stages =
      run({firsttouch(), "query", path, "SELECT count(*) FROM sample WHERE stage = 'zeroing'",
           "--format", "json"});
  EXPECT_EQ(stages.exit_status(), 0) << stages.err;
  EXPECT_GT(Json::parse(stages.out).at(0).begin().value().get<int>(), 0);
}

TEST(Samples, AreOfEveryThreadAndChild) {
  FT_NEEDS_BPF();
  const std::string path = scratch("shell.ft");
  const std::string pages = target("touch_pages") + " 60000 > /dev/null";
  const Finished ran = run({firsttouch(), "record", "--sample", "2000", "-o", path, "--", "/bin/sh",
                            "-c", pages + " & " + pages + "; wait"});
  ASSERT_EQ(ran.exit_status(), 0) << ran.err;
  const Finished pids = run({firsttouch(), "query", path,
                             "SELECT count(DISTINCT pid) AS n FROM sample", "--format", "json"});
  EXPECT_GE(Json::parse(pids.out).at(0)["n"].get<int>(), 2);
}

TEST(Samples, CanBeSwitchedOffAndThenAreNotZero) {
  FT_NEEDS_BPF();
  const std::string path = scratch("none.ft");
  const Finished ran =
      run({firsttouch(), "record", "--sample", "0", "-o", path, "--", target("touch_pages"), "10"});
  ASSERT_EQ(ran.exit_status(), 0) << ran.err;
  const Json report = report_of(path);
  EXPECT_TRUE(report["stages"].is_null());
  EXPECT_TRUE(report["samples"].is_null());
  const Finished folded = run({firsttouch(), "report", path, "--format", "folded"});
  EXPECT_EQ(folded.exit_status(), 125);
  EXPECT_NE(folded.err.find("recorded without samples"), std::string::npos) << folded.err;
}

TEST(Samples, OfAJvmAgreeWithItsClockAndAreClassified) {
  FT_NEEDS_BPF();
  for (const Jdk& jdk : installed_jdks()) {
    const std::string path = scratch("hello" + jdk.name + ".ft");
    const Finished ran = run({firsttouch(), "record", "-o", path, "--", jdk.java(), "-Xms64m",
                              "-Xmx64m", "-XX:+AlwaysPreTouch", "-cp", classes(), "Hello"});
    ASSERT_EQ(ran.exit_status(), 0) << ran.err;
    const Json report = report_of(path);
    ASSERT_FALSE(report["samples"].is_null());
    EXPECT_GT(report["samples"]["taken"].get<int>(), 10);
    EXPECT_LT(share_of(report, "unknown"), 0.2) << report["samples"]["unclassified"];
    std::set<std::string> compared;
    for (const Json& line : report["reconcile"]) compared.insert(line["what"]);
    EXPECT_TRUE(compared.contains("processor time by the samples' clock against getrusage"));
    EXPECT_TRUE(compared.contains("time in faults and memory calls: sampled against measured"));
  }
}

}  // namespace
}  // namespace ft::e2e
