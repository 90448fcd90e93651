// Snapshots: text files of /proc copied as they stand, into a recording. Nothing is parsed here,
// because the target may be held while it happens.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "base/units.h"
#include "event/event.h"
#include "event/sink.h"

namespace ft::host {

// mountinfo says of which file systems mapped files are: memory or disk.
inline constexpr std::array<std::string_view, 5> kProcessSources = {"maps", "smaps", "status",
                                                                    "numa_maps", "mountinfo"};
// A start's many snapshots can leave out what costs the target most: smaps and numa_maps walk its
// page tables.
inline constexpr std::array<std::string_view, 2> kCheapProcessSources = {"maps", "status"};

inline constexpr std::array<std::string_view, 5> kHostSources = {"meminfo", "vmstat", "buddyinfo",
                                                                 "zoneinfo", "pressure/memory"};

// Each file of `sources` becomes one Snapshot of `pid` at `now` (nanoseconds since the recording's
// start). A file that cannot be read, or that holds nothing (maps of a process that is a zombie),
// becomes a Notice of loss instead: "no smaps at end". The files of a process are its leader's;
// where that thread has ended before the others, they are empty, and `through` names a thread that
// has not.
void take_process_snapshot(event::Pid pid, std::string_view moment, Nanoseconds now,
                           std::span<const std::string_view> sources, event::EventSink& sink,
                           const std::string& root = "", event::Tid through = 0);

// The same for the host's files (kHostSources), as pid 0.
void take_host_snapshot(std::string_view moment, Nanoseconds now, event::EventSink& sink,
                        const std::string& root = "");

}  // namespace ft::host
