// firsttouch calibrate on this host: a file that replay takes, with figures that can be true.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>

#include "base/fd.h"
#include "run.h"
#include "sim/profile/machine_file.h"

namespace ft::e2e {
namespace {

using sim::profile::Cost;
using sim::profile::Costs;
using ::testing::HasSubstr;

void expect_possible(const Costs& costs) {
  for (const Cost cost : costs.known()) EXPECT_GT(*costs.of(cost), 0) << name_of(cost);
  // What holds on any machine, by factors that no noise makes up for.
  const auto fault = costs.of(Cost::FaultAnon);
  const auto huge = costs.of(Cost::FaultAnon2m);
  ASSERT_TRUE(fault);
  if (huge) {
    EXPECT_GT(*huge, *fault);
  }
  EXPECT_LT(*fault, 1e6);
}

// Sentences say why of what is missing.
void expect_said(Cost cost, const std::string& text) {
  const std::string name(name_of(cost));
  const bool of_tlb = name.starts_with("tlb_") && text.find("# tlb_*: ") != std::string::npos;
  const bool of_folios = text.find("fault_anon_16k to fault_anon_1024k: ") != std::string::npos;
  const bool is_folio = name.starts_with("fault_anon_");
  EXPECT_TRUE(text.find(name) != std::string::npos || of_tlb || (is_folio && of_folios)) << name;
}

// All in one: a run takes ten seconds.
TEST(Calibrate, WritesAMachineFileThatReplayTakes) {
  const std::string path = scratch("here.toml");
  const Finished finished = run({firsttouch(), "calibrate", "--quick", "-o", path});
  ASSERT_EQ(finished.exit_status(), 0) << finished.err;
  // Progress is for terminals; a noisy host is worth a line.
  EXPECT_EQ(finished.out, "");
  EXPECT_TRUE(finished.err.empty() ||
              finished.err.starts_with("firsttouch: calibrate: this host is noisy"))
      << finished.err;

  const auto text = read_file(path);
  ASSERT_TRUE(text) << text.error().message();
  const auto here = sim::profile::parse_machine(*text, path);
  ASSERT_TRUE(here) << here.error().message();
  const auto& costs = here->costs;
  expect_possible(costs.cost_ns);
  for (const Cost cost : {Cost::Syscall, Cost::FaultAnon, Cost::FaultFile, Cost::FaultShmem,
                          Cost::Mmap, Cost::Munmap, Cost::MunmapPage, Cost::Mprotect, Cost::Madvise,
                          Cost::MadvisePage, Cost::Mremap, Cost::Brk, Cost::PopulatePage}) {
    EXPECT_EQ(costs.cost_ns.of(cost).has_value(), costs.cost_spread.of(cost).has_value());
    // What drowns in the noise of a busy host is left out, and that is said.
    if (costs.cost_ns.of(cost)) continue;
    expect_said(cost, *text);
    EXPECT_TRUE(costs.measured && costs.measured->noisy.value_or(false)) << name_of(cost);
  }
  for (const Cost cost : {Cost::FaultAnon64k, Cost::FaultAnon2m, Cost::FaultHugetlb2m,
                          Cost::FlushRemote, Cost::TlbWalk4k, Cost::TlbWalk2m}) {
    if (!costs.cost_ns.of(cost)) expect_said(cost, *text);
  }
  ASSERT_TRUE(costs.measured);
  EXPECT_TRUE(costs.measured->noisy);
  EXPECT_NE(costs.measured->why, "");
  EXPECT_NE(costs.measured->kernel, "");
  EXPECT_GT(costs.measured->zeroing_bytes_per_ns.value_or(0), 0);
  if (costs.tlb.l1_entries_4k && costs.tlb.l2_entries_4k) {
    EXPECT_GT(*costs.tlb.l2_entries_4k, *costs.tlb.l1_entries_4k);
  }

  if (const auto why = why_no_bpf()) {
    EXPECT_THAT(*text, HasSubstr("# [recorded_ns]: "));
    GTEST_SKIP() << "what a recording sees needs the BPF backend: " << *why;
  }
  if (costs.recorded_ns.empty() &&
      text->find("# [recorded_ns]: the recorder: it lost") != text->npos) {
    GTEST_SKIP() << "this machine is too busy for the recorder, and the file says so";
  }
  expect_possible(costs.recorded_ns);
  EXPECT_TRUE(costs.recorded_ns.of(Cost::Mmap));
  // After other work most take longer; how much, a busy machine blurs.
  expect_possible(costs.recorded_cold_ns);
  int slower = 0;
  int both = 0;
  for (const Cost cost : costs.recorded_cold_ns.known()) {
    const auto warm = costs.recorded_ns.of(cost);
    if (!warm) continue;
    ++both;
    slower += *costs.recorded_cold_ns.of(cost) > *warm ? 1 : 0;
  }
  EXPECT_GE(both, 6) << *text;
  EXPECT_GT(2 * slower, both) << *text;
  EXPECT_NE(costs.measured->file, "");

  record("replayed.ft", {"/bin/true"});
  const Finished replayed =
      run({firsttouch(), "replay", scratch("replayed.ft"), "--machine", path});
  EXPECT_EQ(replayed.exit_status(), 0) << replayed.err;
  EXPECT_THAT(replayed.out, HasSubstr("[recorded_ns]"));
}

TEST(Calibrate, InterruptedItWritesNothing) {
  namespace fs = std::filesystem;
  const fs::path path = scratch("interrupted/here.toml");
  fs::create_directory(path.parent_path());
  Running running({firsttouch(), "calibrate", "-o", path.string()});
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  running.send(SIGINT);
  const int status = running.wait();
  ASSERT_TRUE(WIFSIGNALED(status)) << status;
  EXPECT_EQ(WTERMSIG(status), SIGINT);
  EXPECT_TRUE(running.wait_for("interrupted; nothing was written"));
  EXPECT_TRUE(fs::is_empty(path.parent_path()));
  fs::remove_all(path.parent_path());
}

TEST(Calibrate, AFileThatCannotBeWrittenIsSaidAtOnce) {
  const Finished finished = run({firsttouch(), "calibrate", "-o", "/nonexistent/here.toml"});
  EXPECT_EQ(finished.exit_status(), 125);
  EXPECT_THAT(finished.err, HasSubstr("/nonexistent/here.toml: No such file or directory"));
}

}  // namespace
}  // namespace ft::e2e
