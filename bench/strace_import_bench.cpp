// Import of a strace log of 500 MB, made by repeating lines of a real JVM start: into a sink that
// counts, into memory, into a recording. FT_STRACE_LOG names another log to use.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "base/check.h"
#include "base/fd.h"
#include "capture/strace/import.h"
#include "event/memory_trace.h"
#include "recording/writer.h"

namespace {

using namespace ft;

constexpr std::size_t kLogBytes = 500'000'000;

class CountingSink : public event::EventSink {
 public:
  void on_meta(std::string_view, std::string_view) override {}
  void on_process(const event::Process&) override {}
  void on_thread(const event::Thread&) override {}
  void on_file(event::FileId, const event::File&) override {}
  void on_stack(event::StackId, const event::Stack&) override {}
  void on_syscall(const event::Syscall& call) override {
    ++calls_;
    benchmark::DoNotOptimize(call.args.data());
  }
  void on_faults(std::span<const event::Fault>) override {}
  void on_page_allocs(std::span<const event::PageAlloc>) override {}
  void on_tlb_flushes(std::span<const event::TlbFlush>) override {}
  void on_samples(std::span<const event::Sample>) override {}
  void on_mm_event(const event::MmEvent&) override {}
  void on_phase(const event::Phase&) override {}
  void on_snapshot(const event::Snapshot&) override {}
  void on_loss(const event::Loss&) override {}
  bool failed() const override { return false; }

 private:
  std::uint64_t calls_ = 0;
};

// A log on disk, removed at the end of the program.
class Log {
 public:
  Log() {
    if (const char* given = std::getenv("FT_STRACE_LOG")) {
      fd_ = Fd(::open(given, O_RDONLY | O_CLOEXEC));
      FT_CHECK(fd_.valid());
      return;
    }
    const std::string start =
        read_file(FT_SOURCE_DIR "/tests/fixtures/strace/jdk17-g1-start.strace").value();
    const std::string threads =
        read_file(FT_SOURCE_DIR "/tests/fixtures/strace/jdk17-g1-threads.strace").value();
    char name[] = "/tmp/firsttouch-bench-XXXXXX";
    fd_ = Fd(::mkostemp(name, O_CLOEXEC));
    FT_CHECK(fd_.valid());
    ::unlink(name);
    std::string block;
    while (block.size() < (std::size_t{1} << 20)) block += start + threads;
    for (std::size_t written = 0; written < kLogBytes; written += block.size()) {
      FT_CHECK(::write(fd_.get(), block.data(), block.size()) ==
               static_cast<ssize_t>(block.size()));
    }
  }

  int rewound() const {
    FT_CHECK(::lseek(fd_.get(), 0, SEEK_SET) == 0);
    return fd_.get();
  }

 private:
  Fd fd_;
};

int log_from_its_start() {
  static const Log log;
  return log.rewound();
}

void import_into(benchmark::State& state, event::EventSink& sink) {
  const auto summary = capture::strace::import_fd(log_from_its_start(), "bench.log", sink);
  FT_CHECK(summary);
  state.SetBytesProcessed(state.bytes_processed() + static_cast<std::int64_t>(summary->bytes));
  state.counters["calls"] = static_cast<double>(summary->calls);
  state.counters["malformed"] = static_cast<double>(summary->malformed);
}

void import_counted(benchmark::State& state) {
  log_from_its_start();
  for (auto _ : state) {
    CountingSink sink;
    import_into(state, sink);
  }
}
BENCHMARK(import_counted)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();

void import_into_memory(benchmark::State& state) {
  log_from_its_start();
  for (auto _ : state) {
    event::MemoryTrace sink;
    import_into(state, sink);
    state.PauseTiming();  // freeing it is not the import's
    sink = event::MemoryTrace();
    state.ResumeTiming();
  }
}
BENCHMARK(import_into_memory)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();

// To the closed file, its thread's processor time included.
void import_into_recording(benchmark::State& state) {
  log_from_its_start();
  const std::string path = "/tmp/firsttouch-bench-" + std::to_string(::getpid()) + ".ft";
  for (auto _ : state) {
    auto writer = recording::Writer::create(path);
    FT_CHECK(writer);
    import_into(state, **writer);
    FT_CHECK((*writer)->finish());
    state.PauseTiming();
    (*writer)->abandon();
    state.ResumeTiming();
  }
}
BENCHMARK(import_into_recording)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Iterations(1);

}  // namespace

BENCHMARK_MAIN();
