// VmaEditor splits, joins and resizes the areas of an address space, by the rules of mm/vma.c:
// which areas may join, which of them survives, whose anon_vma the result has.
#pragma once

#include <cstdint>
#include <string>

#include "base/range.h"
#include "sim/kernel/behaviour.h"
#include "sim/path/path.h"
#include "sim/virt/gather.h"
#include "sim/virt/limits.h"
#include "sim/virt/page_table.h"
#include "sim/virt/vma.h"
#include "sim/virt/vma_set.h"

namespace ft::sim::virt {

// A range about to exist with these properties, and what is beside it (struct vma_merge_struct).
struct MergeRequest {
  AddressRange range;
  Vma properties = {};        // all but its range
  Vma* previous = nullptr;    // the area before the range, touching it or not
  Vma* next = nullptr;        // the one behind
  bool only_upwards = false;  // brk: joins the area before it, never the one behind (just_expand)
  bool copied = false;        // mremap: properties are those of the area that is moved
};

// What a change of a part of an area gives: the area that is now exactly that part, or that has
// swallowed it, or the errno of a split that was not possible.
struct Modified {
  Vma* vma = nullptr;
  int error = 0;
};

class VmaEditor {
 public:
  VmaEditor(VmaSet& areas, PageTable& page_table, InvalidationSink& invalidations,
            const kernel::Behaviour& behaviour, const path::Narrator& narrator)
      : areas_(areas),
        page_table_(page_table),
        invalidations_(invalidations),
        behaviour_(behaviour),
        narrator_(narrator) {}

  // vma_merge_new_range: joins a new range to a neighbour or to both. nullptr: it stays alone, and
  // nothing has changed. REQUIRES: the range is free.
  Vma* merge_new(const MergeRequest& request);

  // vma_modify: the `part` of `vma` is about to have the flags and the name of `changed`. Joins it
  // to a neighbour that has them already, else splits it off. Sets no flags itself. `previous` is
  // the area before the part: `vma` itself where the part does not begin it.
  Modified modify(Vma* previous, Vma& vma, AddressRange part, const Vma& changed,
                  unsigned max_map_count);

  // vm_ops->may_split: some areas stay whole, and hugetlb has borders between its pages only
  // (hugetlb_vm_op_split).
  static bool may_split(const Vma& vma, std::uint64_t addr);

  // __split_vma, without regard of the limit. `vma` keeps the upper part where `new_below`.
  // Returns the new area. REQUIRES: addr inside of vma, page-aligned; may_split().
  Vma& split(Vma& vma, std::uint64_t addr, bool new_below);

  // Before vma gets a border at addr: a huge entry across it is split.
  void split_huge_at(const Vma& vma, std::uint64_t addr);

 private:
  bool same_properties(const Vma& neighbour, const Vma& properties) const;
  bool anon_vma_allows(const Vma& neighbour, const Vma& source) const;
  bool joins_before(const MergeRequest& request) const;
  bool joins_behind(const MergeRequest& request) const;
  bool fit_each_other(const Vma& previous, const Vma& next) const;
  Vma* merge_existing(Vma* previous, Vma& middle, AddressRange part, const Vma& changed);

  VmaSet& areas_;
  PageTable& page_table_;
  InvalidationSink& invalidations_;
  const kernel::Behaviour& behaviour_;
  const path::Narrator& narrator_;
};

}  // namespace ft::sim::virt
