#include "host/capabilities.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/fd.h"
#include "base/text.h"
#include "host/capability_judges.h"
#include "host/status.h"

namespace ft::host {

namespace {

// Inode numbers of the first pid namespace (include/uapi/linux/nsfs.h, PID_NS_INIT_INO).
constexpr ino_t kFirstPidNamespace = 0xEFFFFFFC;

// Readable, and not merely there: some files open and then refuse or show nothing.
bool readable(const HostFiles& files, std::string_view path) {
  const Fd fd(::open(files.path(path).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  char byte = 0;
  return fd.valid() && ::read(fd.get(), &byte, 1) == 1;
}

bool in_pid_namespace(const HostFiles& files) {
  struct stat status{};
  return ::stat(files.path("/proc/self/ns/pid").c_str(), &status) == 0 &&
         status.st_ino != kFirstPidNamespace;
}

std::string find_container(const HostFiles& files) {
  if (files.exists("/.dockerenv")) return "docker";
  if (files.exists("/run/.containerenv")) return "podman";
  if (const auto manager = files.text("/run/systemd/container")) return printable(*manager);
  const std::string groups = files.text("/proc/1/cgroup").value_or("");
  for (const std::string_view sign : {"kubepods", "docker", "containerd", "lxc", "libpod"}) {
    if (groups.find(sign) != std::string::npos) return std::string(sign);
  }
  return {};
}

// Without the right to see them the kernel shows every address as 0.
bool kallsyms_shows_addresses(const HostFiles& files) {
  const Fd fd(::open(files.path("/proc/kallsyms").c_str(), O_RDONLY | O_CLOEXEC));
  char first[16] = {};
  if (!fd.valid() || ::read(fd.get(), first, sizeof first) != sizeof first) return false;
  return std::string_view(first, sizeof first) != "0000000000000000";
}

void read_credentials(const HostFiles& files, HostProbes& probes) {
  probes.effective_uid = ::geteuid();
  const Result<std::string> text = files.read("/proc/self/status");
  if (text) {
    if (const auto status = parse_status(*text)) {
      probes.effective_caps = status->effective_caps.value_or(0);
    }
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) == 0) probes.memlock_limit = limit.rlim_cur;
}

}  // namespace

HostProbes probe_host(const HostFiles& files, const JdkHints& hints) {
  HostProbes probes;
  probes.facts = read_host_facts(files);
  const Result<std::string> btf = files.read("/sys/kernel/btf/vmlinux");
  probes.tracepoints = btf ? BtfTracepoints::make(*btf) : std::unexpected(btf.error());
  probes.attempts = make_attempts(files, probes.tracepoints ? &*probes.tracepoints : nullptr);
  read_credentials(files, probes);
  probes.pid_namespace = in_pid_namespace(files);
  probes.container = find_container(files);
  // Not by way of debugfs: looking there would mount it.
  probes.tracefs_readable = readable(files, "/sys/kernel/tracing/available_events");
  probes.kernel_symbols = kallsyms_shows_addresses(files);
  probes.fault_around_readable = readable(files, "/sys/kernel/debug/fault_around_bytes");
  probes.zoneinfo_readable = readable(files, "/proc/zoneinfo");
  probes.pagetypeinfo_readable = readable(files, "/proc/pagetypeinfo");
  probes.pressure_readable = readable(files, "/proc/pressure/memory");
  probes.numa_maps_readable = readable(files, "/proc/self/numa_maps");
  probes.perf_supported = files.exists("/proc/sys/kernel/perf_event_paranoid");
  probes.jdks = find_jdks(files, hints);
  return probes;
}

std::vector<Capability> judge(const HostProbes& probes) {
  std::vector<Capability> capabilities;
  judge_recording(probes, capabilities);
  judge_attribution(probes, capabilities);
  judge_model_inputs(probes, capabilities);
  return capabilities;
}

BackendChoice choose_backend(const std::vector<Capability>& capabilities) {
  const auto blocks = [&](bool Capability::* needed) {
    std::vector<std::string_view> names;
    for (const Capability& capability : capabilities) {
      if (capability.*needed && capability.state == CapabilityState::Missing) {
        names.push_back(capability.name);
      }
    }
    return names;
  };

  BackendChoice choice;
  const auto missing_for_bpf = blocks(&Capability::bpf_needs_it);
  if (missing_for_bpf.empty())
    choice.backend = Backend::Bpf;
  else if (blocks(&Capability::ptrace_needs_it).empty())
    choice.backend = Backend::Ptrace;
  choice.why_not_bpf = fmt::format("{}", fmt::join(missing_for_bpf, ", "));

  if (choice.backend == Backend::None) return choice;
  if (choice.backend == Backend::Ptrace) {
    choice.recording_lacks = {
        "page faults and their latency",           "page allocations", "TLB flushes",
        "reclaim, compaction and mmap_lock waits", "samples",          "phases of the JVM's start"};
    return choice;
  }
  for (const Capability& capability : capabilities) {
    if (capability.state == CapabilityState::Works || capability.recording_lacks.empty()) continue;
    choice.recording_lacks.push_back(capability.recording_lacks);
  }
  return choice;
}

std::string errno_text(const Attempt& attempt) {
  if (!attempt.tried()) return "not tried";
  const char* name = ::strerrorname_np(attempt.error);
  return fmt::format("{} ({})", name ? name : "errno", std::strerror(attempt.error));
}

std::string_view name_of(CapabilityState state) {
  switch (state) {
    case CapabilityState::Works:
      return "works";
    case CapabilityState::Degraded:
      return "degraded";
    case CapabilityState::Missing:
      return "missing";
  }
  return "";
}

std::string_view name_of(CapabilityGroup group) {
  switch (group) {
    case CapabilityGroup::Recording:
      return "Recording";
    case CapabilityGroup::Attribution:
      return "Attribution";
    case CapabilityGroup::ModelInputs:
      return "Model inputs";
  }
  return "";
}

std::string_view name_of(Backend backend) {
  switch (backend) {
    case Backend::Bpf:
      return "bpf";
    case Backend::Ptrace:
      return "ptrace";
    case Backend::None:
      return "none";
  }
  return "";
}

}  // namespace ft::host
