// VmaSet holds the areas of an address space by address. Areas keep their place in memory while
// others come and go.
#pragma once

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

  std::size_t size() const { return areas_.size(); }
  const Vma& operator[](std::size_t index) const { return *areas_[index]; }

  std::uint64_t generation() const { return generation_; }

 private:
  std::vector<std::unique_ptr<Vma>> areas_;
  std::uint64_t generation_ = 0;
};

}  // namespace ft::sim::virt
