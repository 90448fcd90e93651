#include "capture/bpf/jvm_marker.h"

#include <fmt/format.h>

#include <utility>

#include "capture/bpf/libjvm_probe_points.h"

namespace ft::capture::bpf {

void JvmMarker::mark_now(const Jvm& jvm) {
  if (asked_.insert(jvm.pid).second) mark(jvm);
}

void JvmMarker::mark_soon(Jvm jvm) {
  if (!asked_.insert(jvm.pid).second) return;
  {
    const std::scoped_lock lock(mutex_);
    queue_.push_back(std::move(jvm));
  }
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  wanted_.notify_one();
}

void JvmMarker::run() {
  while (true) {
    Jvm jvm;
    {
      std::unique_lock lock(mutex_);
      wanted_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      jvm = std::move(queue_.front());
      queue_.pop_front();
    }
    mark(jvm);
  }
}

void JvmMarker::mark(const Jvm& jvm) {
  const auto complain = [&](const std::string& why) {
    const std::scoped_lock lock(mutex_);
    complaints_.push_back(why);
  };
  const auto points = find_libjvm_probe_points(jvm.readable_path);
  if (!points) return complain(points.error().message());
  if (points->empty()) return complain(jvm.libjvm + " was built without USDT probes");
  for (const ProbePoint& point : *points) {
    {
      const std::scoped_lock lock(mutex_);
      if (stopping_) return;
    }
    const auto marked = probes_.mark_jvm(point.mark, jvm.pid, jvm.readable_path, point.file_offset);
    if (!marked) return complain(marked.error().message());
    const std::scoped_lock lock(mutex_);
    breakpoints_.push_back(fmt::format("{} {}", point.file_offset, jvm.libjvm));
  }
}

void JvmMarker::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wanted_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void JvmMarker::finish(event::EventSink& sink) {
  stop();
  for (const std::string& why : std::exchange(complaints_, {})) {
    sink.on_loss({.kind = "JVM phases",
                  .count = 1,
                  .severity = event::LossSeverity::Notice,
                  .meaning = "marks of the JVM's phases are missing: " + why});
  }
  // A breakpoint costs the target a copy of its page: whoever counts pages has to know.
  std::size_t number = 0;
  for (const std::string& breakpoint : std::exchange(breakpoints_, {})) {
    sink.on_meta(fmt::format("probe.uprobe.{}", number++), breakpoint);
  }
}

}  // namespace ft::capture::bpf
