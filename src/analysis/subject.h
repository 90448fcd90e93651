// The subject is the process whose memory a report describes, with the moment its "end" figures are
// of and the kernel's own account of it at that moment.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "attribution/owner_history.h"
#include "event/trace.h"
#include "host/maps.h"
#include "host/smaps.h"
#include "host/status.h"

namespace ft::analysis {

struct Subject {
  const event::Process* process = nullptr;  // nullptr: the trace has no process
  event::Pid pid = 0;
  Nanoseconds end_ts = 0;  // everything of it up to here counts
  std::string moment;      // "end snapshot", "exit", "last event"

  // From the snapshot at the end; empty where there was none.
  std::optional<host::ProcessStatus> status;
  std::optional<std::vector<host::SmapsEntry>> smaps;
  std::optional<std::vector<host::Vma>> maps;
  std::vector<std::string> unreadable;  // snapshots that did not parse, and why
};

// The target, unless a process it started and that ran a program of its own has mapped more than
// twice as much: a shell script that starts a JVM is not what the report is about.
Subject choose_subject(const event::Trace& trace, const attribution::OwnerHistory& owners);

// Of the subject, alive at its end, by address.
std::vector<attribution::Region> regions_at_end(const Subject& subject,
                                                const attribution::OwnerHistory& owners);

// Empty where the trace has no such key or it is no number.
std::optional<std::int64_t> meta_number(const event::Trace& trace, const std::string& key);

}  // namespace ft::analysis
