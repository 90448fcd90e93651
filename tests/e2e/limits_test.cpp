// Is a start killed at the limits at which `replay` says it is? Real starts in a memory cgroup of
// the test's own, without swap, at limits on both sides of the predicted edge.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/units.h"
#include "run.h"

namespace ft::e2e {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

// The first line of a file with that beginning; empty where there is none.
std::string line_of(const char* path, const std::function<bool(const std::string&)>& wanted) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (wanted(line)) return line;
  }
  return {};
}

bool write_to(const fs::path& file, const std::string& text) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool done = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(fd);
  return done;
}

// A child of the group that this test runs in; gone with the object.
class MemoryGroup {
 public:
  MemoryGroup() {
    const std::string first = line_of("/proc/self/cgroup", [](const std::string& line) {
      return line.find(":memory:") != std::string::npos;
    });
    version_one_ = !first.empty();
    const std::string own = version_one_ ? first : line_of("/proc/self/cgroup", [](auto& line) {
      return line.starts_with("0::");
    });
    if (own.empty()) {
      why_not_ = "this process is in no memory cgroup";
      return;
    }
    const fs::path root = version_one_ ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup";
    const std::string name = own.substr(own.rfind(":/") + 2);
    path_ = root / name / fmt::format("firsttouch-limits-{}", ::getpid());
    std::error_code error;
    if (!fs::create_directory(path_, error)) {
      why_not_ = fmt::format("{} may not be made: {}", path_.string(), error.message());
      return;
    }
    made_ = true;
    if (!fs::exists(path_ / limit_file())) {
      why_not_ = "the memory controller is not handed to child groups here";
    } else if (!set_limit(std::uint64_t{64} << 30U)) {
      why_not_ = "swap cannot be kept out of the group";
    }
  }
  MemoryGroup(const MemoryGroup&) = delete;
  ~MemoryGroup() {
    // What was killed in it takes a moment to be gone.
    constexpr int kTries = 100;
    for (int i = 0; made_ && ::rmdir(path_.c_str()) != 0 && i < kTries; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  const std::string& why_not() const { return why_not_; }

  // Memory, and memory with swap: nothing can be swapped.
  bool set_limit(std::uint64_t bytes) const {
    const std::string text = std::to_string(bytes);
    if (!version_one_) {
      return write_to(path_ / "memory.swap.max", "0") && write_to(path_ / limit_file(), text);
    }
    // Neither of the two may pass the other on the way.
    const fs::path both = path_ / "memory.memsw.limit_in_bytes";
    write_to(both, "-1");
    return write_to(path_ / limit_file(), text) && (write_to(both, text) || no_swap());
  }

  Finished run_in(std::vector<std::string> command) const {
    std::vector<std::string> all = {
        "/bin/sh", "-c",
        fmt::format("echo $$ > '{}' && exec \"$@\"", (path_ / "cgroup.procs").string()), "sh"};
    all.insert(all.end(), command.begin(), command.end());
    return run(all);
  }

 private:
  const char* limit_file() const { return version_one_ ? "memory.limit_in_bytes" : "memory.max"; }
  static bool no_swap() {
    return line_of("/proc/swaps", [](const std::string& line) { return line.starts_with("/"); })
        .empty();
  }

  bool version_one_ = false;
  bool made_ = false;
  fs::path path_;
  std::string why_not_;
};

struct StartCase {
  const char* name;
  const char* jdk;
  std::vector<std::string> flags;
};

class StartUnderLimit : public testing::TestWithParam<StartCase> {};

// Steps from the edge: a hundredth of what is needed each, or more where that is little. The first
// step is left out on either side: the needs of two starts differ by some 200 kB.
constexpr std::array<int, 8> kSteps = {-5, -3, -2, -1, 1, 2, 3, 5};
constexpr std::uint64_t kLeastStep = 400 * kKiB;

json prediction(const std::string& recording, const std::vector<std::uint64_t>& limits) {
  std::string list;
  for (const std::uint64_t limit : limits) {
    list += fmt::format("{}{}", list.empty() ? "" : ",", limit);
  }
  const Finished told = run({firsttouch(), "replay", recording, "--set", "swap=0", "--sweep",
                             "cgroup.limit=" + list, "--format", "json"});
  EXPECT_EQ(told.exit_status(), 0) << told.err;
  return json::parse(told.out, nullptr, false)["rows"];
}

TEST_P(StartUnderLimit, IsKilledWhereItWasPredicted) {
  FT_NEEDS_BPF();
  const auto jdks = installed_jdks();
  const auto jdk = std::ranges::find(jdks, std::string(GetParam().jdk), &Jdk::name);
  if (jdk == jdks.end()) GTEST_SKIP() << "JDK " << GetParam().jdk << " is not installed";
  const MemoryGroup group;
  if (!group.why_not().empty()) GTEST_SKIP() << group.why_not();

  std::vector<std::string> command = {jdk->java(), "-XX:-UseContainerSupport"};
  command.insert(command.end(), GetParam().flags.begin(), GetParam().flags.end());
  command.insert(command.end(), {"-cp", classes(), "Hello"});
  const std::string name = fmt::format("limits-{}.ft", GetParam().name);
  const Recorded recorded = record(name, command);
  if (recorded.lost() != 0) GTEST_SKIP() << "events were lost: the machine is too busy";

  constexpr std::uint64_t kPlenty = std::uint64_t{64} << 30U;
  const json plenty = prediction(scratch(name), {kPlenty});
  ASSERT_EQ(plenty.size(), 1U);
  ASSERT_EQ(plenty[0]["limits"]["verdict"], "fits");
  const auto needed = plenty[0]["limits"]["needed_bytes"].get<std::uint64_t>();

  std::vector<std::uint64_t> limits;
  const std::uint64_t step = std::max(needed / 100, kLeastStep);
  for (const int steps : kSteps) {
    limits.push_back(page_floor(needed + step * static_cast<std::uint64_t>(steps)));
  }
  const json rows = prediction(scratch(name), limits);
  ASSERT_EQ(rows.size(), limits.size());
  for (std::size_t i = 0; i < limits.size(); ++i) {
    ASSERT_TRUE(group.set_limit(limits[i])) << limits[i];
    const Finished real = group.run_in(command);
    const json& predicted = rows[i]["limits"];
    const std::string what =
        fmt::format("limit {}, {} needed: ended with {}", limits[i], needed, real.exit_status());
    if (predicted["verdict"] == "killed") {
      EXPECT_EQ(real.exit_status(), 128 + SIGKILL) << what;
      EXPECT_EQ(predicted["killed"][0]["name"], "java");
      EXPECT_TRUE(predicted["killed"][0]["for_group"]);
    } else {
      EXPECT_EQ(predicted["verdict"], "fits") << what;
      EXPECT_EQ(real.exit_status(), 0) << what << real.err;
    }
  }
  // Both sides were there.
  EXPECT_EQ(rows.front()["limits"]["verdict"], "killed");
  EXPECT_EQ(rows.back()["limits"]["verdict"], "fits");
}

const std::vector<std::string> kTouched = {"-XX:+UseG1GC", "-Xms128m", "-Xmx128m",
                                           "-XX:+AlwaysPreTouch"};
const std::vector<std::string> kSmall = {"-XX:+UseG1GC", "-Xms64m", "-Xmx64m"};
const std::vector<std::string> kSerial = {"-XX:+UseSerialGC", "-Xms256m", "-Xmx256m",
                                          "-XX:+AlwaysPreTouch"};

INSTANTIATE_TEST_SUITE_P(Jdks, StartUnderLimit,
                         testing::Values(StartCase{"Jdk17Touched", "17", kTouched},
                                         StartCase{"Jdk25Touched", "25", kTouched},
                                         StartCase{"Jdk17Small", "17", kSmall},
                                         StartCase{"Jdk25Small", "25", kSmall},
                                         StartCase{"Jdk17Serial", "17", kSerial},
                                         StartCase{"Jdk25Serial", "25", kSerial}),
                         [](const auto& instance) { return instance.param.name; });

TEST(LessMemory, IsToldWithItsCertainty) {
  FT_NEEDS_BPF();
  record("limits-text.ft", {target("touch_pages")});
  const Finished told = run({firsttouch(), "replay", scratch("limits-text.ft"), "--set",
                             "cgroup.limit=100k", "--set", "swap=0"});
  EXPECT_EQ(told.exit_status(), 0) << told.err;
  EXPECT_THAT(told.out, testing::HasSubstr("the OOM killer ends it"));
  EXPECT_THAT(told.out, testing::HasSubstr("killed: touch_pages"));
  EXPECT_THAT(told.out, testing::HasSubstr("Assumed, or not known"));
  const Finished swapped =
      run({firsttouch(), "replay", scratch("limits-text.ft"), "--set", "cgroup.limit=400k", "--set",
           "swap=1g", "--set", "swap.compression=3"});
  EXPECT_EQ(swapped.exit_status(), 0) << swapped.err;
  EXPECT_THAT(swapped.out, testing::HasSubstr("swapped out"));
}

}  // namespace
}  // namespace ft::e2e
