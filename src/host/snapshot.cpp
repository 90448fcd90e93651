#include "host/snapshot.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/fd.h"

namespace ft::host {

namespace {

// A file of /proc larger than this is not one: 3 million areas in smaps.
constexpr std::size_t kLimit = std::size_t{2} << 30U;
constexpr std::size_t kFirstSize = std::size_t{256} << 10U;

// Reads the file into `text`, keeping what it has reserved; 0 or the errno.
int read_into(std::string& text, const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    text.clear();
    return errno;
  }
  std::size_t used = 0;
  int error = 0;
  text.resize(std::max(text.capacity(), kFirstSize));
  while (true) {
    if (used == text.size()) text.resize(2 * text.size());
    const ssize_t got = ::read(fd.get(), text.data() + used, text.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) error = errno;
    if (got <= 0) break;
    used += static_cast<std::size_t>(got);
    if (used > kLimit) {
      error = EFBIG;
      break;
    }
  }
  text.resize(used);
  return error;
}

void take(const std::string& folder, event::Snapshot& snapshot,
          std::span<const std::string_view> sources, event::EventSink& sink) {
  for (const std::string_view source : sources) {
    snapshot.source.assign(source);
    const int error = read_into(snapshot.text, fmt::format("{}/{}", folder, source));
    if (error == 0 && !snapshot.text.empty()) {
      sink.on_snapshot(snapshot);
      continue;
    }
    event::Loss loss;
    loss.kind = fmt::format("no {} at {}", source, snapshot.moment);
    loss.count = 1;
    loss.severity = event::LossSeverity::Notice;
    loss.meaning = fmt::format("{}/{} could not be read: {}.", folder, source,
                               error == 0 ? "it was empty" : std::strerror(error));
    sink.on_loss(loss);
  }
}

}  // namespace

void take_process_snapshot(event::Pid pid, std::string_view moment, Nanoseconds now,
                           std::span<const std::string_view> sources, event::EventSink& sink,
                           const std::string& root, event::Tid through) {
  event::Snapshot snapshot{now, pid, std::string(moment), {}, {}};
  take(fmt::format("{}/proc/{}", root, through != 0 ? through : pid), snapshot, sources, sink);
}

void take_host_snapshot(std::string_view moment, Nanoseconds now, event::EventSink& sink,
                        const std::string& root) {
  event::Snapshot snapshot{now, 0, std::string(moment), {}, {}};
  take(root + "/proc", snapshot, kHostSources, sink);
}

}  // namespace ft::host
