#include "capture/companions.h"

#include <fmt/format.h>

#include "base/clock.h"
#include "capture/target_meta.h"

namespace ft::capture {

Companions::Companions(const RecordOptions& options, Nanoseconds start, event::EventSink& sink)
    : options_(options), start_(start), sink_(sink) {}

void Companions::count(pid_t tid, Counters::From from) {
  pid_ = tid;
  if (options_.counters.empty()) return;
  counters_ = Counters::open(options_.counters, tid, from);
  if (from == Counters::From::Now) read_counters();
}

void Companions::count_too(pid_t tid) {
  if (counters_) counters_->follow(tid);
}

void Companions::watch(pid_t pid) {
  if (!options_.working_set_interval) return;
  scanner_ = std::make_unique<WorkingSetScanner>(*options_.working_set_interval, start_);
  scanner_->begin(pid);
}

void Companions::read_counters() {
  if (!counters_ || counters_->empty()) return;
  const Nanoseconds ts = monotonic_now() - start_;
  sink_.on_snapshot({.ts = ts,
                     .pid = pid_,
                     .moment = "reading",
                     .source = "counters",
                     .text = counters_->text()});
}

void Companions::step(std::size_t marks) {
  if (scanner_) scanner_->tell_new(sink_);
  if (marks == marks_) return;
  marks_ = marks;
  read_counters();
}

void Companions::finish() {
  if (scanner_) {
    scanner_->finish(sink_);
    scanner_.reset();
  } else if (options_.working_set_interval) {  // the target had ended before there was a look
    tell(sink_, "working_set.interval_ns", *options_.working_set_interval);
  }
  if (!counters_) return;
  read_counters();
  std::size_t number = 0;
  for (const std::string& why : counters_->refused()) {
    sink_.on_meta(fmt::format("counters.refused.{}", number++), why);
  }
  counters_.reset();
}

}  // namespace ft::capture
