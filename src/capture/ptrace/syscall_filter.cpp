#include "capture/ptrace/syscall_filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "event/syscall_table.h"

namespace ft::capture::ptrace {

SyscallFilter SyscallFilter::of_followed_calls() {
  std::vector<std::uint32_t> numbers;
  for (const event::SyscallShape& shape : event::followed_syscalls()) {
    if (shape.number == event::SyscallNumber::Exit) continue;
    if (shape.number == event::SyscallNumber::ExitGroup) continue;
    numbers.push_back(static_cast<std::uint32_t>(shape.number));
  }

  SyscallFilter filter;
  auto& program = filter.program_;
  const auto count = static_cast<std::uint8_t>(numbers.size());
  program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)));
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0,
                             static_cast<std::uint8_t>(count + 1)));
  program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
  // One comparison each. The kernel remembers which numbers are always allowed and does not even
  // run the program for them (since 5.11).
  for (std::uint8_t i = 0; i < count; ++i) {
    const auto to_trace = static_cast<std::uint8_t>(count - i);
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, numbers[i], to_trace, 0));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE));
  return filter;
}

bool SyscallFilter::is_available() {
  std::uint32_t action = SECCOMP_RET_TRACE;
  return ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

int SyscallFilter::install() const {
  const sock_fprog program{static_cast<unsigned short>(program_.size()),
                           const_cast<sock_filter*>(program_.data())};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0) return 0;
  if (errno != EACCES) return errno;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0 ? 0 : errno;
}

}  // namespace ft::capture::ptrace
