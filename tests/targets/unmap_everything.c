// Unmaps its whole address space, its own code included, by one munmap: dies of SIGSEGV.
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
  syscall(SYS_munmap, 0, 0x7ffffffff000);
  return 1;
}
