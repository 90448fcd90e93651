#include "sim/replay/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/sysmacros.h>

#include <limits>

#include "sim/replay/model_source.h"
#include "sim/replay/test_trace.h"
#include "sim/replay/validation.h"

namespace ft::sim::replay {
namespace {

using event::kFaultUser;
using event::kFaultWrite;
using event::SyscallNumber;
using ::testing::HasSubstr;
using testing::kPid;
using testing::kTop;
using testing::TraceBuilder;

constexpr std::uint64_t kFirst = 0x7f0000000000 - 0x3000;  // where 12 KiB go, below ld.so

std::string text_of(const std::vector<Contradiction>& contradictions) {
  std::string text;
  for (const Contradiction& line : contradictions) {
    text += std::string(name_of(line.stream)) + " " + std::to_string(line.number) + ": " +
            line.what + "\n";
  }
  return text;
}

TEST(Replay, PredictsWhereTheKernelPutsMappings) {
  TraceBuilder build;
  build.exec_snapshot();
  build.map(0x3000, kFirst);
  build.map(0x1000, kFirst - 0x1000);
  build.unmap(kFirst, 0x3000);
  build.map(0x2000, kFirst + 0x1000);  // the top of the hole
  const ValidateResult result = validate(build.material);
  EXPECT_TRUE(result.agrees()) << text_of(result.contradictions);
  EXPECT_EQ(result.of(Aspect::Addresses).compared, 3U);
  EXPECT_EQ(result.of(Aspect::Addresses).agreed, 3U);
  EXPECT_EQ(result.of(Aspect::Results).agreed, 1U);
}

TEST(Replay, AWrongAddressIsToldOnceAndThePlaceTakenOver) {
  TraceBuilder build;
  build.exec_snapshot();
  build.map(0x3000, kFirst - 0x10000);  // the kernel would not leave a gap
  build.call(SyscallNumber::Mprotect, {kFirst - 0x10000, 0x1000, PROT_READ}, 0);
  const ValidateResult result = validate(build.material);
  EXPECT_FALSE(result.agrees());
  EXPECT_EQ(result.of(Aspect::Addresses).agreed, 0U);
  EXPECT_EQ(result.of(Aspect::Results).agreed, 1U) << "what follows is compared on equal terms";
  ASSERT_EQ(result.disagreements.size(), 1U);
  EXPECT_EQ(result.disagreements[0].number, 1U);
  EXPECT_EQ(result.disagreements[0].recorded, "0x7efffffed000");
  EXPECT_EQ(result.disagreements[0].model, "0x7effffffd000");
}

// Thread 2's munmap returned last, but its hole was already taken by thread 1.
TEST(Replay, OverlappingCallsComeInTheOrderThatExplainsTheirResults) {
  TraceBuilder build;
  build.thread(2);
  build.exec_snapshot();
  build.map(0x3000, kFirst);
  event::Syscall& unmap = build.unmap(kFirst, 0x3000, 2);
  unmap.dur = 5000;
  build.map(0x3000, kFirst);
  const ValidateResult result = validate(build.material);
  EXPECT_TRUE(result.agrees());
  EXPECT_EQ(result.reordered, 1U);
}

TEST(Replay, CallsThatDoNotOverlapAreNeverExchanged) {
  TraceBuilder build;
  build.thread(2);
  build.exec_snapshot();
  build.map(0x3000, kFirst);
  build.map(0x3000, kFirst);  // impossible: it is taken, and the munmap comes later
  build.unmap(kFirst, 0x3000, 2);
  const ValidateResult result = validate(build.material);
  EXPECT_FALSE(result.agrees());
  EXPECT_EQ(result.reordered, 0U);
}

TEST(Replay, FaultsEndAsTheyDid) {
  TraceBuilder build;
  build.exec_snapshot();
  build.map(0x3000, kFirst);
  build.fault(kFirst, kFaultUser | kFaultWrite);
  build.fault(kFirst + 0x1000, kFaultUser);
  build.fault(kFirst + 0x1000, kFaultUser | kFaultWrite | event::kFaultProtection);
  event::Fault& null = build.fault(0x10, kFaultUser);
  null.kind = event::FaultKind::Unfinished;
  null.dur = event::kUnknownDuration;
  const ValidateResult result = validate(build.material);
  EXPECT_TRUE(result.agrees());
  EXPECT_EQ(result.of(Aspect::Faults).agreed, 4U);
}

TEST(Replay, AFaultWhereThePageIsThereDisagreesUnlessAnothersOverlapped) {
  TraceBuilder build;
  build.thread(2);
  build.exec_snapshot();
  build.map(0x3000, kFirst);
  build.fault(kFirst, kFaultUser | kFaultWrite);
  build.now += 1'000'000;
  build.fault(kFirst, kFaultUser | kFaultWrite, 2);
  EXPECT_EQ(validate(build.material).of(Aspect::Faults).agreed, 1U);
  build.material.faults[1].ts = build.material.faults[0].ts + 100;
  const ValidateResult raced = validate(build.material);
  EXPECT_EQ(raced.of(Aspect::Faults).agreed, 2U);
  EXPECT_EQ(raced.lost_races, 1U);
}

TEST(Replay, SnapshotsAreComparedAreaByArea) {
  TraceBuilder build;
  build.exec_snapshot();
  build.map(0x3000, kFirst);
  build.now += 1000;
  build.snapshot("end", "maps",
                 "7effffffd000-7f0000000000 rw-p 00000000 00:00 0 \n"
                 "7f0000000000-7f0000030000 r-xp 00000000 fe:00 7 /lib/ld.so\n"
                 "7f0000030000-7f0000040000 r--p 00030000 fe:00 7 /lib/ld.so\n"
                 "7ffe00000000-7ffe00021000 rw-p 00000000 00:00 0 [stack]\n");
  const ValidateResult result = validate(build.material);
  EXPECT_EQ(result.of(Aspect::AreaLists).compared, 2U);
  EXPECT_EQ(result.of(Aspect::AreaLists).agreed, 1U);
  EXPECT_EQ(result.of(Aspect::Areas).compared, 7U);
  EXPECT_EQ(result.of(Aspect::Areas).agreed, 6U);
  EXPECT_EQ(result.of(Aspect::RssAnon).agreed, 1U) << "exec's own pages are known by their number";
}

// Before 6.2 what exec wrote after it had taken the new address space is not in RssAnon yet.
TEST(Replay, ExecsOwnPagesAreKnownWhereTheThreadKeepsThemToItself) {
  TraceBuilder trace;
  trace.material.trace.meta["host.kernel"] = "6.1.0-56-amd64";
  trace.exec_snapshot();
  trace.material.trace.snapshots.back().text =
      "Name:\ta\nPid:\t100\nVmSize:\t     388 kB\nRssAnon:\t       4 kB\nVmPTE:\t      24 kB\n"
      "Threads:\t1\n";
  const ValidateResult result = validate(trace.material);
  EXPECT_EQ(result.of(Aspect::VmPte).agreed, 1U) << "tables for the segment and for the stack";
}

// A real-time kernel has no huge pages: its host shows no folder of theirs.
TEST(Replay, AdviceAboutHugePagesIsRefusedWhereThereAreNone) {
  for (const bool has_them : {false, true}) {
    TraceBuilder trace;
    trace.material.trace.meta["host.kernel"] = "6.1.0-56-rt-amd64";
    trace.material.trace.meta["host.page_size"] = "4096";
    if (has_them) trace.material.trace.meta["host.thp.enabled"] = "madvise";
    trace.exec_snapshot();
    trace.map(0x3000, kFirst);
    constexpr std::uint64_t kAdviseHugePage = 14;
    trace.call(SyscallNumber::Madvise, {kFirst, 0x3000, kAdviseHugePage}, has_them ? 0 : -22);
    const ValidateResult result = validate(trace.material);
    EXPECT_EQ(result.of(Aspect::Results).compared, 1U);
    EXPECT_EQ(result.of(Aspect::Results).agreed, 1U) << text_of(result.contradictions);
  }
}

TEST(Replay, FilesLieWhereTheirFileSystemHasThem) {
  const auto disagreements = [](const std::string& type, std::uint64_t at) {
    TraceBuilder builder;
    builder.exec_snapshot();
    builder.material.trace.files.push_back(
        {.path = "/opt/modules", .device = ::makedev(254, 1), .inode = 9});
    builder
        .call(SyscallNumber::Mmap, {0, 4 * kMiB + kPageSize, PROT_READ, MAP_PRIVATE, 5, 0},
              static_cast<std::int64_t>(at))
        .file = 0;
    if (!type.empty())
      builder.snapshot("end", "mountinfo",
                       "25 1 254:1 / /opt rw shared:1 - " + type + " host rw\n");
    return validate(builder.material).disagreements.size();
  };
  const std::uint64_t border = 0x7effffa00000;
  const std::uint64_t closest = 0x7effffbff000;
  EXPECT_EQ(disagreements("", border), 0U) << "taken to be on a disk";
  EXPECT_EQ(disagreements("ext4", border), 0U);
  EXPECT_EQ(disagreements("9p", border), 1U);
  EXPECT_EQ(disagreements("9p", closest), 0U);
  EXPECT_EQ(disagreements("tmpfs", closest), 0U);
}

TEST(Replay, ResidentCountsMayLackWhatThreadsKeep) {
  for (const auto& [release, agreed] : {std::pair{"6.1.0-56-amd64", 2U}, {"6.12.117", 1U}}) {
    TraceBuilder trace;
    trace.material.trace.meta["host.kernel"] = release;
    trace.exec_snapshot();
    trace.material.trace.snapshots.back().text += "Threads:\t1\n";
    const std::uint64_t at = 0x7f0000000000 - 0x10000;
    trace.map(0x10000, at);
    for (std::uint64_t page = 0; page < 16; ++page) {
      trace.fault(at + page * kPageSize, kFaultUser | kFaultWrite);
    }
    trace.now += 1'000'000'000;
    trace.snapshot("end", "status", trace.material.trace.snapshots.back().text);
    EXPECT_EQ(validate(trace.material).of(Aspect::RssAnon).agreed, agreed) << release;
  }
}

TEST(Replay, FlushesAreComparedCallByCall) {
  TraceBuilder build;
  build.exec_snapshot();
  build.map(0x3000, kFirst);
  build.fault(kFirst, kFaultUser | kFaultWrite);
  build.fault(kFirst + 0x1000, kFaultUser | kFaultWrite);
  const event::Syscall call = build.call(SyscallNumber::Mprotect, {kFirst, 0x3000, PROT_READ}, 0);
  build.material.flushes.push_back({.ts = call.ts + 100,
                                    .pages = 2,
                                    .tid = kPid,
                                    .reason = event::FlushReason::LocalMmShootdown});
  EXPECT_EQ(validate(build.material).of(Aspect::Flushes).agreed, 1U);
  build.material.flushes[0].pages = event::kFlushAll;
  const ValidateResult wrong = validate(build.material);
  EXPECT_EQ(wrong.of(Aspect::Flushes).agreed, 0U);
  ASSERT_EQ(wrong.disagreements.size(), 1U);
  EXPECT_EQ(wrong.disagreements[0].recorded, "all");
  EXPECT_EQ(wrong.disagreements[0].model, "2 pages");
}

TEST(Replay, AForkedChildGoesOnFromItsParentsPages) {
  TraceBuilder build;
  build.exec_snapshot();
  build.map(0x3000, kFirst);
  build.fault(kFirst, kFaultUser | kFaultWrite);
  build.call(SyscallNumber::Fork, {}, 200);
  build.material.trace.processes.push_back(
      {.pid = 200, .parent = kPid, .start_ts = build.now + 50});
  build.material.trace.threads.push_back({.tid = 200, .pid = 200, .start_ts = build.now + 50});
  // Both write to what they share now: the first copies, the second has it alone.
  build.fault(kFirst, kFaultUser | kFaultWrite | event::kFaultProtection, 200);
  build.fault(kFirst, kFaultUser | kFaultWrite | event::kFaultProtection);
  build.map(0x1000, kFirst - 0x1000);
  build
      .call(SyscallNumber::Mmap,
            {0, 0x1000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, ~0ULL, 0},
            static_cast<std::int64_t>(kFirst - 0x1000), 200)
      .pid = 200;
  const ValidateResult result = validate(build.material);
  EXPECT_TRUE(result.agrees()) << text_of(result.contradictions);
  EXPECT_EQ(result.of(Aspect::Faults).agreed, 3U);
  EXPECT_EQ(result.of(Aspect::Addresses).agreed, 3U) << "each has an address space of its own";
}

TEST(Replay, WhatTheKernelWritesWithinExecIsNotReplayed) {
  TraceBuilder build;
  event::Syscall& exec = build.call(SyscallNumber::Execve, {}, 0);
  exec.dur = 10'000;
  build.fault(0x7ffe00020000, kFaultWrite);
  build.now += 5000;
  build.exec_snapshot();
  const ValidateResult result = validate(build.material);
  EXPECT_TRUE(result.agrees());
  EXPECT_EQ(result.of(Aspect::Faults).compared, 0U);
  EXPECT_EQ(result.of(Aspect::RssAnon).agreed, 1U);
}

// --- recordings that contradict themselves -----------------------------------------------------

TEST(Contradictions, MunmapOfWhatWasNeverMapped) {
  TraceBuilder build;
  build.exec_snapshot();
  build.map(0x3000, kFirst);
  build.unmap(0x600000000, 0x10000);
  const ValidateResult result = validate(build.material);
  EXPECT_FALSE(result.agrees());
  EXPECT_THAT(text_of(result.contradictions), HasSubstr("call 2: munmap of 0x600000000"));
  EXPECT_EQ(result.of(Aspect::Addresses).agreed, 1U) << "the rest is still usable";
}

TEST(Contradictions, MprotectOfWhatIsNotThere) {
  TraceBuilder build;
  build.exec_snapshot();
  build.call(SyscallNumber::Mprotect, {0x600000000, 0x1000, PROT_READ}, 0);
  EXPECT_THAT(text_of(validate(build.material).contradictions),
              HasSubstr("call 1: mprotect at 0x600000000 succeeded, where nothing was mapped"));
}

TEST(Contradictions, AddressesAboveTheTop) {
  TraceBuilder build;
  build.exec_snapshot();
  build.map(0x1000, 0x800000000000);
  build.fault(0xffff800000000000, 0);
  const std::string text = text_of(validate(build.material).contradictions);
  EXPECT_THAT(text, HasSubstr("call 1: mmap"));
  EXPECT_THAT(text, HasSubstr("fault 1: served at 0xffff800000000000"));
}

TEST(Contradictions, TimeThatRunsBackwards) {
  TraceBuilder build;
  build.exec_snapshot();
  build.map(0x1000, kFirst + 0x2000).dur = 1'000'000;
  build.map(0x1000, kFirst + 0x1000);
  build.fault(kFirst + 0x1000, kFaultUser | kFaultWrite).dur = -7;
  const std::string text = text_of(validate(build.material).contradictions);
  EXPECT_THAT(text, HasSubstr("call 2: thread 100 was still in the call before"));
  EXPECT_THAT(text, HasSubstr("fault 1: it lies before the recording's start"));
}

TEST(Contradictions, NoSnapshotAtExec) {
  TraceBuilder build;
  build.map(0x3000, kFirst);
  build.map(0x1000, kFirst - 0x1000);
  build.call(SyscallNumber::Mprotect, {kTop - 0x1000, 0x1000, PROT_READ}, 0);  // of an older area
  const ValidateResult result = validate(build.material);
  EXPECT_THAT(text_of(result.contradictions), HasSubstr("process 1: process 100 has no snapshot"));
  EXPECT_EQ(result.of(Aspect::Results).compared, 0U) << "nothing is claimed without a beginning";
  EXPECT_EQ(result.steps, 3U);
}

TEST(Contradictions, ASnapshotThatIsNone) {
  TraceBuilder build;
  build.snapshot("exec", "maps", "7f0000000000-7effffff0000 rw-p\n");
  build.map(0x3000, kFirst);
  EXPECT_THAT(text_of(validate(build.material).contradictions), HasSubstr("snapshot 1: maps"));
}

TEST(Contradictions, HostileNumbersDoNoHarm) {
  TraceBuilder build;
  build.exec_snapshot();
  constexpr std::uint64_t kMax = ~0ULL;
  for (const SyscallNumber number :
       {SyscallNumber::Mmap, SyscallNumber::Munmap, SyscallNumber::Mprotect, SyscallNumber::Mremap,
        SyscallNumber::Madvise, SyscallNumber::Brk, SyscallNumber::Mlock2, SyscallNumber::Mseal,
        SyscallNumber::Ftruncate, SyscallNumber::Fallocate}) {
    build.call(number, {kMax, kMax, kMax, kMax, kMax, kMax}, 0);
    build.call(number, {kMax - 0xfff, kMax - 0xfff, 3, 0x22, kMax, kMax}, 0x1000);
    build.call(number, {0, 0, 0, 0, 0, 0}, -22).file = 77;
  }
  build.fault(kMax, 7).dur = std::numeric_limits<Nanoseconds>::max();
  EXPECT_FALSE(validate(build.material).agrees());
}

// --- the model as a source of events -----------------------------------------------------------

TEST(ModelSource, TellsTheSameEventsWithTheModelsAnswers) {
  TraceBuilder build;
  build.exec_snapshot();
  build.map(0x3000, kFirst - 0x10000);  // not where the model would put it
  build.call(SyscallNumber::Mprotect, {kFirst - 0x10000, 0x1000, PROT_READ | PROT_WRITE}, -12);
  build.fault(kFirst - 0x10000, kFaultUser | kFaultWrite);
  ModelSource source = ModelSource::make(build.material);
  const event::Trace trace = source.trace().value();
  ASSERT_EQ(trace.syscalls.size(), 2U);
  EXPECT_EQ(static_cast<std::uint64_t>(trace.syscalls[0].ret), kFirst - 0x10000)
      << "the place it went on with";
  EXPECT_EQ(trace.syscalls[1].ret, 0) << "the model's answer";
  std::size_t faults = 0;
  ASSERT_TRUE(source.faults([&](auto batch) { faults += batch.size(); }));
  EXPECT_EQ(faults, 1U);
  EXPECT_EQ(trace.meta_or("backend"), "model");
}

TEST(ModelSource, OfWhatAgreesValidatesItself) {
  TraceBuilder build;
  build.exec_snapshot();
  build.map(0x3000, kFirst);
  build.fault(kFirst, kFaultUser | kFaultWrite);
  build.unmap(kFirst, 0x3000);
  ModelSource source = ModelSource::make(build.material);
  const Material again = Material::load(source).value();
  const ValidateResult result = validate(again);
  EXPECT_TRUE(result.agrees());
  EXPECT_EQ(result.of(Aspect::Flushes).agreed, 1U) << "munmap of a touched page flushes it";
}

}  // namespace
}  // namespace ft::sim::replay
