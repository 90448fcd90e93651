#include "capture/counters.h"

#include <fmt/format.h>
#include <linux/perf_event.h>
#include <perfmon/pfmlib.h>
#include <perfmon/pfmlib_perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <system_error>
#include <utility>

namespace ft::capture {

namespace {

// The generic names hold for Intel and AMD; the kernel knows what they are on each processor. Page
// walks' cycles have no generic name; AMD has no such event.
constexpr std::array<std::string_view, 8> kGenericTlbEvents = {
    "perf::DTLB-LOADS", "perf::DTLB-LOAD-MISSES", "perf::DTLB-STORES", "perf::DTLB-STORE-MISSES",
    "perf::ITLB-LOADS", "perf::ITLB-LOAD-MISSES", "perf::NODE-LOADS",  "perf::NODE-LOAD-MISSES"};
constexpr std::array<std::string_view, 2> kWalkCycles = {"DTLB_LOAD_MISSES:WALK_ACTIVE",
                                                         "DTLB_LOAD_MISSES:WALK_DURATION"};

int open_event_of(perf_event_attr& attributes, pid_t tid) {
  return static_cast<int>(
      ::syscall(SYS_perf_event_open, &attributes, tid, -1, -1, PERF_FLAG_FD_CLOEXEC));
}

// Whether there is any counter in hardware; libpfm4 takes a millisecond to look around.
int hardware_error() {
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_HARDWARE;
  attributes.size = sizeof attributes;
  attributes.config = PERF_COUNT_HW_CPU_CYCLES;
  attributes.exclude_kernel = 1;
  attributes.disabled = 1;
  const Fd fd(open_event_of(attributes, 0));
  return fd.valid() ? 0 : errno;
}

std::string words_of(int error) {
  std::string text = std::error_code(error, std::generic_category()).message();
  switch (error) {
    case ENOENT:
    case ENODEV:
    case EOPNOTSUPP:
      return text + " (no such counter: a virtual machine mostly has no PMU)";
    case EACCES:
    case EPERM:
      return text + " (kernel.perf_event_paranoid, or a security module)";
    default:
      return text;
  }
}

Result<perf_event_attr> encode(const std::string& name) {
  static const int initialised = ::pfm_initialize();
  const std::string what = fmt::format("event {}", name);
  if (initialised != PFM_SUCCESS) return fail(what, ::pfm_strerror(initialised));
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  pfm_perf_encode_arg_t argument{};
  argument.attr = &attributes;
  argument.size = sizeof argument;
  const int error =
      ::pfm_get_os_event_encoding(name.c_str(), PFM_PLM0 | PFM_PLM3, PFM_OS_PERF_EVENT, &argument);
  if (error != PFM_SUCCESS) return fail(what, ::pfm_strerror(error));
  attributes.size = sizeof attributes;
  attributes.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
  attributes.inherit = 1;
  return attributes;
}

// What the kernel gives for the read_format above.
struct Reading {
  std::uint64_t count = 0;
  std::uint64_t enabled = 0;
  std::uint64_t running = 0;
};

}  // namespace

Counters Counters::open(std::span<const std::string> names, pid_t tid, From from) {
  Counters counters;
  for (const std::string& name : names) {
    if (name != kTlbEvents) {
      counters.open_event(name, tid, from);
      continue;
    }
    if (const int error = hardware_error(); error != 0) {
      counters.refused_.push_back(
          fmt::format("hardware counters: perf_event_open: {}", words_of(error)));
      continue;
    }
    for (const std::string_view event : kGenericTlbEvents) {
      counters.open_event(std::string(event), tid, from);
    }
    if (!counters.open_first_of(kWalkCycles, tid, from)) {
      counters.refused_.emplace_back(
          "cycles of page walks: libpfm4 knows no such event of this "
          "processor");
    }
  }
  return counters;
}

bool Counters::open_first_of(std::span<const std::string_view> names, pid_t tid, From from) {
  for (const std::string_view name : names) {
    if (!encode(std::string(name))) continue;
    open_event(std::string(name), tid, from);
    return true;
  }
  return false;
}

void Counters::open_event(const std::string& name, pid_t tid, From from) {
  auto attributes = encode(name);
  if (!attributes) {
    refused_.push_back(attributes.error().message());
    return;
  }
  attributes->disabled = from == From::Exec ? 1 : 0;
  attributes->enable_on_exec = from == From::Exec ? 1 : 0;
  std::string shown = name;
  Fd fd(open_event_of(*attributes, tid));
  if (!fd.valid() && (errno == EACCES || errno == EPERM) && !attributes->exclude_kernel) {
    // Others' kernels are not everybody's business; one's own program is.
    attributes->exclude_kernel = 1;
    fd = Fd(open_event_of(*attributes, tid));
    if (fd.valid()) shown += ":u";
  }
  if (!fd.valid()) {
    refused_.push_back(fmt::format("event {}: perf_event_open: {}", name, words_of(errno)));
    return;
  }
  Event event{.name = std::move(shown), .attributes = {}, .counters = {}};
  const auto* bytes = reinterpret_cast<const std::byte*>(&*attributes);
  event.attributes.assign(bytes, bytes + sizeof *attributes);
  event.counters.push_back(std::move(fd));
  events_.push_back(std::move(event));
}

void Counters::follow(pid_t tid) {
  for (Event& event : events_) {
    perf_event_attr attributes{};
    std::memcpy(&attributes, event.attributes.data(), sizeof attributes);
    Fd fd(open_event_of(attributes, tid));
    if (fd.valid()) event.counters.push_back(std::move(fd));
  }
}

std::string Counters::text() const {
  std::string text;
  for (const Event& event : events_) {
    Reading sum;
    for (const Fd& counter : event.counters) {
      Reading one;
      if (::read(counter.get(), &one, sizeof one) != sizeof one) continue;
      sum.count += one.count;
      sum.enabled += one.enabled;
      sum.running += one.running;
    }
    fmt::format_to(std::back_inserter(text), "{} {} {} {}\n", event.name, sum.count, sum.enabled,
                   sum.running);
  }
  return text;
}

}  // namespace ft::capture
