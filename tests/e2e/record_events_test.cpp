// Are the events of a recording exactly those that happened? Programs whose every call and touch is
// known, and real ones beside strace.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "base/fd.h"
#include "base/text.h"
#include "capture/strace/import.h"
#include "event/memory_trace.h"
#include "run.h"

namespace ft::e2e {
namespace {

std::uint64_t finished_faults(const Recorded& recorded) {
  return static_cast<std::uint64_t>(std::ranges::count_if(recorded.faults, [](const auto& fault) {
    return fault.kind != event::FaultKind::Unfinished;
  }));
}

// What getrusage counted for the target, less what is known not to be seen one by one.
std::uint64_t visible_faults(const Recorded& recorded) {
  return recorded.meta_number("target.minflt") + recorded.meta_number("target.majflt") -
         recorded.meta_number("blind.exec_faults") - recorded.meta_number("blind.gup_faults");
}

TEST(RecordEvents, EveryTouchOfAMappingIsOneFaultWithItsLatency) {
  FT_NEEDS_BPF();
  for (const std::uint64_t pages : {1U, 1000U, 20000U}) {
    const std::string path = scratch("touch.ft");
    const Finished ran = run(
        {firsttouch(), "record", "-o", path, "--", target("touch_pages"), std::to_string(pages)});
    ASSERT_EQ(ran.exit_status(), 0) << ran.err;
    std::string_view words = ran.out;
    std::string_view address = take_word(words);
    address.remove_prefix(2);
    const auto start = parse_integer<std::uint64_t>(address, 16);
    ASSERT_TRUE(start) << ran.out;

    const Recorded recorded = load(path);
    std::set<std::uint64_t> touched;
    std::uint64_t faults = 0;
    for (const event::Fault& fault : recorded.faults) {
      if (fault.addr < *start || fault.addr >= *start + pages * kPageSize) continue;
      ++faults;
      touched.insert(page_floor(fault.addr));
      EXPECT_GT(fault.dur, 0);
      EXPECT_EQ(fault.kind, event::FaultKind::Minor);
      EXPECT_TRUE(fault.error_code & event::kFaultWrite);
      EXPECT_TRUE(fault.has_page);
      EXPECT_EQ(fault.page.order, 0);
    }
    EXPECT_EQ(faults, pages);
    EXPECT_EQ(touched.size(), pages);
    EXPECT_EQ(recorded.lost(), 0U);
  }
}

TEST(RecordEvents, FaultsOfManyThreadsAreAllThere) {
  FT_NEEDS_BPF();
  const Recorded recorded = record("threads.ft", {target("touch_pages"), "40000", "8"});
  EXPECT_EQ(recorded.lost(), 0U);
  EXPECT_EQ(finished_faults(recorded), visible_faults(recorded));
}

TEST(RecordEvents, FaultsAddUpToGetrusage) {
  FT_NEEDS_BPF();
  for (const std::vector<std::string>& command : {std::vector<std::string>{"true"},
                                                  {"python3", "-c", "print(sum(range(10**5)))"},
                                                  {"bash", "-c", "for i in 1 2 3; do :; done"},
                                                  {target("mmap_sequence")}}) {
    const Recorded recorded = record("rusage.ft", command);
    if (recorded.trace.meta_or("fault_end") != "memcg") {
      GTEST_SKIP() << "this kernel does not tell the faults it takes on a thread's account";
    }
    EXPECT_EQ(finished_faults(recorded), visible_faults(recorded)) << command.front();
    EXPECT_EQ(recorded.lost(), 0U);
  }
}

std::map<std::string, int> counts_of_strace_log(const std::string& log,
                                                std::optional<event::Pid> pid) {
  event::MemoryTrace trace;
  const auto text = read_file(log);
  EXPECT_TRUE(text);
  const auto imported = capture::strace::import_log(*text, log, trace);
  EXPECT_TRUE(imported) << imported.error().message();
  std::map<std::string, int> counts;
  const event::Trace whole = trace.trace().value();
  for (const event::Syscall& call : whole.syscalls) {
    if (!pid || call.pid == *pid) ++counts[std::string(event::name_of(call.number))];
  }
  return counts;
}

const std::vector<std::string> kDeterministic = {"mmap",   "munmap",  "mprotect", "brk",
                                                 "mremap", "madvise", "mlock"};

TEST(RecordEvents, CountsOfCallsEqualThoseOfStrace) {
  FT_NEEDS_BPF();
  if (run({"strace", "-V"}).exit_status() != 0) GTEST_SKIP() << "strace is not installed";
  std::vector<std::vector<std::string>> commands = {
      {target("mmap_sequence")},
      {target("fork_children"), "20"},
      {"bash", "-c", "ls / >/dev/null; :"},
      {"python3", "-S", "-E", "-c", "x = [0] * 100000"},
  };
  if (run({"node", "--version"}).exit_status() == 0) {
    // Worker threads of node allocate at their own pace; what the main thread does is the same.
    commands.push_back({"node", "--version"});
  }
  for (const auto& command : commands) {
    const std::string log = scratch("strace.log");
    std::vector<std::string> traced = {"strace", "-f", "-e", "trace=memory", "-o", log};
    traced.insert(traced.end(), command.begin(), command.end());
    ASSERT_EQ(run(traced).exit_status(), 0);
    const auto theirs = counts_of_strace_log(log, {});
    const auto ours = record("counts.ft", command).calls_by_name();
    for (const std::string& name : kDeterministic) {
      const auto count = [&](const auto& counts) {
        const auto it = counts.find(name);
        return it == counts.end() ? 0 : it->second;
      };
      EXPECT_EQ(count(ours), count(theirs)) << name << " of " << command.front();
    }
  }
}

// strace inside our recording watches the same process: not one call may differ.
TEST(RecordEvents, EveryCallStraceSeesInTheSameJvmIsSeen) {
  FT_NEEDS_BPF();
  const auto jdks = installed_jdks();
  if (jdks.empty()) GTEST_SKIP() << "no JDK under /usr/lib/jvm";
  for (const Jdk& jdk : jdks) {
    const std::string log = scratch("same.log");
    const Recorded recorded =
        record("same.ft",
               {"strace", "-f", "-e", "trace=memory,memfd_create,ftruncate,fallocate", "-o", log,
                jdk.java(), "-Xms256m", "-Xmx8g", "-XX:+UseG1GC", "-cp", classes(), "Hello"});
    const auto java = std::ranges::find_if(recorded.trace.processes, [](const auto& process) {
      return process.executable.ends_with("/java");
    });
    ASSERT_NE(java, recorded.trace.processes.end());
    auto ours = recorded.calls_by_name(java->pid);
    const auto theirs = counts_of_strace_log(log, {});
    for (const auto& [name, count] : theirs)
      EXPECT_EQ(ours[name], count) << name << ", JDK " << jdk.name;
    EXPECT_EQ(recorded.lost(), 0U);
  }
}

TEST(RecordEvents, HugePagesMadeOfSmallOnesAreCounted) {
  FT_NEEDS_BPF();
  const std::string path = scratch("collapse.ft");
  const Finished ran = run({firsttouch(), "record", "-o", path, "--", target("collapse"), "5"});
  ASSERT_EQ(ran.exit_status(), 0) << ran.err;
  const auto done = parse_integer<std::uint64_t>(trim(ran.out));
  ASSERT_TRUE(done) << ran.out;
  if (*done == 0) GTEST_SKIP() << "this kernel makes no huge pages on request";
  const Finished report = run({firsttouch(), "report", "--format", "json", path});
  const auto json = nlohmann::json::parse(report.out);
  EXPECT_EQ(json["waits"]["thp_collapses"], *done);
  EXPECT_EQ(json["waits"]["swap_out_pages"], 0);
  EXPECT_EQ(json["waits"]["swapped"].size(), 0U);
}

TEST(RecordEvents, PhasesAreThoseOfTheJvmThatAScriptStarts) {
  FT_NEEDS_BPF();
  const auto jdks = installed_jdks();
  if (jdks.empty()) GTEST_SKIP() << "no JDK under /usr/lib/jvm";
  const Recorded recorded =
      record("script.ft",
             {"sh", "-c", fmt::format("'{}' -cp '{}' Hello; true", jdks[0].java(), classes())});
  std::vector<std::string> phases;
  for (const event::Phase& phase : recorded.trace.phases) phases.push_back(phase.name);
  // Marks inside a JVM that is no target are set while it runs already: the first may come too
  // late.
  EXPECT_THAT(phases, testing::IsSupersetOf(
                          {"before the JVM", "launcher", "load libjvm", "after the JVM"}));
}

TEST(RecordEvents, AJvmStartLosesNothingAndAddsUp) {
  FT_NEEDS_BPF();
  const auto jdks = installed_jdks();
  if (jdks.empty()) GTEST_SKIP() << "no JDK under /usr/lib/jvm";
  for (const Jdk& jdk : jdks) {
    for (const char* collector : {"G1", "Parallel", "Serial", "Z", "Shenandoah"}) {
      const Recorded recorded =
          record("hello.ft", {jdk.java(), "-Xms256m", "-Xmx8g",
                              fmt::format("-XX:+Use{}GC", collector), "-cp", classes(), "Hello"});
      EXPECT_EQ(recorded.lost(), 0U) << jdk.name << " " << collector;
      EXPECT_FALSE(recorded.trace.cut_short);
      if (recorded.trace.meta_or("fault_end") == "memcg") {
        EXPECT_EQ(finished_faults(recorded), visible_faults(recorded))
            << jdk.name << " " << collector;
      }
      std::set<std::string> phases;
      for (const event::Phase& phase : recorded.trace.phases) phases.insert(phase.name);
      EXPECT_THAT(phases, testing::IsSupersetOf({"launcher", "load libjvm", "VM init", "Java"}));
      std::set<std::string> moments;
      for (const event::Snapshot& snapshot : recorded.trace.snapshots) {
        if (snapshot.source == "smaps") moments.insert(snapshot.moment);
      }
      EXPECT_THAT(moments, testing::ElementsAre("end"));
      EXPECT_TRUE(std::ranges::any_of(recorded.trace.snapshots, [](const auto& snapshot) {
        return snapshot.moment == "jvm initialised" && snapshot.source == "maps";
      }));
    }
  }
}

TEST(RecordEvents, APretouchedHeapLosesNothing) {
  FT_NEEDS_BPF();
  const auto jdks = installed_jdks();
  if (jdks.empty()) GTEST_SKIP() << "no JDK under /usr/lib/jvm";
  const Recorded recorded =
      record("pretouch.ft", {jdks.front().java(), "-Xms1g", "-Xmx1g", "-XX:+AlwaysPreTouch",
                             "-XX:-UseTransparentHugePages", "-cp", classes(), "Hello"});
  EXPECT_EQ(recorded.lost(), 0U);
  EXPECT_GE(recorded.faults.size(), kGiB / kPageSize);
  if (recorded.trace.meta_or("fault_end") == "memcg") {
    EXPECT_EQ(finished_faults(recorded), visible_faults(recorded));
  }
}

TEST(RecordEvents, ARingMadeTinyLosesAndSaysHowManyOfWhat) {
  FT_NEEDS_BPF();
  const Recorded recorded =
      record("tiny.ft", {target("touch_pages"), "100000"}, {"--ring-size", "4k"});
  const auto faults =
      std::ranges::find(recorded.trace.losses, "faults: ring full", &event::Loss::kind);
  ASSERT_NE(faults, recorded.trace.losses.end());
  EXPECT_GT(faults->count, 0U);
  if (recorded.trace.meta_or("fault_end") == "memcg") {
    EXPECT_EQ(finished_faults(recorded) + faults->count, visible_faults(recorded));
  }
  const Finished report = run({firsttouch(), "report", scratch("tiny.ft")});
  EXPECT_THAT(report.out, testing::HasSubstr("faults: ring full"));
  EXPECT_EQ(run({firsttouch(), "check", scratch("tiny.ft")}).exit_status(), 1);
}

TEST(RecordEvents, AThousandChildrenAreFollowed) {
  FT_NEEDS_BPF();
  const Recorded recorded = record("children.ft", {target("fork_children"), "1000"});
  EXPECT_EQ(recorded.trace.processes.size(), 1001U);
  EXPECT_EQ(recorded.lost(), 0U);
  EXPECT_TRUE(std::ranges::all_of(recorded.trace.processes, [](const auto& process) {
    return process.end_ts != event::kStillThere;
  }));
}

TEST(RecordEvents, AProcessThatUnmapsEverythingIsRecordedToItsEnd) {
  FT_NEEDS_BPF();
  const Finished plain = run({target("unmap_everything")});
  const Recorded recorded =
      record("unmap.ft", {target("unmap_everything")}, {}, plain.exit_status());
  EXPECT_GT(recorded.calls_by_name()["munmap"], 0);
}

}  // namespace
}  // namespace ft::e2e
