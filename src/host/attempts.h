// What this process may do here, found by doing it: each attempt is cheap, leaves nothing behind
// and only touches this process or the kernel's own bookkeeping. Nothing here works around a
// refusal.
#pragma once

#include <string>
#include <string_view>

#include "host/btf.h"
#include "host/host_files.h"

namespace ft::host {

// How one attempt ended: 0 works, else the errno that the kernel answered with.
struct Attempt {
  int error = kNotTried;

  static constexpr int kNotTried = -1;

  bool works() const { return error == 0; }
  bool tried() const { return error != kNotTried; }
};

struct Attempts {
  Attempt load_tracing_program;  // BPF, on a BTF tracepoint; not tried without BTF
  Attempt load_raw_program;      // BPF, without BTF
  Attempt create_ring_buffer;
  Attempt perf_program;         // BPF on a perf event (which stays switched off)
  Attempt perf_faults_per_cpu;  // perf page-fault events of other processes
  Attempt perf_faults_own;      // of this one
  Attempt perf_cpu_clock;       // sampling, with the kernel's part
  Attempt cycles;               // hardware counters of this process
  Attempt dtlb_misses;
  Attempt uprobe;
  Attempt kprobe;
  Attempt trace_child;  // PTRACE_TRACEME
  Attempt seccomp_filter;
  Attempt pagemap;
  bool pagemap_shows_frames = false;
  Attempt kpageflags;
};

// `btf` may be nullptr: no BTF.
Attempts make_attempts(const HostFiles& files, const BtfTracepoints* btf);

}  // namespace ft::host
