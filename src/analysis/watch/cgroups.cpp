#include "analysis/watch/cgroups.h"

#include <algorithm>

#include "analysis/watch/counters.h"

namespace ft::analysis {

namespace {

using report::model::Bytes;
using report::model::CgroupsView;
using report::model::CgroupView;
using report::model::Known;
using report::model::MemoryPressure;
using report::model::PressureShare;

std::uint64_t rest(std::uint64_t whole, std::uint64_t part) {
  return whole > part ? whole - part : 0;
}

// Version 1 counts memory and swap together, and the memory of it apart.
std::optional<std::uint64_t> swap_used(const host::CgroupLevel& level, unsigned version) {
  if (version != 1) return level.swap_current;
  if (!level.swap_current || !level.current) return std::nullopt;
  return rest(*level.swap_current, *level.current);
}

// Anonymous memory that could go to swap before the group is out of memory.
std::uint64_t swappable(const host::CgroupLevel& level, unsigned version,
                        std::optional<std::uint64_t> swap_free) {
  std::uint64_t room = swap_free.value_or(0);
  // Version 1 limits memory and swap together: what is below that limit beyond the memory's own.
  if (version == 1 && level.swap_limit && level.limit) {
    const std::uint64_t swap_allowed = rest(*level.swap_limit, *level.limit);
    room = std::min(room, rest(swap_allowed, swap_used(level, version).value_or(0)));
  } else if (version == 2 && level.swap_limit) {
    room = std::min(room, rest(*level.swap_limit, swap_used(level, version).value_or(0)));
  }
  return std::min(room, anonymous_bytes(level, version).value_or(0));
}

const host::CgroupLevel* same_level(const host::CgroupLevels* levels,
                                    const host::CgroupLevel& level) {
  if (!levels) return nullptr;
  for (const host::CgroupLevel& other : levels->levels) {
    if (other.path == level.path) return &other;
  }
  return nullptr;
}

void add_distances(const host::CgroupLevel& level, const CgroupLooks& looks, CgroupView& view) {
  if (!level.limit || !level.current) return;
  view.to_limit = rest(*level.limit, *level.current);
  if (!view.reclaimable) return;
  view.to_oom =
      *view.to_limit + *view.reclaimable + swappable(level, looks.now->version, looks.swap_free);
}

CgroupView view_of(const host::CgroupLevel& level, const CgroupLooks& looks) {
  CgroupView view;
  view.path = level.path;
  view.limit = level.limit;
  view.high = level.high;
  view.swap_limit = level.swap_limit;
  view.current = level.current;
  view.peak = level.peak;
  view.swap_current = swap_used(level, looks.now->version);
  view.anonymous = anonymous_bytes(level, looks.now->version);
  view.reclaimable = reclaimable_bytes(level, looks.now->version);
  add_distances(level, looks, view);
  const host::CgroupLevel* before = same_level(looks.before, level);
  const host::CgroupLevel* first = same_level(looks.first, level);
  view.events = event_rates({.now = &level.events,
                             .before = before ? &before->events : nullptr,
                             .first = first ? &first->events : nullptr,
                             .seconds = looks.seconds});
  if (level.pressure) {
    const bool had = before && before->pressure;
    view.pressure =
        pressure_view(*level.pressure, had ? &*before->pressure : nullptr, looks.seconds);
  }
  return view;
}

Known<PressureShare> share_of(const std::optional<host::StallShare>& now,
                              const std::optional<host::StallShare>* before,
                              std::optional<double> seconds) {
  if (!now) return std::nullopt;
  PressureShare share{.avg10 = now->avg10,
                      .avg60 = now->avg60,
                      .avg300 = now->avg300,
                      .now = {},
                      .total_us = now->total_us};
  if (before && *before && seconds && *seconds > 0 && (*before)->total_us <= now->total_us) {
    const double stalled = static_cast<double>(now->total_us - (*before)->total_us) / 1e6;
    share.now = std::min(100.0, stalled / *seconds * 100);
  }
  return share;
}

}  // namespace

MemoryPressure pressure_view(const host::Pressure& now, const host::Pressure* before,
                             std::optional<double> seconds) {
  return {.some = share_of(now.some, before ? &before->some : nullptr, seconds),
          .full = share_of(now.full, before ? &before->full : nullptr, seconds)};
}

CgroupsView cgroups_view(const CgroupLooks& looks) {
  CgroupsView view;
  view.version = looks.now->version;
  for (const host::CgroupLevel& level : looks.now->levels) {
    view.levels.push_back(view_of(level, looks));
    const Known<Bytes>& to_oom = view.levels.back().to_oom;
    if (!to_oom) continue;
    if (!view.nearest || *to_oom < *view.levels[*view.nearest].to_oom) {
      view.nearest = view.levels.size() - 1;
    }
  }
  return view;
}

std::optional<std::uint64_t> tightest_limit(const CgroupsView& groups) {
  std::optional<std::uint64_t> least;
  for (const CgroupView& level : groups.levels) {
    if (level.limit) least = std::min(least.value_or(*level.limit), *level.limit);
  }
  return least;
}

}  // namespace ft::analysis
