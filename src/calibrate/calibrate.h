// A calibration: what the memory management of this host takes, measured by having it done.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "calibrate/exercise.h"
#include "calibrate/rounds.h"
#include "host/facts.h"
#include "sim/profile/machine_profile.h"

namespace ft::calibrate {

struct Options {
  bool quick = false;  // fewer rounds, smaller memory: under 15 s
  // Called often, with what is being done and how far it is; false: stop.
  std::function<bool(std::string_view what, double share)> progress;
  // Runs the exercises under the recorder and tells what it saw by round; an Error says why that
  // cannot be done here. Empty: not wanted.
  std::function<Result<std::vector<Round>>(const std::vector<Exercise>&)> record;
};

struct Calibration {
  sim::profile::MachineProfile machine;
  std::vector<std::string> left_out;  // sentences about keys that are missing
};

// The CPUs that measurements run on.
struct ChosenCpus {
  int own = 0;
  std::optional<int> other;  // none where this process may use one only
};
ChosenCpus choose_cpus();

// Keeps this thread on one CPU, until destroyed.
class Pinned {
 public:
  explicit Pinned(int cpu);
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;
  ~Pinned();

 private:
  std::vector<std::uint64_t> before_;
};

// The exercises, and how often, that the process watched by the recorder does.
std::vector<Exercise> recorded_exercises(const host::HostFacts& facts, std::optional<int> other);
std::size_t recorded_rounds(bool quick);

// Nothing where `progress` asked to stop. Errors: the host's nodes cannot be read.
Result<std::optional<Calibration>> calibrate(const Options& options);

}  // namespace ft::calibrate
