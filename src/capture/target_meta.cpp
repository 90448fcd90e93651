#include "capture/target_meta.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "base/clock.h"

namespace ft::capture {

namespace {

Nanoseconds nanoseconds_of(const timeval& time) {
  return Nanoseconds{time.tv_sec} * 1'000'000'000 + Nanoseconds{time.tv_usec} * 1000;
}

}  // namespace

std::string json_array(std::span<const std::string> words) {
  const nlohmann::json array = std::vector<std::string>(words.begin(), words.end());
  return array.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

TargetUsage TargetUsage::of(const rusage& usage) {
  return {.minor_faults = static_cast<std::uint64_t>(usage.ru_minflt),
          .major_faults = static_cast<std::uint64_t>(usage.ru_majflt),
          .user_time = nanoseconds_of(usage.ru_utime),
          .system_time = nanoseconds_of(usage.ru_stime),
          .max_rss_kib = static_cast<std::uint64_t>(usage.ru_maxrss),
          .context_switches = static_cast<std::uint64_t>(usage.ru_nvcsw + usage.ru_nivcsw)};
}

void tell(event::EventSink& sink, std::string_view key, std::int64_t value) {
  sink.on_meta(key, std::to_string(value));
}

void tell_usage(const TargetUsage& usage, event::EventSink& sink) {
  tell(sink, "target.minflt", static_cast<std::int64_t>(usage.minor_faults));
  tell(sink, "target.majflt", static_cast<std::int64_t>(usage.major_faults));
  tell(sink, "target.utime_ns", usage.user_time);
  tell(sink, "target.stime_ns", usage.system_time);
  tell(sink, "target.maxrss_kb", static_cast<std::int64_t>(usage.max_rss_kib));
  tell(sink, "target.switches", static_cast<std::int64_t>(usage.context_switches));
}

void tell_start(std::string_view backend, std::span<const std::string> command, Nanoseconds start,
                event::EventSink& sink) {
  sink.on_meta("backend", backend);
  sink.on_meta("command", json_array(command));
  tell(sink, "start_monotonic_ns", start);
  tell(sink, "start_realtime_ns", realtime_now() - (monotonic_now() - start));
}

}  // namespace ft::capture
