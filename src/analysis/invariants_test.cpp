#include "analysis/invariants.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cerrno>

#include "event/memory_trace.h"

namespace ft::analysis {
namespace {

using event::SyscallNumber;
using ::testing::HasSubstr;

constexpr event::Pid kPid = 10;
constexpr std::uint64_t kAnon = MAP_PRIVATE | MAP_ANONYMOUS;

event::Syscall mmap_call(Nanoseconds ts, std::uint64_t at, std::uint64_t length,
                         std::uint64_t flags = kAnon) {
  event::Syscall call;
  call.ts = ts;
  call.dur = 5;
  call.tid = call.pid = kPid;
  call.number = SyscallNumber::Mmap;
  call.args = {0, length, PROT_READ, flags, 0, 0};
  call.ret = static_cast<std::int64_t>(at);
  return call;
}

event::Syscall munmap_call(Nanoseconds ts, std::uint64_t at, std::uint64_t length) {
  event::Syscall call = mmap_call(ts, 0, length);
  call.number = SyscallNumber::Munmap;
  call.args = {at, length, 0, 0, 0, 0};
  call.ret = 0;
  return call;
}

event::Fault fault_at(Nanoseconds ts, Nanoseconds dur = 5) {
  event::Fault fault;
  fault.ts = ts;
  fault.dur = dur;
  fault.tid = kPid;
  fault.error_code = event::kFaultUser;
  return fault;
}

// A sound little trace to break.
event::MemoryTrace sound() {
  event::MemoryTrace trace;
  trace.on_process({.pid = kPid, .start_ts = 0, .exec_ts = 0, .end_ts = 1000});
  trace.on_thread({.tid = kPid, .pid = kPid, .start_ts = 0, .end_ts = 1000});
  trace.on_syscall(mmap_call(100, 0x10000, 0x4000));
  const event::Fault fault = fault_at(120);
  trace.on_faults({&fault, 1});
  return trace;
}

CheckResult checked(event::EventSource& source, CheckOptions options = {}) {
  return check_invariants(source, options).value();
}

void expect_one(event::EventSource& source, Rule rule, const std::string& stream,
                std::uint64_t number, Nanoseconds ts, const std::string& what) {
  const CheckResult result = checked(source);
  ASSERT_EQ(result.violations.size(), 1U)
      << (result.violations.size() > 1 ? result.violations[1].what : "none");
  const Violation& violation = result.violations.front();
  EXPECT_EQ(name_of(violation.rule), name_of(rule));
  EXPECT_EQ(violation.stream, stream);
  EXPECT_EQ(violation.number, number);
  EXPECT_EQ(violation.ts, ts);
  EXPECT_THAT(violation.what, HasSubstr(what));
}

TEST(Invariants, ASoundTraceHasNoViolations) {
  event::MemoryTrace trace = sound();
  const CheckResult result = checked(trace);
  EXPECT_TRUE(result.clean());
  EXPECT_EQ(result.events, 4U);
}

TEST(Invariants, AnEmptyTraceHasNoViolations) {
  event::MemoryTrace trace;
  EXPECT_TRUE(checked(trace).clean());
}

TEST(Invariants, FindsAStackThatIsNotThere) {
  event::MemoryTrace trace = sound();
  event::Syscall call = mmap_call(200, 0x20000, 0x1000);
  call.stack = 3;
  trace.on_syscall(call);
  expect_one(trace, Rule::IdOutOfRange, "syscall", 2, 200, "stack 3 of 0");
}

TEST(Invariants, FindsAFileThatIsNotThere) {
  event::MemoryTrace trace = sound();
  event::Syscall call = mmap_call(200, 0x20000, 0x1000);
  call.file = -2;
  trace.on_syscall(call);
  expect_one(trace, Rule::IdOutOfRange, "syscall", 2, 200, "file -2 of 0");
}

TEST(Invariants, FindsACallThatIsNotFollowed) {
  event::MemoryTrace trace = sound();
  event::Syscall call = mmap_call(200, 0x20000, 0x1000);
  call.number = static_cast<SyscallNumber>(9999);
  trace.on_syscall(call);
  expect_one(trace, Rule::UnknownValue, "syscall", 2, 200, "call number 9999");
}

TEST(Invariants, FindsAnImpossibleOrder) {
  event::MemoryTrace trace = sound();
  event::PageAlloc alloc;
  alloc.ts = 300;
  alloc.order = 11;
  trace.on_page_allocs({&alloc, 1});
  expect_one(trace, Rule::UnknownValue, "page_alloc", 1, 300, "order 11");
}

TEST(Invariants, FindsAFaultKindThatIsNone) {
  event::MemoryTrace trace = sound();
  event::Fault fault = fault_at(300);
  fault.kind = static_cast<event::FaultKind>(7);
  trace.on_faults({&fault, 1});
  expect_one(trace, Rule::UnknownValue, "fault", 2, 300, "kind 7");
}

TEST(Invariants, FindsAFlushReasonThatIsNone) {
  event::MemoryTrace trace = sound();
  const event::TlbFlush flush{300, 1, kPid, static_cast<event::FlushReason>(6)};
  trace.on_tlb_flushes({&flush, 1});
  expect_one(trace, Rule::UnknownValue, "tlb_flush", 1, 300, "reason 6");
}

TEST(Invariants, FindsDurationsBelowNotKnown) {
  event::MemoryTrace trace = sound();
  const event::Fault fault = fault_at(300, -2);
  trace.on_faults({&fault, 1});
  expect_one(trace, Rule::NegativeTime, "fault", 2, 300, "took -2 ns");
}

TEST(Invariants, FindsEventsBeforeTheRecording) {
  event::MemoryTrace trace = sound();
  const event::PageAlloc alloc{.ts = -7};
  trace.on_page_allocs({&alloc, 1});
  const CheckResult result = checked(trace);
  ASSERT_FALSE(result.clean());
  EXPECT_EQ(result.counts[static_cast<std::size_t>(Rule::NegativeTime)], 1U);
}

TEST(Invariants, FindsATidThatNoThreadHas) {
  event::MemoryTrace trace = sound();
  event::Fault fault = fault_at(300);
  fault.tid = 77;
  trace.on_faults({&fault, 1});
  expect_one(trace, Rule::UnknownThread, "fault", 2, 300, "thread 77");
}

TEST(Invariants, FindsEventsAfterTheThreadsEnd) {
  event::MemoryTrace trace = sound();
  const event::Fault fault = fault_at(1001);
  trace.on_faults({&fault, 1});
  expect_one(trace, Rule::OutsideThreadLife, "fault", 2, 1001, "had ended at 1000");
}

TEST(Invariants, FindsEventsBeforeTheThreadsStartButAllowsItsExec) {
  event::MemoryTrace trace = sound();
  trace.on_process({.pid = 11, .start_ts = 400});
  trace.on_thread({.tid = 11, .pid = 11, .start_ts = 400});
  event::Syscall exec = mmap_call(390, 0, 0);
  exec.number = SyscallNumber::Execve;
  exec.tid = exec.pid = 11;
  exec.dur = 20;
  exec.ret = 0;
  trace.on_syscall(exec);
  EXPECT_TRUE(checked(trace).clean());
  event::Syscall early = mmap_call(350, 0x50000, 0x1000);
  early.tid = early.pid = 11;
  trace.on_syscall(early);
  expect_one(trace, Rule::OutsideThreadLife, "syscall", 2, 350, "began only at 400");
}

TEST(Invariants, FindsACallOfTheWrongProcess) {
  event::MemoryTrace trace = sound();
  event::Syscall call = mmap_call(200, 0x20000, 0x1000);
  call.pid = 12;
  trace.on_syscall(call);
  expect_one(trace, Rule::ProcessMismatch, "syscall", 2, 200, "thread 10 is of 10");
}

TEST(Invariants, FindsAThreadOfNoProcess) {
  event::MemoryTrace trace = sound();
  trace.on_thread({.tid = 20, .pid = 20, .start_ts = 50});
  expect_one(trace, Rule::ProcessMismatch, "thread", 2, 50, "process 20");
}

TEST(Invariants, FindsAThreadBornAfterItsProcessDied) {
  event::MemoryTrace trace = sound();
  trace.on_thread({.tid = 20, .pid = kPid, .start_ts = 1001});
  expect_one(trace, Rule::ProcessMismatch, "thread", 2, 1001, "not alive");
}

TEST(Invariants, FindsALifeThatEndsBeforeItBegins) {
  event::MemoryTrace trace = sound();
  trace.on_thread({.tid = 20, .pid = kPid, .start_ts = 50, .end_ts = 40});
  expect_one(trace, Rule::NegativeTime, "thread", 2, 50, "ends before it begins");
}

TEST(Invariants, FindsTwoCallsOfOneThreadAtOnce) {
  event::MemoryTrace trace = sound();
  trace.on_syscall(mmap_call(104, 0x20000, 0x1000));
  expect_one(trace, Rule::CallsOverlap, "syscall", 2, 104, "still in call 1");
}

TEST(Invariants, CallsThatTouchDoNotOverlap) {
  event::MemoryTrace trace = sound();
  trace.on_syscall(mmap_call(105, 0x20000, 0x1000));
  EXPECT_TRUE(checked(trace).clean());
}

TEST(Invariants, FindsTwoFaultsOfOneThreadAtOnce) {
  event::MemoryTrace trace = sound();
  const event::Fault fault = fault_at(124);
  trace.on_faults({&fault, 1});
  expect_one(trace, Rule::FaultsOverlap, "fault", 2, 124, "still in fault 1");
}

TEST(Invariants, FindsAMappingPutOverAnother) {
  event::MemoryTrace trace = sound();
  trace.on_syscall(mmap_call(200, 0x13000, 0x2000));
  expect_one(trace, Rule::MappingOverlap, "syscall", 2, 200, "what call 1 mapped");
}

// As one with MAP_HUGETLB does that finds no huge page.
TEST(Invariants, AFixedMmapThatFailedMayHaveLeftAHole) {
  event::MemoryTrace trace = sound();
  event::Syscall failed = mmap_call(200, 0x13000, 0x2000, kAnon | MAP_FIXED);
  failed.args[0] = 0x13000;
  failed.ret = -ENOMEM;
  trace.on_syscall(failed);
  trace.on_syscall(mmap_call(220, 0x13000, 0x2000));
  EXPECT_TRUE(checked(trace).clean());
}

TEST(Invariants, FindsNoreplaceThatReplaced) {
  event::MemoryTrace trace = sound();
  trace.on_syscall(mmap_call(200, 0x13000, 0x2000, kAnon | MAP_FIXED | MAP_FIXED_NOREPLACE));
  expect_one(trace, Rule::MappingOverlap, "syscall", 2, 200, "what call 1 mapped");
}

TEST(Invariants, FixedMayReplaceAndFreedRangesMayComeBack) {
  event::MemoryTrace trace = sound();
  trace.on_syscall(mmap_call(200, 0x13000, 0x2000, kAnon | MAP_FIXED));
  trace.on_syscall(munmap_call(210, 0x10000, 0x5000));
  trace.on_syscall(mmap_call(220, 0x10000, 0x5000));
  EXPECT_TRUE(checked(trace).clean());
}

// Another thread may be given a range as soon as its munmap has begun.
TEST(Invariants, AMunmapFreesFromItsStart) {
  event::MemoryTrace trace = sound();
  trace.on_thread({.tid = 11, .pid = kPid, .start_ts = 0});
  event::Syscall slow = munmap_call(200, 0x10000, 0x4000);
  slow.dur = 100;
  trace.on_syscall(slow);
  event::Syscall reuse = mmap_call(250, 0x10000, 0x4000);
  reuse.tid = 11;
  trace.on_syscall(reuse);
  EXPECT_TRUE(checked(trace).clean());
}

TEST(Invariants, AFailedMmapMapsNothing) {
  event::MemoryTrace trace = sound();
  event::Syscall failed = mmap_call(200, 0, 0x1000);
  failed.ret = -12;
  trace.on_syscall(failed);
  EXPECT_TRUE(checked(trace).clean());
}

TEST(Invariants, HostileAddressesAreToldNotBelieved) {
  event::MemoryTrace trace = sound();
  trace.on_syscall(mmap_call(200, ~std::uint64_t{0} - 8191, ~std::uint64_t{0}));
  trace.on_syscall(munmap_call(300, ~std::uint64_t{0}, ~std::uint64_t{0}));
  expect_one(trace, Rule::UnknownValue, "syscall", 2, 200, "mapped 16.0 EiB");
}

TEST(Invariants, PrintsAFewAndCountsTheRest) {
  event::MemoryTrace trace = sound();
  std::vector<event::Fault> faults;
  for (int i = 0; i < 50; ++i) {
    faults.push_back(fault_at(300 + 10 * i));
    faults.back().tid = 99;
  }
  trace.on_faults(faults);
  const CheckResult result = checked(trace, {.keep_per_rule = 3});
  EXPECT_EQ(result.violations.size(), 3U);
  EXPECT_EQ(result.counts[static_cast<std::size_t>(Rule::UnknownThread)], 50U);
}

// Delivers the batches it is given, as they are, then perhaps an error.
class ScriptedSource : public event::MemoryTrace {
 public:
  std::vector<std::vector<event::Fault>> batches;
  bool breaks_off = false;
  bool cut = false;

  Result<event::Trace> trace() override {
    event::Trace trace = FT_TRY(MemoryTrace::trace());
    trace.cut_short = cut;
    return trace;
  }
  Result<void> faults(const std::function<void(std::span<const event::Fault>)>& visit) override {
    for (const auto& batch : batches) visit(batch);
    if (breaks_off) return fail("x.ft: chunk 3 at byte 17", "bad checksum");
    return {};
  }
};

ScriptedSource scripted() {
  ScriptedSource source;
  source.on_process({.pid = kPid, .start_ts = 0});
  source.on_thread({.tid = kPid, .pid = kPid, .start_ts = 0});
  return source;
}

TEST(Invariants, FindsTimesThatFallWithinABatchButNotBetweenBatches) {
  ScriptedSource source = scripted();
  source.batches = {{fault_at(100), fault_at(200)}, {fault_at(150), fault_at(160), fault_at(155)}};
  source.batches[1][2].dur = event::kUnknownDuration;
  expect_one(source, Rule::UnsortedBatch, "fault", 5, 155, "follows one at 160");
}

TEST(Invariants, AStreamThatBreaksOffIsAViolationAtItsPlace) {
  ScriptedSource source = scripted();
  source.batches = {{fault_at(100), fault_at(200)}};
  source.breaks_off = true;
  expect_one(source, Rule::Unreadable, "fault", 3, 0, "chunk 3 at byte 17: bad checksum");
}

TEST(Invariants, ARecordingCutShortSaysSo) {
  ScriptedSource source = scripted();
  source.cut = true;
  expect_one(source, Rule::CutShort, "", 0, 0, "recorder was killed");
}

TEST(Invariants, TellsWhatDoesNotReconcileOrAddUp) {
  report::model::Report report;
  report.reconcile.push_back({.what = "page faults", .recorded = 7, .kernel = 9});
  report.loss.total = 5;
  CheckResult result;
  check_report(report, {}, result);
  ASSERT_EQ(result.violations.size(), 2U);
  EXPECT_EQ(name_of(result.violations[0].rule), name_of(Rule::DoesNotReconcile));
  EXPECT_THAT(result.violations[0].what, HasSubstr("page faults: 7 recorded, 9 by the kernel"));
  EXPECT_EQ(name_of(result.violations[1].rule), name_of(Rule::DoesNotAddUp));
  EXPECT_THAT(result.violations[1].what, HasSubstr("lost events"));
}

}  // namespace
}  // namespace ft::analysis
