#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "base/units.h"
#include "host/capability_judges.h"

namespace ft::host {

namespace {

// Memory that a recording's ring buffer and the recorder itself take.
constexpr std::uint64_t kRecorderMemory = 256 * kMiB;

constexpr std::string_view kForBpf = "the bpf backend";

// Without these there is nothing to record.
constexpr std::array<std::string_view, 8> kNeededTracepoints = {
    "sys_enter",          "sys_exit",           "page_fault_user",    "page_fault_kernel",
    "sched_process_fork", "sched_process_exec", "sched_process_exit", "task_rename"};

struct TracepointFamily {
  std::string_view events;  // what a recording lacks without it
  std::array<std::string_view, 4> names;
};

constexpr std::array kOptionalTracepoints = {
    TracepointFamily{"page allocations", {"mm_page_alloc"}},
    TracepointFamily{"TLB flushes", {"tlb_flush"}},
    TracepointFamily{"mmap_lock waits", {"mmap_lock_start_locking", "mmap_lock_acquire_returned"}},
    TracepointFamily{"direct and cgroup reclaim",
                     {"mm_vmscan_direct_reclaim_begin", "mm_vmscan_direct_reclaim_end",
                      "mm_vmscan_memcg_reclaim_begin", "mm_vmscan_memcg_reclaim_end"}},
    TracepointFamily{"kswapd wake-ups", {"mm_vmscan_wakeup_kswapd"}},
    TracepointFamily{"compaction", {"mm_compaction_try_to_compact_pages", "mm_compaction_end"}},
    TracepointFamily{"OOM kills", {"mark_victim"}},
};

// The settings that can be behind an EPERM or EACCES of bpf(2) and perf_event_open(2).
std::string rights_settings(const HostProbes& probes) {
  std::string text;
  const auto add = [&](std::string_view name) {
    const std::string_view value = probes.facts.sysctl(name);
    if (!value.empty()) text += fmt::format("; {} = {}", name, value);
  };
  add("kernel.unprivileged_bpf_disabled");
  add("kernel.perf_event_paranoid");
  if (!probes.facts.lockdown.empty()) text += "; lockdown: " + probes.facts.lockdown;
  return text;
}

bool refused(const Attempt& attempt) {
  return attempt.error == EPERM || attempt.error == EACCES;
}

std::string remedy_for(const HostProbes& probes, const Attempt& attempt, std::string_view other) {
  if (!refused(attempt)) return std::string(other);
  const bool privileged =
      has_cap(probes, kCapSysAdmin) || (has_cap(probes, kCapBpf) && has_cap(probes, kCapPerfmon));
  if (!privileged) return std::string(kSeeRights);
  if (!probes.container.empty()) {
    return "the rights are there, so a security module or the container's seccomp profile refuses: "
           "ask for a profile that allows bpf and perf_event_open";
  }
  return "the rights are there, so a security module (lockdown, SELinux, seccomp) refuses: only "
         "the host's administrator can change its policy";
}

Capability judge_rights(const HostProbes& probes) {
  Capability rights{.name = "Rights", .group = CapabilityGroup::Recording};
  rights.needed_for = kForBpf;
  const bool admin = has_cap(probes, kCapSysAdmin);
  const bool tracing = has_cap(probes, kCapBpf) && has_cap(probes, kCapPerfmon);
  const std::string who =
      probes.effective_uid == 0 ? std::string("root") : fmt::format("uid {}", probes.effective_uid);
  if (admin || (tracing && has_cap(probes, kCapSysPtrace))) {
    rights.state = CapabilityState::Works;
    rights.why = fmt::format("{} with {}", who,
                             admin ? "CAP_SYS_ADMIN" : "CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE");
  } else if (tracing) {
    rights.state = CapabilityState::Degraded;
    rights.why = who + " with CAP_BPF and CAP_PERFMON, without CAP_SYS_PTRACE";
    rights.remedy = "add cap_sys_ptrace, or record programs of your own user only";
  } else {
    rights.state = CapabilityState::Missing;
    rights.why = who + " without CAP_BPF and CAP_PERFMON";
    rights.remedy = kRightsRemedy;
  }
  return rights;
}

Capability judge_btf(const HostProbes& probes) {
  Capability btf{.name = "Kernel type information (BTF)", .group = CapabilityGroup::Recording};
  btf.needed_for = kForBpf;
  btf.bpf_needs_it = true;
  if (probes.tracepoints) {
    btf.state = CapabilityState::Works;
    btf.why =
        fmt::format("/sys/kernel/btf/vmlinux describes {} tracepoints", probes.tracepoints->size());
  } else {
    btf.state = CapabilityState::Missing;
    btf.why = probes.tracepoints.error().message();
    btf.remedy =
        "use a kernel built with CONFIG_DEBUG_INFO_BTF=y, as those of Debian, Ubuntu, "
        "Fedora and RHEL are";
  }
  return btf;
}

Capability judge_programs(const HostProbes& probes) {
  Capability programs{.name = "BPF programs", .group = CapabilityGroup::Recording};
  programs.needed_for = kForBpf;
  programs.bpf_needs_it = true;
  const Attempts& attempts = probes.attempts;
  const Attempt& attempt = attempts.load_tracing_program.tried() ? attempts.load_tracing_program
                                                                 : attempts.load_raw_program;
  if (attempts.load_tracing_program.works()) {
    programs.state = CapabilityState::Works;
    programs.why = "a program for a BTF tracepoint loads";
    return programs;
  }
  programs.state = CapabilityState::Missing;
  if (attempt.works()) {
    programs.why = "a plain program loads, but there is no BTF to attach it by";
    programs.remedy = "see kernel type information";
    return programs;
  }
  programs.why =
      fmt::format("bpf(BPF_PROG_LOAD): {}{}", errno_text(attempt), rights_settings(probes));
  programs.remedy =
      remedy_for(probes, attempt, "use a kernel with CONFIG_BPF_SYSCALL=y and CONFIG_BPF_EVENTS=y");
  return programs;
}

Capability judge_ring(const HostProbes& probes) {
  Capability ring{.name = "BPF ring buffer", .group = CapabilityGroup::Recording};
  ring.needed_for = kForBpf;
  ring.bpf_needs_it = true;
  const Attempt& attempt = probes.attempts.create_ring_buffer;
  if (attempt.works()) {
    ring.state = CapabilityState::Works;
    ring.why = "a ring buffer map can be made";
    return ring;
  }
  ring.state = CapabilityState::Missing;
  ring.why = fmt::format("bpf(BPF_MAP_CREATE): {}; RLIMIT_MEMLOCK {}", errno_text(attempt),
                         human_bytes(probes.memlock_limit));
  ring.remedy = remedy_for(probes, attempt, "use Linux 5.8 or later");
  // Kernels before 5.11 count maps as locked memory and answer EPERM past the limit.
  if (attempt.error == EPERM && has_cap(probes, kCapBpf)) {
    ring.remedy = "raise the limit of locked memory (ulimit -l unlimited)";
  }
  return ring;
}

Capability judge_needed_tracepoints(const HostProbes& probes) {
  Capability needed{.name = "Tracepoints", .group = CapabilityGroup::Recording};
  needed.needed_for = kForBpf;
  needed.bpf_needs_it = true;
  std::vector<std::string_view> absent;
  for (const std::string_view name : kNeededTracepoints) {
    if (!probes.tracepoints || !probes.tracepoints->has(name)) absent.push_back(name);
  }
  if (absent.empty()) {
    needed.state = CapabilityState::Works;
    needed.why = "system calls, page faults and the life of processes";
  } else {
    needed.state = CapabilityState::Missing;
    needed.why = probes.tracepoints ? fmt::format("not in BTF: {}", fmt::join(absent, ", "))
                                    : std::string("unknown without BTF");
    needed.remedy = "use a kernel with CONFIG_FTRACE_SYSCALLS=y and CONFIG_DEBUG_INFO_BTF=y";
  }
  return needed;
}

Capability judge_optional_tracepoints(const HostProbes& probes) {
  Capability events{.name = "Memory tracepoints", .group = CapabilityGroup::Recording};
  std::vector<std::string_view> families;
  std::vector<std::string_view> lacking;
  std::vector<std::string_view> absent;
  for (const TracepointFamily& family : kOptionalTracepoints) {
    families.push_back(family.events);
    const std::size_t absent_before = absent.size();
    for (const std::string_view name : family.names) {
      if (name.empty()) continue;
      if (!probes.tracepoints || !probes.tracepoints->has(name)) absent.push_back(name);
    }
    if (absent.size() != absent_before) lacking.push_back(family.events);
  }
  events.needed_for = fmt::format("{}", fmt::join(families, ", "));
  if (absent.empty()) {
    events.state = CapabilityState::Works;
    events.why = events.needed_for;
    return events;
  }
  events.state =
      lacking.size() == families.size() ? CapabilityState::Missing : CapabilityState::Degraded;
  events.why = probes.tracepoints ? fmt::format("not in BTF: {}", fmt::join(absent, ", "))
                                  : std::string("unknown without BTF");
  events.remedy = probes.tracepoints ? "use a kernel that has them" : "see kernel type information";
  events.recording_lacks = fmt::format("{}", fmt::join(lacking, ", "));
  return events;
}

Capability judge_fault_events(const HostProbes& probes) {
  Capability faults{.name = "Page fault events", .group = CapabilityGroup::Recording};
  faults.needed_for = "the latency of page faults";
  faults.bpf_needs_it = true;
  const Attempts& attempts = probes.attempts;
  if (attempts.perf_faults_per_cpu.works() && attempts.perf_program.works()) {
    faults.state = CapabilityState::Works;
    faults.why = "perf software events open on a CPU and take a BPF program";
    return faults;
  }
  const bool no_event = !attempts.perf_faults_per_cpu.works();
  const Attempt& attempt = no_event ? attempts.perf_faults_per_cpu : attempts.perf_program;
  faults.state = CapabilityState::Missing;
  faults.why = fmt::format("{}: {}{}", no_event ? "perf_event_open" : "BPF on a perf event",
                           errno_text(attempt), rights_settings(probes));
  if (no_event && attempts.perf_faults_own.works()) {
    faults.why += "; counting the own process's faults is allowed";
  }
  faults.remedy = remedy_for(probes, attempt, "use a kernel with CONFIG_PERF_EVENTS=y");
  return faults;
}

Capability judge_sampling(const HostProbes& probes) {
  Capability sampling{.name = "CPU sampling", .group = CapabilityGroup::Recording};
  sampling.needed_for = "record --sample";
  const Attempt& attempt = probes.attempts.perf_cpu_clock;
  if (attempt.works()) {
    sampling.state = CapabilityState::Works;
    sampling.why = "perf cpu-clock opens on a CPU, kernel included";
    return sampling;
  }
  sampling.state = CapabilityState::Missing;
  sampling.why = fmt::format("perf_event_open: {}{}", errno_text(attempt), rights_settings(probes));
  sampling.remedy = remedy_for(probes, attempt, "use a kernel with CONFIG_PERF_EVENTS=y");
  sampling.recording_lacks = "samples";
  return sampling;
}

Capability judge_uprobes(const HostProbes& probes) {
  Capability uprobes{.name = "User probes", .group = CapabilityGroup::Recording};
  uprobes.needed_for = "phases of the JVM's start, names of G1's side tables";
  const Attempt& attempt = probes.attempts.uprobe;
  if (attempt.works()) {
    uprobes.state = CapabilityState::Works;
    uprobes.why = "a probe on this very program could be set";
    return uprobes;
  }
  uprobes.state = CapabilityState::Missing;
  uprobes.why = attempt.error == ENOENT
                    ? std::string("/sys/bus/event_source/devices/uprobe is not there")
                    : fmt::format("perf_event_open(uprobe): {}", errno_text(attempt));
  // Since 6.16 (and in stable kernels with that fix) CAP_PERFMON does not suffice: a probe set
  // inside an instruction can destroy the program.
  uprobes.remedy = refused(attempt) && !has_cap(probes, kCapSysAdmin)
                       ? "run it as root: kernels since 6.16 let only CAP_SYS_ADMIN set user probes"
                       : remedy_for(probes, attempt, "use a kernel with CONFIG_UPROBE_EVENTS=y");
  uprobes.recording_lacks = "phases of the JVM's start";
  return uprobes;
}

Capability judge_ptrace(const HostProbes& probes) {
  Capability ptrace{.name = "ptrace with a seccomp filter", .group = CapabilityGroup::Recording};
  ptrace.needed_for = "the ptrace backend";
  ptrace.ptrace_needs_it = true;
  const Attempts& attempts = probes.attempts;
  const std::string_view scope = probes.facts.sysctl("kernel.yama.ptrace_scope");
  if (!attempts.trace_child.works()) {
    ptrace.state = CapabilityState::Missing;
    ptrace.why = "ptrace(PTRACE_TRACEME): " + errno_text(attempts.trace_child);
    if (!scope.empty()) ptrace.why += fmt::format("; kernel.yama.ptrace_scope = {}", scope);
    ptrace.remedy = scope == "3" ? "nothing short of a reboot lowers ptrace_scope from 3"
                                 : "allow ptrace in the container's seccomp profile";
  } else if (!attempts.seccomp_filter.works()) {
    ptrace.state = CapabilityState::Missing;
    ptrace.why = "seccomp(SECCOMP_SET_MODE_FILTER): " + errno_text(attempts.seccomp_filter);
    ptrace.remedy = "use a kernel with CONFIG_SECCOMP_FILTER=y";
  } else if ((scope == "1" || scope == "2") && !has_cap(probes, kCapSysPtrace)) {
    ptrace.state = CapabilityState::Degraded;
    ptrace.why = fmt::format("own children only: kernel.yama.ptrace_scope = {}", scope);
    ptrace.remedy = "start the program with record instead of attaching with -p, or use sudo";
  } else {
    ptrace.state = CapabilityState::Works;
    ptrace.why = "a child can be traced and filtered";
  }
  return ptrace;
}

Capability judge_memory(const HostProbes& probes) {
  Capability memory{.name = "Free memory", .group = CapabilityGroup::Recording};
  memory.needed_for = "the ring buffer";
  const std::uint64_t available = probes.facts.available_bytes;
  std::uint64_t left = available;
  std::string_view bound = "MemAvailable";
  if (probes.facts.cgroup && probes.facts.cgroup->limit) {
    const std::uint64_t used = probes.facts.cgroup->current.value_or(0);
    const std::uint64_t limit = *probes.facts.cgroup->limit;
    const std::uint64_t room = limit > used ? limit - used : 0;
    if (room < left) {
      left = room;
      bound = "left in this control group";
    }
  }
  memory.why = fmt::format("{} {}", human_bytes(left), bound);
  if (left >= kRecorderMemory) {
    memory.state = CapabilityState::Works;
  } else {
    memory.state = CapabilityState::Degraded;
    memory.remedy = fmt::format("free some: a recording of a busy start wants {}",
                                human_bytes(kRecorderMemory));
  }
  return memory;
}

Capability judge_container(const HostProbes& probes) {
  Capability container{.name = "Host's own view", .group = CapabilityGroup::Recording};
  container.needed_for = "process ids that agree with the kernel's";
  if (!probes.pid_namespace) {
    container.state = CapabilityState::Works;
    container.why = probes.container.empty()
                        ? std::string("no container")
                        : fmt::format("{}, with the host's process ids", probes.container);
    return container;
  }
  container.state = CapabilityState::Degraded;
  container.why = fmt::format("in a process id namespace of its own{}",
                              probes.container.empty() ? "" : " (" + probes.container + ")");
  container.remedy = "run firsttouch on the host, or start the container with --pid=host";
  return container;
}

}  // namespace

void judge_recording(const HostProbes& probes, std::vector<Capability>& capabilities) {
  capabilities.push_back(judge_rights(probes));
  capabilities.push_back(judge_btf(probes));
  capabilities.push_back(judge_programs(probes));
  capabilities.push_back(judge_ring(probes));
  capabilities.push_back(judge_needed_tracepoints(probes));
  capabilities.push_back(judge_fault_events(probes));
  capabilities.push_back(judge_optional_tracepoints(probes));
  capabilities.push_back(judge_sampling(probes));
  capabilities.push_back(judge_uprobes(probes));
  capabilities.push_back(judge_ptrace(probes));
  capabilities.push_back(judge_memory(probes));
  capabilities.push_back(judge_container(probes));
}

}  // namespace ft::host
