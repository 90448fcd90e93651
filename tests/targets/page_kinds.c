// Usage: page_kinds FILE: makes a page of each kind, prints "NAME ADDRESS" for each, says "ready"
// and stays. FILE is made, 64 KiB long. What the host does not give is left out.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

#define PAGE 4096UL
#define HUGE (2UL << 20)

static char* map(size_t size, int rights, int flags, int fd) {
  char* memory = mmap(NULL, size, rights, flags, fd, 0);
  if (memory == MAP_FAILED) perror("page_kinds: mmap");
  return memory == MAP_FAILED ? NULL : memory;
}

static char* anonymous(size_t size) {
  char* memory = map(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  if (memory != NULL) madvise(memory, size, MADV_NOHUGEPAGE);
  return memory;
}

static void tell(const char* name, const volatile char* address) {
  printf("%s 0x%lx\n", name, (unsigned long)(uintptr_t)address);
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  char* written = anonymous(16 * PAGE);
  memset(written, 7, 16 * PAGE);
  tell("present", written + 3 * PAGE + 5);

  volatile char* zero = anonymous(16 * PAGE);
  (void)zero[2 * PAGE];
  tell("zero", zero + 2 * PAGE);
  tell("untouched", zero + 9 * PAGE);

  tell("reserved", map(16 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1) + PAGE);

  char* closed = anonymous(16 * PAGE);
  memset(closed, 7, 16 * PAGE);
  mprotect(closed, 16 * PAGE, PROT_NONE);
  tell("closed", closed + PAGE);

  char* guard = anonymous(16 * PAGE);
  guard[0] = 1;
  if (madvise(guard + 4 * PAGE, PAGE, MADV_GUARD_INSTALL) == 0) tell("guard", guard + 4 * PAGE);

  // A megabyte between two huge pages for folios of sizes between: aligned, and large enough.
  char* room = map(4 * HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  char* huge = (char*)(((uintptr_t)room + HUGE - 1) / HUGE * HUGE);
  madvise(huge, 2 * HUGE, MADV_HUGEPAGE);
  for (size_t at = 0; at < 2 * HUGE; at += PAGE) huge[at] = 1;
  tell("huge", huge + HUGE + 100 * PAGE);

  // Too small for a huge page: 64 KiB folios where the host has them switched on.
  char* middle_room = map(HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  char* middle = (char*)(((uintptr_t)middle_room + 65535) / 65536 * 65536);
  madvise(middle, 16 * 65536, MADV_HUGEPAGE);
  for (size_t at = 0; at < 16 * 65536; at += 65536) middle[at] = 1;
  tell("middle", middle + 4 * 65536 + 3 * PAGE);

  const int file = open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0644);
  if (file < 0 || ftruncate(file, 16 * PAGE) != 0) return 1;
  char* shared = map(16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file);
  memset(shared, 7, 16 * PAGE);
  tell("file", shared + 5 * PAGE);
  volatile char* copied = map(16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file);
  (void)copied[PAGE];
  copied[2 * PAGE] = 1;
  tell("private_file", copied + PAGE);
  tell("copied", copied + 2 * PAGE);

  char* common = map(16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
  memset(common, 7, 16 * PAGE);
  tell("shared", common + PAGE);

  char* out = anonymous(64 * PAGE);
  for (size_t i = 0; i < 64 * PAGE; ++i) out[i] = (char)(i * 2654435761U >> 7);
  madvise(out, 64 * PAGE, MADV_PAGEOUT);
  tell("swapped", out + 20 * PAGE);

  puts("ready");
  fflush(stdout);
  pause();
  return 0;
}
