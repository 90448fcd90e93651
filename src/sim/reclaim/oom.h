// Whom the kernel kills when memory cannot be had any other way (mm/oom_kill.c).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace ft::sim::reclaim {

inline constexpr int kNeverKill = -1000;  // OOM_SCORE_ADJ_MIN

// One process as the killer sees it: all its threads share its memory and die together.
struct OomCandidate {
  std::int32_t pid = 0;
  std::uint64_t resident_pages = 0;  // anonymous, of files, shared
  std::uint64_t swapped_pages = 0;
  std::uint64_t table_bytes = 0;  // VmPTE
  int score_adj = 0;              // /proc/PID/oom_score_adj, -1000 to 1000
  bool unkillable = false;        // init, a kernel thread
  bool dying = false;             // was chosen before; its memory is not back yet
  bool reaped = false;            // was chosen before; its memory is back (MMF_OOM_SKIP)
};

// How much killing it would bring, in pages; empty: it must not be killed. `total_pages`: memory
// and swap of whatever is short.
std::optional<std::int64_t> badness(const OomCandidate& candidate, std::uint64_t total_pages);

// What /proc/PID/oom_score shows: 0 to 2000. Source: fs/proc/base.c proc_oom_score.
std::uint64_t shown_score(const OomCandidate& candidate, std::uint64_t total_pages);

enum class OomVerdict : std::uint8_t {
  Kill,
  Wait,   // an earlier victim is about to free its memory
  Nobody  // the machine panics; a group's charge fails
};
struct OomChoice {
  OomVerdict verdict = OomVerdict::Nobody;
  std::size_t victim = 0;  // where Kill: index into the candidates
  std::int64_t points = 0;
};

// The greatest badness; of equal ones the last (select_bad_process). `candidates`: in the order in
// which the kernel walks them, which is that of their start.
OomChoice choose_victim(std::span<const OomCandidate> candidates, std::uint64_t total_pages);

}  // namespace ft::sim::reclaim
