// What /proc says about one process's memory, cheap files and dear ones apart, and whether it is
// still the process that was looked at first: a pid is given to another process some time after its
// owner has ended.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "host/host_files.h"
#include "host/process_stat.h"
#include "host/smaps.h"
#include "host/status.h"

namespace ft::host {

// From stat and status: a few microseconds, whatever the size of the process. Anyone may read it.
struct ProcessMemory {
  Nanoseconds at = 0;  // CLOCK_MONOTONIC
  ProcessStat stat;
  ProcessStatus status;
  std::optional<std::int64_t> oom_score;
  std::optional<std::int64_t> oom_score_adj;
};

enum class Presence : std::uint8_t {
  There,
  Ended,   // gone, or a zombie that its parent has not waited for
  Reused,  // another process has the pid now
};

struct ProcessSight {
  Presence presence = Presence::Ended;
  std::optional<ProcessMemory> memory;  // where it is there
};

// A process that can be watched, told apart from later ones of the same pid.
struct ProcessIdentity {
  pid_t pid = 0;
  std::uint64_t start_ticks = 0;  // since boot; stat's field 22

  bool operator==(const ProcessIdentity&) const = default;
};

// Fails, in words for the user, where there is no such process, where it is a kernel thread, and
// where it has ended already.
Result<ProcessIdentity> identify_process(const HostFiles& files, pid_t pid);

// Fails where the files do not read as they should.
Result<ProcessSight> look_at_process(const HostFiles& files, const ProcessIdentity& who,
                                     Nanoseconds now);

// smaps_rollup: walks every page table of the process, which takes milliseconds for each GiB of
// small pages. Needs the right to trace the process; the error says who has it.
Result<SmapsCounters> read_rollup(const HostFiles& files, const ProcessIdentity& who);

// Mappings of the process, as the kernel counts them against vm.max_map_count: the lines of maps
// but for [vsyscall]. Needs the same right.
Result<std::uint64_t> read_map_count(const HostFiles& files, const ProcessIdentity& who);

// The words of its command line, then those of the variables of its environment that a JVM takes
// options from (JAVA_TOOL_OPTIONS, JDK_JAVA_OPTIONS, _JAVA_OPTIONS), split at blanks. The
// environment needs the same right; what it holds besides is not kept. Fails where neither the
// command line can be read.
struct CommandWords {
  std::vector<std::string> words;
  bool with_environment = false;
};
Result<CommandWords> read_command_words(const HostFiles& files, const ProcessIdentity& who);

}  // namespace ft::host
