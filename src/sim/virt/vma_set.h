// VmaSet holds the areas of an address space by address. Areas keep their place in memory while
// others come and go; only a change of the set or of a range moves generation().
//
// A sorted array: the kernel's maple tree answers the same questions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/range.h"
#include "sim/virt/vma.h"

namespace ft::sim::virt {

class VmaSet {
 public:
  // The area that holds `addr`, or nullptr.
  Vma* find(std::uint64_t addr);
  const Vma* find(std::uint64_t addr) const;
  // The first area that ends above `addr` (the kernel's find_vma), or nullptr.
  Vma* find_or_next(std::uint64_t addr);
  const Vma* find_or_next(std::uint64_t addr) const;
  // The last area that begins below `addr`, or nullptr.
  Vma* last_before(std::uint64_t addr);
  const Vma* last_before(std::uint64_t addr) const;
  // The lowest area that overlaps `range`, or nullptr.
  Vma* first_in(AddressRange range);
  const Vma* first_in(AddressRange range) const;

  // The neighbours by address, touching or not; nullptr at either end. REQUIRES: of this set.
  Vma* next(const Vma& vma);
  const Vma* next(const Vma& vma) const;
  Vma* previous(const Vma& vma);
  const Vma* previous(const Vma& vma) const;

  // REQUIRES: not empty, overlaps nothing.
  Vma& insert(Vma vma);
  // REQUIRES: of this set.
  void erase(const Vma& vma);
  void erase_all_in(AddressRange range);  // those that overlap; REQUIRES: none sticks out
  // Gives `vma` another range. REQUIRES: overlaps no other area, and stays between its neighbours.
  void set_range(Vma& vma, AddressRange range);

  std::size_t size() const { return areas_.size(); }
  bool empty() const { return areas_.empty(); }
  Vma& operator[](std::size_t index) { return *areas_[index].vma; }
  const Vma& operator[](std::size_t index) const { return *areas_[index].vma; }
  // Index of the first area that ends above `addr`, or size().
  std::size_t index_above(std::uint64_t addr) const;

  std::uint64_t generation() const { return generation_; }

  void check() const;

 private:
  struct Entry {
    AddressRange range;  // of *vma: searching stays within one array
    std::unique_ptr<Vma> vma;
  };
  std::size_t index_of(const Vma& vma) const;

  std::vector<Entry> areas_;
  std::uint64_t generation_ = 0;
};

}  // namespace ft::sim::virt
