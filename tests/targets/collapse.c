// Usage: collapse N: has the kernel make N huge pages of small ones (MADV_COLLAPSE), one a call,
// and prints how many of the calls did.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

#define HUGE (2UL << 20)

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const size_t blocks = strtoul(argv[1], NULL, 10);
  char* memory =
      mmap(NULL, (blocks + 1) * HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 1;
  char* first = (char*)(((uintptr_t)memory + HUGE - 1) & ~(HUGE - 1));
  size_t done = 0;
  for (size_t i = 0; i < blocks; ++i) {
    char* block = first + i * HUGE;
    block[0] = 1;  // one page is enough
    done += madvise(block, HUGE, MADV_COLLAPSE) == 0;
  }
  printf("%zu\n", done);
  return 0;
}
