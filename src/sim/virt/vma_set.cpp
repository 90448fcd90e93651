#include "sim/virt/vma_set.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace ft::sim::virt {

std::size_t VmaSet::index_above(std::uint64_t addr) const {
  const auto first = std::partition_point(
      areas_.begin(), areas_.end(), [addr](const Entry& entry) { return entry.range.end <= addr; });
  return static_cast<std::size_t>(first - areas_.begin());
}

std::size_t VmaSet::index_of(const Vma& vma) const {
  const std::size_t index = index_above(vma.range.start);
  FT_CHECK(index < areas_.size() && areas_[index].vma.get() == &vma);
  return index;
}

const Vma* VmaSet::find_or_next(std::uint64_t addr) const {
  const std::size_t index = index_above(addr);
  return index < areas_.size() ? areas_[index].vma.get() : nullptr;
}

const Vma* VmaSet::find(std::uint64_t addr) const {
  const Vma* vma = find_or_next(addr);
  return vma != nullptr && vma->range.start <= addr ? vma : nullptr;
}

const Vma* VmaSet::last_before(std::uint64_t addr) const {
  const auto first = std::partition_point(areas_.begin(), areas_.end(), [addr](const Entry& entry) {
    return entry.range.start < addr;
  });
  return first == areas_.begin() ? nullptr : std::prev(first)->vma.get();
}

const Vma* VmaSet::first_in(AddressRange range) const {
  if (range.empty()) return nullptr;
  const Vma* vma = find_or_next(range.start);
  return vma != nullptr && vma->range.start < range.end ? vma : nullptr;
}

const Vma* VmaSet::next(const Vma& vma) const {
  const std::size_t index = index_of(vma) + 1;
  return index < areas_.size() ? areas_[index].vma.get() : nullptr;
}

const Vma* VmaSet::previous(const Vma& vma) const {
  const std::size_t index = index_of(vma);
  return index == 0 ? nullptr : areas_[index - 1].vma.get();
}

Vma* VmaSet::find(std::uint64_t addr) {
  return const_cast<Vma*>(std::as_const(*this).find(addr));
}
Vma* VmaSet::find_or_next(std::uint64_t addr) {
  return const_cast<Vma*>(std::as_const(*this).find_or_next(addr));
}
Vma* VmaSet::last_before(std::uint64_t addr) {
  return const_cast<Vma*>(std::as_const(*this).last_before(addr));
}
Vma* VmaSet::first_in(AddressRange range) {
  return const_cast<Vma*>(std::as_const(*this).first_in(range));
}
Vma* VmaSet::next(const Vma& vma) {
  return const_cast<Vma*>(std::as_const(*this).next(vma));
}
Vma* VmaSet::previous(const Vma& vma) {
  return const_cast<Vma*>(std::as_const(*this).previous(vma));
}

Vma& VmaSet::insert(Vma vma) {
  FT_CHECK(!vma.range.empty());
  const AddressRange range = vma.range;
  const std::size_t index = index_above(range.start);
  FT_CHECK(index == areas_.size() || areas_[index].range.start >= range.end);
  ++generation_;
  const auto place =
      areas_.insert(areas_.begin() + static_cast<std::ptrdiff_t>(index),
                    Entry{.range = range, .vma = std::make_unique<Vma>(std::move(vma))});
  return *place->vma;
}

void VmaSet::erase(const Vma& vma) {
  ++generation_;
  areas_.erase(areas_.begin() + static_cast<std::ptrdiff_t>(index_of(vma)));
}

void VmaSet::erase_all_in(AddressRange range) {
  const std::size_t first = index_above(range.start);
  std::size_t last = first;
  while (last < areas_.size() && areas_[last].range.start < range.end) {
    FT_CHECK(range.contains(areas_[last].range));
    ++last;
  }
  if (first == last) return;
  ++generation_;
  areas_.erase(areas_.begin() + static_cast<std::ptrdiff_t>(first),
               areas_.begin() + static_cast<std::ptrdiff_t>(last));
}

void VmaSet::set_range(Vma& vma, AddressRange range) {
  FT_CHECK(!range.empty());
  const std::size_t index = index_of(vma);
  FT_CHECK(index == 0 || areas_[index - 1].range.end <= range.start);
  FT_CHECK(index + 1 == areas_.size() || areas_[index + 1].range.start >= range.end);
  ++generation_;
  vma.range = range;
  areas_[index].range = range;
}

void VmaSet::check() const {
  std::uint64_t end = 0;
  for (const Entry& entry : areas_) {
    FT_CHECK(entry.vma != nullptr);
    FT_CHECK(entry.range == entry.vma->range);
    FT_CHECK(!entry.range.empty());
    FT_CHECK(entry.range.start % kPageSize == 0 && entry.range.end % kPageSize == 0);
    FT_CHECK(entry.range.start >= end);
    end = entry.range.end;
  }
}

}  // namespace ft::sim::virt
