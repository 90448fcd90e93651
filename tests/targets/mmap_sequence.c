// Calls each memory system call a known number of times: see kExpected in the tests.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096UL

int main(void) {
  // 10 mappings of 16 pages; 5 of them change protection twice, all get advice, 3 grow.
  char* areas[10];
  for (int i = 0; i < 10; ++i) {
    areas[i] = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (areas[i] == MAP_FAILED) return 1;
    areas[i][0] = 1;
  }
  for (int i = 0; i < 5; ++i) {
    if (mprotect(areas[i], 4 * PAGE, PROT_NONE) != 0) return 2;
    if (mprotect(areas[i], 4 * PAGE, PROT_READ) != 0) return 2;
  }
  for (int i = 0; i < 10; ++i) {
    if (madvise(areas[i], 16 * PAGE, MADV_DONTNEED) != 0) return 3;
  }
  for (int i = 5; i < 8; ++i) {
    areas[i] = mremap(areas[i], 16 * PAGE, 32 * PAGE, MREMAP_MAYMOVE);
    if (areas[i] == MAP_FAILED) return 4;
  }
  for (int i = 0; i < 10; ++i) {
    if (munmap(areas[i], (i >= 5 && i < 8 ? 32 : 16) * PAGE) != 0) return 5;
  }
  // Failing calls count too.
  if (munmap((void*)1, PAGE) == 0) return 6;
  if (mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED) return 7;
  // A file behind a mapping.
  const int fd = (int)syscall(SYS_memfd_create, "sequence", 0);
  if (fd < 0 || ftruncate(fd, 8 * PAGE) != 0 || fallocate(fd, 0, 0, 4 * PAGE) != 0) return 8;
  char* file = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (file == MAP_FAILED) return 9;
  memset(file, 1, 8 * PAGE);
  if (msync(file, 8 * PAGE, MS_SYNC) != 0 || munmap(file, 8 * PAGE) != 0) return 10;
  close(fd);
  return 0;
}
