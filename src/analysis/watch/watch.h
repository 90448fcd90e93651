// WatchModel turns looks at a process and its host into refreshes of `watch`: it remembers the
// first look and the one before, for growth and rates.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/cgroup_levels.h"
#include "host/host_memory.h"
#include "host/process_memory.h"
#include "report/model/watch.h"

namespace ft::analysis {

// A figure that was read some time ago, or could not be read.
template <typename T>
struct Aged {
  std::optional<T> value;
  Nanoseconds at = 0;  // CLOCK_MONOTONIC, when it was read
};

// What a refresh starts from. The process's parts are empty where they could not be read; `missing`
// says why.
struct WatchLook {
  host::HostMemory host;
  std::optional<host::CgroupLevels> cgroups;
  std::optional<host::ProcessMemory> process;
  std::string ended_words;  // not empty: the process is no more, `process` is its last look
  Aged<host::SmapsCounters> rollup;
  Aged<std::uint64_t> map_count;
  Aged<report::model::SubsystemsView> subsystems;
  std::vector<report::model::Missing> missing;
  Nanoseconds realtime = 0;
  std::optional<double> own_cpu_share;
};

class WatchModel {
 public:
  // Findings are the caller's to add.
  report::model::Watch next(WatchLook look);

 private:
  using Walk = Aged<report::model::SubsystemsView>;

  report::model::ProcessView process_view(const WatchLook& look,
                                          std::optional<double> seconds) const;
  report::model::SubsystemsView subsystems_view(const WatchLook& look) const;
  const Walk* walk_before(const Walk& walk) const;
  void remember(WatchLook look);

  std::optional<WatchLook> first_;
  std::optional<WatchLook> before_;
  // Walks by subsystem come more rarely than looks.
  std::optional<Walk> first_walk_;
  std::optional<Walk> last_walk_;
  std::optional<Walk> walk_before_last_;
  std::uint64_t samples_ = 0;
};

}  // namespace ft::analysis
