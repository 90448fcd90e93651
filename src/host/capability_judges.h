// The three parts of judge(), one a group; see capabilities.h.
#pragma once

#include <vector>

#include "host/capabilities.h"

namespace ft::host {

void judge_recording(const HostProbes& probes, std::vector<Capability>& capabilities);
void judge_attribution(const HostProbes& probes, std::vector<Capability>& capabilities);
void judge_model_inputs(const HostProbes& probes, std::vector<Capability>& capabilities);

// Bits of CapEff (include/uapi/linux/capability.h).
inline constexpr unsigned kCapSysPtrace = 19;
inline constexpr unsigned kCapSysAdmin = 21;
inline constexpr unsigned kCapPerfmon = 38;
inline constexpr unsigned kCapBpf = 39;

inline bool has_cap(const HostProbes& probes, unsigned bit) {
  return ((probes.effective_caps >> bit) & 1U) != 0;
}

// "EPERM (Operation not permitted)"
std::string errno_text(const Attempt& attempt);

// How a user comes by the rights that recording with BPF takes.
inline constexpr std::string_view kRightsRemedy =
    "run it as root (sudo firsttouch ...), or let an administrator give the binary what it needs: "
    "setcap cap_bpf,cap_perfmon,cap_sys_ptrace+ep /path/to/firsttouch";

inline constexpr std::string_view kSeeRights = "see Rights";

}  // namespace ft::host
