// Are working sets what programs really use, and counters what really happened?
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "run.h"

namespace ft::e2e {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kPage = 4096;

Json report_of(const std::string& path, const std::vector<std::string>& options = {}) {
  std::vector<std::string> command = {firsttouch(), "report", path, "--format", "json"};
  command.insert(command.end(), options.begin(), options.end());
  const Finished ran = run(command);
  EXPECT_EQ(ran.exit_status(), 0) << ran.err;
  return Json::parse(ran.out, nullptr, false);
}

std::string text_of(const std::string& path) {
  return run({firsttouch(), "report", path}).out;
}

Json recorded(const std::string& path, const std::vector<std::string>& options,
              const std::vector<std::string>& command) {
  std::vector<std::string> all = {firsttouch(), "record", "-o", path};
  all.insert(all.end(), options.begin(), options.end());
  all.emplace_back("--");
  all.insert(all.end(), command.begin(), command.end());
  const Finished ran = run(all);
  EXPECT_EQ(ran.exit_status(), 0) << ran.err;
  return report_of(path);
}

// Of the later half of the looks, when a program has begun to do what it does: bytes of a
// subsystem, or of all where it is empty. A busy machine may leave it without a CPU for some of
// them, so the most is what it uses, the middle one no more.
struct LaterLooks {
  std::int64_t most = 0;
  std::int64_t median = 0;
};
LaterLooks later_looks(const Json& sets, const std::string& subsystem = {}) {
  const Json& over_time = sets["over_time"];
  std::vector<std::int64_t> values;
  for (const Json& point : over_time["points"]) {
    std::int64_t bytes = 0;
    for (std::size_t i = 0; i < over_time["subsystems"].size(); ++i) {
      const bool counts = subsystem.empty() || over_time["subsystems"][i] == subsystem;
      if (counts) bytes += point["referenced_bytes"][i].get<std::int64_t>();
    }
    values.push_back(bytes);
  }
  values.erase(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
  if (values.empty()) return {};
  std::ranges::sort(values);
  return {.most = values.back(), .median = values[values.size() / 2]};
}

std::string why_missing(const Json& report, const std::string& what) {
  for (const Json& missing : report["missing"]) {
    if (missing["what"] == what) return missing["why"];
  }
  return {};
}

// Fewer than a TLB holds, and more.
TEST(WorkingSet, IsThePagesThatAProgramUses) {
  for (const char* backend : {"auto", "ptrace"}) {
    for (const std::int64_t used : {300, 8000}) {
      const std::string path = scratch("use.ft");
      const Json report = recorded(path, {"--backend", backend, "--working-set", "100"},
                                   {target("use_pages"), "30000", std::to_string(used), "1500"});
      const Json& sets = report["working_sets"];
      ASSERT_FALSE(sets.is_null()) << why_missing(report, "working_sets");
      if (sets["scans"] < 5) GTEST_SKIP() << "too busy a machine: " << sets["scans"] << " looks";
      // Its own pages, and the few of code and stack of a static program.
      const LaterLooks looks = later_looks(sets);
      EXPECT_GE(looks.most, used * kPage) << backend;
      EXPECT_LE(looks.median, (used + 100) * kPage) << backend;
      EXPECT_TRUE(sets["evicts"].get<bool>());
      EXPECT_GT(sets["scan_cost"]["median_ns"], 0);
      // It touched all of them once, before.
      EXPECT_GE(sets["whole"]["peak_bytes"], sets["whole"]["median_bytes"]);
      EXPECT_EQ(sets["whole"]["translations_4k"]["most"].get<std::int64_t>() * kPage,
                sets["whole"]["peak_bytes"]);
      for (const Json& point : sets["over_time"]["points"]) {
        std::int64_t sum = 0;
        for (const Json& bytes : point["referenced_bytes"]) sum += bytes.get<std::int64_t>();
        EXPECT_LE(sum, sets["whole"]["peak_bytes"].get<std::int64_t>());
      }
    }
  }
}

TEST(WorkingSet, AddsNoFaults) {
  FT_NEEDS_BPF();
  const std::vector<std::string> command = {target("use_pages"), "5000", "5000", "600"};
  const Json without = recorded(scratch("without.ft"), {}, command);
  const Json with = recorded(scratch("with.ft"), {"--working-set", "20"}, command);
  EXPECT_NEAR(with["faults"]["count"].get<double>(), without["faults"]["count"].get<double>(), 20);
}

TEST(WorkingSet, OfAJvmIsTheHeapItWalks) {
  FT_NEEDS_BPF();
  for (const Jdk& jdk : installed_jdks()) {
    const std::string path = scratch("walk.ft");
    // The array is in the heap's humongous regions; the rest of the 256 MiB is touched once.
    const Json report = recorded(path, {"--working-set", "100"},
                                 {jdk.java(), "-Xms256m", "-Xmx256m", "-XX:+UseG1GC",
                                  "-XX:+AlwaysPreTouch", "-cp", classes(), "Walk", "64", "2"});
    const Json& sets = report["working_sets"];
    ASSERT_FALSE(sets.is_null()) << jdk.name;
    if (sets["scans"] < 8) GTEST_SKIP() << "too busy a machine: " << sets["scans"] << " looks";
    constexpr std::int64_t kMiB = 1024 * 1024;
    const LaterLooks heap = later_looks(sets, "Java heap");
    EXPECT_GE(heap.most, 63 * kMiB) << jdk.name;
    EXPECT_LE(heap.median, 100 * kMiB) << jdk.name;
    EXPECT_EQ(run({firsttouch(), "check", path}).exit_status(), 0) << jdk.name;
  }
}

TEST(WorkingSet, IsHeldAgainstACalibratedMachine) {
  const std::string path = scratch("reach.ft");
  const Json plain = recorded(path, {"--backend", "ptrace", "--working-set", "50"},
                              {target("use_pages"), "8192", "8192", "600"});
  ASSERT_FALSE(plain["working_sets"].is_null());
  EXPECT_TRUE(plain["working_sets"]["reach"].is_null());
  EXPECT_TRUE(plain["working_sets"]["whole"]["translations_4k"]["of_reach_most"].is_null());
  EXPECT_NE(why_missing(plain, "working_sets.reach").find("firsttouch calibrate"),
            std::string::npos);

  const std::string machine = scratch("machine.toml");
  std::ofstream(machine) << "[[node]]\nmemory = \"8G\"\ncpus = \"0-1\"\n"
                            "[tlb]\ncore = \"zen4\"\n"
                            "[cost_ns]\ntlb_walk_4k = 40.0\n[cost_spread]\ntlb_walk_4k = 0.5\n"
                            "[measured_tlb]\ntlb_l1_entries_4k = 64\ntlb_l2_entries_4k = 2048\n";
  const Json held = report_of(path, {"--machine", machine});
  ASSERT_TRUE(held.is_object());
  const Json& sets = held["working_sets"];
  EXPECT_EQ(sets["reach"]["entries_4k"], 2048);
  EXPECT_TRUE(sets["reach"]["entries_2m"].is_null());
  const Json& need = sets["whole"]["translations_4k"];
  const double pages = need["most"].get<double>();
  EXPECT_NEAR(need["of_reach_most"].get<double>(), pages / 2048, 1e-9);
  EXPECT_NEAR(need["lookups"]["misses_a_load_least"].get<double>(), 1.0 / 64, 1e-9);
  const double random = need["lookups"]["misses_a_load_most"].get<double>();
  EXPECT_NEAR(random, 1 - 2048 / pages, 0.02);
  EXPECT_NEAR(need["lookups"]["ns_a_load_least"].get<double>(), 40 * 0.75 / 64, 1e-6);
  EXPECT_NEAR(need["lookups"]["ns_a_load_most"].get<double>(), 40 * 1.25 * random, 1e-6);
  EXPECT_TRUE(sets["whole"]["translations_2m"]["of_reach_most"].is_null());

  const Finished wrong = run({firsttouch(), "report", path, "--machine", "no-such-machine"});
  EXPECT_NE(wrong.exit_status(), 0);
}

TEST(WorkingSet, ThatWasNotLookedAtIsNotZero) {
  const std::string path = scratch("short.ft");
  const Json none = recorded(path, {"--backend", "ptrace"}, {"/bin/true"});
  EXPECT_TRUE(none["working_sets"].is_null());
  EXPECT_EQ(why_missing(none, "working_sets"), "not asked for (record --working-set MS)");
  const Json too_short =
      recorded(path, {"--backend", "ptrace", "--working-set", "60000"}, {"/bin/true"});
  EXPECT_TRUE(too_short["working_sets"].is_null());
  EXPECT_NE(why_missing(too_short, "working_sets"), "");
  EXPECT_NE(text_of(path).find("What of it was used"), std::string::npos);
}

// The kernel's own events come the way the processor's would.
TEST(Counters, CountWhatTheRecordingHolds) {
  FT_NEEDS_BPF();
  const std::string path = scratch("counters.ft");
  const Json report =
      recorded(path, {"--counters", "perf::MINOR-FAULTS,perf::CONTEXT-SWITCHES,no-such-event"},
               {target("use_pages"), "5000", "100", "100"});
  const Json& counters = report["counters"];
  EXPECT_TRUE(counters["reason"].is_null());
  ASSERT_EQ(counters["events"].size(), 2U);
  EXPECT_EQ(counters["refused"].size(), 1U);
  const Json& faults = counters["whole"]["values"]["perf::MINOR-FAULTS"];
  EXPECT_NEAR(faults["count"].get<double>(), report["faults"]["minor"].get<double>(), 40);
  EXPECT_GT(faults["count"].get<int>(), 5000);
  bool reconciled = false;
  for (const Json& line : report["reconcile"]) {
    if (line["what"] != "minor faults against the counter perf::MINOR-FAULTS") continue;
    reconciled = true;
    EXPECT_TRUE(line["agrees"].get<bool>()) << line.dump();
  }
  EXPECT_TRUE(reconciled);
  EXPECT_EQ(run({firsttouch(), "check", path}).exit_status(), 0);
}

TEST(Counters, OfAJvmAddUpOverItsPhases) {
  FT_NEEDS_BPF();
  for (const Jdk& jdk : installed_jdks()) {
    const std::string path = scratch("phases.ft");
    const Json report = recorded(path, {"--counters", "perf::MINOR-FAULTS"},
                                 {jdk.java(), "-Xmx64m", "-cp", classes(), "Hello"});
    const Json& counters = report["counters"];
    const auto count_in = [](const Json& phase) {
      return phase["values"]["perf::MINOR-FAULTS"]["count"].get<std::int64_t>();
    };
    const std::int64_t whole = count_in(counters["whole"]);
    EXPECT_GT(whole, 1000) << jdk.name;
    std::int64_t sum = 0;
    for (const Json& phase : counters["phases"]) {
      EXPECT_LE(count_in(phase), whole);
      sum += count_in(phase);
    }
    // A phase whose border was read too late to mean anything is left out.
    EXPECT_LE(sum, whole) << jdk.name;
    EXPECT_TRUE(std::ranges::any_of(report["reconcile"], [](const Json& line) {
      return line["what"].get<std::string>().starts_with("minor faults against the counter") &&
             line["agrees"] == true;
    })) << jdk.name;
  }
}

TEST(Counters, ThatCannotBeHadHaveAReason) {
  const std::string path = scratch("none.ft");
  const Json off = recorded(path, {"--backend", "ptrace", "--counters", "none"}, {"/bin/true"});
  EXPECT_TRUE(off["counters"]["events"].is_null());
  EXPECT_NE(off["counters"]["reason"], "");
  const Json wrong =
      recorded(path, {"--backend", "ptrace", "--counters", "no-such-event"}, {"/bin/true"});
  EXPECT_TRUE(wrong["counters"]["events"].is_null());
  EXPECT_NE(wrong["counters"]["reason"].get<std::string>().find("no-such-event"),
            std::string::npos);
  const Json tlb = recorded(path, {"--backend", "ptrace"}, {"/bin/true"});
  if (!tlb["counters"]["reason"].is_null()) {
    EXPECT_NE(tlb["counters"]["reason"].get<std::string>().find("perf_event_open"),
              std::string::npos);
    EXPECT_NE(text_of(path).find("were not counted"), std::string::npos);
  }
}

}  // namespace
}  // namespace ft::e2e
