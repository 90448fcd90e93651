// Usage: many_mappings N MEBIBYTES: makes N mappings that the kernel cannot join, and that many
// MiB of touched memory spread over them; says "ready" and stays. The C library's own come on top.
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const long count = atol(argv[1]);
  const long pages_each = atol(argv[2]) * 256 / (count > 0 ? count : 1);
  const long size = (pages_each > 0 ? pages_each : 1) * 4096;
  for (long i = 0; i < count; ++i) {
    const int protection = i % 2 ? PROT_READ | PROT_WRITE : PROT_READ | PROT_WRITE | PROT_EXEC;
    char* area = mmap(NULL, (size_t)size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED) return 1;
    for (long page = 0; page < pages_each; ++page) area[page * 4096] = 1;
  }
  puts("ready");
  fflush(stdout);
  pause();
  return 0;
}
