// The map of a running JVM that nobody recorded: do its sums agree with the kernel's, and does
// every byte get the owner the JVM itself names?
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "attribution/live/live_owners.h"
#include "attribution/score.h"
#include "base/fd.h"
#include "base/text.h"
#include "base/units.h"
#include "host/smaps.h"
#include "jvm/nmt.h"
#include "run.h"

namespace ft::e2e {
namespace {

using Json = nlohmann::json;

std::optional<Jdk> jdk_named(const std::string& version) {
  const auto jdks = installed_jdks();
  const auto jdk = std::ranges::find(jdks, version, &Jdk::name);
  return jdk == jdks.end() ? std::nullopt : std::optional(*jdk);
}

std::vector<std::string> sleeping_jvm(const Jdk& jdk, const std::string& collector,
                                      const std::vector<std::string>& more = {}) {
  std::vector<std::string> command = {jdk.java(), "-Xms256m", "-Xmx8g",
                                      fmt::format("-XX:+Use{}GC", collector)};
  command.insert(command.end(), more.begin(), more.end());
  command.insert(command.end(), {"-cp", classes(), "Sleep"});
  return command;
}

Json map_of(pid_t pid, const std::vector<std::string>& more = {}) {
  std::vector<std::string> command = {firsttouch(),        "map",      "-p",
                                      std::to_string(pid), "--format", "json"};
  command.insert(command.end(), more.begin(), more.end());
  const Finished asked = run(command);
  EXPECT_EQ(asked.exit_status(), 0) << asked.err;
  return Json::parse(asked.out, nullptr, false);
}

class LiveMapOfJvm : public testing::TestWithParam<std::tuple<const char*, const char*>> {};

TEST_P(LiveMapOfJvm, SumsAgreeWithTheKernel) {
  const auto [version, collector] = GetParam();
  const auto jdk = jdk_named(version);
  if (!jdk) GTEST_SKIP() << "JDK " << version << " is not installed";
  const Running jvm(sleeping_jvm(*jdk, collector));
  ASSERT_TRUE(jvm.wait_for("ready"));
  const bool three_views = std::string(collector) == "Z" && std::string(version) == "17";
  if (three_views) {  // a collection looks at the heap through the other views
    for (int i = 0; i < 2; ++i) {
      const Finished asked = run({jdk->jcmd(), std::to_string(jvm.pid()), "GC.run"});
      EXPECT_EQ(asked.exit_status(), 0) << asked.err;
    }
  }
  const Json map = map_of(jvm.pid());
  ASSERT_TRUE(map.is_object());
  EXPECT_EQ(map["pid"], jvm.pid());
  EXPECT_THAT(map["jvm"].get<std::string>(), testing::HasSubstr(collector));
  EXPECT_GE(map["reconcile"].size(), 4U);
  for (const Json& line : map["reconcile"]) EXPECT_TRUE(line["agrees"]) << line.dump(2);

  // Independent of the tool's own reconciliation: subsystems and regions add up to the same total.
  for (const char* figure : {"reserved_bytes", "committed_bytes", "resident_bytes", "dirty_bytes",
                             "huge_bytes", "swap_bytes", "page_table_bytes"}) {
    std::uint64_t of_subsystems = 0;
    std::uint64_t of_regions = 0;
    for (const Json& row : map["subsystems"]) of_subsystems += row[figure].get<std::uint64_t>();
    for (const Json& row : map["regions"]) of_regions += row[figure].get<std::uint64_t>();
    EXPECT_EQ(of_subsystems, of_regions) << figure;
    EXPECT_EQ(of_subsystems, map["total"][figure].get<std::uint64_t>()) << figure;
  }
  std::uint64_t end = 0;
  for (const Json& region : map["regions"]) {
    const auto start = parse_integer<std::uint64_t>(
        std::string_view(region["start"].get_ref<const std::string&>()).substr(2), 16);
    ASSERT_TRUE(start);
    EXPECT_GE(*start, end);
    end = *start + region["reserved_bytes"].get<std::uint64_t>();
  }
  // 17 maps ZGC's heap at three addresses.
  const auto again = map["total"]["mapped_again_bytes"].get<std::uint64_t>();
  if (three_views) {
    EXPECT_GT(again, 0U);
    EXPECT_THAT(map["notes"].dump(), testing::HasSubstr("two or more addresses"));
  }
}

// How far what is known without the JVM agrees with what it says itself. The bytes in memory count:
// the tables of NMT are cut by the pages that smaps shows in memory, area by area.
struct Agreement {
  attribution::Score score;
  std::string jvm;
};

Agreement agreement(const Jdk& jdk, const Running& jvm, attribution::TargetReading reading) {
  // Asking changes the answer: the kernel first, then the JVM.
  const auto smaps_text = read_file(fmt::format("/proc/{}/smaps", jvm.pid()));
  EXPECT_TRUE(smaps_text);
  const auto smaps = host::parse_smaps(*smaps_text);
  EXPECT_TRUE(smaps);
  std::vector<host::Vma> areas;
  for (const host::SmapsEntry& entry : *smaps) {
    if (entry.vma.name != "[vsyscall]") areas.push_back(entry.vma);
  }
  auto owners = attribution::LiveOwners::make(jvm.pid(), host::HostFiles(), reading);
  owners.assign(areas);
  const Finished asked =
      run({jdk.jcmd(), std::to_string(jvm.pid()), "VM.native_memory", "detail", "scale=B"});
  EXPECT_EQ(asked.exit_status(), 0) << asked.err;
  const auto nmt = jvm::parse_nmt(asked.out);
  EXPECT_TRUE(nmt);
  std::vector<attribution::ScoredPiece> pieces;
  for (const attribution::OwnedPiece& piece : owners.pieces()) {
    const host::Vma& area = areas[piece.area];
    pieces.push_back({piece.range, &owners.owners()[piece.owner],
                      area.readable || area.writable || area.executable});
  }
  return {attribution::score(pieces, *nmt, {}, *smaps), owners.jvm()};
}

// NMT's committed bytes that are ours to a subsystem that stands for their tag.
TEST_P(LiveMapOfJvm, OwnersAgreeWithTheJvmsOwnAccount) {
  const auto [version, collector] = GetParam();
  const auto jdk = jdk_named(version);
  if (!jdk) GTEST_SKIP() << "JDK " << version << " is not installed";
  const Running jvm(sleeping_jvm(*jdk, collector, {"-XX:NativeMemoryTracking=detail"}));
  ASSERT_TRUE(jvm.wait_for("ready"));
  const Agreement by_data = agreement(*jdk, jvm, attribution::TargetReading::Allowed);
  const Agreement by_shape = agreement(*jdk, jvm, attribution::TargetReading::Never);
  for (const auto& [how, found] : {std::pair("data", &by_data), std::pair("shape", &by_shape)}) {
    const attribution::Score& score = found->score;
    fmt::print(
        "{} {} by {}: all {:.6f}, outside heap and class space {:.6f}, macro {:.6f}, resident "
        "bytes agreed {:.6f} of {}, unknown resident {:.6f}\n",
        version, collector, how, score.agreement(), score.agreement_outside_heap(),
        score.macro_average(), score.resident_agreement(), score.nmt_resident,
        score.unknown_resident_share());
  }
  std::string why;
  for (const std::string& line : by_data.score.disagreements) why += line + '\n';
  EXPECT_GE(by_data.score.resident_agreement(), 0.98) << why;
  EXPECT_GE(by_data.score.agreement_outside_heap(), 0.99) << why;
  EXPECT_GE(by_data.score.macro_average(), 0.99) << why;
  EXPECT_LE(by_data.score.unknown_resident_share(), 0.02);
  EXPECT_THAT(by_data.jvm, testing::HasSubstr(collector));
  // Without reading its memory: the large things still. What lies beside the code cache looks like
  // part of it, and where things lie is random (docs/map.md).
  why.clear();
  for (const std::string& line : by_shape.score.disagreements) why += line + '\n';
  EXPECT_GE(by_shape.score.agreement(), 0.9) << why;
  EXPECT_GE(by_shape.score.resident_agreement(), 0.75) << why;
}

INSTANTIATE_TEST_SUITE_P(Collectors, LiveMapOfJvm,
                         testing::Combine(testing::Values("17", "25"),
                                          testing::Values("G1", "Z", "Parallel", "Serial",
                                                          "Shenandoah")),
                         [](const auto& param) {
                           return fmt::format("Jdk{}_{}", std::get<0>(param.param),
                                              std::get<1>(param.param));
                         });

TEST(Map, LeavesTheTargetAsItWas) {
  const auto jdk = jdk_named("17");
  if (!jdk) GTEST_SKIP() << "JDK 17 is not installed";
  const Running jvm(sleeping_jvm(*jdk, "Serial"));
  ASSERT_TRUE(jvm.wait_for("ready"));
  const auto areas = [&] {
    return read_file(fmt::format("/proc/{}/maps", jvm.pid())).value_or("");
  };
  const std::string before = areas();
  (void)map_of(jvm.pid());
  EXPECT_EQ(areas(), before);
}

TEST(Map, ShowsAProcessThatIsNoJvm) {
  const Running sleeper({"sleep", "100"});
  const Finished asked = run({firsttouch(), "map", "-p", std::to_string(sleeper.pid())});
  EXPECT_EQ(asked.exit_status(), 0) << asked.err;
  EXPECT_THAT(asked.out, testing::HasSubstr("no HotSpot JVM"));
  EXPECT_THAT(asked.out, testing::HasSubstr("Libraries"));
}

TEST(Map, SortsAndFilters) {
  const Running sleeper({"sleep", "100"});
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const Json map = map_of(sleeper.pid(), {"--sort", "resident", "--subsystem", "Libraries"});
  ASSERT_EQ(map["subsystems"].size(), 1U);
  EXPECT_EQ(map["subsystems"][0]["name"], "Libraries");
  std::uint64_t last = ~std::uint64_t{0};
  for (const Json& region : map["regions"]) {
    EXPECT_EQ(region["subsystem"], "Libraries");
    const auto resident = region["resident_bytes"].get<std::uint64_t>();
    EXPECT_LE(resident, last);
    last = resident;
  }
  const Finished csv = run(
      {firsttouch(), "map", "-p", std::to_string(sleeper.pid()), "--regions", "--format", "csv"});
  EXPECT_EQ(csv.exit_status(), 0);
  EXPECT_TRUE(csv.out.starts_with("start,end,prot,subsystem"));
}

TEST(Map, SaysWhyItCannot) {
  const Finished nobody = run({firsttouch(), "map", "-p", "4194303"});
  EXPECT_EQ(nobody.exit_status(), 125);
  EXPECT_THAT(nobody.err, testing::HasSubstr("no such process"));
  const Finished nothing = run({firsttouch(), "map"});
  EXPECT_EQ(nothing.exit_status(), 2);
  const Finished thread_of_kernel = run({"sh", "-c", "pgrep -n '^kswapd'"});
  if (thread_of_kernel.exit_status() == 0) {
    const Finished kernel =
        run({firsttouch(), "map", "-p", std::string(trim(thread_of_kernel.out))});
    EXPECT_EQ(kernel.exit_status(), 125);
    EXPECT_THAT(kernel.err, testing::HasSubstr("kernel thread"));
  }
}

// Its own pid in there is 1, its files are elsewhere.
TEST(Map, ShowsAProcessOfOtherNamespaces) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, for namespaces";
  const Running outer({"unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c",
                       fmt::format("mount -t tmpfs none /mnt && cp {} /mnt/sleeper && "
                                   "cd /mnt && exec chroot /mnt /sleeper /file",
                                   target("page_kinds"))});
  if (!outer.wait_for("ready")) GTEST_SKIP() << "no namespaces here: " << outer.output();
  const auto children = read_file(fmt::format("/proc/{0}/task/{0}/children", outer.pid()));
  const auto pid = children ? parse_integer<pid_t>(trim(*children)) : std::nullopt;
  if (!pid) GTEST_SKIP() << "the kernel does not tell whose child is whose";
  const Json map = map_of(*pid);
  EXPECT_TRUE(map["jvm"].is_null());
  EXPECT_THAT(map["regions"].dump(), testing::HasSubstr("sleeper\""));
  const Finished explained = run({firsttouch(), "explain", "0x400000", "-p", std::to_string(*pid)});
  EXPECT_EQ(explained.exit_status(), 0) << explained.err;
  EXPECT_THAT(explained.out, testing::HasSubstr("/sleeper"));
}

TEST(Map, SaysThatAProcessHasEnded) {
  Running ended({"true"});
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  for (const auto& words : {std::vector<std::string>{"map"}, {"explain", "0x1000"}}) {
    std::vector<std::string> command = {firsttouch()};
    command.insert(command.end(), words.begin(), words.end());
    command.insert(command.end(), {"-p", std::to_string(ended.pid())});
    const Finished asked = run(command);
    EXPECT_EQ(asked.exit_status(), 125);
    EXPECT_THAT(asked.err, testing::HasSubstr("has ended"));
  }
  ended.wait();
}

// Processes that end at every moment of a look: an answer or a clear word each time.
TEST(Map, AnswersOrSaysItWhereTheProcessEndsMidway) {
  int told = 0;
  for (int i = 0; i < 40; ++i) {
    const Running dying({"sh", "-c", fmt::format("exec sleep 0.0{:02}", i * 2)});
    const Finished asked = run({firsttouch(), "map", "-p", std::to_string(dying.pid())});
    if (asked.exit_status() == 0) continue;
    ++told;
    EXPECT_EQ(asked.exit_status(), 125);
    EXPECT_THAT(asked.err, testing::AnyOf(testing::HasSubstr("has ended"),
                                          testing::HasSubstr("started another program"),
                                          testing::HasSubstr("no such process")));
  }
  EXPECT_GT(told, 0);
}

TEST(Map, SaysWhoMayLook) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
  const Running sleeper({"sleep", "100"});
  const Finished other = run({"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                              firsttouch(), "map", "-p", std::to_string(sleeper.pid())});
  if (other.exit_status() == 127 || other.exit_status() == 126) {
    GTEST_SKIP() << "setpriv cannot run the binary as nobody: " << other.err;
  }
  EXPECT_EQ(other.exit_status(), 125);
  EXPECT_THAT(other.err, testing::HasSubstr("user 0"));
}

TEST(Map, FindsAJvmInAnotherMountNamespace) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, for a mount namespace";
  const auto jdk = jdk_named("17");
  if (!jdk) GTEST_SKIP() << "JDK 17 is not installed";
  // The JDK under a path that exists in there alone.
  const std::string script = fmt::format(
      "mount -t tmpfs none /mnt && mkdir /mnt/jdk && mount --bind {} /mnt/jdk && "
      "exec /mnt/jdk/bin/java -Xmx64m -XX:+UseSerialGC -cp {} Sleep",
      jdk->home, classes());
  const Running jvm({"unshare", "--mount", "--propagation", "private", "sh", "-c", script});
  if (!jvm.wait_for("ready")) GTEST_SKIP() << "no mount namespace here: " << jvm.output();
  const Json map = map_of(jvm.pid());
  EXPECT_THAT(map["jvm"].dump(), testing::HasSubstr("Serial"));
  const auto heap = std::ranges::find_if(
      map["subsystems"], [](const Json& row) { return row["name"] == "Java heap"; });
  ASSERT_NE(heap, map["subsystems"].end());
  EXPECT_EQ((*heap)["reserved_bytes"].get<std::uint64_t>(), 64 * kMiB);
}

}  // namespace
}  // namespace ft::e2e
