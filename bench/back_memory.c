// back_memory MIB COMMAND ARG...: touches so much memory in huge pages, gives it back, and becomes
// the command.
//
// A virtual machine may tell its hypervisor which memory is free (free page reporting, 2 s after it
// was freed), and touching that again waits until it is supplied. Right after this it is there, so
// that a start's own cost can be measured.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static const size_t kHuge = 2UL << 20;

static int touch(size_t bytes) {
  char* raw = mmap(NULL, bytes + kHuge, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (raw == MAP_FAILED) return 1;
  char* start = (char*)(((size_t)raw + kHuge - 1) & ~(kHuge - 1));
  madvise(start, bytes, MADV_HUGEPAGE);
  for (size_t at = 0; at < bytes; at += 4096) ((volatile char*)start)[at] = 1;
  return 0;
}

int main(int argc, char** argv) {
  const long mebibytes = argc > 2 ? atol(argv[1]) : 0;
  if (mebibytes <= 0) {
    fprintf(stderr, "usage: back_memory MIB COMMAND ARG...\n");
    return 2;
  }
  const pid_t child = fork();
  if (child == 0) _exit(touch((size_t)mebibytes << 20));
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0) {
    fprintf(stderr, "back_memory: %ld MiB could not be touched\n", mebibytes);
    return 1;
  }
  execvp(argv[2], argv + 2);
  fprintf(stderr, "back_memory: %s: %s\n", argv[2], strerror(errno));
  return 127;
}
