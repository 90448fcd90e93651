// Preloaded into a JVM: whatever commits memory of its heap asks the kernel to bring it in at once.
// The heap is what is reserved first with 4 GiB and more.
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/types.h>

typedef void* (*Mmap)(void*, size_t, int, int, int, off_t);

static uintptr_t heap_start;
static uintptr_t heap_end;

void* mmap(void* address, size_t length, int prot, int flags, int fd, off_t offset) {
  static Mmap next;
  if (!next) next = (Mmap)dlsym(RTLD_NEXT, "mmap");
  const int commit = MAP_FIXED | MAP_ANONYMOUS;
  const uintptr_t start = (uintptr_t)address;
  const int in_heap = start >= heap_start && start < heap_end;
  if (in_heap && (flags & commit) == commit && (prot & PROT_WRITE) != 0) flags |= MAP_POPULATE;
  void* got = next(address, length, prot, flags, fd, offset);
  if (heap_end == 0 && got != MAP_FAILED && prot == PROT_NONE && length >= (4UL << 30U)) {
    heap_start = (uintptr_t)got;
    heap_end = heap_start + length;
  }
  return got;
}

void* mmap64(void* address, size_t length, int prot, int flags, int fd, off_t offset)
    __attribute__((alias("mmap")));
