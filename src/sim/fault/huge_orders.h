// HugeOrders answers which sizes of folio an anonymous fault of an area may try, from the settings
// in /sys/kernel/mm/transparent_hugepage (include/linux/huge_mm.h thp_vma_allowable_orders).
#pragma once

#include "sim/fault/outcome.h"
#include "sim/kernel/behaviour.h"
#include "sim/virt/vma.h"

namespace ft::sim::fault {

inline constexpr unsigned kHugeOrderBit = 1U << phys::kHugeOrder;

class HugeOrders {
 public:
  HugeOrders(const HugePages& settings, const kernel::Behaviour& behaviour);

  // Bit n: a folio of 2^n pages may be tried. The borders of the area are not looked at.
  unsigned allowed(const virt::Vma& vma) const {
    if ((vma.flags & virt::kVmHugePage) != 0) return refuses(vma) ? 0 : advised_;
    return plain_ == 0 || refuses(vma) ? 0 : plain_;
  }

 private:
  static bool refuses(const virt::Vma& vma) {
    return (vma.flags & (virt::kVmNoHugePage | virt::kVmHugetlb | virt::kVmPfnMap | virt::kVmIo)) !=
           0;
  }

  unsigned plain_ = 0;    // of an area nobody gave an advice for
  unsigned advised_ = 0;  // of one with MADV_HUGEPAGE
};

}  // namespace ft::sim::fault
