// threads_exit MODE [N]: how a process with threads can end. Status 42 unless something is wrong.
//   main    N threads map and unmap 10 times each and are joined; main returns
//   other   main waits for ever; another thread calls exit()
//   leader  main leaves by pthread_exit(); another thread calls exit() a little later
//   crash   main waits for ever; another thread dies of SIGSEGV
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

static void* maps_and_unmaps(void* argument) {
  char name[16];
  snprintf(name, sizeof name, "worker %d", (int)(long)argument);
  prctl(PR_SET_NAME, name);
  for (int i = 0; i < 10; ++i) {
    char* page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) _exit(1);
    page[0] = 1;
    if (munmap(page, 4096) != 0) _exit(2);
  }
  return NULL;
}

static void* exits(void* argument) {
  usleep(20000);
  exit((int)(long)argument);
}

static void* crashes(void* argument) {
  usleep(20000);
  *(volatile int*)argument = 1;
  return NULL;
}

int main(int argc, char** argv) {
  alarm(60);  // nobody waits for ever for a test that failed
  const char* mode = argc > 1 ? argv[1] : "main";
  const int count = argc > 2 ? atoi(argv[2]) : 4;
  pthread_t threads[256];
  if (strcmp(mode, "main") == 0) {
    if (count > 256) return 3;
    for (int i = 0; i < count; ++i) {
      if (pthread_create(&threads[i], NULL, maps_and_unmaps, (void*)(long)i) != 0) return 4;
    }
    for (int i = 0; i < count; ++i) pthread_join(threads[i], NULL);
    return 42;
  }
  if (strcmp(mode, "crash") == 0) {
    pthread_create(&threads[0], NULL, crashes, (void*)8);
  } else {
    pthread_create(&threads[0], NULL, exits, (void*)42L);
  }
  if (strcmp(mode, "leader") == 0) pthread_exit(NULL);
  while (1) pause();
}
