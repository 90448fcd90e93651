#include <fmt/format.h>

#include "base/text.h"
#include "host/capability_judges.h"

namespace ft::host {

namespace {

std::string title_of(const Jdk& jdk) {
  std::string title = jdk.version.empty() ? std::string("JDK") : "JDK " + printable(jdk.version);
  if (!jdk.vendor.empty()) title += " (" + printable(jdk.vendor) + ")";
  return title;
}

Capability judge_symbols(const Jdk& jdk) {
  Capability symbols{.name = title_of(jdk), .group = CapabilityGroup::Attribution};
  symbols.needed_for = "names of JVM functions, by which memory is attributed";
  const std::string library = printable(jdk.libjvm);
  if (jdk.notes.has_symtab) {
    symbols.state = CapabilityState::Works;
    symbols.why = library + " has its symbols";
  } else {
    symbols.state = CapabilityState::Degraded;
    symbols.why = library + " has no .symtab: memory is attributed by file, size and address only";
    symbols.remedy = jdk.notes.has_debuglink
                         ? "install the debug symbols that belong to this JDK (Debian: "
                           "openjdk-17-dbg or the like)"
                         : "use a JDK whose libjvm.so is not stripped";
    symbols.recording_lacks = "JVM functions of " + title_of(jdk);
  }
  if (!jdk.notes.has_static_probes) {
    if (symbols.state == CapabilityState::Works) symbols.state = CapabilityState::Degraded;
    symbols.why += "; no static probes";
    if (symbols.remedy.empty()) {
      symbols.remedy =
          "phases of the start are missing with it: use a JDK built with "
          "--enable-dtrace, as Debian's and Temurin's are";
    }
  }
  return symbols;
}

Capability no_jdk() {
  Capability none{.name = "JDK", .group = CapabilityGroup::Attribution};
  none.state = CapabilityState::Missing;
  none.why = "none in /usr/lib/jvm, JAVA_HOME or PATH";
  none.remedy =
      "install one (Debian: apt install openjdk-17-jdk-headless), or set JAVA_HOME; a "
      "java named by its path works all the same";
  none.needed_for = "recording a JVM";
  return none;
}

Capability judge_kernel_symbols(const HostProbes& probes) {
  Capability symbols{.name = "Kernel symbols", .group = CapabilityGroup::Attribution};
  symbols.needed_for = "names in kernel stacks";
  if (probes.kernel_symbols) {
    symbols.state = CapabilityState::Works;
    symbols.why = "/proc/kallsyms shows addresses";
    return symbols;
  }
  symbols.state = CapabilityState::Missing;
  symbols.why = fmt::format("/proc/kallsyms hides addresses; kernel.kptr_restrict = {}",
                            probes.facts.sysctl("kernel.kptr_restrict"));
  symbols.remedy = probes.facts.sysctl("kernel.kptr_restrict") == "2"
                       ? "with kptr_restrict = 2 nobody sees them; 1 shows them to root and still "
                         "hides them from everybody else"
                       : "run it as root, or with CAP_SYSLOG";
  symbols.recording_lacks = "names of kernel functions";
  return symbols;
}

Capability judge_other_processes(const HostProbes& probes) {
  Capability others{.name = "Memory maps of other users", .group = CapabilityGroup::Attribution};
  others.needed_for = "snapshots of a target that runs as another user";
  if (has_cap(probes, kCapSysPtrace)) {
    others.state = CapabilityState::Works;
    others.why = "CAP_SYS_PTRACE";
    return others;
  }
  others.state = CapabilityState::Degraded;
  others.why = "without CAP_SYS_PTRACE only processes of the own user can be looked at";
  others.remedy = "record as the target's user, or as root";
  return others;
}

Capability judge_kprobes(const HostProbes& probes) {
  Capability kprobes{.name = "Kernel function probes", .group = CapabilityGroup::Attribution};
  kprobes.needed_for = "nothing: firsttouch does without them";
  if (probes.attempts.kprobe.works()) {
    kprobes.state = CapabilityState::Works;
    kprobes.why = "kprobes open, and are not used";
    return kprobes;
  }
  kprobes.state = CapabilityState::Missing;
  kprobes.why =
      probes.attempts.kprobe.error == ENOENT
          ? std::string("this kernel offers none")
          : fmt::format("perf_event_open(kprobe): {}", errno_text(probes.attempts.kprobe));
  return kprobes;
}

Capability judge_tracefs(const HostProbes& probes) {
  Capability tracefs{.name = "tracefs", .group = CapabilityGroup::Attribution};
  tracefs.needed_for = "nothing: firsttouch does without it";
  tracefs.state = probes.tracefs_readable ? CapabilityState::Works : CapabilityState::Missing;
  tracefs.why = probes.tracefs_readable ? "readable, and not used" : "not mounted or not readable";
  return tracefs;
}

}  // namespace

void judge_attribution(const HostProbes& probes, std::vector<Capability>& capabilities) {
  if (probes.jdks.empty()) capabilities.push_back(no_jdk());
  for (const Jdk& jdk : probes.jdks) capabilities.push_back(judge_symbols(jdk));
  capabilities.push_back(judge_kernel_symbols(probes));
  capabilities.push_back(judge_other_processes(probes));
  capabilities.push_back(judge_kprobes(probes));
  capabilities.push_back(judge_tracefs(probes));
}

}  // namespace ft::host
