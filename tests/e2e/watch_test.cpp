// watch as a person sees it, in a terminal that tmux keeps, and as a script reads it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "base/fd.h"
#include "base/text.h"
#include "run.h"

namespace ft::e2e {

namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;
using namespace std::chrono_literals;

bool have_tmux() {
  return run({"tmux", "-V"}).exit_status() == 0;
}

#define FT_NEEDS_TMUX() \
  if (!have_tmux()) GTEST_SKIP() << "needs tmux, which is not installed"

// A terminal with a shell command in it.
class Terminal {
 public:
  Terminal(const std::string& command, int width = 80, int height = 24,
           const std::string& term = "screen-256color")
      : name_(fmt::format("ft-{}-{}", ::getpid(), ++count_)) {
    const Finished started =
        tmux({"-f", "/dev/null", "new-session", "-d", "-x", std::to_string(width), "-y",
              std::to_string(height), "-e", "TERM=" + term,
              // The shell outlives the command, so that its last words can be read.
              fmt::format("export TERM={}; {}; echo \"[status $?]\"; cat", term, command)});
    EXPECT_EQ(started.exit_status(), 0) << started.err;
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal() { tmux({"kill-server"}); }

  void press(const std::string& key) const { tmux({"send-keys", key}); }
  void resize(int width, int height) const {
    tmux({"resize-window", "-x", std::to_string(width), "-y", std::to_string(height)});
  }
  std::string text() const { return tmux({"capture-pane", "-p"}).out; }
  // With the codes of colours and attributes.
  std::string text_with_codes() const { return tmux({"capture-pane", "-p", "-e"}).out; }
  std::string state(const std::string& format) const {
    return std::string(trim(tmux({"display-message", "-p", format}).out));
  }

  // What is shown as soon as it holds `wanted`, or after half a minute.
  std::string wait_for(const std::string& wanted) const {
    std::string shown;
    for (int i = 0; i < 300; ++i) {
      shown = text();
      if (shown.find(wanted) != std::string::npos) break;
      std::this_thread::sleep_for(100ms);
    }
    return shown;
  }

 private:
  Finished tmux(std::vector<std::string> words) const {
    words.insert(words.begin(), {"tmux", "-L", name_});
    return run(words);
  }

  static inline int count_ = 0;
  std::string name_;
};

std::string watch_pid(pid_t pid, const std::string& options = "") {
  return fmt::format("{} watch -p {} -i 0.2 {}", firsttouch(), pid, options);
}

Json watched_once(const std::vector<std::string>& options) {
  std::vector<std::string> command = {firsttouch(), "watch", "--once", "--json", "-i", "0.3"};
  command.insert(command.end(), options.begin(), options.end());
  const Finished finished = run(command);
  EXPECT_EQ(finished.exit_status(), 0) << finished.err;
  return Json::parse(finished.out, nullptr, false);
}

TEST(WatchScreen, ShowsViewsScrollsSortsPausesAndQuits) {
  FT_NEEDS_TMUX();
  const Running target({"sleep", "100"});
  const Terminal terminal(watch_pid(target.pid()));
  EXPECT_THAT(terminal.wait_for("resident"), HasSubstr(fmt::format("sleep ({})", target.pid())));
  EXPECT_THAT(terminal.wait_for("kswapd"), HasSubstr("What the kernel does next"));
  // The screen is full, and nothing has run over its edge.
  EXPECT_THAT(terminal.text(), HasSubstr("q quit"));

  terminal.press("Tab");
  terminal.press("Tab");
  EXPECT_THAT(terminal.wait_for("pgfault"), HasSubstr("lines 1-"));
  terminal.press("NPage");
  EXPECT_THAT(terminal.wait_for("lines 22-"), HasSubstr("lines 22-"));
  terminal.press("PPage");
  EXPECT_THAT(terminal.wait_for("lines 1-"), HasSubstr("lines 1-"));
  terminal.press("Down");
  EXPECT_THAT(terminal.wait_for("lines 2-"), HasSubstr("lines 2-"));
  terminal.press("Tab");
  EXPECT_THAT(terminal.wait_for("Watermarks"), HasSubstr("Watermarks"));
  terminal.press("BTab");
  EXPECT_THAT(terminal.wait_for("pgfault"), HasSubstr("lines 2-"));

  terminal.press("s");
  EXPECT_THAT(terminal.wait_for("sort:growth"), HasSubstr("sort:growth"));
  terminal.press("h");
  EXPECT_THAT(terminal.wait_for("shift-tab"), HasSubstr("the view before"));
  terminal.press("h");
  terminal.press("p");
  EXPECT_THAT(terminal.wait_for("paused"), HasSubstr("paused"));
  const std::string still = terminal.text();
  std::this_thread::sleep_for(600ms);
  EXPECT_EQ(terminal.text(), still);
  terminal.press("p");
  EXPECT_THAT(terminal.wait_for("p pause"), HasSubstr("p pause"));

  terminal.press("q");
  EXPECT_THAT(terminal.wait_for("[status"), HasSubstr("[status 0]"));
  EXPECT_EQ(terminal.state("#{alternate_on} #{cursor_flag}"), "0 1");
}

TEST(WatchScreen, FollowsTheSizeOfItsTerminal) {
  FT_NEEDS_TMUX();
  const Running target({"sleep", "100"});
  const Terminal terminal(watch_pid(target.pid()));
  terminal.wait_for("q quit");
  terminal.resize(120, 40);
  std::this_thread::sleep_for(700ms);
  std::string shown = terminal.text();
  EXPECT_EQ(std::ranges::count(shown, '\n'), 40);
  EXPECT_THAT(std::string_view(shown).substr(shown.size() / 2), HasSubstr("q quit"));
  // Smaller than anything is made for: it must go on, and come back.
  terminal.resize(10, 3);
  std::this_thread::sleep_for(700ms);
  terminal.resize(1, 1);
  std::this_thread::sleep_for(700ms);
  terminal.resize(80, 24);
  EXPECT_THAT(terminal.wait_for("q quit"), HasSubstr("resident"));
}

TEST(WatchScreen, GivesTheTerminalBackWhenInterrupted) {
  FT_NEEDS_TMUX();
  const Running target({"sleep", "100"});
  const Terminal terminal(watch_pid(target.pid()));
  terminal.wait_for("q quit");
  EXPECT_EQ(terminal.state("#{alternate_on}"), "1");
  terminal.press("C-c");
  EXPECT_THAT(terminal.wait_for("[status"), HasSubstr("[status 0]"));
  EXPECT_EQ(terminal.state("#{alternate_on} #{cursor_flag}"), "0 1");
  EXPECT_EQ(::kill(target.pid(), 0), 0);
}

TEST(WatchScreen, SaysThatTheProcessHasEndedAndStays) {
  FT_NEEDS_TMUX();
  Running target({"sleep", "100"});
  const Terminal terminal(watch_pid(target.pid()));
  terminal.wait_for("q quit");
  target.send(SIGKILL);
  target.wait();
  EXPECT_THAT(terminal.wait_for("has ended"), HasSubstr("has ended"));
  std::this_thread::sleep_for(500ms);
  EXPECT_THAT(terminal.text(), HasSubstr("has ended"));
  terminal.press("q");
  EXPECT_THAT(terminal.wait_for("[status"), HasSubstr("[status 0]"));
}

TEST(WatchScreen, KeepsTheOutputOfACommandUntilItIsLeft) {
  FT_NEEDS_TMUX();
  const Terminal terminal(
      fmt::format("{} watch -i 0.2 -- sh -c 'echo to-out; echo to-err >&2; exit 3'", firsttouch()));
  EXPECT_THAT(terminal.wait_for("exit status 3"), HasSubstr("has ended with exit status 3"));
  EXPECT_THAT(terminal.text(), Not(HasSubstr("to-out")));
  terminal.press("BTab");
  EXPECT_THAT(terminal.wait_for("to-err"), HasSubstr("to-out"));
  terminal.press("q");
  terminal.resize(80, 60);
  const std::string after = terminal.wait_for("[status");
  EXPECT_THAT(after, HasSubstr("[status 3]"));
  EXPECT_THAT(after, HasSubstr("to-out\nto-err\n"));
  EXPECT_THAT(after, HasSubstr("Before and after"));
}

TEST(WatchScreen, ACommandGoesOnWhenTheScreenIsLeft) {
  FT_NEEDS_TMUX();
  const Terminal terminal(
      fmt::format("{} watch -i 0.2 -- sh -c 'sleep 3; echo the-end; exit 4'", firsttouch()));
  terminal.wait_for("q quit");
  terminal.press("q");
  terminal.resize(80, 60);
  const std::string after = terminal.wait_for("[status");
  EXPECT_THAT(after, HasSubstr("the-end"));
  EXPECT_THAT(after, HasSubstr("[status 4]"));
}

TEST(WatchScreen, ADumbTerminalGetsLines) {
  FT_NEEDS_TMUX();
  const Running target({"sleep", "100"});
  const Terminal terminal(watch_pid(target.pid()), 100, 30, "dumb");
  const std::string shown = terminal.wait_for("kswapd in");
  EXPECT_THAT(shown, HasSubstr("resident"));
  EXPECT_THAT(shown, Not(HasSubstr("q quit")));
  terminal.press("C-c");
}

TEST(WatchScreen, NoColorLeavesColoursOut) {
  FT_NEEDS_TMUX();
  const Running target({"sleep", "100"});
  const Terminal plain("export NO_COLOR=1; " + watch_pid(target.pid()));
  plain.wait_for("What the kernel does next");
  EXPECT_THAT(plain.text_with_codes(), Not(HasSubstr("\x1b[1m\x1b[36m")));
  EXPECT_THAT(plain.text_with_codes(), Not(HasSubstr("[36m")));
  const Terminal coloured("unset NO_COLOR; " + watch_pid(target.pid()));
  coloured.wait_for("What the kernel does next");
  EXPECT_THAT(coloured.text_with_codes(), HasSubstr("36m"));
}

TEST(Watch, SaysWhyAProcessCannotBeWatched) {
  const auto error = [](const std::string& pid) {
    const Finished finished = run({firsttouch(), "watch", "--once", "-p", pid});
    EXPECT_EQ(finished.exit_status(), 125) << pid;
    return finished.err;
  };
  EXPECT_THAT(error("4194304"), HasSubstr("no such process"));
  // kthreadd, where the test sees the host's processes.
  const auto status = read_file("/proc/2/status");
  if (status && status->find("kthreadd") != std::string::npos) {
    EXPECT_THAT(error("2"), HasSubstr("kernel thread"));
  }
  Running ended({"true"});
  std::this_thread::sleep_for(300ms);
  EXPECT_THAT(error(std::to_string(ended.pid())), HasSubstr("has ended"));
  ended.wait();
}

TEST(Watch, WrongUsageIsTold) {
  const auto usage = [](std::vector<std::string> words) {
    words.insert(words.begin(), {firsttouch(), "watch"});
    const Finished finished = run(words);
    EXPECT_EQ(finished.exit_status(), 2) << finished.err;
    return finished.err;
  };
  EXPECT_THAT(usage({}), HasSubstr("nothing to watch"));
  EXPECT_THAT(usage({"-p", "1", "--", "true"}), HasSubstr("exclude each other"));
  EXPECT_THAT(usage({"-p", "1", "--csv", "--json"}), HasSubstr("exclude each other"));
  EXPECT_THAT(usage({"-p", "1", "-i", "0"}), HasSubstr("interval"));
  EXPECT_THAT(usage({"-p", "0"}), HasSubstr("-p"));
}

TEST(Watch, EndsWithTheStatusOfItsCommand) {
  const auto status = [](std::vector<std::string> words) {
    words.insert(words.begin(), {firsttouch(), "watch", "--once", "--"});
    return run(words).exit_status();
  };
  EXPECT_EQ(status({"sh", "-c", "exit 7"}), 7);
  EXPECT_EQ(status({"sh", "-c", "kill -TERM $$"}), 128 + SIGTERM);
  EXPECT_EQ(status({"/nonexistent"}), 127);
  EXPECT_EQ(status({"/etc/passwd"}), 126);
}

TEST(Watch, LeavesStandardOutputToTheCommand) {
  const Finished finished = run({firsttouch(), "watch", "--once", "--", "echo", "mine"});
  EXPECT_EQ(finished.out, "mine\n");
  EXPECT_THAT(finished.err, HasSubstr("Before and after"));
}

TEST(Watch, PassesSignalsOn) {
  Running watch({firsttouch(), "watch", "--plain", "-i", "0.2", "--", "sh", "-c",
                 "trap 'echo caught; exit 9' USR1; echo ready; while :; do sleep 0.1; done"});
  ASSERT_TRUE(watch.wait_for("ready"));
  watch.send(SIGUSR1);
  const int status = watch.wait();
  EXPECT_EQ(WEXITSTATUS(status), 9);
  EXPECT_THAT(watch.output(), HasSubstr("caught"));
}

TEST(Watch, AStreamEndsWithTheProcess) {
  Running target({"sleep", "100"});
  Running watch({firsttouch(), "watch", "-i", "0.2", "--json", "-p", std::to_string(target.pid())});
  ASSERT_TRUE(watch.wait_for("\"sample\":2"));
  target.send(SIGKILL);
  target.wait();
  EXPECT_EQ(watch.wait(), 0);
  EXPECT_THAT(watch.output(), HasSubstr("\"ended\":true"));
}

TEST(Watch, CsvHasAsManyCellsInEachLine) {
  const Running target({"sleep", "100"});
  const Finished finished = run(
      {firsttouch(), "watch", "--csv", "-n", "3", "-i", "0.2", "-p", std::to_string(target.pid())});
  EXPECT_EQ(finished.exit_status(), 0) << finished.err;
  std::istringstream lines(finished.out);
  std::vector<std::ptrdiff_t> commas;
  for (std::string line; std::getline(lines, line);) {
    commas.push_back(std::ranges::count(line, ','));
  }
  ASSERT_EQ(commas.size(), 4U);
  for (const auto each : commas) EXPECT_EQ(each, commas.front());
}

TEST(Watch, CountsFaultsWhereTheyAre) {
  FT_NEEDS_BPF();
  constexpr std::uint64_t kPages = 3000;
  const Running target({e2e::target("touch_on_signal"), std::to_string(kPages)});
  ASSERT_TRUE(target.wait_for("ready"));
  Running watch({firsttouch(), "watch", "--json", "-i", "0.3", "-p", std::to_string(target.pid())});
  ASSERT_TRUE(watch.wait_for("\"sample\":2"));
  target.send(SIGUSR1);
  ASSERT_TRUE(target.wait_for("touched"));
  // The walk that takes the counts comes when its share of the processor allows: later on a busy
  // one.
  ASSERT_TRUE(watch.wait_for("\"sample\":20"));
  watch.send(SIGTERM);
  watch.wait();
  std::istringstream lines(watch.output());
  std::map<std::string, std::uint64_t> faults;
  bool rates = false;
  for (std::string line; std::getline(lines, line);) {
    const Json root = Json::parse(line, nullptr, false);
    // The last line may be half there.
    if (root.is_discarded() || root.value("kind", "") != "sample") continue;
    const Json& view = root["process"]["subsystems"];
    // One walk may stand in several lines.
    if (view["age_ns"].get<std::uint64_t>() > 250'000'000) continue;
    for (const Json& row : view["rows"]) {
      faults[row["name"]] += row["faults"].get<std::uint64_t>();
      rates = rates || row["faults_per_second"].is_number();
    }
  }
  std::uint64_t most = 0;
  for (const auto& [name, count] : faults) most = std::max(most, count);
  // Exactly these in the mapping; a few more lie in memory of the same kind.
  EXPECT_GE(most, kPages);
  EXPECT_LE(most, kPages + 20);
  EXPECT_TRUE(rates);
}

TEST(Watch, TellsAnotherUserWhatIsMissingAndWhy) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to be another user";
  const Running target({"sleep", "100"});
  const std::string copy = scratch("firsttouch-for-all");
  std::filesystem::copy_file(firsttouch(), copy);
  std::filesystem::permissions(copy, std::filesystem::perms(0755));
  const Finished finished =
      run({"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", copy, "watch",
           "--once", "--json", "-i", "0.2", "-p", std::to_string(target.pid())});
  ASSERT_EQ(finished.exit_status(), 0) << finished.err;
  const Json root = Json::parse(finished.out);
  EXPECT_GT(root["process"]["resident_bytes"].get<std::uint64_t>(), 0U);
  EXPECT_TRUE(root["process"]["proportional_bytes"].is_null());
  EXPECT_TRUE(root["process"]["subsystems"].is_null());
  std::string told;
  for (const Json& missing : root["missing"]) {
    told += missing["what"].get<std::string>() + ": " + missing["why"].get<std::string>() + "\n";
  }
  EXPECT_THAT(told, HasSubstr("process.smaps_rollup"));
  EXPECT_THAT(told, HasSubstr("process.subsystems"));
  EXPECT_THAT(told, HasSubstr("belongs to user 0"));
}

// A process that goes on while `stay` is true, with a heap of its own.
class Jvm {
 public:
  explicit Jvm(const Jdk& jdk, const std::vector<std::string>& options = {})
      : process_(command(jdk, options)) {}
  pid_t pid() const { return process_.pid(); }

 private:
  static std::vector<std::string> command(const Jdk& jdk, const std::vector<std::string>& options) {
    std::vector<std::string> words = {jdk.java(), "-Xms64m", "-Xmx256m"};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {"-cp", classes(), "Sleep", "60"});
    return words;
  }

  Running process_;
};

TEST(Watch, ShowsAJvmByItsParts) {
  const std::vector<Jdk> jdks = installed_jdks();
  if (jdks.empty()) GTEST_SKIP() << "needs a JDK";
  for (const Jdk& jdk : jdks) {
    SCOPED_TRACE("JDK " + jdk.name);
    const Jvm jvm(jdk);
    std::this_thread::sleep_for(2s);
    const Json root = watched_once({"-p", std::to_string(jvm.pid())});
    ASSERT_FALSE(root.is_discarded());
    const Json& process = root["process"];
    EXPECT_EQ(process["name"], "java");
    std::map<std::string, std::uint64_t> resident;
    std::uint64_t sum = 0;
    for (const Json& row : process["subsystems"]["rows"]) {
      resident[row["name"]] = row["resident_bytes"];
      sum += row["resident_bytes"].get<std::uint64_t>();
    }
    EXPECT_EQ(sum, process["subsystems"]["sum_bytes"].get<std::uint64_t>());
    for (const char* part : {"Java heap", "Code cache", "Metaspace", "Libraries"}) {
      EXPECT_GT(resident[part], 0U) << part;
    }
    // The kernel's own sum, taken moments later, without what is mapped twice.
    const auto whole = process["resident_bytes"].get<double>();
    EXPECT_NEAR(static_cast<double>(sum), whole, whole * 0.05);
    EXPECT_FALSE(process["minor_faults_per_second"].is_null());
    bool kswapd = false;
    for (const Json& step : root["next"]) kswapd = kswapd || step["name"] == "kswapd";
    EXPECT_TRUE(kswapd);
    std::map<std::string, std::string> findings;
    for (const Json& finding : root["findings"]) findings[finding["name"]] = finding["state"];
    EXPECT_EQ(findings["heap-swapped"], "quiet");
    EXPECT_EQ(findings["map-count-near-limit"], "quiet");
    EXPECT_EQ(findings["c-library-retained"], "quiet");
    EXPECT_EQ(findings["resident-above-nmt"], "quiet");
  }
}

TEST(Watch, AsksTheJvmWhereItIsTold) {
  const std::vector<Jdk> jdks = installed_jdks();
  if (jdks.empty()) GTEST_SKIP() << "needs a JDK";
  for (const Jdk& jdk : jdks) {
    SCOPED_TRACE("JDK " + jdk.name);
    const Jvm jvm(jdk, {"-XX:NativeMemoryTracking=summary"});
    std::this_thread::sleep_for(2s);
    const Json root = watched_once({"--ask-jvm", "-p", std::to_string(jvm.pid())});
    ASSERT_FALSE(root.is_discarded());
    std::map<std::string, std::string> findings;
    for (const Json& finding : root["findings"]) findings[finding["name"]] = finding["state"];
    EXPECT_EQ(findings["resident-above-nmt"], "quiet");
  }
}

TEST(Watch, ShowsAJvmAtItsEnd) {
  const std::vector<Jdk> jdks = installed_jdks();
  if (jdks.empty()) GTEST_SKIP() << "needs a JDK";
  const std::string file = scratch("at-end.json");
  const Finished finished = run(
      {firsttouch(), "watch", "--once", "--json", "-o", file, "--", jdks[0].java(), "-version"});
  EXPECT_EQ(finished.exit_status(), 0) << finished.err;
  const auto text = read_file(file);
  ASSERT_TRUE(text);
  EXPECT_THAT(*text, HasSubstr("\"kind\": \"sample\""));
  EXPECT_THAT(*text, HasSubstr("\"kind\": \"before_after\""));
  EXPECT_THAT(*text, HasSubstr("\"name\": \"Java heap\""));
  EXPECT_THAT(*text, HasSubstr("has ended with exit status 0"));
}

}  // namespace

}  // namespace ft::e2e
