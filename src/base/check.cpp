#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace ft {

void check_failed(const char* file, int line, const char* expression) {
  std::fprintf(stderr, "firsttouch: %s:%d: this must hold, and did not: %s (please report this)\n",
               file, line, expression);
  std::abort();
}

}  // namespace ft
