#include "jvm_start.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <span>

#include "base/range.h"

namespace ft::golden {

using event::FaultKind;
using event::SyscallNumber;

namespace {

constexpr std::uint64_t kHeap = 0x600000000;
constexpr std::uint64_t kCode = 0x7f1000000000;
constexpr std::uint64_t kLibjvm = 0x7f2000000000;
constexpr std::uint64_t kBuffer = 0x7f3000000000;
constexpr std::uint64_t kBreak = 0x555556000000;
constexpr std::uint64_t kMain = 0x555555554000;
constexpr std::uint64_t kStack = 0x7ffffffde000;
constexpr std::uint32_t kUserWrite = event::kFaultUser | event::kFaultWrite;
constexpr std::uint64_t kAnon = MAP_PRIVATE | MAP_ANONYMOUS;
constexpr std::uint64_t kReserve = kAnon | MAP_NORESERVE;
constexpr std::uint64_t kNoFd = ~std::uint64_t{0};

struct Area {
  AddressRange range;
  const char* rights;
  std::uint64_t rss;
  std::uint64_t huge;
  const char* name;
};

std::string vma_line(const Area& area) {
  const bool file = area.name[0] == '/';
  return fmt::format("{:x}-{:x} {} 00000000 {} {}{}{}\n", area.range.start, area.range.end,
                     area.rights, file ? "08:01" : "00:00", file ? 77 : 0, *area.name ? " " : "",
                     area.name);
}

std::string maps_text(std::span<const Area> areas) {
  std::string text;
  for (const Area& area : areas) text += vma_line(area);
  return text;
}

std::string smaps_text(std::span<const Area> areas) {
  std::string text;
  for (const Area& area : areas) {
    text += vma_line(area);
    text += fmt::format("Size: {} kB\nRss: {} kB\nAnonHugePages: {} kB\nVmFlags: rd mr\n",
                        area.range.size() / kKiB, area.rss / kKiB, area.huge / kKiB);
  }
  return text;
}

constexpr AddressRange sized(std::uint64_t start, std::uint64_t size) {
  return AddressRange::of_size(start, size);
}

// What exec left behind.
const Area kExecAreas[] = {
    {sized(kMain, 4 * kPageSize), "r-xp", 2 * kPageSize, 0, "/usr/lib/jvm/jdk/bin/java"},
    {sized(kStack, 33 * kPageSize), "rw-p", 3 * kPageSize, 0, "[stack]"},
    {sized(0x7ffffffff000, kPageSize), "r-xp", kPageSize, 0, "[vdso]"},
};

// What stood at the end: the heap's committed part and the rest of its reservation, and so on.
const Area kEndAreas[] = {
    {sized(kMain, 4 * kPageSize), "r-xp", 2 * kPageSize, 0, "/usr/lib/jvm/jdk/bin/java"},
    {sized(kBreak, 33 * kPageSize), "rw-p", 4 * kPageSize, 0, "[heap]"},
    {sized(kHeap, 256 * kMiB), "rw-p", 2 * kMiB + 100 * kPageSize, 2 * kMiB, ""},
    {{kHeap + 256 * kMiB, kHeap + 8 * kGiB}, "---p", 0, 0, ""},
    {sized(kCode, 2 * kMiB), "rwxp", 8 * kPageSize, 0, ""},
    {{kCode + 2 * kMiB, kCode + 240 * kMiB}, "---p", 0, 0, ""},
    {sized(kLibjvm, 16 * kMiB), "r-xp", 40 * kPageSize, 0, "/usr/lib/jvm/jdk/lib/server/libjvm.so"},
    {sized(kStack, 33 * kPageSize), "rw-p", 3 * kPageSize, 0, "[stack]"},
    {sized(0x7ffffffff000, kPageSize), "r-xp", kPageSize, 0, "[vdso]"},
};

std::uint64_t total(std::span<const Area> areas, std::uint64_t Area::* member) {
  std::uint64_t sum = 0;
  for (const Area& area : areas) sum += area.*member;
  return sum;
}

void make_facts(event::MemoryTrace& trace) {
  const std::pair<const char*, const char*> facts[] = {
      {"backend", "bpf"},
      {"start_realtime_ns", "1700000000000000000"},
      {"target.pid", "4242"},
      {"target.exec_ts", "1000000"},
      {"target.exit_ts", "42200000"},
      {"target.held_ns", "1200000"},
      {"target.utime_ns", "31000000"},
      {"target.stime_ns", "9000000"},
      {"target.minflt", "118"},
      {"target.majflt", "1"},
      {"target.maxrss_kb", "2700"},
      {"blind.exec_faults", "9"},
      {"blind.gup_faults", "0"},
      {"host.kernel", "6.18.44"},
      {"host.cpu", "Example CPU"},
      {"host.nodes", "1"},
      {"host.memory_bytes", "17179869184"},
      {"host.thp.enabled", "madvise"},
      {"host.thp.defrag", "madvise"},
  };
  for (const auto& [key, value] : facts) trace.on_meta(key, value);
  trace.on_loss({"ring full", 0, event::LossSeverity::DataLoss, "events the ring had no room for"});
  trace.on_loss({"stack truncated", 2, event::LossSeverity::Info, "stacks deeper than is kept"});
}

void make_lives(event::MemoryTrace& trace) {
  event::Process java;
  java.pid = 4242;
  java.parent = 4000;
  java.exec_ts = 1'000'000;
  java.end_ts = 42'200'000;
  java.executable = "/usr/lib/jvm/jdk/bin/java";
  java.command = {"java", "-Xms256m", "-Xmx8g", "-XX:+UseG1GC", "Hello"};
  trace.on_process(java);
  event::Process child;
  child.pid = 4250;
  child.parent = 4242;
  child.start_ts = 30'000'000;
  child.exec_ts = 30'500'000;
  child.end_ts = 33'000'000;
  child.executable = "/usr/bin/uname";
  child.command = {"uname", "-a"};
  trace.on_process(child);
  trace.on_thread({.tid = 4242, .pid = 4242, .start_ts = 0, .end_ts = 42'200'000, .name = "java"});
  trace.on_thread(
      {.tid = 4243, .pid = 4242, .start_ts = 2'000'000, .end_ts = 42'100'000, .name = "main"});
  trace.on_thread(
      {.tid = 4250, .pid = 4250, .start_ts = 30'000'000, .end_ts = 33'000'000, .name = "uname"});
  trace.on_file(0, {"/usr/lib/jvm/jdk/lib/server/libjvm.so", 0x801, 77});
  trace.on_phase({"exec to libjvm", 1'000'000, 5'000'000});
  trace.on_phase({"VM init", 5'000'000, 25'000'000});
  trace.on_phase({"main", 25'000'000, 42'200'000});
}

void make_calls(TraceMaker& maker) {
  const event::StackId reserve =
      maker.stack({"os::pd_attempt_reserve_memory_at", "ReservedHeapSpace::ReservedHeapSpace",
                   "Universe::reserve_heap", "universe_init"});
  const event::StackId commit = maker.stack(
      {"os::pd_commit_memory", "G1PageBasedVirtualSpace::commit", "G1CollectedHeap::initialize"});
  const event::StackId code = maker.stack({"os::pd_reserve_memory", "ReservedCodeSpace::initialize",
                                           "CodeCache::initialize", "init_globals"});

  maker.call(2'100'000, 1'500, SyscallNumber::Brk, {0}, kBreak);
  maker.put_call();
  maker.call(2'110'000, 2'500, SyscallNumber::Brk, {kBreak + 33 * kPageSize},
             kBreak + 33 * kPageSize);
  maker.put_call();
  maker
      .call(3'000'000, 9'000, SyscallNumber::Mmap,
            {0, 16 * kMiB, PROT_READ | PROT_EXEC, MAP_PRIVATE, 3, 0}, kLibjvm)
      .file = 0;
  maker.put_call();
  maker.tid = 4243;
  maker
      .call(6'000'000, 2'100, SyscallNumber::Mmap, {kHeap, 8 * kGiB, PROT_NONE, kReserve, kNoFd, 0},
            kHeap)
      .stack = reserve;
  maker.put_call();
  maker
      .call(6'100'000, 1'900, SyscallNumber::Mmap,
            {kHeap, 256 * kMiB, PROT_READ | PROT_WRITE, kAnon | MAP_FIXED, kNoFd, 0}, kHeap)
      .stack = commit;
  maker.put_call();
  maker
      .call(7'000'000, 2'400, SyscallNumber::Mmap, {0, 240 * kMiB, PROT_NONE, kReserve, kNoFd, 0},
            kCode)
      .stack = code;
  maker.put_call();
  maker
      .call(7'100'000, 3'000, SyscallNumber::Mmap,
            {kCode, 2 * kMiB, PROT_READ | PROT_WRITE | PROT_EXEC, kReserve | MAP_FIXED, kNoFd, 0},
            kCode)
      .stack = code;
  maker.put_call();
  maker.call(8'000'000, 1'200, SyscallNumber::Mmap, {0, kGiB * 1024, PROT_READ, kAnon, kNoFd, 0},
             -12);
  maker.put_call();
  maker.call(9'000'000, 1'700, SyscallNumber::Mmap,
             {0, 8 * kPageSize, PROT_READ | PROT_WRITE, kAnon, kNoFd, 0}, kBuffer);
  maker.put_call();
  maker.call(20'000'000, 25'000, SyscallNumber::Munmap, {kBuffer, 8 * kPageSize}, 0);
  maker.put_call();
  maker.call(21'000'000, 12'000, SyscallNumber::Mincore, {kHeap, 4 * kPageSize, kHeap}, 0);
  maker.put_call();
  maker.pid = maker.tid = 4250;
  maker.call(31'000'000, 4'000, SyscallNumber::Mmap,
             {0, 2 * kPageSize, PROT_READ | PROT_WRITE, kAnon, kNoFd, 0}, 0x7fa000000000);
  maker.put_call();
  maker.pid = maker.tid = 4242;
  maker.call(42'000'000, event::kUnknownDuration, SyscallNumber::ExitGroup, {0}, 0).finished =
      false;
  maker.put_call();
}

void make_faults(TraceMaker& maker) {
  maker.tid = 4242;
  for (std::uint64_t i = 0; i < 4; ++i) {  // the C heap: four pages
    maker.fault(2'200'000 + 1'000 * i, 1'500, kBreak + i * kPageSize, kUserWrite, 0);
  }
  maker.page_table(2'200'200);
  maker.fault(3'100'000, 2'000'000, kLibjvm, event::kFaultUser, 0, FaultKind::Major);
  maker.fault(5'200'000, 700, kLibjvm + 64 * kKiB, event::kFaultUser | event::kFaultInstruction);
  maker.tid = 4243;
  for (std::uint64_t i = 0; i < 90; ++i) {  // the heap: 90 pages, each a little slower
    maker.fault(10'000'000 + 20'000 * i, 1'000 + 10 * i, kHeap + i * kPageSize, kUserWrite, 0);
  }
  maker.page_table(10'000'300);
  maker.page_table(10'000'500);
  maker.page_table(10'000'700);
  maker.fault(12'000'000, 90'000, kHeap + 2 * kMiB + 0x123, kUserWrite, 9);
  maker.page_table(12'000'400);
  for (std::uint64_t i = 0; i < 8; ++i) {  // the code cache
    maker.fault(13'000'000 + 5'000 * i, 1'400, kCode + i * kPageSize, kUserWrite, 0);
  }
  maker.page_table(13'000'200);
  maker.fault(14'000'000, 1'300, kBuffer, kUserWrite, 0);
  maker.page_table(14'000'100);
  maker.fault(14'010'000, 600, kBuffer + kPageSize, event::kFaultUser);  // the zero page
  maker.fault(14'020'000, 1'100, kBuffer + kPageSize, kUserWrite | event::kFaultProtection,
              0);  // then written to: a copy
  maker.fault(15'000'000, event::kUnknownDuration, 0x8, event::kFaultUser, -1,
              FaultKind::Unfinished);  // an implicit null check
  maker.fault(21'001'000, 2'000, kHeap + 90 * kPageSize, event::kFaultWrite, 0);  // in mincore
  maker.tid = 4250;
  maker.fault(31'500'000, 1'800, 0x7fa000000000, kUserWrite, 0);
}

void make_rest(TraceMaker& maker) {
  event::MemoryTrace& trace = maker.trace;
  const event::TlbFlush flushes[] = {
      {10'500'000, 0, 4243, event::FlushReason::TaskSwitch},
      {14'020'500, 1, 4243, event::FlushReason::LocalMmShootdown},
      {20'001'000, event::kFlushAll, 4243, event::FlushReason::LocalMmShootdown},
      {20'002'000, event::kFlushAll, 4243, event::FlushReason::RemoteSendIpi},
      {20'003'000, event::kFlushAll, 4242, event::FlushReason::RemoteShootdown},
  };
  trace.on_tlb_flushes(flushes);
  trace.on_mm_event({6'100'200, 400, 1, 0, 4243, event::MmEventKind::MmapLockWait});
  trace.on_mm_event({12'000'100, 60'000, 1, 9, 4243, event::MmEventKind::Compaction});
  trace.on_snapshot({1'000'000, 4242, "exec", "maps", maps_text(kExecAreas)});
  trace.on_snapshot({42'000'500, 4242, "end", "maps", maps_text(kEndAreas)});
  trace.on_snapshot({42'000'600, 4242, "end", "smaps", smaps_text(kEndAreas)});
  std::uint64_t size = 0;
  for (const Area& area : kEndAreas) size += area.range.size();
  const std::uint64_t rss = total(kEndAreas, &Area::rss);
  trace.on_snapshot(
      {42'000'400, 4242, "end", "status",
       fmt::format("Name:\tjava\nPid:\t4242\nVmSize:\t{} kB\nVmHWM:\t{} kB\nVmRSS:\t{} kB\n"
                   "RssAnon:\t{} kB\nRssFile:\t{} kB\nVmPTE:\t{} kB\n",
                   size / kKiB, (rss + 8 * kPageSize) / kKiB, rss / kKiB,
                   (rss - 43 * kPageSize) / kKiB, 43 * kPageSize / kKiB, 56)});
}

}  // namespace

event::StackId TraceMaker::stack(std::initializer_list<const char*> symbols) {
  event::Stack stack;
  stack.pid = pid;
  for (const char* symbol : symbols) {
    event::Frame frame;
    frame.symbol = symbol;
    frame.module = "/usr/lib/jvm/jdk/lib/server/libjvm.so";
    stack.frames.push_back(std::move(frame));
  }
  trace.on_stack(stacks_, stack);
  return stacks_++;
}

event::Syscall& TraceMaker::call(Nanoseconds ts, Nanoseconds dur, SyscallNumber number,
                                 std::array<std::uint64_t, 6> args, std::int64_t ret) {
  pending_ = {};
  pending_.ts = ts;
  pending_.dur = dur;
  pending_.tid = tid;
  pending_.pid = pid;
  pending_.number = number;
  pending_.args = args;
  pending_.ret = ret;
  return pending_;
}

void TraceMaker::put_call() {
  trace.on_syscall(pending_);
}

void TraceMaker::fault(Nanoseconds ts, Nanoseconds dur, std::uint64_t addr,
                       std::uint32_t error_code, int order, FaultKind kind) {
  event::Fault fault;
  fault.ts = ts;
  fault.dur = dur;
  fault.addr = addr;
  fault.ip = kLibjvm + 0x1234;
  fault.tid = tid;
  fault.error_code = error_code;
  fault.kind = kind;
  if (order >= 0) {
    fault.has_page = true;
    fault.page.order = static_cast<std::uint8_t>(order);
    fault.page.migratetype = 1;
    fault.page.pfn = pfn_++;
  }
  trace.on_faults({&fault, 1});
}

void TraceMaker::page_table(Nanoseconds ts) {
  event::PageAlloc alloc;
  alloc.ts = ts;
  alloc.tid = tid;
  alloc.pfn = pfn_++;
  alloc.context = event::AllocContext::Fault;
  trace.on_page_allocs({&alloc, 1});
}

void make_jvm_start(TraceMaker& maker) {
  make_facts(maker.trace);
  make_lives(maker.trace);
  make_calls(maker);
  maker.pid = 4242;
  make_faults(maker);
  make_rest(maker);
}

void make_imported_log(TraceMaker& maker) {
  maker.trace.on_meta("backend", "import");
  event::Process java;
  java.pid = maker.pid;
  java.executable = "/usr/bin/java";
  maker.trace.on_process(java);
  maker.trace.on_thread({.tid = maker.tid, .pid = maker.pid, .name = "java"});
  maker.call(1'000, event::kUnknownDuration, SyscallNumber::Mmap,
             {kHeap, 8 * kGiB, PROT_NONE, kReserve, kNoFd, 0}, kHeap);
  maker.put_call();
  maker.call(2'000, event::kUnknownDuration, SyscallNumber::Munmap, {kHeap, 4 * kGiB}, 0);
  maker.put_call();
}

}  // namespace ft::golden
