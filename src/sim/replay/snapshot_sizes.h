// The sizes of a process in /proc/PID/status that the model has an answer to.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "host/status.h"
#include "sim/machine/process.h"
#include "sim/replay/breakpoints.h"
#include "sim/replay/validation.h"

namespace ft::sim::replay {

inline constexpr std::size_t kSizeCount = 5;

constexpr Aspect size_aspect(std::size_t index) {
  constexpr std::array<Aspect, kSizeCount> kAspects = {
      Aspect::VmSize, Aspect::VmPte, Aspect::RssAnon, Aspect::RssFile, Aspect::RssShmem};
  return kAspects[index];
}

// Bytes, in the order of size_aspect().
inline std::array<std::optional<std::uint64_t>, kSizeCount> sizes_of(
    const host::ProcessStatus& status) {
  return {status.vm_size, status.vm_pte, status.rss_anon, status.rss_file, status.rss_shmem};
}

// With what the recorder's breakpoints add to the process.
inline std::array<std::uint64_t, kSizeCount> sizes_of(const machine::Process& process,
                                                      Breakpoints::Copies copies) {
  virt::ResidentPages resident = process.resident();
  resident.anonymous += copies.pages;
  resident.file -= copies.shown_as_file;
  return {process.total_pages() * kPageSize, process.tables().vm_pte_bytes(),
          resident.anonymous * kPageSize, resident.file * kPageSize, resident.shmem * kPageSize};
}

}  // namespace ft::sim::replay
