// WatchSampler looks at a process and its host again and again, and turns each look into a refresh
// of `watch`. What is cheap is read each time; what walks the process's page tables is read as
// often as its share of one processor allows, and says how old it is.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analysis/findings/findings.h"
#include "analysis/live_map.h"
#include "analysis/watch/cadence.h"
#include "analysis/watch/watch.h"
#include "capture/bpf/fault_counter.h"
#include "host/host_files.h"
#include "host/process_memory.h"
#include "report/model/memory_map.h"
#include "report/model/watch.h"

namespace ft::app {

// The host, and the control group that this process is in.
analysis::WatchLook look_at_host(const host::HostFiles& files = host::HostFiles());

class WatchSampler {
 public:
  struct Options {
    bool count_faults = true;  // by BPF, where that is allowed; each costs the process some 0.2 µs
    bool ask_jvm = false;      // once a minute, for its own account
  };
  explicit WatchSampler(const Options& options, host::HostFiles files = host::HostFiles())
      : options_(options), files_(std::move(files)) {}

  // From now on this process is looked at; the same one again where it runs a new program.
  void follow(const host::ProcessIdentity& who);
  bool follows() const { return who_.has_value(); }

  // Everything: also what is not due. AsDue keeps to the share.
  enum class Reading : std::uint8_t { AsDue, Everything };

  report::model::Watch sample(Reading reading);

  // Of the process: it has ended, or its pid belongs to another one.
  bool ended() const { return !ended_words_.empty(); }
  // What to say of its end where the caller knows more: "exit status 0".
  void set_end(std::string words) { ended_words_ = std::move(words); }

 private:
  void look_at_target(Reading reading);
  void read_dear_parts(Reading reading);
  std::optional<double> own_cpu_share();
  Result<report::model::SubsystemsView> read_subsystems(Reading reading);
  analysis::FindingFacts facts_of(const report::model::Watch& watch) const;
  void begin_counting_faults();
  void take_fault_counts();
  void add_malloc_use(Reading reading);
  void ask_jvm();
  void note_missing(const std::string& what, const std::string& why);

  Options options_;
  host::HostFiles files_;
  std::optional<host::ProcessIdentity> who_;
  std::string ended_words_;
  analysis::WatchModel model_;
  analysis::WatchLook last_;
  // Shares of one processor; together with the cheap parts below 1 %.
  analysis::Cadence rollup_cadence_{0.001};
  analysis::Cadence map_count_cadence_{0.0005};
  analysis::Cadence map_cadence_{0.004};
  analysis::Cadence malloc_cadence_{0.0005};
  std::optional<analysis::LiveMap> live_map_;
  std::optional<report::model::MemoryMap> map_;  // the last one taken
  std::optional<capture::bpf::FaultCounter> fault_counter_;
  std::string why_no_faults_;
  capture::bpf::FaultCounter::Counts fault_counts_;  // of the last look
  std::optional<std::uint64_t> malloc_used_;         // of the C heap, as it was last read
  std::optional<std::uint64_t> malloc_arenas_;
  std::optional<Nanoseconds> asked_at_;
  host::CommandWords words_;
  std::optional<std::vector<std::uint32_t>> cpu_nodes_;
  std::optional<Nanoseconds> began_at_;  // CLOCK_MONOTONIC, after the first sample
  Nanoseconds began_cpu_ = 0;
};

}  // namespace ft::app
