#include "recording/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/fd.h"

namespace ft::recording {

namespace {

Result<void> write_all(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return fail_errno(path, errno, "free some space, or write elsewhere with -o");
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

// Whether there is a regular file of that name; anything else there is an Error.
Result<bool> regular_file_exists(const std::string& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return false;
    return fail_errno(path, errno);
  }
  if (S_ISREG(status.st_mode)) return true;
  return fail(path, "is not a regular file", "name another file with -o");
}

Result<void> rename_file(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return fail_errno(from + " to " + to, errno);
  return {};
}

// The journal, if any, goes where its file goes: it would be rolled back into a file that takes the
// old name.
Result<void> rename_recording(const std::string& from, const std::string& to) {
  FT_TRY_VOID(rename_file(from, to));
  const std::string journal = journal_of(to);
  if (::rename(journal_of(from).c_str(), journal.c_str()) == 0) return {};
  if (errno != ENOENT) return fail_errno(journal_of(from), errno);
  ::unlink(journal.c_str());
  return {};
}

}  // namespace

std::string journal_of(const std::string& path) {
  return path + "-journal";
}

Result<void> place_file(const std::string& path, const std::string& content,
                        std::optional<FileOwner> owner) {
  FT_TRY(regular_file_exists(path));
  std::string temporary = path + ".XXXXXX";
  const Fd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd.valid()) return fail_errno(path, errno, "write elsewhere with -o");
  const auto filled = [&]() -> Result<void> {
    FT_TRY_VOID(write_all(fd.get(), content, path));
    if (owner && ::fchown(fd.get(), owner->user, owner->group) != 0) {
      return fail_errno(path + ": giving it to its user", errno);
    }
    // A journal left behind by a killed recorder would be rolled back into the new file.
    if (::unlink(journal_of(path).c_str()) != 0 && errno != ENOENT) {
      return fail_errno(journal_of(path), errno);
    }
    return rename_file(temporary, path);
  }();
  if (!filled) ::unlink(temporary.c_str());
  return filled;
}

Result<bool> rotate_existing(const std::string& path) {
  if (!FT_TRY(regular_file_exists(path))) return false;
  FT_TRY(regular_file_exists(path + ".old"));
  FT_TRY_VOID(rename_recording(path, path + ".old"));
  return true;
}

Result<void> restore_rotated(const std::string& path) {
  return rename_recording(path + ".old", path);
}

void remove_recording(const std::string& path) {
  ::unlink(path.c_str());
  ::unlink(journal_of(path).c_str());
}

}  // namespace ft::recording
