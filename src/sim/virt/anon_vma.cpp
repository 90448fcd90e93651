// Which reverse map the anonymous pages of an area get: __anon_vma_prepare of mm/rmap.c,
// find_mergeable_anon_vma of mm/vma.c.
#include "sim/virt/address_space.h"

namespace ft::sim::virt {

namespace {

// anon_vma_compatible: they differ in nothing but what mprotect changes.
bool could_share(const Vma& lower, const Vma& upper) {
  return lower.range.end == upper.range.start && lower.file == upper.file &&
         lower.open_file == upper.open_file &&
         ((lower.flags ^ upper.flags) & ~(kVmAccess | kVmSticky)) == 0 &&
         upper.page_offset == lower.page_offset + lower.pages();
}

bool may_be_shared(const AnonVma& anon_vma) {
  return anon_vma.id != 0 && !anon_vma.inherited;
}

}  // namespace

const Vma* AddressSpace::reusable_neighbour(const Vma& vma) const {
  const Vma* next = areas_.next(vma);
  if (next != nullptr && could_share(vma, *next) && may_be_shared(next->anon_vma)) return next;
  const Vma* previous = areas_.previous(vma);
  if (previous != nullptr && could_share(*previous, vma) && may_be_shared(previous->anon_vma))
    return previous;
  return nullptr;
}

void AddressSpace::prepare_anon_vma(Vma& vma) {
  if (vma.anon_vma.id != 0) return;
  const Vma* neighbour = reusable_neighbour(vma);
  vma.anon_vma = neighbour != nullptr ? neighbour->anon_vma : AnonVma{.id = ++last_anon_vma_};
  around_.narrator.step("__anon_vma_prepare", [&] {
    return std::string(neighbour != nullptr ? "first page of this area: shares a neighbour's"
                                            : "first page of this area: a new one");
  });
}

}  // namespace ft::sim::virt
