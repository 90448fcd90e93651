// Probes is the kernel half of the recorder from the outside: loads the BPF programs, attaches
// them, marks which threads are followed and hands out what they wrote. Everything is detached when
// it is destroyed; nothing of it outlives the recorder, however that ends.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "capture/bpf/messages.h"

namespace ft::capture::bpf {

// How the end of a page fault is seen (docs/capture-bpf.md).
enum class FaultEnd { MemcgCount, PerfEvent };

// Turns the kernel's `struct page *` into a frame number.
struct PageFrames {
  std::uint64_t base = 0;         // address of frame 0's struct page; 0: not known
  std::uint64_t struct_size = 0;  // bytes

  bool known() const { return struct_size != 0; }
  std::uint64_t pfn_of(std::uint64_t page) const {
    return known() ? (page - base) / struct_size : 0;
  }
};

class Probes {
 public:
  struct Options {
    std::size_t ring_bytes = 0;        // rounded up to a power of two
    std::size_t stack_copy_bytes = 0;  // 0: frame pointers only
    bool page_allocations = true;
    bool lock_waits = true;
    bool samples = false;  // sample() will be called
  };

  static Result<Probes> load(const Options& options);
  Probes(Probes&&) noexcept;
  Probes& operator=(Probes&&) noexcept;
  ~Probes();

  // What this kernel does not have: "mm_compaction_end: no such tracepoint". The rest works.
  std::span<const std::string> missing() const;
  // Whether what passes this tracepoint is told of.
  bool watches(std::string_view tracepoint) const;

  FaultEnd fault_end() const;
  PageFrames page_frames() const;

  // REQUIRES: tid is not followed yet. `waits_for_exec`: nothing is recorded before its exec.
  enum class From { Now, Exec };
  void follow(std::int32_t tid, std::int32_t pid, From from);

  // What a followed process runs, compared with the program that its exec at `exec` (on the clock
  // CLOCK_MONOTONIC) began: what was read of it before this was asked is the program's if it is
  // Same. Changing: it is inside execve, which may fail.
  enum class Program { Same, Changing, Another };
  Program program_since(std::int32_t pid, Nanoseconds exec) const;

  // Samples the thread and all it starts, each time one has run for `period`: from its next exec
  // on, or from now. REQUIRES: Options::samples.
  Result<void> sample(std::int32_t tid, From from, Nanoseconds period);
  // How long what sample() was told of has run since then. Complete after finish().
  Nanoseconds sampled_time() const;

  // A breakpoint in a file, felt in that process only.
  enum class JvmMark { VmInitBegin, VmInitEnd, GcBegin, VmShutdown, AuxMapper };
  Result<void> mark_jvm(JvmMark mark, std::int32_t pid, const std::string& path,
                        std::uint64_t file_offset);

  // Readable when a message came that should not wait: a mark of the JVM's life.
  int wake_fd() const;

  // Passes every message now in the ring to `visit`, oldest first. Returns how many there were.
  std::size_t consume(const std::function<void(std::span<const std::byte>)>& visit);

  // Detaches everything, then passes on what is left: in the ring, in batches that are not full, in
  // slots of threads that still live. Nothing comes after it.
  void finish(const std::function<void(std::span<const std::byte>)>& visit);

  const ft_losses& losses() const;
  // Times a probe was skipped because it was already running on that CPU, and which ones were.
  struct Reentered {
    std::uint64_t count = 0;
    std::string probes;  // "page_alloc, tlb_flushed"
  };
  Reentered probes_reentered() const;

 private:
  Probes();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ft::capture::bpf
