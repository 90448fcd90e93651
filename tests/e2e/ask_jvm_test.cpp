// The map of a JVM that is asked for its own account: what it adds, what it costs, and what is said
// where the JVM cannot be asked or does not answer.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/fd.h"
#include "base/text.h"
#include "run.h"

namespace ft::e2e {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;

std::vector<std::string> sleeping(const Jdk& jdk, const std::vector<std::string>& flags) {
  std::vector<std::string> command = {jdk.java(), "-Xmx64m", "-XX:+UseSerialGC"};
  command.insert(command.end(), flags.begin(), flags.end());
  command.insert(command.end(), {"-cp", classes(), "Sleep"});
  return command;
}

Finished asked(pid_t pid, const std::vector<std::string>& more = {}) {
  std::vector<std::string> command = {firsttouch(), "map", "-p", std::to_string(pid), "--ask-jvm"};
  command.insert(command.end(), more.begin(), more.end());
  return run(command);
}

Json map_of(pid_t pid) {
  const Finished finished = asked(pid, {"--format", "json"});
  EXPECT_EQ(finished.exit_status(), 0) << finished.err;
  return Json::parse(finished.out, nullptr, false);
}

std::uint64_t reserved_by(const Json& map, std::string_view evidence) {
  std::uint64_t bytes = 0;
  for (const Json& region : map["regions"]) {
    if (region["evidence"] == evidence) bytes += region["reserved_bytes"].get<std::uint64_t>();
  }
  return bytes;
}

std::string state_of(const Json& map, std::string_view finding) {
  for (const Json& each : map["findings"]) {
    if (each["name"] == finding) return each["state"];
  }
  return "missing";
}

class AskJvm : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    for (const Jdk& jdk : installed_jdks()) {
      if (jdk.name == GetParam()) jdk_ = jdk;
    }
    if (!jdk_) GTEST_SKIP() << "JDK " << GetParam() << " is not installed";
  }
  std::optional<Jdk> jdk_;
};

TEST_P(AskJvm, InDetailTheEvidenceIsNmt) {
  const Running jvm(sleeping(*jdk_, {"-XX:NativeMemoryTracking=detail"}));
  ASSERT_TRUE(jvm.wait_for("ready"));
  const Json map = map_of(jvm.pid());
  const Json& told = map["asked"];
  EXPECT_GT(told["nmt_committed_bytes"].get<std::uint64_t>(), 0U);
  // The thread that answers stays.
  EXPECT_EQ(told["threads_after"].get<int>(), told["threads_before"].get<int>() + 1);
  EXPECT_GT(told["resident_after_bytes"], told["resident_before_bytes"]);
  EXPECT_GT(reserved_by(map, "nmt"), 64U << 20U);
  EXPECT_NE(state_of(map, "resident-above-nmt"), "not_evaluated");
  for (const Json& line : map["reconcile"]) EXPECT_TRUE(line["agrees"]) << line.dump(2);
  for (const Json& region : map["regions"]) {
    // Finer names than NMT's stay; nothing of the heap's is anybody else's word.
    if (region["subsystem"] == "Java heap") {
      EXPECT_EQ(region["evidence"], "nmt");
    }
  }
  // Asked again, through the socket that is there now, it costs no thread.
  const Json again = map_of(jvm.pid())["asked"];
  EXPECT_EQ(again["threads_after"], again["threads_before"]);
}

TEST_P(AskJvm, WithSumsAloneSystemMapNamesWhatItKnows) {
  const Running jvm(sleeping(*jdk_, {"-XX:NativeMemoryTracking=summary"}));
  ASSERT_TRUE(jvm.wait_for("ready"));
  const Json map = map_of(jvm.pid());
  EXPECT_GT(map["asked"]["nmt_committed_bytes"].get<std::uint64_t>(), 0U);
  if (std::string(GetParam()) == "17") {
    EXPECT_EQ(reserved_by(map, "System.map"), 0U);
    EXPECT_THAT(map["notes"].dump(), HasSubstr("older than System.map"));
  } else {
    EXPECT_GT(reserved_by(map, "System.map"), 64U << 20U);
  }
}

TEST_P(AskJvm, WithoutTrackingItSaysWhatIsMissing) {
  const Running jvm(sleeping(*jdk_, {}));
  ASSERT_TRUE(jvm.wait_for("ready"));
  const Json map = map_of(jvm.pid());
  EXPECT_TRUE(map["asked"]["nmt_committed_bytes"].is_null());
  EXPECT_THAT(map["notes"].dump(), HasSubstr("native memory tracking is off"));
  // Little lies beyond what NMT would count, so nothing could be said of it either way.
  EXPECT_EQ(state_of(map, "resident-above-nmt"), "quiet");
}

TEST_P(AskJvm, OneThatAnswersNobodyIsLeftAlone) {
  const Running jvm(sleeping(*jdk_, {"-XX:+DisableAttachMechanism"}));
  ASSERT_TRUE(jvm.wait_for("ready"));
  const Finished finished = asked(jvm.pid());
  EXPECT_EQ(finished.exit_status(), 125);
  EXPECT_THAT(finished.err, HasSubstr("DisableAttachMechanism"));
  // No signal was sent: it would have printed its threads.
  EXPECT_THAT(jvm.output(), testing::Not(HasSubstr("Full thread dump")));
}

TEST_P(AskJvm, OneThatWouldDieOfTheSignalIsLeftAlone) {
  const Running jvm(sleeping(*jdk_, {"-Xrs"}));
  ASSERT_TRUE(jvm.wait_for("ready"));
  const Finished finished = asked(jvm.pid());
  EXPECT_EQ(finished.exit_status(), 125);
  EXPECT_THAT(finished.err, HasSubstr("SIGQUIT"));
  EXPECT_EQ(::kill(jvm.pid(), 0), 0);
}

TEST_P(AskJvm, OneThatIsStoppedIsNotWaitedFor) {
  const Running jvm(sleeping(*jdk_, {}));
  ASSERT_TRUE(jvm.wait_for("ready"));
  jvm.send(SIGSTOP);
  const Finished finished = asked(jvm.pid());
  EXPECT_EQ(finished.exit_status(), 125);
  EXPECT_THAT(finished.err, HasSubstr("stopped"));
}

TEST_P(AskJvm, AcrossNamespaces) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, for namespaces";
  const Running outer({"unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c",
                       fmt::format("mount -t tmpfs none /mnt && mkdir /mnt/jdk && "
                                   "mount --bind {} /mnt/jdk && echo $$ && "
                                   "exec /mnt/jdk/bin/java -Xmx64m -XX:+UseSerialGC "
                                   "-XX:NativeMemoryTracking=detail -cp {} Sleep",
                                   jdk_->home, classes())});
  if (!outer.wait_for("ready")) GTEST_SKIP() << "no namespaces here: " << outer.output();
  const auto children = read_file(fmt::format("/proc/{0}/task/{0}/children", outer.pid()));
  const auto pid = children ? parse_integer<pid_t>(trim(*children)) : std::nullopt;
  if (!pid) GTEST_SKIP() << "the kernel does not tell whose child is whose";
  const Json map = map_of(*pid);
  EXPECT_THAT(map["jvm"].dump(), HasSubstr("Serial"));
  EXPECT_GT(reserved_by(map, "nmt"), 64U << 20U);
}

INSTANTIATE_TEST_SUITE_P(Jdks, AskJvm, testing::Values("17", "25"),
                         [](const auto& param) { return fmt::format("Jdk{}", param.param); });

TEST(AskJvmErrors, NoJvmAndNoRecording) {
  const Running sleeper({"sleep", "100"});
  const Finished no_jvm = asked(sleeper.pid());
  EXPECT_EQ(no_jvm.exit_status(), 125);
  EXPECT_THAT(no_jvm.err, HasSubstr("no HotSpot JVM"));
  EXPECT_EQ(::kill(sleeper.pid(), 0), 0);
  EXPECT_EQ(run({firsttouch(), "map", "--ask-jvm", "/nonexistent"}).exit_status(), 2);
}

}  // namespace
}  // namespace ft::e2e
