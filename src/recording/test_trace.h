// A trace with something of every kind, and what tests of recordings need around it.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "event/memory_trace.h"
#include "recording/event_equality.h"
#include "recording/synthetic_faults.h"

namespace ft::recording {

// A folder of a test's own, gone with the test.
class TestFolder {
 public:
  TestFolder() {
    std::string made = (std::filesystem::temp_directory_path() / "ft-recording.XXXXXX").string();
    EXPECT_NE(::mkdtemp(made.data()), nullptr);
    folder_ = made;
  }
  ~TestFolder() { std::filesystem::remove_all(folder_); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  std::string file(const std::string& name) const { return (folder_ / name).string(); }
  std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder_),
                                                  std::filesystem::directory_iterator()));
  }

 private:
  std::filesystem::path folder_;
};

inline void tell_small_tables(event::EventSink& sink) {
  using namespace event;
  sink.on_meta("backend", "bpf");
  sink.on_meta("target.pid", "41");
  sink.on_meta("target.pid", "42");
  sink.on_meta("strange", std::string("nul\0 \xff\xfe bytes", 13));
  sink.on_meta("empty", "");
  sink.on_file(0, {.path = "/usr/lib/libjvm.so", .device = 0xfd01, .inode = 77});
  sink.on_file(2, {.path = "", .device = ~std::uint64_t{0}, .inode = ~std::uint64_t{0}});
  sink.on_stack(0, {.pid = 42,
                    .truncated = false,
                    .frames = {{.address = 0x7f12, .symbol = "", .module = ""},
                               {.address = ~std::uint64_t{0},
                                .symbol = "",
                                .module = "",
                                .module_offset = 5,
                                .symbol_offset = 0}}});
  sink.on_stack(1, {});
  // Again, now that symbols are known.
  sink.on_stack(0, {.pid = 42,
                    .truncated = true,
                    .frames = {{.address = 0x7f12,
                                .symbol = "os::reserve_memory(unsigned long)",
                                .module = "/usr/lib/libjvm.so",
                                .module_offset = 0x12,
                                .symbol_offset = ~std::uint64_t{0}},
                               {.address = ~std::uint64_t{0},
                                .symbol = "start",
                                .module = "/usr/lib/libjvm.so",
                                .module_offset = ~std::uint64_t{0},
                                .symbol_offset = 3}}});
  sink.on_process(
      {.pid = 42, .parent = 1, .start_ts = 0, .executable = "/bin/true", .command = {"true"}});
  sink.on_process({.pid = 42,
                   .parent = 1,
                   .start_ts = 0,
                   .exec_ts = 5,
                   .end_ts = 900,
                   .wait_status = 256,
                   .present_at_start = true,
                   .executable = "/usr/bin/java",
                   .command = {"java", "", "-Xmx8g", std::string("\xf0\0x", 3)}});
  sink.on_process({.pid = 42, .parent = 2, .start_ts = 1000, .executable = "", .command = {}});
  sink.on_thread({.tid = 42, .pid = 42, .start_ts = 0, .name = "java"});
  sink.on_thread({.tid = 42, .pid = 42, .start_ts = 0, .end_ts = 900, .name = "main"});
  sink.on_thread({.tid = std::numeric_limits<Tid>::max(), .pid = 42, .start_ts = -3, .name = ""});
  Syscall call{.ts = 20,
               .dur = 1930,
               .tid = 42,
               .pid = 42,
               .number = SyscallNumber::Mmap,
               .stack = 0,
               .file = 2,
               .args = {0x600000000, 8 * kGiB, 0, 0x4022, ~std::uint64_t{0}, 0},
               .ret = 0x600000000};
  sink.on_syscall(call);
  call.ts = 10;
  call.number = SyscallNumber::Munmap;
  call.stack = kNoStack;
  call.file = kNoFile;
  call.ret = -22;
  sink.on_syscall(call);
  call.ts = std::numeric_limits<Nanoseconds>::max();
  call.dur = kUnknownDuration;
  call.tid = std::numeric_limits<Tid>::max();
  call.finished = false;
  call.ret = std::numeric_limits<std::int64_t>::min();
  sink.on_syscall(call);
  sink.on_mm_event({.ts = 30,
                    .dur = 7,
                    .value = ~std::uint64_t{0},
                    .detail = ~std::uint32_t{0},
                    .tid = 42,
                    .kind = MmEventKind::Migration});
  sink.on_phase({.name = "VM init", .start_ts = 4, .end_ts = 40});
  sink.on_phase({.name = "", .start_ts = 1});
  sink.on_snapshot({.ts = 50,
                    .pid = 42,
                    .moment = "end",
                    .source = "status",
                    .text = "Name:\tjava\nVmRSS:\t   1234 kB\nThreads:\t12\n"});
  sink.on_snapshot({.ts = 2, .pid = 0, .moment = "exec", .source = "vmstat", .text = ""});
  sink.on_loss({.kind = "ring full", .count = 3, .meaning = "events were dropped"});
  sink.on_loss({.kind = "ring full", .count = 9, .meaning = "events were dropped"});
  sink.on_loss({.kind = "stack truncated",
                .count = ~std::uint64_t{0},
                .severity = LossSeverity::Info,
                .meaning = ""});
}

inline void tell_chunks(event::EventSink& sink, std::size_t fault_count) {
  using namespace event;
  const std::vector<Fault> faults = pretouch_faults(fault_count);
  constexpr std::size_t kBatch = 3000;
  for (std::size_t i = 0; i < faults.size(); i += kBatch) {
    sink.on_faults(std::span(faults).subspan(i, std::min(kBatch, faults.size() - i)));
  }
  const std::vector<PageAlloc> allocs = {
      {.ts = 60, .pfn = 9, .gfp = 0xcc0, .tid = 42, .context = AllocContext::Fault},
      {.ts = 61, .pfn = 1024, .tid = 42, .order = 9, .migratetype = 1, .node = -1}};
  sink.on_page_allocs(allocs);
  const std::vector<TlbFlush> flushes = {
      {.ts = 62, .pages = kFlushAll, .tid = 42, .reason = FlushReason::RemoteSendIpi},
      {.ts = 63, .pages = 33, .tid = 42, .reason = FlushReason::LocalMmShootdown}};
  sink.on_tlb_flushes(flushes);
  const std::vector<Sample> samples = {{.ts = 64, .tid = 42, .kernel_stack = 1, .user_stack = 0},
                                       {.ts = 65, .tid = 42}};
  sink.on_samples(samples);
}

// Everything a source tells, to be compared.
struct Told {
  event::Trace trace;
  std::vector<event::Fault> faults;
  std::vector<event::PageAlloc> page_allocs;
  std::vector<event::TlbFlush> tlb_flushes;
  std::vector<event::Sample> samples;
};

inline bool operator==(const Told& a, const Told& b) {
  return a.trace.meta == b.trace.meta && a.trace.processes == b.trace.processes &&
         a.trace.threads == b.trace.threads && a.trace.files == b.trace.files &&
         a.trace.stacks == b.trace.stacks && a.trace.syscalls == b.trace.syscalls &&
         a.trace.mm_events == b.trace.mm_events && a.trace.phases == b.trace.phases &&
         a.trace.snapshots == b.trace.snapshots && a.trace.losses == b.trace.losses &&
         a.trace.cut_short == b.trace.cut_short && a.faults == b.faults &&
         a.page_allocs == b.page_allocs && a.tlb_flushes == b.tlb_flushes && a.samples == b.samples;
}

inline Result<Told> tell_all(event::EventSource& source) {
  Told told;
  const auto append = [](auto& all) {
    return [&all](auto batch) { all.insert(all.end(), batch.begin(), batch.end()); };
  };
  told.trace = FT_TRY(source.trace());
  FT_TRY_VOID(source.faults(append(told.faults)));
  FT_TRY_VOID(source.page_allocs(append(told.page_allocs)));
  FT_TRY_VOID(source.tlb_flushes(append(told.tlb_flushes)));
  FT_TRY_VOID(source.samples(append(told.samples)));
  // What two threads did in the same nanosecond may come in either order.
  std::ranges::stable_sort(
      told.faults, {}, [](const event::Fault& fault) { return std::pair(fault.ts, fault.tid); });
  return told;
}

}  // namespace ft::recording
