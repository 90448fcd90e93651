#include "output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

namespace ft::app {

namespace {

mode_t usual_mode() {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return 0666 & ~mask;
}

bool is_special(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode);
}

}  // namespace

Output::Output(Output&& other) noexcept
    : file_(std::move(other.file_)),
      fd_(other.fd_),
      path_(std::exchange(other.path_, {})),
      temporary_(std::exchange(other.temporary_, {})),
      error_(other.error_) {}

Output::~Output() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<Output> Output::open(const std::string& path) {
  ::signal(SIGPIPE, SIG_IGN);
  Output output;
  if (path.empty()) return output;
  output.path_ = path;
  if (is_special(path)) {
    output.file_ = Fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!output.file_.valid()) return fail_errno(path, errno);
  } else {
    std::string name = path + ".XXXXXX";
    output.file_ = Fd(::mkostemp(name.data(), O_CLOEXEC));
    if (!output.file_.valid()) return fail_errno(path, errno);
    output.temporary_ = std::move(name);
    ::fchmod(output.file_.get(), usual_mode());
  }
  output.fd_ = output.file_.get();
  return output;
}

bool Output::write(std::string_view text) {
  while (!text.empty() && error_ == 0) {
    const ssize_t written = ::write(fd_, text.data(), text.size());
    if (written < 0) {
      if (errno != EINTR) error_ = errno;
      continue;
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return error_ == 0;
}

Result<void> Output::finish() {
  if (error_ == EPIPE) return {};
  const std::string name = path_.empty() ? "standard output" : path_;
  if (error_ != 0) return fail_errno(name, error_);
  if (temporary_.empty()) return {};
  if (::close(file_.release()) != 0) return fail_errno(name, errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return fail_errno(name, errno);
  temporary_.clear();
  return {};
}

}  // namespace ft::app
