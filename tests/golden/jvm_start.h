// A small JVM start made by hand: every kind of event once or more, all figures known. Two
// processes; a heap reserved, committed and touched; a huge page; a read before any write; an
// unmapped buffer; a major fault; a fault that ended in a signal; a fault inside a system call.
#pragma once

#include "event/memory_trace.h"

namespace ft::golden {

// What the pieces of the trace are made with, for tests that want a smaller one.
class TraceMaker {
 public:
  event::MemoryTrace trace;

  event::StackId stack(std::initializer_list<const char*> symbols);
  event::Syscall& call(Nanoseconds ts, Nanoseconds dur, event::SyscallNumber number,
                       std::array<std::uint64_t, 6> args, std::int64_t ret);
  // Puts the last call made into the trace, as it now stands.
  void put_call();
  void fault(Nanoseconds ts, Nanoseconds dur, std::uint64_t addr, std::uint32_t error_code,
             int order = -1, event::FaultKind kind = event::FaultKind::Minor);
  // A page table taken while the thread handled a fault.
  void page_table(Nanoseconds ts);

  event::Pid pid = 4242;
  event::Tid tid = 4242;

 private:
  event::Syscall pending_;
  event::StackId stacks_ = 0;
  std::uint64_t pfn_ = 1000;
};

void make_jvm_start(TraceMaker& maker);

// A log of strace as import makes it: calls alone.
void make_imported_log(TraceMaker& maker);

}  // namespace ft::golden
