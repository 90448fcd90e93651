// many_areas AREAS PAGES: makes that many mappings, spreads that many written small pages over
// every other one of them, says "ready" and waits to be killed.
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: many_areas AREAS PAGES\n");
    return 2;
  }
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  const size_t areas = strtoull(argv[1], NULL, 10);
  const size_t pages = strtoull(argv[2], NULL, 10);
  const size_t written = areas / 2 > 0 ? areas / 2 : 1;
  const size_t each = (pages + written - 1) / written;
  for (size_t i = 0; i < areas; ++i) {
    // Rights that differ from the neighbour's keep the kernel from joining them.
    const int write = i % 2 == 0;
    char* memory = mmap(NULL, (write ? each : 1) * page, write ? PROT_READ | PROT_WRITE : PROT_READ,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
      perror("many_areas: mmap");
      return 1;
    }
    if (!write) continue;
    madvise(memory, each * page, MADV_NOHUGEPAGE);
    for (size_t at = 0; at < each * page; at += page) memory[at] = 1;
  }
  puts("ready");
  fflush(stdout);
  pause();
  return 0;
}
