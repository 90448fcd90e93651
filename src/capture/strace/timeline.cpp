#include "capture/strace/timeline.h"

#include <algorithm>

namespace ft::capture::strace {

namespace {

constexpr Nanoseconds kDay = Nanoseconds{24} * 3600 * 1'000'000'000;
// A hostile log must not add up to an overflow.
constexpr Nanoseconds kLatest = Nanoseconds{1} << 61;

}  // namespace

Nanoseconds Timeline::advance(const LinePrefix& prefix) {
  if (!started_) {
    started_ = true;
    form_ = prefix.form;
    first_ = prefix.time;
    return now_;
  }
  if (form_ == TimeForm::None) return now_ = std::min(now_ + 1, kLatest);
  if (prefix.form == TimeForm::None) return now_;

  // Seconds alone are too coarse where microseconds stand beside them.
  if (prefix.has_relative) return now_ = std::min(now_ + prefix.relative, kLatest);
  // A gap of years makes a relative time look like a date; a log has one form.
  if (form_ == TimeForm::Relative) return now_ = std::min(now_ + prefix.time, kLatest);

  if (prefix.form != form_) return now_;
  Nanoseconds ts = prefix.time - first_ + midnight_;
  if (form_ == TimeForm::TimeOfDay && ts < now_ - kDay / 2 && midnight_ < kLatest - kDay) {
    midnight_ += kDay;
    ts += kDay;
  }
  if (ts < now_) ++steps_back_;
  return now_ = std::clamp(ts, Nanoseconds{0}, kLatest);
}

std::string_view Timeline::source() const {
  switch (form_) {
    case TimeForm::Epoch:
      return "epoch";
    case TimeForm::TimeOfDay:
      return "time of day";
    case TimeForm::Relative:
      return "relative";
    case TimeForm::None:
      break;
  }
  return "none";
}

}  // namespace ft::capture::strace
