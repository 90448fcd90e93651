// use_pages MAPPED USED MILLISECONDS: touches MAPPED pages once, says "mapped", and then uses the
// first USED of them over and over for so long.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  long mapped = atol(argv[1]);
  long used = atol(argv[2]);
  long milliseconds = atol(argv[3]);
  if (mapped < 1 || mapped > 1000000 || used < 1 || used > mapped) return 2;
  volatile char* pages =
      mmap(NULL, (size_t)mapped * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return 1;
  madvise((void*)pages, (size_t)mapped * 4096, MADV_NOHUGEPAGE);
  for (long page = 0; page < mapped; ++page) pages[page * 4096] = 1;
  if (write(STDOUT_FILENO, "mapped\n", 7) != 7) return 1;
  int64_t end = now_ns() + milliseconds * INT64_C(1000000);
  long rounds = 0;
  do {
    for (long page = 0; page < used; ++page) ++pages[page * 4096];
    ++rounds;
  } while (now_ns() < end);
  printf("%ld rounds\n", rounds);
  return 0;
}
