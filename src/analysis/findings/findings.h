// Findings look at a process's memory, live or recorded, and remark on what a person who knows the
// kernel and HotSpot would remark on. Each has a name, a condition in docs/findings.md and a test.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "report/model/finding.h"

namespace ft::analysis {

// What findings may rest on; bytes unless said otherwise. Whoever fills it sets what it knows and
// leaves the rest empty: a finding that needs what is empty is not evaluated, and says so. Zero
// means that it is known to be zero.
struct FindingFacts {
  template <typename T>
  using Known = std::optional<T>;

  // The process, from status and smaps_rollup.
  Known<std::uint64_t> resident;
  Known<std::uint64_t> map_count;      // mappings
  Known<std::uint64_t> max_map_count;  // vm.max_map_count
  Known<std::uint64_t> threads;

  // The Java heap.
  Known<std::uint64_t> heap_reserved;  // what -Xmx lets it grow to
  Known<std::uint64_t> heap_resident;
  Known<std::uint64_t> heap_swapped;
  Known<std::map<std::uint32_t, std::uint64_t>> heap_by_node;
  Known<std::vector<std::uint32_t>> cpu_nodes;  // of the CPUs the process may run on

  // Parts of it.
  Known<std::uint64_t> stacks_huge;  // in 2 MiB pages
  Known<std::uint64_t> huge;         // in 2 MiB pages, in all
  // Of `huge`: 4 KiB pages that hold anything but zeroes, measured, or scaled from a sample.
  Known<std::uint64_t> huge_used;
  Known<std::uint64_t> c_heap_resident;  // main heap and arenas of the C library
  Known<std::uint64_t> c_heap_used;      // of it, handed out by malloc and not given back
  Known<std::uint64_t> c_heap_arenas;    // besides the main one; a count

  // The JVM's own account (NMT).
  Known<std::uint64_t> nmt_committed;
  // What NMT does not count, with its resident bytes: "libraries", "files".
  std::map<std::string, std::uint64_t> outside_nmt;
  // Resident bytes of every part of a JVM that NMT does not count, or need not count whole: the
  // above and the C heap. Resident memory exceeds NMT's committed total by no more than this.
  Known<std::uint64_t> beyond_nmt;

  // Host, control group, and what the JVM was told.
  Known<std::uint64_t> host_memory;
  // The tightest limit of its group and the groups above; the inner optional is empty where there
  // is no limit.
  Known<std::optional<std::uint64_t>> cgroup_limit;
  // The JVM's words: its command line and JDK_JAVA_OPTIONS, JAVA_TOOL_OPTIONS where readable.
  Known<std::vector<std::string>> jvm_words;
};

// All findings, in a fixed order, each with its state.
std::vector<report::model::Finding> find(const FindingFacts& facts);

// Those that fire.
std::vector<report::model::Finding> firing(std::vector<report::model::Finding> findings);

}  // namespace ft::analysis
