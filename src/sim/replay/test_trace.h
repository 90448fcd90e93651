// Builds traces for the replay's tests: a process with an exec snapshot, calls a microsecond apart.
#pragma once

#include <sys/mman.h>

#include <string>

#include "sim/replay/replay.h"

namespace ft::sim::replay::testing {

inline constexpr event::Pid kPid = 100;
inline constexpr std::uint64_t kTop = 0x7f0000040000;  // of what exec mapped: mmap_base

class TraceBuilder {
 public:
  Material material;

  TraceBuilder() {
    event::Trace& trace = material.trace;
    trace.meta = {{"host.kernel", "6.18.44"}, {"host.memory_bytes", "17179869184"}};
    trace.processes.push_back({.pid = kPid, .exec_ts = 0});
    trace.threads.push_back({.tid = kPid, .pid = kPid, .name = "main"});
  }

  void thread(event::Tid tid) { material.trace.threads.push_back({.tid = tid, .pid = kPid}); }

  void exec_snapshot() {
    snapshot("exec", "maps",
             "7f0000000000-7f0000030000 r-xp 00000000 fe:00 7 /lib/ld.so\n"
             "7f0000030000-7f0000040000 rw-p 00030000 fe:00 7 /lib/ld.so\n"
             "7ffe00000000-7ffe00021000 rw-p 00000000 00:00 0 [stack]\n"
             "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\n");
    snapshot("exec", "status",
             "Name:\ta\nPid:\t100\nVmSize:\t     388 kB\nRssAnon:\t       8 kB\n");
  }

  void snapshot(std::string_view moment, std::string_view source, std::string text) {
    material.trace.snapshots.push_back({.ts = now,
                                        .pid = kPid,
                                        .moment = std::string(moment),
                                        .source = std::string(source),
                                        .text = std::move(text)});
  }

  event::Syscall& call(event::SyscallNumber number, std::array<std::uint64_t, 6> args,
                       std::int64_t ret, event::Tid tid = kPid) {
    now += 1000;
    material.trace.syscalls.push_back({.ts = now,
                                       .dur = 500,
                                       .tid = tid,
                                       .pid = kPid,
                                       .number = number,
                                       .args = args,
                                       .ret = ret});
    return material.trace.syscalls.back();
  }
  // Anonymous, private, readable and writable, placed by the kernel.
  event::Syscall& map(std::uint64_t length, std::uint64_t ret, event::Tid tid = kPid) {
    return call(event::SyscallNumber::Mmap,
                {0, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, ~0ULL, 0},
                static_cast<std::int64_t>(ret), tid);
  }
  event::Syscall& unmap(std::uint64_t addr, std::uint64_t length, event::Tid tid = kPid) {
    return call(event::SyscallNumber::Munmap, {addr, length}, 0, tid);
  }
  event::Fault& fault(std::uint64_t addr, std::uint32_t error_code, event::Tid tid = kPid) {
    now += 1000;
    material.faults.push_back(
        {.ts = now, .dur = 500, .addr = addr, .tid = tid, .error_code = error_code});
    return material.faults.back();
  }

  Nanoseconds now = 0;
};

}  // namespace ft::sim::replay::testing
