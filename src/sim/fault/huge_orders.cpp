#include "sim/fault/huge_orders.h"

namespace ft::sim::fault {

HugeOrders::HugeOrders(const HugePages& settings, const kernel::Behaviour& behaviour) {
  for (unsigned order = 2; order <= phys::kHugeOrder; ++order) {
    if (order != phys::kHugeOrder && !behaviour.multi_size_huge_pages) continue;
    HugeEnabled enabled =
        behaviour.multi_size_huge_pages ? settings.by_order[order] : HugeEnabled::Inherit;
    if (enabled == HugeEnabled::Inherit) enabled = settings.enabled;
    const unsigned bit = 1U << order;
    if (enabled == HugeEnabled::Always) plain_ |= bit;
    if (enabled == HugeEnabled::Always || enabled == HugeEnabled::Madvise) advised_ |= bit;
  }
}

}  // namespace ft::sim::fault
