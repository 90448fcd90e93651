// nested MODE: things a traced process may try that meet the tracer's own means. Exits with 42
// where all went as it should.
//   seccomp  installs a filter of its own that allows everything, then maps
//   strict   a filter that makes getppid() fail with EPERM; checks that it does
//   ptrace   a child asks to be traced by us: either refused or works, must not hang
//   stop     a child in a process group of its own stops itself and is continued
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int install(unsigned number, unsigned action) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, action),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {4, code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int maps(void) {
  void* page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return page != MAP_FAILED && munmap(page, 4096) == 0;
}

static int traced_child(void) {
  const pid_t pid = fork();
  if (pid == 0) {
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) _exit(errno == EPERM ? 7 : 8);
    raise(SIGSTOP);
    _exit(maps() ? 9 : 10);
  }
  int status;
  if (waitpid(pid, &status, 0) != pid) return 1;
  if (WIFEXITED(status)) return WEXITSTATUS(status) == 7 ? 42 : 2;
  if (!WIFSTOPPED(status)) return 3;
  ptrace(PTRACE_CONT, pid, NULL, NULL);
  if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return 4;
  return WEXITSTATUS(status) == 9 ? 42 : 5;
}

static int stopped_child(void) {
  const pid_t pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    if (!maps()) _exit(1);
    raise(SIGSTOP);
    _exit(maps() ? 11 : 1);
  }
  int status;
  if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status)) return 1;
  kill(pid, SIGCONT);
  if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return 2;
  return WEXITSTATUS(status) == 11 ? 42 : 3;
}

int main(int argc, char** argv) {
  const char* mode = argc > 1 ? argv[1] : "seccomp";
  if (strcmp(mode, "seccomp") == 0) {
    if (install(SYS_getppid, SECCOMP_RET_ALLOW) != 0) return 1;
    return maps() ? 42 : 2;
  }
  if (strcmp(mode, "strict") == 0) {
    if (install(SYS_getppid, SECCOMP_RET_ERRNO | EPERM) != 0) return 1;
    if (syscall(SYS_getppid) != -1 || errno != EPERM) return 2;
    return maps() ? 42 : 3;
  }
  if (strcmp(mode, "ptrace") == 0) return traced_child();
  if (strcmp(mode, "stop") == 0) return stopped_child();
  return 99;
}
