// Does the model do what the kernel did? Real starts, recorded and validated; and what explain says
// of them.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "run.h"

namespace ft::e2e {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

json validated(const std::string& path, int status = 0) {
  const Finished told = run({firsttouch(), "validate", "--format", "json", path});
  EXPECT_EQ(told.exit_status(), status) << told.out << told.err;
  return json::parse(told.out, nullptr, false);
}

void expect_all_agree(const json& result) {
  for (const auto& [name, tally] : result["aspects"].items()) {
    if (tally["estimated"]) continue;
    EXPECT_EQ(tally["agreed"], tally["compared"]) << name << result["disagreements"].dump(1);
  }
  EXPECT_TRUE(result["contradictions"].empty()) << result["contradictions"].dump(1);
}

class JvmStart : public testing::TestWithParam<std::tuple<const char*, const char*>> {};

TEST_P(JvmStart, IsPredictedCallByCallAndFaultByFault) {
  FT_NEEDS_BPF();
  const auto [version, collector] = GetParam();
  const auto jdks = installed_jdks();
  const auto jdk = std::ranges::find(jdks, std::string(version), &Jdk::name);
  if (jdk == jdks.end()) GTEST_SKIP() << "JDK " << version << " is not installed";

  const Recorded recorded =
      record("model.ft", {jdk->java(), "-Xms256m", "-Xmx8g", "-XX:+UnlockExperimentalVMOptions",
                          fmt::format("-XX:+Use{}GC", collector), "-cp", classes(), "Hello"});
  if (recorded.lost() != 0) GTEST_SKIP() << "events were lost: the machine is too busy";
  const json result = validated(scratch("model.ft"));
  expect_all_agree(result);
  const json& aspects = result["aspects"];
  EXPECT_GT(aspects["addresses"]["compared"], 40);
  EXPECT_GT(aspects["faults"]["compared"], 3000);
  EXPECT_GE(aspects["area_lists"]["compared"], 2);
  EXPECT_GE(aspects["vm_pte"]["compared"], 2);
  EXPECT_GT(aspects["flushes"]["compared"], 5);
  // What rests on the page cache is near, not equal.
  for (const json& line : result["disagreements"]) {
    if (line["aspect"] != "rss_file") continue;
    const double real = std::stod(line["recorded"].get<std::string>());
    EXPECT_NEAR(std::stod(line["model"].get<std::string>()), real, 0.05 * real) << line.dump();
  }
}

INSTANTIATE_TEST_SUITE_P(Jdks, JvmStart,
                         testing::Combine(testing::Values("17", "25"),
                                          testing::Values("Serial", "Parallel", "G1", "Z",
                                                          "Shenandoah", "Epsilon")),
                         [](const auto& instance) {
                           return fmt::format("Jdk{}{}", std::get<0>(instance.param),
                                              std::get<1>(instance.param));
                         });

class SmallProgram : public testing::TestWithParam<const char*> {};

TEST_P(SmallProgram, IsPredictedWithItsChildrenAndThreads) {
  FT_NEEDS_BPF();
  const std::string path = scratch("small.ft");
  run({firsttouch(), "record", "--backend", "bpf", "-o", path, "--", target(GetParam())});
  expect_all_agree(validated(path));
}

// Not fork_children: of processes that write to one shared page at once, the recording does not say
// who came first.
INSTANTIATE_TEST_SUITE_P(Targets, SmallProgram,
                         testing::Values("touch_pages", "mmap_sequence", "threads_exit",
                                         "exec_chain"),
                         [](const auto& instance) { return std::string(instance.param); });

TEST(Explain, DecodesAndEncodesEntries) {
  const Finished told = run({firsttouch(), "explain", "--entry", "0x80000001a2b3c067"});
  EXPECT_EQ(told.exit_status(), 0) << told.err;
  EXPECT_THAT(told.out, HasSubstr("frame 0x1a2b3c"));
  const Finished back =
      run({firsttouch(), "explain", "--format", "json", "--entry", "P,RW,US,A,D,NX,pfn=0x1a2b3c"});
  EXPECT_EQ(json::parse(back.out)["entry"], "0x80000001a2b3c067");
  EXPECT_EQ(run({firsttouch(), "explain", "--entry", "P,nonsense"}).exit_status(), 2);
}

TEST(Explain, TellsWhereThisProcesssOwnMemoryIs) {
  const int here = 1;
  const Finished told = run({firsttouch(), "explain", "--format", "json",
                             fmt::format("{:x}", reinterpret_cast<std::uintptr_t>(&here)), "-p",
                             std::to_string(::getpid())});
  ASSERT_EQ(told.exit_status(), 0) << told.err;
  const json answer = json::parse(told.out);
  EXPECT_EQ(answer["mapping"]["name"], "[stack]");
  EXPECT_EQ(answer["page"]["present"], true);
  EXPECT_EQ(answer["indices"]["pte"], (reinterpret_cast<std::uintptr_t>(&here) >> 12U) % 512U);
}

TEST(Explain, FollowsACallAndAFaultOfARecording) {
  FT_NEEDS_BPF();
  const Recorded recorded = record("calls.ft", {target("mmap_sequence")});
  const std::string path = scratch("calls.ft");
  const auto& calls = recorded.trace.syscalls;
  const auto last = std::ranges::find_if(calls, [](const event::Syscall& call) {
    return call.number == event::SyscallNumber::Munmap && !call.failed();
  });
  ASSERT_NE(last, calls.end());
  const std::string number = std::to_string(last - calls.begin() + 1);
  const Finished call = run({firsttouch(), "explain", "call", number, path});
  EXPECT_EQ(call.exit_status(), 0) << call.err;
  EXPECT_THAT(call.out, HasSubstr("munmap("));
  EXPECT_THAT(call.out, HasSubstr("as the kernel did"));
  const Finished fault = run({firsttouch(), "explain", "fault", "1", path});
  EXPECT_EQ(fault.exit_status(), 0) << fault.err;
  EXPECT_EQ(run({firsttouch(), "explain", "call", "100000", path}).exit_status(), 125);
  EXPECT_EQ(run({firsttouch(), "explain", "call", "0", path}).exit_status(), 2);
  EXPECT_EQ(run({firsttouch(), "explain", "nonsense", path}).exit_status(), 2);
  EXPECT_EQ(run({firsttouch(), "explain"}).exit_status(), 2);
}

}  // namespace
}  // namespace ft::e2e
