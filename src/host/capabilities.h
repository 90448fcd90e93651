// Capabilities: what a recording, its attribution and the model can use on this host, why something
// is not there, and how whoever administers the host could allow it. Nothing here changes a
// setting, and no remedy asks to switch a protection off without naming what it protects.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "host/attempts.h"
#include "host/btf.h"
#include "host/facts.h"
#include "host/jdks.h"

namespace ft::host {

enum class CapabilityState : std::uint8_t {
  Works,
  Degraded,  // something is to be had, less than all
  Missing,
};

enum class CapabilityGroup : std::uint8_t {
  Recording,
  Attribution,
  ModelInputs,
};

enum class Backend : std::uint8_t {
  Bpf,
  Ptrace,
  None,
};

struct Capability {
  std::string name{};  // "BPF programs"; stable, scripts may look for it
  CapabilityGroup group{};
  CapabilityState state{};
  std::string why{};         // the fact, setting or errno that says so
  std::string remedy{};      // what to do; empty where nothing is to be done
  std::string needed_for{};  // "the bpf backend", "phases of the JVM's start"
  // The backends that cannot work at all while this one is missing.
  bool bpf_needs_it = false;
  bool ptrace_needs_it = false;
  // What a recording lacks while this does not work: "page faults"; empty: nothing.
  std::string recording_lacks{};
};

// Everything the judgement rests on, gathered in one go; tests write it down by hand.
struct HostProbes {
  HostFacts facts;
  Attempts attempts;
  Result<BtfTracepoints> tracepoints = fail("BTF", "not read");
  std::uint32_t effective_uid = 0;
  std::uint64_t effective_caps = 0;  // CapEff of /proc/self/status
  std::uint64_t memlock_limit = 0;   // RLIMIT_MEMLOCK, bytes
  bool pid_namespace = false;        // not the host's first one
  std::string container;             // "docker", "podman", ...; empty: no sign of one
  bool tracefs_readable = false;
  bool kernel_symbols = false;         // /proc/kallsyms shows addresses
  bool fault_around_readable = false;  // debugfs: what the model would otherwise assume
  bool zoneinfo_readable = false;
  bool pagetypeinfo_readable = false;
  bool pressure_readable = false;
  bool numa_maps_readable = false;
  bool perf_supported = true;  // /proc/sys/kernel/perf_event_paranoid exists
  std::vector<Jdk> jdks;
};

HostProbes probe_host(const HostFiles& files, const JdkHints& hints);

// Pure: words about `probes`, in the order a reader wants them.
std::vector<Capability> judge(const HostProbes& probes);

// What `record` uses when it is left to choose, and what its recordings cannot hold.
struct BackendChoice {
  Backend backend = Backend::None;
  std::vector<std::string> recording_lacks;
  std::string why_not_bpf;  // names of what is missing for it; empty with Bpf
};

BackendChoice choose_backend(const std::vector<Capability>& capabilities);

std::string_view name_of(CapabilityState state);  // "works", "degraded", "missing"
std::string_view name_of(CapabilityGroup group);  // "Recording", "Attribution", "Model inputs"
std::string_view name_of(Backend backend);        // "bpf", "ptrace", "none"

}  // namespace ft::host
