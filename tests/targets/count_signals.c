// Prints "ready", then counts SIGINT, SIGTERM, SIGHUP, SIGQUIT and SIGUSR1 until SIGUSR2 comes,
// prints "INT TERM HUP QUIT USR1" as numbers, exits with 5. Mapping a page each round gives a
// recorder something to see.
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static volatile sig_atomic_t counts[65];

static void count(int signal) {
  ++counts[signal];
}

int main(void) {
  alarm(60);  // nobody waits for ever for a test that failed
  static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
  for (unsigned i = 0; i < sizeof signals / sizeof signals[0]; ++i) {
    struct sigaction action = {.sa_handler = count};
    sigaction(signals[i], &action, NULL);
  }
  printf("ready\n");
  fflush(stdout);
  while (counts[SIGUSR2] == 0) {
    void* page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page, 4096);
    usleep(1000);
  }
  printf("%d %d %d %d %d\n", (int)counts[SIGINT], (int)counts[SIGTERM], (int)counts[SIGHUP],
         (int)counts[SIGQUIT], (int)counts[SIGUSR1]);
  return 5;
}
