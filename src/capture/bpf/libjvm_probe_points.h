// Where in a libjvm.so the JVM tells of its own life: its USDT probes (the .note.stapsdt section,
// present in Debian's and Temurin's builds) and the one function that knows G1's side tables by
// name.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "capture/bpf/probes.h"

namespace ft::capture::bpf {

struct ProbePoint {
  Probes::JvmMark mark;
  std::uint64_t file_offset = 0;  // where the breakpoint goes
};

// What is not there is left out: a build without USDT gives fewer phases, not an error.
Result<std::vector<ProbePoint>> find_libjvm_probe_points(const std::string& path);

}  // namespace ft::capture::bpf
