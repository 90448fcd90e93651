// Samples joined with what was measured, through analyse().
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>

#include "analysis/analyse.h"
#include "event/memory_trace.h"

namespace ft::analysis {
namespace {

constexpr event::Pid kPid = 10;
constexpr std::uint64_t kAt = 0x7f0000000000;

event::Stack kernel_stack(std::initializer_list<const char*> functions) {
  event::Stack stack;
  for (const char* function : functions) {
    stack.frames.push_back(
        {.address = 0xffffffff81000000, .symbol = function, .module = "[kernel]"});
  }
  return stack;
}

// A thread that maps memory from 1000 to 3000 ns and touches it from 10,000 to 12,000.
class SamplesTest : public testing::Test {
 protected:
  enum : event::StackId { kClear, kMap, kEdge, kNew, kUser };

  SamplesTest() {
    trace_.on_meta("backend", "bpf");
    trace_.on_process({.pid = kPid, .exec_ts = 0, .end_ts = 1'000'000});
    trace_.on_thread({.tid = kPid, .pid = kPid, .end_ts = 1'000'000, .name = "worker"});
    trace_.on_stack(kClear, kernel_stack({"clear_page_erms", "do_anonymous_page", "handle_mm_fault",
                                          "exc_page_fault", "asm_exc_page_fault"}));
    trace_.on_stack(kMap, kernel_stack({"mas_store_gfp", "mmap_region", "do_mmap", "__x64_sys_mmap",
                                        "do_syscall_64"}));
    trace_.on_stack(kEdge, kernel_stack({"exc_page_fault", "asm_exc_page_fault"}));
    trace_.on_stack(kNew, kernel_stack({"brand_new_function", "do_syscall_64"}));
    event::Stack user;
    user.pid = kPid;
    user.frames = {{.address = 1, .module = "/lib/libx.so"}, {.address = 2, .symbol = "main"}};
    trace_.on_stack(kUser, user);
    event::Syscall call;
    call.ts = 1000;
    call.dur = 2000;
    call.tid = call.pid = kPid;
    call.number = event::SyscallNumber::Mmap;
    call.args = {kAt, 16 * kPageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, ~0ULL,
                 0};
    call.ret = static_cast<std::int64_t>(kAt);
    trace_.on_syscall(call);
    event::Fault fault;
    fault.ts = 10'000;
    fault.dur = 2000;
    fault.tid = kPid;
    fault.addr = kAt;
    fault.error_code = event::kFaultUser | event::kFaultWrite;
    trace_.on_faults({&fault, 1});
  }

  void sample(Nanoseconds ts, event::StackId in_kernel, event::StackId user = kUser) {
    const event::Sample sample{
        .ts = ts, .tid = kPid, .kernel_stack = in_kernel, .user_stack = user};
    trace_.on_samples({&sample, 1});
  }

  void clock(Nanoseconds ran) {
    trace_.on_meta("sample.event", "cpu-clock");
    trace_.on_meta("sample.period_ns", "1000");
    trace_.on_meta("sample.clock_ns", std::to_string(ran));
  }

  report::model::Report report() {
    auto analysed = analyse(trace_);
    EXPECT_TRUE(analysed.has_value());
    EXPECT_EQ(report::model::check(*analysed), std::vector<std::string>{});
    return std::move(*analysed);
  }

  event::MemoryTrace trace_;
};

const report::model::StagesOf* part(const std::vector<report::model::StagesOf>& parts,
                                    std::string_view name) {
  const auto found = std::ranges::find(parts, name, &report::model::StagesOf::name);
  return found == parts.end() ? nullptr : &*found;
}

TEST_F(SamplesTest, SharesOutTheTimeOfTheClock) {
  clock(5000);
  sample(2000, kMap);
  sample(10'500, kClear);
  sample(11'500, kClear);
  sample(20'000, event::kNoStack);
  const auto report = this->report();
  ASSERT_TRUE(report.samples.has_value());
  const report::model::Samples& samples = *report.samples;
  EXPECT_EQ(samples.taken, 4U);
  EXPECT_EQ(samples.user, 1U);
  EXPECT_EQ(samples.each_ns, 1250);
  EXPECT_EQ(samples.kernel_ns, 3750);
  EXPECT_EQ(samples.user_ns, 1250);
  ASSERT_EQ(samples.stages.size(), 2U);
  EXPECT_EQ(samples.stages[0].name, "zeroing");
  EXPECT_EQ(samples.stages[0].ns, 2500);
  EXPECT_DOUBLE_EQ(samples.stages[0].share, 2.0 / 3);
  // 1.96 * 1250 * sqrt(4 * 1/2 * 1/2)
  EXPECT_EQ(samples.stages[0].error_ns, 2450);
  EXPECT_EQ(samples.stages[1].name, "mmap: gap, area, tree");
  EXPECT_TRUE(samples.unclassified.empty());
}

TEST_F(SamplesTest, PlacesEachInTheFaultOrCallItWasTakenIn) {
  clock(4000);
  sample(2000, kMap);
  sample(11'000, kClear);
  sample(13'500, kEdge);    // the handler's last lines, measured no more
  sample(500'000, kClear);  // in no recorded fault
  const auto report = this->report();
  const report::model::Samples& samples = *report.samples;
  const std::string owner = report.calls.at(0).subsystem;
  ASSERT_NE(part(samples.by_subsystem, owner), nullptr);
  EXPECT_EQ(part(samples.by_subsystem, owner)->samples, 3U);
  ASSERT_NE(part(samples.by_subsystem, "in no recorded fault or call"), nullptr);
  EXPECT_EQ(part(samples.by_subsystem, "in no recorded fault or call")->samples, 1U);
  EXPECT_EQ(samples.memory_ns, 4000);
  EXPECT_EQ(samples.memory_inside_ns, 3000);
  ASSERT_EQ(samples.by_call.size(), 1U);
  EXPECT_EQ(samples.by_call[0].samples, 1U);
  EXPECT_EQ(samples.by_call[0].stages[0].name, "mmap: gap, area, tree");
}

TEST_F(SamplesTest, TellsTheFunctionsItDoesNotKnow) {
  clock(2000);
  sample(30'000, kNew);
  sample(31'000, kNew);
  const auto report = this->report();
  ASSERT_EQ(report.samples->unclassified.size(), 1U);
  EXPECT_EQ(report.samples->unclassified[0].name, "brand_new_function");
  EXPECT_EQ(report.samples->unclassified[0].count, 2U);
}

TEST_F(SamplesTest, MakesOneOfEqualStacks) {
  clock(3000);
  sample(11'000, kClear);
  sample(11'500, kClear);
  sample(20'000, event::kNoStack);
  const auto report = this->report();
  ASSERT_EQ(report.sampled_stacks.size(), 2U);
  const report::model::SampledStack& most = report.sampled_stacks[0];
  EXPECT_EQ(most.count, 2U);
  EXPECT_EQ(most.stage, "zeroing");
  EXPECT_EQ(most.kernel_from, 3U);
  EXPECT_EQ(most.frames, (std::vector<std::string>{
                             "worker", "main", "[libx.so]", "asm_exc_page_fault", "exc_page_fault",
                             "handle_mm_fault", "do_anonymous_page", "clear_page_erms"}));
  EXPECT_EQ(report.sampled_stacks[1].stage, "user");
}

TEST_F(SamplesTest, ComparesWithTheMeasuredTimes) {
  // 4 µs were measured in the call and the fault.
  const auto agrees = [&] {
    for (const auto& line : report().reconcile) {
      if (line.what.starts_with("time in faults and memory calls")) return line.agrees;
    }
    ADD_FAILURE() << "no such line";
    return false;
  };
  clock(4000);
  for (const Nanoseconds ts : {1500, 2500}) sample(ts, kMap);
  for (const Nanoseconds ts : {10'500, 11'500}) sample(ts, kClear);
  EXPECT_TRUE(agrees());
  // As if the four had stood for a hundred times as much.
  clock(400'000);
  EXPECT_FALSE(agrees());
}

TEST_F(SamplesTest, ARealTimeKernelsClockIsStatedNotJudged) {
  const auto clock_line = [&](const char* kernel, Nanoseconds ran) {
    trace_.on_meta("target.utime_ns", "900000000");
    trace_.on_meta("target.stime_ns", "100000000");
    trace_.on_meta("target.switches", "4321");
    trace_.on_meta("host.kernel_version", kernel);
    clock(ran);
    sample(11'000, kClear);
    for (const auto& line : report().reconcile) {
      if (line.what.starts_with("processor time by the samples' clock")) return line;
    }
    ADD_FAILURE() << "no such line";
    return report::model::ReconcileLine{};
  };
  EXPECT_FALSE(clock_line("#1 SMP PREEMPT_RT Debian", 1'080'000'000).comparable);
  EXPECT_NE(clock_line("#1 SMP PREEMPT_RT Debian", 1'080'000'000).note.find("4,321 times"),
            std::string::npos);
  EXPECT_TRUE(clock_line("#1 SMP PREEMPT_DYNAMIC Debian", 1'080'000'000).comparable);
  // Too little, or far too much, has no such reason.
  EXPECT_TRUE(clock_line("#1 SMP PREEMPT_RT Debian", 920'000'000).comparable);
  EXPECT_TRUE(clock_line("#1 SMP PREEMPT_RT Debian", 1'200'000'000).comparable);
}

TEST_F(SamplesTest, WithoutSamplesNothingIsZero) {
  const auto report = this->report();
  EXPECT_FALSE(report.samples.has_value());
  EXPECT_EQ(report::model::why_missing(report, "samples"), "it was recorded without samples");
}

}  // namespace
}  // namespace ft::analysis
