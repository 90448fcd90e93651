#include "report/text/watch_words.h"

#include <fmt/format.h>

#include <cmath>
#include <ctime>

#include "base/text.h"

namespace ft::report::text {

using model::Known;

std::string bytes_or_dash(const Known<model::Bytes>& bytes) {
  return bytes ? human_bytes(*bytes) : std::string(kUnknown);
}

std::string count_or_dash(const Known<model::Count>& count) {
  return count ? grouped(*count) : std::string(kUnknown);
}

std::string rate_words(const Known<double>& per_second) {
  constexpr double kRounded = 10;
  if (!per_second) return std::string(kUnknown);
  if (*per_second == 0) return "0";
  if (std::abs(*per_second) < kRounded) return fmt::format("{:.1f}", *per_second);
  return grouped(static_cast<std::uint64_t>(std::llround(*per_second)));
}

std::string signed_bytes(const Known<std::int64_t>& bytes) {
  if (!bytes) return std::string(kUnknown);
  if (*bytes == 0) return "0 B";
  const auto size = static_cast<std::uint64_t>(std::abs(*bytes));
  return (*bytes > 0 ? "+" : "-") + human_bytes(size);
}

std::string growth_words(const Known<double>& per_second) {
  if (!per_second) return std::string(kUnknown);
  return signed_bytes(static_cast<std::int64_t>(std::llround(*per_second)));
}

std::string age_words(const Known<Nanoseconds>& age) {
  constexpr Nanoseconds kSecond = 1'000'000'000;
  if (!age) return std::string(kUnknown);
  return *age < kSecond ? "now" : fmt::format("{} s ago", *age / kSecond);
}

std::string share_words(const Known<double>& share) {
  return share ? fmt::format("{:.1f} %", *share * 100) : std::string(kUnknown);
}

std::string clock_words(Nanoseconds realtime) {
  const std::time_t seconds = realtime / 1'000'000'000;
  std::tm local{};
  if (!::localtime_r(&seconds, &local)) return std::string(kUnknown);
  return fmt::format("{:02}:{:02}:{:02}", local.tm_hour, local.tm_min, local.tm_sec);
}

const model::Rate* rate_named(const model::Watch& watch, std::string_view name) {
  for (const model::RateGroup& group : watch.rates) {
    for (const model::Rate& rate : group.rates) {
      if (rate.name == name) return &rate;
    }
  }
  return nullptr;
}

}  // namespace ft::report::text
