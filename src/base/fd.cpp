#include "base/fd.h"

#include <fcntl.h>

#include <cerrno>

namespace ft {

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return fail_errno(path, errno);
  std::string text;
  std::size_t used = 0;
  while (true) {
    if (text.size() - used < 32768) text.resize(used + 131072);
    const ssize_t got = ::read(fd.get(), text.data() + used, text.size() - used);
    if (got < 0) {
      if (errno == EINTR) continue;
      return fail_errno(path, errno);
    }
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
    if (used > limit) return fail_errno(path, EFBIG);
  }
  text.resize(used);
  return text;
}

}  // namespace ft
