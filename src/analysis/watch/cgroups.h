// Control groups as watch shows them: limits, use, events, and how far away the out-of-memory
// killer is.
#pragma once

#include <optional>

#include "host/cgroup_levels.h"
#include "report/model/watch.h"

namespace ft::analysis {

struct CgroupLooks {
  const host::CgroupLevels* now = nullptr;
  const host::CgroupLevels* before = nullptr;  // may be nullptr
  const host::CgroupLevels* first = nullptr;
  std::optional<double> seconds;
  std::optional<std::uint64_t> swap_free;  // the host's; bytes
};

report::model::CgroupsView cgroups_view(const CgroupLooks& looks);

// Pressure, with the share of the time since the look before (which may be nullptr).
report::model::MemoryPressure pressure_view(const host::Pressure& now, const host::Pressure* before,
                                            std::optional<double> seconds);

// The smallest limit of all levels; nothing where there is none.
std::optional<std::uint64_t> tightest_limit(const report::model::CgroupsView& groups);

}  // namespace ft::analysis
