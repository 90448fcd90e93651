#include "calibrate/recorded.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>
#include <numeric>

#include "calibrate/rounds.h"
#include "calibrate/series.h"

namespace ft::calibrate {

namespace {

// A mark's address: a prefix nobody's memory begins with, the kind, the size, begin or end, cold.
constexpr std::uint64_t kPrefix = 0x5e;
constexpr unsigned kPrefixShift = 40;
constexpr unsigned kKindShift = 32;
constexpr unsigned kSizeShift = 16;
constexpr std::uint64_t kBegin = std::uint64_t{1} << kPageShift;
constexpr std::uint64_t kCold = kBegin << 1U;

// The mean of what is left when those that waited for the CPU are put aside.
double typical(std::vector<double> durations) {
  constexpr double kWaited = 10;
  const double limit = kWaited * quantile(durations, 0.5);
  std::erase_if(durations, [limit](double duration) { return duration > limit; });
  return std::accumulate(durations.begin(), durations.end(), 0.0) /
         static_cast<double>(durations.size());
}

bool about(std::size_t seen, std::uint64_t wanted) {
  const std::uint64_t tolerated = wanted / 100 + 2;
  return seen <= wanted + tolerated && seen + tolerated >= wanted;
}

}  // namespace

std::uint64_t mark_of(Key key, bool begin) {
  return kPrefix << kPrefixShift | static_cast<std::uint64_t>(key.kind) << kKindShift |
         std::uint64_t{key.size} << kSizeShift | (begin ? kBegin : 0) | (key.cold ? kCold : 0);
}

std::optional<Mark> mark_from(const event::Syscall& call) {
  if (static_cast<long>(call.number) != SYS_madvise || call.length() != 0) return std::nullopt;
  const std::uint64_t address = call.addr();
  if (address >> kPrefixShift != kPrefix) return std::nullopt;
  return Mark{.key = {.kind = static_cast<Kind>(address >> kKindShift & 0xff),
                      .size = static_cast<std::uint32_t>(address >> kSizeShift & 0xffff),
                      .cold = (address & kCold) != 0},
              .begin = (address & kBegin) != 0};
}

void run_marked(const std::vector<Exercise>& list, std::size_t rounds) {
  for (std::size_t i = 0; i < rounds; ++i) {
    for (const Exercise& exercise : list) {
      run_once(exercise, [&](bool begin) {
        ::madvise(reinterpret_cast<void*>(mark_of(exercise.key, begin)), 0, MADV_NORMAL);
      });
    }
  }
}

void RecordedRounds::on_syscall(const event::Syscall& syscall) {
  const Happened happened{syscall.ts, syscall.dur, syscall.tid};
  if (const auto mark = mark_from(syscall)) {
    marks_.push_back({*mark, happened});
  } else if (!syscall.failed() && syscall.dur != event::kUnknownDuration) {
    calls_.push_back(happened);
  }
}

void RecordedRounds::on_faults(std::span<const event::Fault> faults) {
  for (const event::Fault& fault : faults) {
    if (fault.kind != event::FaultKind::Minor || fault.dur == event::kUnknownDuration) continue;
    faults_.push_back({fault.ts, fault.dur, fault.tid});
  }
}

void RecordedRounds::on_loss(const event::Loss& loss) {
  if (loss.severity == event::LossSeverity::DataLoss) lost_[loss.kind] = loss.count;
}

std::uint64_t RecordedRounds::lost() const {
  return std::accumulate(lost_.begin(), lost_.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const auto& loss) { return sum + loss.second; });
}

std::vector<Round> RecordedRounds::rounds(const std::vector<Exercise>& list) const {
  const auto sorted = [](auto values, auto time) {
    std::ranges::sort(values, {}, time);
    return values;
  };
  const auto faults = sorted(faults_, &Happened::ts);
  const auto calls = sorted(calls_, &Happened::ts);
  const auto marks = sorted(marks_, [](const Marked& marked) { return marked.at.ts; });

  std::map<Key, std::size_t> seen;  // runs of each so far, whether they worked or not
  std::vector<Round> rounds;
  for (std::size_t i = 0; i + 1 < marks.size(); ++i) {
    const Marked& begin = marks[i];
    const Marked& end = marks[i + 1];
    if (!begin.mark.begin || end.mark.begin || begin.mark.key != end.mark.key) continue;
    const auto exercise = std::ranges::find(list, begin.mark.key, &Exercise::key);
    if (exercise == list.end()) continue;
    const std::size_t round = seen[begin.mark.key]++;
    if (rounds.size() <= round) rounds.resize(round + 1);

    const auto& happened = exercise->counts == Counts::Faults ? faults : calls;
    std::vector<double> durations;
    const auto first = std::ranges::lower_bound(happened, begin.at.ts, {}, &Happened::ts);
    for (auto at = first; at != happened.end() && at->ts < end.at.ts; ++at) {
      if (at->tid != begin.at.tid) continue;
      durations.push_back(static_cast<double>(at->dur));
    }
    if (durations.empty() || !about(durations.size(), exercise->operations)) continue;
    rounds[round][begin.mark.key] = typical(std::move(durations));
  }
  return rounds;
}

}  // namespace ft::calibrate
