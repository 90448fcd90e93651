// fork_children N: forks N children one after the other; each maps a page and exits with its number
// modulo 7. Exits with 0 if all came back as they should.
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char** argv) {
  const int children = argc > 1 ? atoi(argv[1]) : 10;
  for (int i = 0; i < children; ++i) {
    const pid_t pid = fork();
    if (pid < 0) return 2;
    if (pid == 0) {
      char* page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (page == MAP_FAILED) _exit(99);
      page[0] = 1;
      _exit(i % 7);
    }
    // Sixteen at a time, so that several run and end at once.
    if (i % 16 == 15 || i == children - 1) {
      int status;
      while (wait(&status) > 0) {
        if (!WIFEXITED(status) || WEXITSTATUS(status) >= 7) return 3;
      }
    }
  }
  return 0;
}
