// What an imported trace says about itself: where its times come from, what the log could not say
// and what of it was not understood.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "capture/strace/log_importer.h"

namespace ft::capture::strace {

namespace {

using event::LossSeverity;

struct Blindness {
  const char* kind;
  const char* meaning;
};

// What strace never writes.
constexpr Blindness kNeverInALog[] = {
    {"faults not recorded",
     "a strace log holds no page faults: where memory was first touched is not known"},
    {"page allocations not recorded", "a strace log holds no page allocations"},
    {"TLB flushes not recorded", "a strace log holds no TLB flushes"},
    {"reclaim and lock waits not recorded",
     "a strace log holds no reclaim, compaction, swap or mmap_lock waits"},
    {"snapshots not recorded",
     "a strace log holds no /proc snapshots: mappings made by execve itself are not known"},
};

constexpr std::size_t kNamesShown = 20;

std::string most_skipped(const std::map<std::string, std::uint64_t, std::less<>>& by_name) {
  std::vector<std::pair<std::string, std::uint64_t>> counts(by_name.begin(), by_name.end());
  std::ranges::stable_sort(counts, std::greater{}, &std::pair<std::string, std::uint64_t>::second);
  std::string text;
  for (std::size_t i = 0; i < counts.size() && i < kNamesShown; ++i) {
    if (i > 0) text += ", ";
    text += fmt::format("{} {}", counts[i].first, counts[i].second);
  }
  if (counts.size() > kNamesShown) text += fmt::format(" and {} more", counts.size() - kNamesShown);
  return text;
}

}  // namespace

void LogImporter::tell_meta() {
  sink_.on_meta("time.source", timeline_.source());
  if (timeline_.form() == TimeForm::Epoch) {
    sink_.on_meta("start_realtime_ns", std::to_string(timeline_.first()));
  }
  if (timeline_.form() == TimeForm::TimeOfDay) {
    sink_.on_meta("time.of_day_start_ns", std::to_string(timeline_.first()));
  }
  if (const event::Process* first = family_.first_process()) {
    sink_.on_meta("target.pid", std::to_string(first->pid));
  }
  sink_.on_meta("import.pids", pids_seen_ ? "log" : "none");
}

void LogImporter::tell_loss(std::string kind, std::uint64_t count, LossSeverity severity,
                            std::string meaning) {
  sink_.on_loss({std::move(kind), count, severity, std::move(meaning)});
}

void LogImporter::tell_losses() {
  for (const Blindness& blind : kNeverInALog) {
    tell_loss(blind.kind, 1, LossSeverity::Notice, blind.meaning);
  }
  if (!durations_seen_) {
    tell_loss("durations not recorded", 1, LossSeverity::Notice,
              "the log was made without -T: how long calls took is not known");
  }
  if (!stacks_seen_) {
    tell_loss("stacks not recorded", 1, LossSeverity::Notice,
              "the log was made without -k: who made a call is not known");
  }
  if (timeline_.form() == TimeForm::None) {
    tell_loss("times not recorded", 1, LossSeverity::Notice,
              "the log was made without -t or -r: calls are in order, one nanosecond apart");
  }

  std::string meaning = "lines that are no strace output, or damaged";
  for (std::size_t i = 0; i < positions_.size(); ++i) {
    meaning += (i == 0 ? ": " : ", ") + positions_[i];
  }
  if (summary_.malformed > positions_.size()) meaning += ", ...";
  tell_loss("line not understood", summary_.malformed, LossSeverity::DataLoss, std::move(meaning));
  tell_loss("line too long", too_long_, LossSeverity::DataLoss,
            "lines of more than 1 MiB, counted among those not understood");
  tell_loss("call resumed without its beginning", resumed_alone_, LossSeverity::DataLoss,
            "the log starts, or was cut, inside the call: its arguments are missing");
  tell_loss("call never resumed", never_resumed_, LossSeverity::Notice,
            "the log ends, or was cut, inside the call: it is recorded as unfinished");
  tell_loss("flag without a known name", unknown_flags_, LossSeverity::Notice,
            "calls recorded without the bits of a flag that this version does not know by name");
  tell_loss("clock stepped back", timeline_.steps_back(), LossSeverity::Notice,
            "lines dated before the line in front of them");
  tell_loss("process of a thread assumed", family_.assumed(), LossSeverity::Notice,
            "threads whose making is not in the log (it lacks clone, clone3, fork or vfork)");
  tell_loss("signal not recorded", signals_, LossSeverity::Info,
            "signals are in the log, but recordings hold none");
  tell_loss("call not followed", summary_.skipped, LossSeverity::Info,
            summary_.skipped == 0 ? "calls of other kinds than firsttouch follows"
                                  : "calls of other kinds than firsttouch follows: " +
                                        most_skipped(summary_.skipped_by_name));
}

}  // namespace ft::capture::strace
