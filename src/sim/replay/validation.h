// Validation compares the model with a recording, line by line: what the kernel answered, where it
// put mappings, what areas and sizes /proc showed, how faults ended, what it flushed.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/replay/replay.h"

namespace ft::sim::replay {

enum class Aspect : std::uint8_t {
  Addresses,  // where a mapping went that the kernel was free to place
  Results,    // what every other call of the model's returned
  Faults,     // that a fault was taken, and was minor, major or a signal
  AreaLists,  // /proc/PID/maps at a snapshot, as a whole
  Areas,      // the same, area by area
  VmSize,
  VmPte,
  RssAnon,
  RssFile,  // estimated: what files had in memory is not recorded
  RssShmem,
  // TLB flushes, call by call and fault by fault, while the process had one thread and shared pages
  // with no other
  Flushes,
  FlushesOfMany  // the same while there were others, who may add to them or change who copies
};

inline constexpr std::size_t kAspectCount = 12;

std::string_view name_of(Aspect aspect);   // "addresses", a key for programs
std::string_view title_of(Aspect aspect);  // "addresses the kernel chose"
// Rests on what the recording does not hold: its disagreements are told, but are no failure.
bool is_estimated(Aspect aspect);

struct Tally {
  std::uint64_t agreed = 0;
  std::uint64_t compared = 0;
};

struct Disagreement {
  Aspect aspect{};
  Stream stream{};
  std::uint64_t number = 0;  // from 1
  Nanoseconds ts = 0;
  std::string what;
  std::string recorded;
  std::string model;
};

struct ValidateOptions {
  std::size_t keep_per_aspect = 20;  // disagreements listed; all are counted
  // A snapshot of a running process is not taken at one moment: it agrees with the model where the
  // model was in that state at some time within this much of it.
  Nanoseconds running_window = 5'000'000;
};

struct ValidateResult {
  std::array<Tally, kAspectCount> tallies{};
  std::vector<Disagreement> disagreements;
  std::vector<Contradiction> contradictions;
  std::vector<std::string> estimated;
  std::uint64_t steps = 0;
  std::uint64_t steps_without_process = 0;
  std::uint64_t reordered = 0;   // calls that overlapped and came in another order than they ended
  std::uint64_t lost_races = 0;  // faults that another thread's fault had served already

  const Tally& of(Aspect aspect) const { return tallies[static_cast<std::size_t>(aspect)]; }
  // Nothing disagrees but what is estimated, and nothing contradicts itself.
  bool agrees() const;
};

ValidateResult validate(const Material& material, const ValidateOptions& options = {});

}  // namespace ft::sim::replay
