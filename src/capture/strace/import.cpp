#include "capture/strace/import.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "capture/strace/log_importer.h"

namespace ft::capture::strace {

namespace {

// How much of the log may be searched for the main thread's pid.
constexpr std::size_t kBeginning = std::size_t{4} << 20;
constexpr std::size_t kReadSize = std::size_t{1} << 20;

// A file mapped for one pass from front to back.
class MappedFile {
 public:
  MappedFile(int fd, std::size_t size)
      : size_(size), start_(::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0)) {
    if (start_ != MAP_FAILED) ::madvise(start_, size_, MADV_SEQUENTIAL);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile() {
    if (start_ != MAP_FAILED) ::munmap(start_, size_);
  }

  bool valid() const { return start_ != MAP_FAILED; }
  std::string_view bytes() const { return {static_cast<const char*>(start_), size_}; }

 private:
  std::size_t size_;
  void* start_;
};

// Gives each whole line of `bytes` to the importer; returns what is left behind the last newline.
Result<std::string_view> import_lines(LogImporter& importer, std::string_view bytes) {
  while (!bytes.empty()) {
    const void* newline = std::memchr(bytes.data(), '\n', bytes.size());
    if (!newline) break;
    const auto length = static_cast<std::size_t>(static_cast<const char*>(newline) - bytes.data());
    FT_TRY_VOID(importer.line(bytes.substr(0, length)));
    bytes.remove_prefix(length + 1);
  }
  return bytes;
}

// Reads until the buffer has `wanted` bytes more or the input ends. The bytes read.
Result<std::size_t> read_some(int fd, const std::string& name, std::string& buffer,
                              std::size_t wanted) {
  const std::size_t before = buffer.size();
  buffer.resize(before + wanted);
  std::size_t got = 0;
  while (got < wanted) {
    const ssize_t count = ::read(fd, buffer.data() + before + got, wanted - got);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno(name, errno);
    if (count == 0) break;
    got += static_cast<std::size_t>(count);
  }
  buffer.resize(before + got);
  return got;
}

Result<ImportSummary> import_stream(int fd, const std::string& name, event::EventSink& sink,
                                    const ImportOptions& options) {
  std::string buffer;
  FT_TRY(read_some(fd, name, buffer, kBeginning));
  LogImporter importer(name, sink, options, buffer);
  while (true) {
    const std::string_view rest = FT_TRY(import_lines(importer, buffer));
    buffer.erase(0, buffer.size() - rest.size());
    // A line without an end: keep enough of it to be too long.
    if (buffer.size() > 2 * kLongestLine) buffer.resize(kLongestLine + 1);
    if (FT_TRY(read_some(fd, name, buffer, kReadSize)) == 0) break;
  }
  if (!buffer.empty()) FT_TRY_VOID(importer.line(buffer));
  return importer.finish();
}

}  // namespace

Result<ImportSummary> import_log(std::string_view bytes, const std::string& name,
                                 event::EventSink& sink, const ImportOptions& options) {
  LogImporter importer(name, sink, options, bytes.substr(0, kBeginning));
  const std::string_view rest = FT_TRY(import_lines(importer, bytes));
  if (!rest.empty()) FT_TRY_VOID(importer.line(rest));
  return importer.finish();
}

Result<ImportSummary> import_fd(int fd, const std::string& name, event::EventSink& sink,
                                const ImportOptions& options) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return fail_errno(name, errno);
  if (S_ISDIR(status.st_mode)) return fail_errno(name, EISDIR);
  if (S_ISREG(status.st_mode) && status.st_size > 0 && ::lseek(fd, 0, SEEK_CUR) == 0) {
    const MappedFile file(fd, static_cast<std::size_t>(status.st_size));
    if (file.valid()) return import_log(file.bytes(), name, sink, options);
  }
  return import_stream(fd, name, sink, options);
}

}  // namespace ft::capture::strace
