// The facts about the target that every backend puts into a recording's meta table, under the same
// keys (docs/recording-format.md).
#pragma once

#include <sys/resource.h>

#include <cstdint>
#include <span>
#include <string>

#include "base/units.h"
#include "event/sink.h"

namespace ft::capture {

// ["java", "-Xmx8g"]; bytes that are not UTF-8 are replaced.
std::string json_array(std::span<const std::string> words);

struct TargetUsage {
  std::uint64_t minor_faults = 0;
  std::uint64_t major_faults = 0;
  Nanoseconds user_time = 0;
  Nanoseconds system_time = 0;
  std::uint64_t max_rss_kib = 0;
  std::uint64_t context_switches = 0;  // of its own accord or not

  static TargetUsage of(const rusage& usage);
};

void tell_usage(const TargetUsage& usage, event::EventSink& sink);

// backend, command, start_realtime_ns, start_monotonic_ns.
void tell_start(std::string_view backend, std::span<const std::string> command, Nanoseconds start,
                event::EventSink& sink);

void tell(event::EventSink& sink, std::string_view key, std::int64_t value);

}  // namespace ft::capture
