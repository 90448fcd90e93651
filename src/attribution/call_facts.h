// CallFacts reads a trace's stacks once for what attribution asks of them: the HotSpot rule a stack
// obeys, and who called the C library's mmap (HotSpot, malloc, the loader, another module).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "event/trace.h"
#include "jvm/stack_rules.h"

namespace ft::attribution {

enum class Caller : std::uint8_t {
  Unknown,  // no stack, or nothing above the system call wrapper
  Libc,     // malloc, pthread_create, stdio ...
  Loader,   // ld.so
  Libjvm,
  Other,  // any other module: `module` says which
};

struct StackFacts {
  const jvm::StackRule* rule = nullptr;
  Caller caller = Caller::Unknown;
  bool only_libc = false;       // frame pointers broke off inside the C library: the owner is lost
  bool through_libjvm = false;  // any frame
  bool direct_buffer = false;   // Unsafe.allocateMemory
  bool file_channel = false;    // FileChannel.map
  std::string_view module;      // of the caller
  std::string_view malloc_purpose;  // for Caller::Libc
};

class CallFacts {
 public:
  explicit CallFacts(const event::Trace& trace);

  // Facts of a stack id; those of an empty stack where there is none.
  const StackFacts& of(event::StackId id);
  const StackFacts& of(const event::Syscall& call) { return of(call.stack); }

 private:
  StackFacts read(const event::Stack& stack) const;

  const event::Trace& trace_;
  std::vector<StackFacts> facts_;
  std::vector<bool> known_;
  StackFacts none_;
};

std::string_view base_name(std::string_view path);
bool is_libc(std::string_view module);
bool is_loader(std::string_view module);

}  // namespace ft::attribution
