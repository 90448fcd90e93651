// Prints what a process was given by who started it, one "key value" line each; copies stdin to
// stdout last where the argument "cat" is given.
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

extern char** environ;

static void print_descriptors(void) {
  DIR* directory = opendir("/proc/self/fd");
  printf("fds");
  for (struct dirent* entry; (entry = readdir(directory));) {
    if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(directory))
      printf(" %s", entry->d_name);
  }
  printf("\n");
  closedir(directory);
}

static void print_signals(void) {
  sigset_t mask;
  sigprocmask(SIG_SETMASK, NULL, &mask);
  printf("blocked");
  for (int i = 1; i < 65; ++i) {
    if (sigismember(&mask, i) == 1) printf(" %d", i);
  }
  printf("\nignored");
  for (int i = 1; i < 65; ++i) {
    struct sigaction action;
    if (sigaction(i, NULL, &action) == 0 && action.sa_handler == SIG_IGN) printf(" %d", i);
  }
  printf("\n");
}

int main(int argc, char** argv) {
  char cwd[4096];
  printf("cwd %s\n", getcwd(cwd, sizeof cwd) ? cwd : "?");
  print_descriptors();
  print_signals();
  const mode_t mask = umask(0);
  printf("umask %03o\n", (unsigned)mask);
  printf("nice %d\n", getpriority(PRIO_PROCESS, 0));
  struct rlimit files;
  struct rlimit locked;
  getrlimit(RLIMIT_NOFILE, &files);
  getrlimit(RLIMIT_MEMLOCK, &locked);
  printf("limits %lu %lu %lu %lu\n", files.rlim_cur, files.rlim_max, locked.rlim_cur,
         locked.rlim_max);
  printf("group %d session %d\n", getpgrp(), getsid(0));
  printf("ids %u %u %u %u\n", getuid(), geteuid(), getgid(), getegid());
  int death_signal = -1;
  prctl(PR_GET_PDEATHSIG, &death_signal);
  printf("death-signal %d\n", death_signal);
  char line[256];
  FILE* score = fopen("/proc/self/oom_score_adj", "r");
  printf("oom %s", score && fgets(line, sizeof line, score) ? line : "?\n");
  if (score) fclose(score);
  for (char** variable = environ; *variable; ++variable) printf("env %s\n", *variable);
  for (int i = 0; i < argc; ++i) printf("argv %s\n", argv[i]);
  if (argc > 1 && strcmp(argv[1], "cat") == 0) {
    for (int c; (c = getchar()) != EOF;) putchar(c);
  }
  return 0;
}
