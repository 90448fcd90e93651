// The seccomp filter that makes a traced process stop at the followed system calls and at no
// others: everything else runs at full speed. It is inherited by every thread and child and stays
// for life.
#pragma once

#include <linux/filter.h>

#include <vector>

namespace ft::capture::ptrace {

class SyscallFilter {
 public:
  // Stops at event::followed_syscalls() without exit and exit_group, which the tracer sees anyway.
  // Calls of 32-bit programs (int 0x80) and x32 ones pass unseen.
  static SyscallFilter of_followed_calls();

  // Whether this kernel, or the sandbox we run in, lets filters with SECCOMP_RET_TRACE be
  // installed.
  static bool is_available();

  // Installs it for the calling thread. Returns 0 or an errno. Async-signal-safe. Needs no rights:
  // without CAP_SYS_ADMIN it sets no_new_privs first, so set-uid programs run as the caller.
  int install() const;

  const std::vector<sock_filter>& program() const { return program_; }

 private:
  std::vector<sock_filter> program_;
};

}  // namespace ft::capture::ptrace
