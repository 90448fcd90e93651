// touch PAGES: maps that many pages of anonymous memory and writes one byte to each, in order: one
// page fault a page. Small pages, whatever the host's transparent huge page setting.
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: touch PAGES\n");
    return 2;
  }
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  const size_t length = strtoull(argv[1], NULL, 10) * page;
  char* memory = mmap(NULL, length, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    perror("touch: mmap");
    return 1;
  }
  madvise(memory, length, MADV_NOHUGEPAGE);
  for (size_t at = 0; at < length; at += page) memory[at] = 1;
  return 0;
}
