// CommitAccount is how many pages all processes may come to ask for by what they mapped:
// vm_committed_as, Committed_AS of /proc/meminfo. One for all processes of a simulated host.
//
// Source: mm/util.c __vm_enough_memory. The kernel counts per CPU and lets a limit be missed by a
// batch; here the count is exact.
#pragma once

#include <cstdint>

#include "sim/virt/limits.h"

namespace ft::sim::virt {

class CommitAccount {
 public:
  // `pages`: committed by others already.
  explicit CommitAccount(std::uint64_t pages = 0) : pages_(pages) {}

  // Adds `pages` where the policy of `limits` allows that; otherwise changes nothing. `total_vm` is
  // the size of the asking address space in pages, 0 for a kernel thread or a file.
  bool charge(std::uint64_t pages, const Limits& limits, std::uint64_t total_vm);
  // For what the kernel never refuses.
  void charge_unasked(std::uint64_t pages) { pages_ += pages; }
  // REQUIRES: charged before.
  void release(std::uint64_t pages);

  std::uint64_t pages() const { return pages_; }

 private:
  std::uint64_t pages_;
};

}  // namespace ft::sim::virt
