// What a JVM says of its own memory when it is asked, and what asking cost it: its native memory
// tracking (NMT) where it keeps that in detail, else its names for the kernel's mappings
// (System.map, JDK 24 and later), which need a summary of NMT at least.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "attribution/live/claims.h"
#include "base/result.h"
#include "host/host_files.h"
#include "host/process_memory.h"
#include "jvm/hotspot_memory.h"
#include "jvm/nmt.h"
#include "jvm/system_map.h"

namespace ft::attribution {

struct JvmAnswer {
  std::vector<std::string> commands;  // what it was asked, in this order
  std::optional<jvm::NmtReport> nmt;  // with regions where it tracks in detail, else sums alone
  std::vector<jvm::SystemMapEntry> system_map;
  std::vector<std::string> notes;  // what could not be asked, and why

  // Resident memory and threads before and after: what asking cost it, with whatever else the
  // process did meanwhile. Bytes.
  std::uint64_t resident_before = 0;
  std::uint64_t resident_after = 0;
  std::uint64_t threads_before = 0;
  std::uint64_t threads_after = 0;
};

// How long a JVM may take for all of it.
inline constexpr Nanoseconds kTimeToAnswer = 10'000'000'000;

// Fails, in words for the user, where the JVM cannot be asked or does not answer: attaching is
// switched off, it belongs to another user, it is stopped, it does not react in time.
//
// REQUIRES: the process has libjvm.so mapped. `jvm` is what its own data say; may be empty.
Result<JvmAnswer> ask_for_memory(const host::HostFiles& files, const host::ProcessIdentity& who,
                                 const jvm::HotSpotMemory& jvm,
                                 Nanoseconds time_limit = kTimeToAnswer);

// Ranges that the JVM names. What was known of them before and agrees keeps its finer name; what
// disagrees is the JVM's to say where NMT says it. System.map names whole mappings, which may hold
// several things, so it only speaks where nobody else does.
void claim_answer(const JvmAnswer& answer, Claims& claims);

}  // namespace ft::attribution
