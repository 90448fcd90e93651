#include "host/rss_precision.h"

#include "base/units.h"
#include "host/line_reader.h"

namespace ft::host {

namespace {

constexpr std::uint64_t kFaultsBetweenSyncs = 64;
constexpr std::uint64_t kPagesOfFaultAround = 16;

bool is_before_6_2(std::string_view release) {
  const auto major = take_number<unsigned>(release, 10);
  if (!major || release.empty() || release.front() != '.') return false;
  release.remove_prefix(1);
  const auto minor = take_number<unsigned>(release, 10);
  return minor && (*major < 6 || (*major == 6 && *minor < 2));
}

}  // namespace

std::uint64_t anonymous_kept_by_threads(std::string_view release, std::uint64_t threads) {
  return is_before_6_2(release) ? threads * kFaultsBetweenSyncs * kPageSize : 0;
}

std::uint64_t rss_kept_by_threads(std::string_view release, std::uint64_t threads) {
  return anonymous_kept_by_threads(release, threads) * kPagesOfFaultAround;
}

}  // namespace ft::host
