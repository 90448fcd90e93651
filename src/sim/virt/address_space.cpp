#include "sim/virt/address_space.h"

#include <memory>
#include <utility>

#include "base/check.h"
#include "sim/virt/backing_file.h"

namespace ft::sim::virt {

AddressSpace::AddressSpace(Surroundings surroundings, Limits limits, Layout layout)
    : around_(surroundings),
      limits_(limits),
      layout_(layout),
      editor_(areas_, around_.page_table, around_.invalidations, around_.behaviour,
              around_.narrator) {}

AddressSpace::~AddressSpace() {
  give_back(committed_pages_);
}

void AddressSpace::add_initial_area(Vma vma) {
  const VmFlags flags = vma.flags;
  const std::uint64_t pages = vma.pages();
  if (!vma.may_split() && vma.file == nullptr) {
    vma.file = std::make_shared<BackingFile>(FileKind::Special, vma.range.size());
    vma.page_offset = 0;
  }
  areas_.insert(std::move(vma));
  count(flags, pages);
  if ((flags & kVmLocked) != 0) totals_.locked += pages;
  if ((flags & kVmAccount) != 0) {
    around_.committed.charge_unasked(pages);
    committed_pages_ += pages;
  }
}

void AddressSpace::check() const {
  areas_.check();
  VmTotals totals;
  std::uint64_t committed = 0;
  for (std::size_t index = 0; index < areas_.size(); ++index) {
    const Vma& vma = areas_[index];
    const std::uint64_t pages = vma.pages();
    FT_CHECK(vma.range.end <= layout_.end());
    FT_CHECK(vma.anonymous() || (vma.flags & kVmGrowsDown) == 0);
    FT_CHECK((vma.flags & kVmShared) == 0 || !vma.anonymous());
    FT_CHECK((vma.flags & kVmAccount) == 0 || (vma.flags & kVmShared) == 0);
    totals.total += pages;
    if (counts_as_code(vma.flags))
      totals.exec += pages;
    else if (counts_as_stack(vma.flags))
      totals.stack += pages;
    else if (counts_as_data(vma.flags))
      totals.data += pages;
    if ((vma.flags & kVmAccount) != 0) committed += pages;
  }
  FT_CHECK(totals.total == totals_.total);
  FT_CHECK(totals.exec == totals_.exec);
  FT_CHECK(totals.stack == totals_.stack);
  FT_CHECK(totals.data == totals_.data);
  FT_CHECK(committed == committed_pages_);
  FT_CHECK(committed <= around_.committed.pages());
}

}  // namespace ft::sim::virt
