// Where a process's address space began: its areas and layout from the snapshots at exec (or when
// the recorder attached), the host's settings from the recording's meta data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "event/trace.h"
#include "host/maps.h"
#include "sim/machine/process.h"
#include "sim/replay/file_table.h"
#include "sim/replay/material.h"
#include "sim/replay/timeline.h"

namespace ft::sim::replay {

struct StartState {
  machine::Settings settings;
  std::vector<virt::Vma> areas;
  // Pages the kernel wrote while it made the image: the end of what is initialised in each writable
  // segment, the arguments at the top of the stack. Their number is known from RssAnon, their
  // places are those of fs/binfmt_elf.c.
  std::vector<std::uint64_t> present;
  // What was there before is not known: attached to a running process.
  bool resident_known = true;
  bool mmap_base_known = true;
  std::vector<std::string> estimated;  // one sentence each
};

// What is the same for all processes of a recording.
machine::Settings settings_of(const event::Trace& trace, std::vector<std::string>& estimated);

// The state that the snapshot `maps` shows; faults say which pages of the stack were not there yet.
// An error where it does not parse.
Result<StartState> start_from(const Material& material, const event::Snapshot& maps,
                              const ThreadTable& threads, FileTable& files);

// An area of /proc/PID/maps as the model keeps it. The kernel's flags are those its kind of mapping
// has; only smaps would tell them all.
virt::Vma area_from(const host::Vma& line, FileTable& files);

}  // namespace ft::sim::replay
