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

}  // namespace ft::capture::bpf
