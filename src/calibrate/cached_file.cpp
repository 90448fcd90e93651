#include "calibrate/cached_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/units.h"
#include "jvm/installation.h"

namespace ft::calibrate {

namespace {

// The JVM's library; else this program, which lies where programs lie.
std::string file_to_map() {
  const std::string libjvm = jvm::libjvm_of_command("java");
  return !libjvm.empty() && ::access(libjvm.c_str(), R_OK) == 0 ? libjvm : "/proc/self/exe";
}

}  // namespace

CachedFile::CachedFile() : path_(file_to_map()), fd_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {
  struct stat status{};
  if (!fd_.valid() || ::fstat(fd_.get(), &status) != 0) return;
  const std::uint64_t whole = static_cast<std::uint64_t>(status.st_size) / kPageSize;
  chunks_ = std::min(whole / kAround, kMostChunks);
}

bool CachedFile::read() const {
  std::array<char, kAround * kPageSize> buffer;
  for (std::uint64_t chunk = 0; chunk < chunks_; ++chunk) {
    if (::pread(fd_.get(), buffer.data(), buffer.size(), offset(chunk)) <= 0) return false;
  }
  return chunks_ != 0;
}

off_t CachedFile::offset(std::uint64_t chunk) const {
  return static_cast<off_t>(chunk % chunks_ * kAround * kPageSize);
}

}  // namespace ft::calibrate
