// Does replay tell what another configuration will do? A start is recorded plain, the change is
// predicted, then really made and recorded; the two are compared.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "base/units.h"
#include "host/status.h"
#include "run.h"

namespace ft::e2e {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

struct Measured {
  std::uint64_t faults = 0;
  std::uint64_t order_0 = 0;
  std::uint64_t order_4 = 0;
  std::uint64_t order_9 = 0;
  std::uint64_t resident_bytes = 0;
  std::uint64_t page_table_bytes = 0;
  std::uint64_t hugetlb_bytes = 0;
};

// As the kernel told the recorder, without the model.
Measured measured_of(const Recorded& recorded) {
  Measured measured;
  const auto count = [&](const event::PageAlloc& page) {
    if (page.migratetype != 1 || page.context == event::AllocContext::Other) return;
    if (page.order == 0) ++measured.order_0;
    if (page.order == 4) ++measured.order_4;
    if (page.order == 9) ++measured.order_9;
  };
  const event::Pid pid = recorded.target();
  const auto target = std::ranges::find(recorded.trace.processes, pid, &event::Process::pid);
  const Nanoseconds exec = target->exec_ts;
  for (const event::Fault& fault : recorded.faults) {
    if (fault.ts < exec) continue;
    ++measured.faults;
    if (fault.has_page) count(fault.page);
  }
  for (const event::PageAlloc& page : recorded.page_allocs) {
    if (page.ts >= exec) count(page);
  }
  for (const event::Snapshot& snapshot : recorded.trace.snapshots) {
    if (snapshot.pid != pid || snapshot.moment != "end" || snapshot.source != "status") continue;
    const auto status = host::parse_status(snapshot.text);
    if (!status) continue;
    measured.resident_bytes =
        status->rss_anon.value_or(0) + status->rss_file.value_or(0) + status->rss_shmem.value_or(0);
    measured.page_table_bytes = status->vm_pte.value_or(0);
    measured.hugetlb_bytes = status->hugetlb_pages.value_or(0);
  }
  return measured;
}

std::uint64_t figure(const json& prediction, const std::string& key) {
  const json& figures = prediction["figures"];
  return figures.contains(key) ? figures[key]["predicted"].get<std::uint64_t>() : 0;
}

// Starts of one configuration differ among themselves, by what their threads do first and by where
// areas begin, which decides how many tables they share. So a prediction is compared with several,
// and is right within `share`, or `least`, of what they range over.
constexpr int kStarts = 3;

void expect_near(const char* what, std::uint64_t predicted, const std::vector<Measured>& starts,
                 std::uint64_t Measured::* figure, double least = 0, double share = 0.02) {
  const auto [low, high] = std::ranges::minmax(starts, {}, figure);
  const std::uint64_t nearest = std::clamp(predicted, low.*figure, high.*figure);
  EXPECT_NEAR(static_cast<double>(predicted), static_cast<double>(nearest),
              std::max(least, share * static_cast<double>(nearest)))
      << what;
}

void expect_alike(const json& prediction, const std::vector<Measured>& starts,
                  double share_of_order_0 = 0.02, double share_of_order_4 = 0.02) {
  expect_near("faults", figure(prediction, "faults"), starts, &Measured::faults);
  expect_near("order 0", figure(prediction, "order_0"), starts, &Measured::order_0, 0,
              share_of_order_0);
  expect_near("order 4", figure(prediction, "order_4"), starts, &Measured::order_4, 4,
              share_of_order_4);
  expect_near("order 9", figure(prediction, "order_9"), starts, &Measured::order_9, 1);
  // A huge page more or less.
  expect_near("RSS", figure(prediction, "resident_bytes"), starts, &Measured::resident_bytes,
              starts.front().order_9 != 0 ? 2.0 * kMiB : 0);
  expect_near("VmPTE", figure(prediction, "page_table_bytes"), starts, &Measured::page_table_bytes,
              20.0 * kKiB);
}

// None where a start lost events: the machine is too busy.
std::vector<Measured> measure(const std::vector<std::string>& command) {
  std::vector<Measured> starts;
  for (int i = 0; i < kStarts; ++i) {
    const Recorded real = record("real.ft", command);
    if (real.lost() != 0) return {};
    starts.push_back(measured_of(real));
  }
  return starts;
}

std::string start_of(const std::vector<std::string>& command) {
  return fmt::format("{}", fmt::join(command, " "));
}

struct Change {
  const char* name;
  std::vector<std::string> replay;  // options of replay
  std::vector<std::string> java;    // what the real start has instead of -Xms256m
};

class Prediction : public testing::TestWithParam<std::tuple<const char*, Change>> {
 protected:
  void SetUp() override {
    FT_NEEDS_BPF();
    const auto jdks = installed_jdks();
    const auto jdk = std::ranges::find(jdks, std::string(std::get<0>(GetParam())), &Jdk::name);
    if (jdk == jdks.end()) GTEST_SKIP() << "JDK " << std::get<0>(GetParam()) << " is not installed";
    java_ = jdk->java();
  }

  std::vector<std::string> command(std::vector<std::string> options) const {
    std::vector<std::string> command = {java_, "-Xmx8g", "-XX:+UseG1GC"};
    command.insert(command.end(), options.begin(), options.end());
    command.insert(command.end(), {"-cp", classes(), "Hello"});
    return command;
  }

  static json predict(const std::string& file, const std::vector<std::string>& options) {
    std::vector<std::string> replay = {firsttouch(), "replay", file, "--format", "json"};
    replay.insert(replay.end(), options.begin(), options.end());
    const Finished told = run(replay);
    EXPECT_EQ(told.exit_status(), 0) << told.err;
    return json::parse(told.out, nullptr, false);
  }

  std::string java_;
};

class PredictionOfFlags : public Prediction {};

TEST_P(PredictionOfFlags, IsWhatTheKernelThenDoes) {
  const Change& change = std::get<1>(GetParam());
  const Recorded plain = record("plain.ft", command({"-Xms256m"}));
  const std::vector<Measured> real = measure(command(change.java));
  if (plain.lost() != 0 || real.empty())
    GTEST_SKIP() << "events were lost: the machine is too busy";
  if (plain.trace.meta_or("host.thp.enabled") == "never") GTEST_SKIP() << "THP is never";
  SCOPED_TRACE(start_of(change.java));
  expect_alike(predict(scratch("plain.ft"), change.replay), real);
}

constexpr const char* kThp = "-XX:+UseTransparentHugePages";
constexpr const char* kPreTouch = "-XX:+AlwaysPreTouch";

INSTANTIATE_TEST_SUITE_P(
    Jdks, PredictionOfFlags,
    testing::Combine(testing::Values("17", "25"),
                     testing::Values(Change{"Thp", {"--jvm", kThp}, {"-Xms256m", kThp}},
                                     Change{
                                         "PreTouch", {"--jvm", kPreTouch}, {"-Xms256m", kPreTouch}},
                                     Change{"Both",
                                            {"--jvm", kThp, "--jvm", kPreTouch},
                                            {"-Xms256m", kThp, kPreTouch}},
                                     Change{"Xms1g", {"--jvm", "-Xms1g"}, {"-Xms1g"}},
                                     Change{"WholeHeap", {"--jvm", "-Xms8g"}, {"-Xms8g"}})),
    [](const auto& instance) {
      return fmt::format("Jdk{}{}", std::get<0>(instance.param), std::get<1>(instance.param).name);
    });

// Puts a file of /sys or /proc back as it was.
class Setting {
 public:
  Setting(std::string path, const std::string& value) : path_(std::move(path)) {
    std::ifstream file(path_);
    std::string text;
    std::getline(file, text);
    // "always inherit [never]": the chosen word.
    const std::size_t open = text.find('[');
    before_ = open == std::string::npos ? text : text.substr(open + 1, text.find(']') - open - 1);
    changed_ = !before_.empty() && write(value);
  }
  Setting(const Setting&) = delete;
  ~Setting() {
    if (changed_) write(before_);
  }
  bool changed() const { return changed_; }
  std::string now() const {
    std::ifstream file(path_);
    std::string text;
    std::getline(file, text);
    return text;
  }

 private:
  bool write(const std::string& value) const {
    std::ofstream file(path_);
    file << value << std::flush;
    return file.good();
  }

  std::string path_;
  std::string before_;
  bool changed_ = false;
};

class PredictionOfSettings : public Prediction {};

TEST_P(PredictionOfSettings, IsWhatTheKernelThenDoes) {
  const std::string name = std::get<1>(GetParam()).name;
  const Recorded plain = record("plain.ft", command({"-Xms256m"}));
  std::vector<Measured> real;
  double share_of_order_0 = 0.02;
  double share_of_order_4 = 0.02;
  if (name == "Populate") {
    ::setenv("LD_PRELOAD", target("populate_heap.so").c_str(), 1);
    real = measure(command({"-Xms256m"}));
    ::unsetenv("LD_PRELOAD");
  } else {
    const Setting size("/sys/kernel/mm/transparent_hugepage/hugepages-64kB/enabled", "always");
    if (!size.changed()) GTEST_SKIP() << "the kernel has no such size, or it cannot be set";
    real = measure(command({"-Xms256m"}));
    // How far apart threads' allocation buffers lie decides which blocks they share.
    share_of_order_0 = 0.04;
    // Some 70 blocks; a dozen of them are of threads' stacks and arenas, whose borders are by
    // chance.
    share_of_order_4 = 0.15;
  }
  if (plain.lost() != 0 || real.empty())
    GTEST_SKIP() << "events were lost: the machine is too busy";
  const json prediction = predict(scratch("plain.ft"), std::get<1>(GetParam()).replay);
  expect_alike(prediction, real, share_of_order_0, share_of_order_4);
}

INSTANTIATE_TEST_SUITE_P(
    Jdks, PredictionOfSettings,
    testing::Combine(testing::Values("17", "25"),
                     testing::Values(Change{"Populate", {"--set", "populate=heap"}, {}},
                                     Change{"Mthp64K", {"--set", "thp.64K=always"}, {}})),
    [](const auto& instance) {
      return fmt::format("Jdk{}{}", std::get<0>(instance.param), std::get<1>(instance.param).name);
    });

// With so small a heap and code cache only the heap is large enough for large pages; a code cache
// smaller still starts a marking of the heap, which the end of the JVM cuts short at any point. Not
// JDK 17: it cannot map its archived objects into such a heap, and makes them anew.
TEST(PredictionOfHugetlb, IsWhatTheKernelThenDoes) {
  FT_NEEDS_BPF();
  const auto jdks = installed_jdks();
  const auto jdk = std::ranges::find(jdks, std::string("25"), &Jdk::name);
  if (jdk == jdks.end()) GTEST_SKIP() << "JDK 25 is not installed";
  const auto command = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words = {jdk->java(), "-Xmx64m", "-Xms64m", "-XX:+UseG1GC",
                                      "-XX:ReservedCodeCacheSize=14m"};
    words.insert(words.end(), more.begin(), more.end());
    words.insert(words.end(), {"-cp", classes(), "Hello"});
    return words;
  };
  const Recorded plain = record("plain.ft", command({}));
  const Setting pool("/proc/sys/vm/nr_hugepages", "64");
  if (!pool.changed() || pool.now() != "64") GTEST_SKIP() << "a pool of 64 pages cannot be had";
  const std::vector<Measured> real = measure(command({"-XX:+UseLargePages"}));
  if (plain.lost() != 0 || real.empty())
    GTEST_SKIP() << "events were lost: the machine is too busy";
  const Finished told = run({firsttouch(), "replay", scratch("plain.ft"), "--set",
                             "hugetlb.heap=2M", "--format", "json"});
  ASSERT_EQ(told.exit_status(), 0) << told.err;
  const json prediction = json::parse(told.out, nullptr, false);
  EXPECT_GT(real.front().hugetlb_bytes, 0U);
  EXPECT_EQ(figure(prediction, "hugetlb_bytes"), real.front().hugetlb_bytes);
  expect_alike(prediction, real);
}

// Code cache, heap and mark bitmaps. Not JDK 17, for the same reason.
TEST(PredictionOfLargePages, IsWhatTheKernelThenDoes) {
  FT_NEEDS_BPF();
  const auto jdks = installed_jdks();
  const auto jdk = std::ranges::find(jdks, std::string("25"), &Jdk::name);
  if (jdk == jdks.end()) GTEST_SKIP() << "JDK 25 is not installed";
  const auto command = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words = {jdk->java(), "-Xmx256m", "-Xms128m", "-XX:+UseG1GC",
                                      "-XX:ReservedCodeCacheSize=64m"};
    words.insert(words.end(), more.begin(), more.end());
    words.insert(words.end(), {"-cp", classes(), "Hello"});
    return words;
  };
  const Recorded plain = record("plain.ft", command({}));
  const Setting pool("/proc/sys/vm/nr_hugepages", "180");
  if (!pool.changed() || pool.now() != "180") GTEST_SKIP() << "a pool of 180 pages cannot be had";
  const std::vector<Measured> real = measure(command({"-XX:+UseLargePages"}));
  if (plain.lost() != 0 || real.empty())
    GTEST_SKIP() << "events were lost: the machine is too busy";
  const Finished told = run({firsttouch(), "replay", scratch("plain.ft"), "--jvm",
                             "-XX:+UseLargePages", "--format", "json"});
  ASSERT_EQ(told.exit_status(), 0) << told.err;
  const json prediction = json::parse(told.out, nullptr, false);
  EXPECT_GT(real.front().hugetlb_bytes, 0U);
  expect_near("hugetlb", figure(prediction, "hugetlb_bytes"), real, &Measured::hugetlb_bytes);
  expect_alike(prediction, real);
}

TEST(Replay, SaysWhichMachinesThereAre) {
  const Finished told = run({firsttouch(), "replay", "--machine", "list"});
  EXPECT_EQ(told.exit_status(), 0) << told.err;
  EXPECT_THAT(told.out, HasSubstr("document"));
  EXPECT_THAT(told.out, HasSubstr("host"));
  EXPECT_EQ(run({firsttouch(), "replay", "x.ft", "--machine", "pdp11"}).exit_status(), 2);
  EXPECT_EQ(run({firsttouch(), "replay"}).exit_status(), 2);
}

TEST(Replay, RefusesAMachineFileWithNonsense) {
  const std::string path = scratch("bad.toml");
  std::ofstream(path) << "[[node]]\nmemory = \"1G\"\ncpus = \"0\"\n"
                         "[tlb]\nl1 = [{ entries = 64, ways = 0, sizes = [\"4K\"] }]\n";
  const Finished told = run({firsttouch(), "replay", "x.ft", "--machine", path});
  EXPECT_EQ(told.exit_status(), 125);
  EXPECT_THAT(told.err, HasSubstr(path + ":5:30: tlb.l1[0].ways: 0 is out of range (allowed: 1"));
}

TEST(Replay, PlacesMemoryOnTheNodesOfAMachine) {
  FT_NEEDS_BPF();
  const Recorded recorded = record("touch.ft", {target("touch_pages")});
  const auto predict = [&](const std::string& policy) {
    const Finished told = run({firsttouch(), "replay", scratch("touch.ft"), "--machine", "document",
                               "--set", "numa.policy=" + policy, "--format", "json"});
    EXPECT_EQ(told.exit_status(), 0) << told.err;
    return json::parse(told.out, nullptr, false);
  };
  const json bound = predict("bind:1");
  EXPECT_EQ(bound["figures"]["node0.numa_hit"]["predicted"], 0);
  EXPECT_GT(bound["figures"]["node1.numa_hit"]["predicted"], 0);
  EXPECT_EQ(bound["figures"]["node1.numa_hit"]["recorded"], nullptr);
  const json interleaved = predict("interleave");
  const auto on = [&](int node) {
    return interleaved["nodes"][node]["interleave_hit"].get<double>();
  };
  EXPECT_NEAR(on(0), on(1), 0.1 * on(0));
  EXPECT_EQ(interleaved["core"], "skylake-sp");
}

}  // namespace
}  // namespace ft::e2e
