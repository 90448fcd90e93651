// walltime COMMAND ARG...: runs the command and appends one line to the file $WALLTIME_FILE names,
//
//   START END STATUS MINOR_FAULTS MAJOR_FAULTS
//
// START and END being CLOCK_MONOTONIC in nanoseconds, taken just before the command is executed and
// when it has ended. A recorder that runs walltime is therefore measured by what it does to the
// target's life, not by its own start and end; those follow from its own start and end times, which
// the caller knows on the same clock. Exits with the command's status, 128+N if signal N ended it.
//
// Linked statically, so that it adds next to nothing to what is recorded.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int fail(const char* what) {
  fprintf(stderr, "walltime: %s: %s\n", what, strerror(errno));
  return 125;
}

static int append(const char* path, long long start, long long end, int status,
                  const struct rusage* usage) {
  FILE* out = fopen(path, "a");
  if (!out) return fail(path);
  fprintf(out, "%lld %lld %d %ld %ld\n", start, end, status, usage->ru_minflt, usage->ru_majflt);
  return fclose(out) == 0 ? status : fail(path);
}

int main(int argc, char** argv) {
  const char* path = getenv("WALLTIME_FILE");
  if (argc < 2 || !path) {
    fprintf(stderr, "usage: WALLTIME_FILE=FILE walltime COMMAND ARG...\n");
    return 2;
  }
  volatile long long* start =
      mmap(NULL, sizeof *start, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return fail("mmap");

  pid_t child = fork();
  if (child < 0) return fail("fork");
  if (child == 0) {
    *start = now();
    execvp(argv[1], argv + 1);
    const int status = errno == ENOENT ? 127 : 126;
    fail(argv[1]);
    _exit(status);
  }
  int wait_status = 0;
  struct rusage usage;
  while (wait4(child, &wait_status, 0, &usage) < 0) {
    if (errno != EINTR) return fail("wait4");
  }
  long long end = now();
  int status = WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
  return append(path, *start, end, status, &usage);
}
