// Reads a log that strace wrote and tells it as events, as far as a log can: the memory calls with
// arguments, results, times and stacks; the processes and threads that made them; the files mapped.
// docs/strace.md lists the forms understood and what a log cannot say.
//
// Understands any mix of -f (both pid forms), -t -tt -ttt -r or no time, -T, -y -yy, -k, -i, -n,
// -Y, -X raw|abbrev|verbose, calls split into "<unfinished ...>" and "<... resumed>".
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "event/sink.h"

namespace ft::capture::strace {

enum class Strictness : std::uint8_t {
  Lenient,  // a line that is not understood is counted as lost, the import goes on
  Strict,   // it ends the import with an Error
};

struct ImportOptions {
  Strictness strictness = Strictness::Lenient;
  // Called now and then with the bytes read so far; false ends the import with an Error.
  std::function<bool(std::uint64_t bytes_read)> keep_going;
};

struct ImportSummary {
  std::uint64_t bytes = 0;
  std::uint64_t lines = 0;
  std::uint64_t calls = 0;  // given to the sink
  std::uint64_t threads = 0;
  std::uint64_t processes = 0;
  std::uint64_t skipped = 0;    // calls of kinds that are not followed
  std::uint64_t malformed = 0;  // lines not understood
  std::map<std::string, std::uint64_t, std::less<>> skipped_by_name;
};

// A longer line is malformed: no call of strace's is near it.
inline constexpr std::size_t kLongestLine = std::size_t{1} << 20;

// Imports a log held in memory (or mapped). `name` is what errors call it: "trace.log:17:4".
//
// Errors: no line understood; with Strict, the first line that is not; the sink failed; keep_going
// said stop. The sink has then been given what came before.
Result<ImportSummary> import_log(std::string_view bytes, const std::string& name,
                                 event::EventSink& sink, const ImportOptions& options = {});

// The same from a descriptor, a file's or a pipe's, with no more of the log in memory than a few
// megabytes.
Result<ImportSummary> import_fd(int fd, const std::string& name, event::EventSink& sink,
                                const ImportOptions& options = {});

}  // namespace ft::capture::strace
