// stop_floor NUMBER,NUMBER,... COMMAND ARG...: runs the command so that the system calls of these
// numbers stop at their entry and their exit, and does nothing at a stop but go on.
//
// What the ptrace recorder cannot be cheaper than: two stops a call are the price of seeing its
// arguments and its result, before a register is read or a byte written. Exits with the command's
// status, 125 if it could not be run.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_CALLS = 128 };

static int install_filter(char* numbers) {
  struct sock_filter program[2 * MOST_CALLS + 4];
  unsigned short length = 0;
  program[length++] =
      (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (char* word = strtok(numbers, ","); word && length < 2 * MOST_CALLS;
       word = strtok(NULL, ",")) {
    program[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
                                                     (unsigned)strtoul(word, NULL, 10), 0, 1);
    program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
  }
  program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  const struct sock_fprog filter = {length, program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter);
}

static int fail(const char* what) {
  fprintf(stderr, "stop_floor: %s: %s\n", what, strerror(errno));
  return 125;
}

int main(int argc, char** argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: stop_floor NUMBER,NUMBER,... COMMAND ARG...\n");
    return 2;
  }
  const pid_t child = fork();
  if (child < 0) return fail("fork");
  if (child == 0) {
    raise(SIGSTOP);
    if (install_filter(argv[1]) != 0) _exit(fail("seccomp"));
    execvp(argv[2], argv + 2);
    _exit(fail(argv[2]));
  }
  int status = 0;
  waitpid(child, &status, WUNTRACED);
  const long options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE |
                       PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_EXITKILL;
  if (ptrace(PTRACE_SEIZE, child, NULL, options) != 0) return fail("ptrace");
  kill(child, SIGCONT);
  int child_status = 0;
  for (;;) {
    const pid_t tid = waitpid(-1, &status, __WALL);
    if (tid < 0) break;
    if (!WIFSTOPPED(status)) {
      if (tid == child) child_status = status;
      continue;
    }
    const int event = status >> 16;
    const int signal = WSTOPSIG(status);
    const int passed_on =
        event == 0 && signal != (SIGTRAP | 0x80) && signal != SIGSTOP ? signal : 0;
    ptrace(event == PTRACE_EVENT_SECCOMP ? PTRACE_SYSCALL : PTRACE_CONT, tid, NULL, passed_on);
  }
  return WIFEXITED(child_status) ? WEXITSTATUS(child_status) : 128 + WTERMSIG(child_status);
}
