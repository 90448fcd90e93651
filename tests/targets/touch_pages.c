// touch_pages N [THREADS]: maps N pages, touches each once (with THREADS, each thread its own
// share), prints "address N minflt majflt": the address of the mapping and what getrusage counted
// meanwhile.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

static char* area;
static long pages;
static int threads;

static void* touch(void* argument) {
  for (long page = (long)argument; page < pages; page += threads) area[page * 4096] = 1;
  return NULL;
}

int main(int argc, char** argv) {
  pages = argc > 1 ? atol(argv[1]) : 1000;
  threads = argc > 2 ? atoi(argv[2]) : 1;
  if (pages < 1 || threads < 1 || threads > 64) return 2;
  area =
      mmap(NULL, (size_t)pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (area == MAP_FAILED) return 1;
  madvise(area, (size_t)pages * 4096, MADV_NOHUGEPAGE);
  struct rusage before;
  struct rusage after;
  getrusage(RUSAGE_SELF, &before);
  if (threads == 1) {
    touch(NULL);
  } else {
    pthread_t ids[64];
    for (long i = 0; i < threads; ++i) pthread_create(&ids[i], NULL, touch, (void*)i);
    for (long i = 0; i < threads; ++i) pthread_join(ids[i], NULL);
  }
  getrusage(RUSAGE_SELF, &after);
  printf("%p %ld %ld %ld\n", (void*)area, pages, after.ru_minflt - before.ru_minflt,
         after.ru_majflt - before.ru_majflt);
  return 0;
}
