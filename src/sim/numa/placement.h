// Placement is where the pages of one task go: by the policy of the area that a fault is in, else
// by the task's, else to the node of the CPU (mm/mempolicy.c alloc_pages_mpol).
#pragma once

#include <cstdint>
#include <optional>

#include "sim/numa/policy.h"
#include "sim/phys/memory.h"

namespace ft::sim::numa {

// The place in an area for which user memory is being allocated.
struct AreaPlace {
  const Policy* policy = nullptr;  // of mbind; nullptr: the task's
  std::uint64_t page_offset = 0;   // vm_pgoff
  std::uint64_t offset = 0;        // bytes from the start of the area
};

class Placement final : public phys::Placer {
 public:
  // set_mempolicy(2): interleaving starts over.
  void set_task_policy(const Policy& policy);
  const Policy& task_policy() const { return task_policy_; }
  void set_weights(const Weights& weights) { weights_ = weights; }

  // Before the allocations of a fault; they last until the next call.
  void set_place(const AreaPlace& place) { place_ = place; }

  // phys::Placer: user memory by the place; page tables and page cache by the task's policy, whose
  // interleaving then counts allocations instead of addresses.
  phys::MaybeFrame place(phys::Memory& memory, unsigned order, phys::FrameUse use) override;

  // alloc_pages_mpol. `index`: of the page, for interleaving; without it, the task's own count is
  // used and huge pages are nothing special.
  phys::MaybeFrame allocate(phys::Memory& memory, phys::Request request, const Policy& policy,
                            std::optional<std::uint64_t> index);

 private:
  NodeId next_interleaved(NodeMask nodes);
  NodeId next_weighted(NodeMask nodes);

  Policy task_policy_;
  Weights weights_ = {};
  AreaPlace place_;
  NodeId last_node_ = phys::kMostNodes - 1;  // il_prev
  std::uint64_t left_ = 0;                   // il_weight: of last_node_, before the next is due
};

}  // namespace ft::sim::numa
