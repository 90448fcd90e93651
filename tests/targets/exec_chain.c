// exec_chain N [MODE]: executes itself N times more, then exits with 42.
//   plain   from the only thread
//   thread  from a thread that is not the leader
//   vfork   each link is a child made by vfork; the status is handed up
//   spawn   likewise by posix_spawn
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;
static char* next[4];

static void* execute(void* argument) {
  (void)argument;
  execv("/proc/self/exe", next);
  _exit(1);
}

static int status_of(pid_t pid) {
  int status;
  if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return 98;
  return WEXITSTATUS(status);
}

int main(int argc, char** argv) {
  const int left = argc > 1 ? atoi(argv[1]) : 3;
  const char* mode = argc > 2 ? argv[2] : "plain";
  if (left <= 0) return 42;
  char number[16];
  snprintf(number, sizeof number, "%d", left - 1);
  next[0] = argv[0];
  next[1] = number;
  next[2] = (char*)mode;
  if (strcmp(mode, "thread") == 0) {
    pthread_t thread;
    pthread_create(&thread, NULL, execute, NULL);
    while (1) pause();
  }
  if (strcmp(mode, "vfork") == 0) {
    const pid_t pid = vfork();
    if (pid == 0) {
      execv("/proc/self/exe", next);
      _exit(1);
    }
    return status_of(pid);
  }
  if (strcmp(mode, "spawn") == 0) {
    pid_t pid;
    if (posix_spawn(&pid, "/proc/self/exe", NULL, NULL, next, environ) != 0) return 97;
    return status_of(pid);
  }
  execute(NULL);
}
