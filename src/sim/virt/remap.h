// One mremap call on its way (struct vma_remap_struct of mm/mremap.c). Private to mremap.cpp and
// move.cpp.
#pragma once

#include <cstdint>

#include "sim/virt/address_space.h"
#include "sim/virt/mman.h"

namespace ft::sim::virt {

struct AddressSpace::Remap {
  enum class Kind : std::uint8_t { SameSize, Shrink, Grow };

  std::uint64_t addr = 0;
  std::uint64_t old_length = 0;
  std::uint64_t new_length = 0;
  std::uint64_t flags = 0;
  std::uint64_t new_addr = 0;
  Vma* vma = nullptr;  // the area that holds addr
  bool populate_grown = false;
  std::uint64_t shrunk_by = 0;  // before it moved, bytes

  Kind kind() const {
    if (old_length == new_length) return Kind::SameSize;
    return old_length > new_length ? Kind::Shrink : Kind::Grow;
  }
  std::uint64_t delta() const {
    return kind() == Kind::Grow ? new_length - old_length : old_length - new_length;
  }
  bool fixed() const { return (flags & kMremapFixed) != 0; }
  bool keeps_source() const { return (flags & kMremapDontUnmap) != 0; }
  bool implies_new_address() const { return fixed() || keeps_source(); }
};

}  // namespace ft::sim::virt
