#include "capture/bpf/libbpf_call.h"

#include <bpf/libbpf.h>
#include <sys/resource.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <string_view>

#include "base/text.h"

namespace ft::capture::bpf {

namespace {

constexpr std::size_t kMostKept = 4096;

thread_local std::string kept;

int keep_message(libbpf_print_level level, const char* format, std::va_list arguments) {
  if (level != LIBBPF_WARN) return 0;
  std::array<char, 512> line{};
  const int length = std::vsnprintf(line.data(), line.size(), format, arguments);
  if (kept.size() < kMostKept) kept += line.data();
  return length;
}

}  // namespace

void keep_libbpf_messages() {
  libbpf_set_print(keep_message);
  kept.clear();
}

std::string libbpf_message() {
  const std::string_view text = kept;
  return std::string(trim(text.substr(0, text.find('\n'))));
}

int without_memlock_limit(const std::function<int()>& load) {
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  rlimit before{};
  const bool known = ::getrlimit(RLIMIT_MEMLOCK, &before) == 0;
  ::setrlimit(RLIMIT_MEMLOCK, &unlimited);
  const int result = load();
  if (known) ::setrlimit(RLIMIT_MEMLOCK, &before);
  return result;
}

}  // namespace ft::capture::bpf
