#include "program_files.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>

#include "base/units.h"

namespace ft::differential {

namespace {

// Opened once more, so that the descriptor has another mode than the file was made with.
Result<Fd> reopen(const Fd& file, int flags) {
  const std::string path = "/proc/self/fd/" + std::to_string(file.get());
  Fd again(::open(path.c_str(), flags | O_CLOEXEC));
  if (!again.valid()) return fail_errno(path, errno);
  return again;
}

Result<Fd> make_memory_file(const File& file) {
  Fd memory(::memfd_create("file", MFD_CLOEXEC));
  if (!memory.valid()) return fail_errno("memfd_create", errno);
  if (::ftruncate(memory.get(), static_cast<off_t>(file.size)) != 0)
    return fail_errno("ftruncate", errno);
  switch (file.mode) {
    case File::Mode::ReadWrite:
      return memory;
    case File::Mode::ReadOnly:
      return reopen(memory, O_RDONLY);
    case File::Mode::WriteOnly:
      return reopen(memory, O_WRONLY);
  }
  return memory;
}

// Written page by page, so that the page cache holds single pages whatever the filesystem could do,
// and written back, so that nothing happens to the pages later.
Result<Fd> make_disk_file(std::uint64_t size) {
  const char* folder = std::getenv("TMPDIR");
  if (!folder) folder = "/var/tmp";
  Fd file(::open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file.valid()) return fail_errno(std::string("a file in ") + folder, errno);
  struct statfs facts{};
  if (::fstatfs(file.get(), &facts) == 0 && facts.f_type == TMPFS_MAGIC)
    return fail(folder, "is in memory", "set TMPDIR to a folder on a disk");
  const std::array<char, kPageSize> zeros{};
  for (std::uint64_t at = 0; at < size; at += kPageSize) {
    const std::size_t bytes = std::min<std::uint64_t>(kPageSize, size - at);
    if (::pwrite(file.get(), zeros.data(), bytes, static_cast<off_t>(at)) !=
        static_cast<ssize_t>(bytes))
      return fail_errno("write", errno);
  }
  if (::fsync(file.get()) != 0) return fail_errno("fsync", errno);
  return reopen(file, O_RDONLY);
}

}  // namespace

Result<ProgramFiles> ProgramFiles::make(const std::vector<File>& files) {
  ProgramFiles made;
  for (const File& file : files) FT_TRY_VOID(made.add(file));
  return made;
}

Result<void> ProgramFiles::add(const File& file) {
  const int number = static_cast<int>(descriptors_.size());
  owned_.push_back(file.kind == File::Kind::Disk ? FT_TRY(make_disk_file(file.size))
                                                 : FT_TRY(make_memory_file(file)));
  descriptors_.push_back(owned_.back().get());
  resizable_.push_back(file.kind == File::Kind::Memory && file.mode == File::Mode::ReadWrite);
  struct stat facts{};
  if (::fstat(descriptors_.back(), &facts) != 0) return fail_errno("fstat", errno);
  numbers_.emplace(FileIdentity{major(facts.st_dev), minor(facts.st_dev), facts.st_ino}, number);
  return {};
}

std::int64_t ProgramFiles::truncate(int file, std::uint64_t size) {
  const auto number = static_cast<std::size_t>(file);
  if (file < 0 || number >= descriptors_.size() || !resizable_[number]) return -EBADF;
  if (::ftruncate(descriptors_[number], static_cast<off_t>(size)) != 0) return -errno;
  return 0;
}

}  // namespace ft::differential
