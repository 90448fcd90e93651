// Timeline turns the times on the lines of a log into nanoseconds since its first line.
#pragma once

#include <string_view>

#include "base/units.h"
#include "capture/strace/line.h"

namespace ft::capture::strace {

class Timeline {
 public:
  // The ts of the next line. Never negative; a line without a time, or with another form of time
  // than the log's first line, has that of the line before.
  Nanoseconds advance(const LinePrefix& prefix);

  // What meta "time.source" says.
  std::string_view source() const;
  // The ts of the last line.
  Nanoseconds now() const { return now_; }
  TimeForm form() const { return form_; }
  // Since the epoch or since midnight, by form(): the time on the first line.
  Nanoseconds first() const { return first_; }
  // How often a line was earlier than the one before (a stepped clock).
  std::uint64_t steps_back() const { return steps_back_; }

 private:
  bool started_ = false;
  TimeForm form_ = TimeForm::None;
  Nanoseconds first_ = 0;
  Nanoseconds now_ = 0;       // ts of the line before
  Nanoseconds midnight_ = 0;  // whole days added to times of day
  std::uint64_t steps_back_ = 0;
};

}  // namespace ft::capture::strace
