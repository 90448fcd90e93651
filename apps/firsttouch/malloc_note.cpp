#include "malloc_note.h"

#include <fmt/format.h>

#include <string>

#include "attribution/live/live_owners.h"
#include "base/fd.h"
#include "base/units.h"
#include "host/host_files.h"
#include "host/maps.h"
#include "host/status.h"

namespace ft::app {

namespace {

// The finding asks for it from here on (docs/findings.md).
constexpr std::uint64_t kWorthReading = 64 * kMiB;

bool worth_reading(pid_t pid) {
  const auto text = read_file(fmt::format("/proc/{}/status", pid));
  const auto status = text ? host::parse_status(*text) : std::unexpected(text.error());
  return status && status->rss_anon.value_or(0) >= kWorthReading;
}

}  // namespace

void note_malloc_use(pid_t pid, event::EventSink& sink) {
  if (!worth_reading(pid)) return;
  const std::string path = fmt::format("/proc/{}/maps", pid);
  const auto text = read_file(path);
  if (!text) return;
  const auto areas = host::parse_maps(*text, path);
  if (!areas) return;
  auto owners = attribution::LiveOwners::make(pid, host::HostFiles());
  owners.assign(*areas);
  const auto use = owners.c_heap_use();
  if (!use) return;
  sink.on_meta("target.malloc.used_bytes", std::to_string(use->used));
  sink.on_meta("target.malloc.arenas", std::to_string(use->arenas - 1));
}

}  // namespace ft::app
