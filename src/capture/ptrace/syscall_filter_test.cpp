#include "capture/ptrace/syscall_filter.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

#include "event/syscall_table.h"

namespace ft::capture::ptrace {
namespace {

// The few instructions the filter is made of, as the kernel executes them.
std::uint32_t decide(const std::vector<sock_filter>& program, std::uint32_t arch,
                     std::uint32_t number) {
  seccomp_data data{};
  data.nr = static_cast<int>(number);
  data.arch = arch;
  std::uint32_t accumulator = 0;
  for (std::size_t at = 0; at < program.size(); ++at) {
    const sock_filter& instruction = program[at];
    switch (instruction.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + instruction.k, 4);
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        at += accumulator == instruction.k ? instruction.jt : instruction.jf;
        break;
      case BPF_RET | BPF_K:
        return instruction.k;
      default:
        ADD_FAILURE() << "unknown instruction " << instruction.code;
        return 0;
    }
  }
  ADD_FAILURE() << "ran off the end";
  return 0;
}

TEST(SyscallFilter, TracesTheFollowedCallsAndAllowsAllOthers) {
  const SyscallFilter filter = SyscallFilter::of_followed_calls();
  for (std::uint32_t number = 0; number < 1024; ++number) {
    const auto call = static_cast<event::SyscallNumber>(number);
    const bool ends = call == event::SyscallNumber::Exit || call == event::SyscallNumber::ExitGroup;
    const bool traced = event::find_shape(call) && !ends;
    EXPECT_EQ(decide(filter.program(), AUDIT_ARCH_X86_64, number),
              traced ? SECCOMP_RET_TRACE : SECCOMP_RET_ALLOW)
        << number;
  }
}

TEST(SyscallFilter, LeavesOtherArchitecturesAlone) {
  const SyscallFilter filter = SyscallFilter::of_followed_calls();
  for (std::uint32_t number = 0; number < 512; ++number) {
    EXPECT_EQ(decide(filter.program(), AUDIT_ARCH_I386, number), SECCOMP_RET_ALLOW);
    constexpr std::uint32_t kX32 = 0x4000'0000;
    EXPECT_EQ(decide(filter.program(), AUDIT_ARCH_X86_64, kX32 | number), SECCOMP_RET_ALLOW);
  }
}

TEST(SyscallFilter, TheKernelAcceptsItFromAnOrdinaryUser) {
  if (!SyscallFilter::is_available()) GTEST_SKIP() << "seccomp filters are not allowed here";
  const SyscallFilter filter = SyscallFilter::of_followed_calls();
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) ::_exit(98);
    ::_exit(filter.install());
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0) << std::strerror(WEXITSTATUS(status));
}

}  // namespace
}  // namespace ft::capture::ptrace
