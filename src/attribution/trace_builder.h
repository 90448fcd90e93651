// TraceBuilder writes traces for tests: one call a line, a microsecond apart, with stacks given as
// "module!function" from the innermost outwards.
#pragma once

#include <sys/mman.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "event/trace.h"

namespace ft::attribution::testing {

inline constexpr std::uint32_t kRw = PROT_READ | PROT_WRITE;
inline constexpr std::uint32_t kReserve = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
inline constexpr std::uint32_t kCommit = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS;
inline constexpr std::uint32_t kUncommit = kCommit | MAP_NORESERVE;
inline constexpr event::Pid kPid = 100;
inline constexpr std::string_view kLibjvm = "/jdk/lib/server/libjvm.so";
inline constexpr std::string_view kLibc = "/usr/lib/x86_64-linux-gnu/libc.so.6";

using Frames = std::initializer_list<std::string_view>;

class TraceBuilder {
 public:
  event::Trace trace;
  event::Tid tid = kPid;
  event::Pid pid = kPid;
  Nanoseconds now = 0;
  Nanoseconds step = 1000;

  // "jvm!os::init()", "c!malloc", "/path/libfoo.so!bar(int)".
  event::StackId stack(Frames frames) {
    if (frames.size() == 0) return event::kNoStack;
    event::Stack stack;
    stack.pid = pid;
    for (const std::string_view text : frames) {
      const std::size_t bang = text.find('!');
      const std::string_view module = text.substr(0, bang);
      event::Frame frame;
      frame.module = module == "jvm" ? kLibjvm : module == "c" ? kLibc : module;
      frame.symbol = bang == text.npos ? std::string_view() : text.substr(bang + 1);
      stack.frames.push_back(std::move(frame));
    }
    trace.stacks.push_back(std::move(stack));
    return static_cast<event::StackId>(trace.stacks.size() - 1);
  }

  event::FileId file(std::string_view path) {
    for (std::size_t i = 0; i < trace.files.size(); ++i) {
      if (trace.files[i].path == path) return static_cast<event::FileId>(i);
    }
    event::File added;
    added.path = path;
    trace.files.push_back(std::move(added));
    return static_cast<event::FileId>(trace.files.size() - 1);
  }

  event::Syscall& call(event::SyscallNumber number, std::array<std::uint64_t, 6> args,
                       std::int64_t ret, Frames frames = {}) {
    event::Syscall added;
    now += step;
    added.ts = now;
    added.dur = 0;
    added.tid = tid;
    added.pid = pid;
    added.number = number;
    added.args = args;
    added.ret = ret;
    added.stack = stack(frames);
    trace.syscalls.push_back(added);
    return trace.syscalls.back();
  }

  event::Syscall& mmap(std::uint64_t at, std::uint64_t length, std::uint32_t prot,
                       std::uint32_t flags, Frames frames = {}, std::uint64_t hint = 0) {
    const std::uint64_t asked = (flags & MAP_FIXED) != 0 ? at : hint;
    return call(event::SyscallNumber::Mmap, {asked, length, prot, flags, ~std::uint64_t{0}, 0},
                static_cast<std::int64_t>(at), frames);
  }
  event::Syscall& map_file(std::uint64_t at, std::uint64_t length, std::uint32_t prot,
                           std::uint32_t flags, std::string_view path, Frames frames = {},
                           std::uint64_t offset = 0) {
    const event::FileId id = file(path);
    event::Syscall& added = mmap(at, length, prot, flags & ~std::uint32_t{MAP_ANONYMOUS}, frames);
    added.args[4] = 3;
    added.args[5] = offset;
    added.file = id;
    return added;
  }
  event::Syscall& munmap(std::uint64_t at, std::uint64_t length, Frames frames = {}) {
    return call(event::SyscallNumber::Munmap, {at, length}, 0, frames);
  }
  event::Syscall& mprotect(std::uint64_t at, std::uint64_t length, std::uint32_t prot,
                           Frames frames = {}) {
    return call(event::SyscallNumber::Mprotect, {at, length, prot}, 0, frames);
  }
  event::Syscall& brk(std::uint64_t asked, std::uint64_t answer) {
    return call(event::SyscallNumber::Brk, {asked}, static_cast<std::int64_t>(answer));
  }
  void snapshot(std::string_view moment, std::string text) {
    now += step;
    event::Snapshot added;
    added.ts = now;
    added.pid = pid;
    added.moment = moment;
    added.source = "maps";
    added.text = std::move(text);
    trace.snapshots.push_back(std::move(added));
  }
  void thread(event::Tid id, std::string_view name) {
    event::Thread added;
    added.tid = id;
    added.pid = pid;
    added.name = name;
    trace.threads.push_back(std::move(added));
  }
};

}  // namespace ft::attribution::testing
