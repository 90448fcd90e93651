#include "capture/bpf/phases.h"

#include <utility>

namespace ft::capture::bpf {

std::vector<event::Phase> phases_of(const ProcessMarks& marks, Nanoseconds end) {
  std::vector<event::Phase> phases;
  if (marks.exec == event::kStillThere) return phases;
  const std::pair<const char*, Nanoseconds> begins[] = {
      {"load libjvm", marks.libjvm_mapped},
      {"VM init", marks.vm_init_begin},
      {"Java", marks.vm_init_end},
      {"VM shutdown", marks.vm_shutdown},
  };
  const bool is_jvm = marks.libjvm_mapped != event::kStillThere;
  phases.push_back({.name = is_jvm ? "launcher" : "run", .start_ts = marks.exec, .end_ts = end});
  for (const auto& [name, begin] : begins) {
    if (begin == event::kStillThere) continue;
    phases.back().end_ts = begin;
    phases.push_back({.name = name, .start_ts = begin, .end_ts = end});
  }
  if (marks.first_gc != event::kStillThere) {
    phases.push_back({.name = "first GC", .start_ts = marks.first_gc, .end_ts = marks.first_gc});
  }
  return phases;
}

std::vector<event::Phase> phases_around_jvm(const ProcessMarks& target, Nanoseconds end,
                                            const ProcessMarks& jvm, Nanoseconds jvm_end) {
  std::vector<event::Phase> phases = phases_of(jvm, jvm_end);
  if (phases.empty() || target.exec == event::kStillThere) return phases;
  // A shell's `exec` starts the JVM in the target itself: then there is no before.
  if (target.exec < jvm.exec) {
    phases.insert(phases.begin(),
                  {.name = "before the JVM", .start_ts = target.exec, .end_ts = jvm.exec});
  }
  if (jvm_end < end) {
    phases.push_back({.name = "after the JVM", .start_ts = jvm_end, .end_ts = end});
  }
  return phases;
}

}  // namespace ft::capture::bpf
