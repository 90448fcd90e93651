// FT_CHECK states what must hold if our own code is right; it is always on and aborts with the
// place and the expression. It never judges input: files, logs and the host answer with a Result.
#pragma once

namespace ft {

[[noreturn]] void check_failed(const char* file, int line, const char* expression);

}  // namespace ft

#define FT_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::ft::check_failed(__FILE__, __LINE__, #condition))
