#include "sim/tlb/flush.h"

#include <fmt/format.h>

#include <algorithm>

namespace ft::sim::tlb {

Flush decide(const Stale& stale, OtherCpus others, std::string_view cause) {
  Flush flush{.span = stale.span, .stride_shift = stale.stride_shift, .cause = cause};
  if (stale.span.empty()) return flush;
  const std::uint64_t entries = stale.span.size() >> stale.stride_shift;
  const bool ranged = entries <= kFlushCeiling;
  flush.kind = ranged ? FlushKind::Ranged : FlushKind::Full;
  flush.pages = ranged ? entries : kAllPages;
  // A lazy CPU will notice when it comes back, but could walk a freed table before.
  flush.interrupts = others.running + (stale.tables_freed ? others.lazy : 0);
  return flush;
}

std::string describe(const Flush& flush) {
  if (flush.kind == FlushKind::None) return "nothing was present → no flush";
  const std::uint64_t entries = flush.span.size() >> flush.stride_shift;
  const std::string who = flush.interrupts == 0
                              ? std::string("this CPU only")
                              : fmt::format("and {} other CPUs by interrupt", flush.interrupts);
  if (flush.kind == FlushKind::Full)
    return fmt::format("span of {} entries of {} KiB is over {} → full, {}", entries,
                       (std::uint64_t{1} << flush.stride_shift) >> 10U, kFlushCeiling, who);
  return fmt::format("span of {} entries of {} KiB → ranged, {}", entries,
                     (std::uint64_t{1} << flush.stride_shift) >> 10U, who);
}

std::uint64_t FlushLog::full() const {
  return static_cast<std::uint64_t>(std::ranges::count(flushes_, FlushKind::Full, &Flush::kind));
}

std::uint64_t FlushLog::ranged() const {
  return static_cast<std::uint64_t>(std::ranges::count(flushes_, FlushKind::Ranged, &Flush::kind));
}

}  // namespace ft::sim::tlb
