// Recorded with frame pointers from a live JVM: does every byte get the owner the JVM itself names,
// in the same process at the same moment?
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <csignal>
#include <cstdlib>

#include "attribution/owner_history.h"
#include "attribution/score.h"
#include "base/clock.h"
#include "base/fd.h"
#include "host/smaps.h"
#include "jvm/nmt.h"
#include "jvm/xlog.h"
#include "run.h"

namespace ft::e2e {
namespace {

class LiveAttribution : public testing::TestWithParam<std::tuple<const char*, const char*>> {};

TEST_P(LiveAttribution, AgreesWithTheJvmsOwnAccount) {
  FT_NEEDS_BPF();
  const auto [version, collector] = GetParam();
  const auto jdks = installed_jdks();
  const auto jdk = std::ranges::find(jdks, std::string(version), &Jdk::name);
  if (jdk == jdks.end()) GTEST_SKIP() << "JDK " << version << " is not installed";

  const std::string path = scratch("live.ft");
  const std::string log = scratch("live.xlog");
  Running recorder(
      {firsttouch(), "record", "--backend", "bpf", "-o", path, "--", jdk->java(), "-Xms256m",
       "-Xmx8g", fmt::format("-XX:+Use{}GC", collector), "-XX:NativeMemoryTracking=detail",
       fmt::format("-Xlog:pagesize=info,cds=info:file={}:uptimemillis,level,tags", log), "-cp",
       classes(), "Sleep"});
  ASSERT_TRUE(recorder.wait_for("ready"));
  const Finished children = run({"pgrep", "-P", std::to_string(recorder.pid()), "-x", "java"});
  const pid_t pid = std::atoi(children.out.c_str());
  ASSERT_GT(pid, 0);

  // Asking changes the answer: maps first, then the JVM.
  const auto smaps_text = read_file(fmt::format("/proc/{}/smaps", pid));
  ASSERT_TRUE(smaps_text);
  const Finished asked =
      run({jdk->jcmd(), std::to_string(pid), "VM.native_memory", "detail", "scale=B"});
  const Nanoseconds asked_at = monotonic_now();
  ASSERT_EQ(asked.exit_status(), 0) << asked.err;
  ::kill(pid, SIGTERM);
  recorder.wait();

  const Recorded recorded = load(path);
  EXPECT_EQ(recorded.lost(), 0U);
  const auto nmt = jvm::parse_nmt(asked.out);
  ASSERT_TRUE(nmt) << nmt.error().message();
  const auto smaps = host::parse_smaps(*smaps_text);
  ASSERT_TRUE(smaps) << smaps.error().message();
  const auto log_text = read_file(log);
  ASSERT_TRUE(log_text);
  const auto names = jvm::parse_xlog(*log_text);
  ASSERT_TRUE(names) << names.error().message();

  const auto history = attribution::OwnerHistory::build(recorded.trace);
  const Nanoseconds ts =
      asked_at - static_cast<Nanoseconds>(recorded.meta_number("start_monotonic_ns"));
  const attribution::Score score = attribution::score(history, pid, ts, *nmt, *names, *smaps);
  fmt::print(
      "JDK {} {}: outside heap {:.6f}, macro {:.6f}, names {:.6f} of {}, unknown mapped {:.6f}, "
      "unknown resident {:.6f}\n",
      version, collector, score.agreement_outside_heap(), score.macro_average(),
      score.names_right(), score.names.size(), score.unknown_mapped_share(),
      score.unknown_resident_share());
  std::string why;
  for (const std::string& line : score.disagreements) why += line + '\n';
  EXPECT_GE(score.agreement_outside_heap(), 0.995) << why;
  EXPECT_GE(score.macro_average(), 0.995) << why;
  EXPECT_EQ(score.names_right(), 1.0);
  EXPECT_LE(score.unknown_mapped_share(), 0.001);
  EXPECT_LE(score.unknown_resident_share(), 0.005);
}

INSTANTIATE_TEST_SUITE_P(Collectors, LiveAttribution,
                         testing::Combine(testing::Values("17", "25"),
                                          testing::Values("G1", "Parallel", "Serial", "Z",
                                                          "Shenandoah")),
                         [](const auto& param) {
                           return fmt::format("Jdk{}_{}", std::get<0>(param.param),
                                              std::get<1>(param.param));
                         });

}  // namespace
}  // namespace ft::e2e
