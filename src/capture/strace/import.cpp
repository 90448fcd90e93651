#include "capture/strace/import.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <vector>

#include "capture/strace/log_importer.h"

namespace ft::capture::strace {

namespace {

// How much of the log is searched for the main thread's pid.
constexpr std::size_t kBeginning = std::size_t{4} << 20;
// Read at once: what stays in a core's cache until its lines are taken. Reading is as fast as
// mapping the file, and a file that shrinks meanwhile is no fault.
constexpr std::size_t kReadSize = std::size_t{256} << 10;
static_assert(kBeginning >= kLongestLine + 1 + kReadSize);

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

// Fills `buffer`, less where the input ends. The bytes read.
Result<std::size_t> read_fully(int fd, const std::string& name, std::span<char> buffer,
                               const ImportOptions& options, std::uint64_t bytes_before) {
  std::size_t got = 0;
  while (got < buffer.size()) {
    const ssize_t count = ::read(fd, buffer.data() + got, buffer.size() - got);
    if (count < 0 && errno == EINTR) {
      if (options.keep_going && !options.keep_going(bytes_before + got)) {
        return fail(name, "the import was interrupted");
      }
      continue;
    }
    if (count < 0) return fail_errno(name, errno);
    if (count == 0) break;
    got += static_cast<std::size_t>(count);
  }
  return got;
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
  std::vector<char> buffer(kBeginning);
  std::uint64_t total = FT_TRY(read_fully(fd, name, buffer, options, 0));
  std::string_view held(buffer.data(), static_cast<std::size_t>(total));
  LogImporter importer(name, sink, options, held);
  while (true) {
    held = FT_TRY(import_lines(importer, held));
    // Of a line without an end, enough is kept to be too long.
    const std::size_t kept = std::min(held.size(), kLongestLine + 1);
    std::memmove(buffer.data(), held.data(), kept);
    const std::size_t got =
        FT_TRY(read_fully(fd, name, std::span(buffer).subspan(kept, kReadSize), options, total));
    held = std::string_view(buffer.data(), kept + got);
    if (got == 0) break;
    total += got;
  }
  if (!held.empty()) FT_TRY_VOID(importer.line(held));
  return importer.finish();
}

}  // namespace ft::capture::strace
