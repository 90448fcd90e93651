// touch_on_signal N: maps memory and says "ready"; then, for each SIGUSR1, touches N pages of it
// that were not touched before and says "touched". In between it does nothing.
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST_SIGNALS = 16 };

int main(int argc, char** argv) {
  long pages = argc > 1 ? atol(argv[1]) : 1000;
  if (pages < 1 || pages > 1000000) return 2;
  size_t bytes = (size_t)pages * 4096 * MOST_SIGNALS;
  char* next = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (next == MAP_FAILED) return 1;
  madvise(next, bytes, MADV_NOHUGEPAGE);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGUSR1);
  sigprocmask(SIG_BLOCK, &signals, NULL);
  if (write(STDOUT_FILENO, "ready\n", 6) != 6) return 1;
  for (int count = 0; count < MOST_SIGNALS; ++count) {
    int signal;
    if (sigwait(&signals, &signal) != 0) return 1;
    for (long page = 0; page < pages; ++page, next += 4096) *next = 1;
    if (write(STDOUT_FILENO, "touched\n", 8) != 8) return 1;
  }
  return 0;
}
