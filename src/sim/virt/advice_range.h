// What one madvise walk is about, and the part of an area that it has come to. Private to
// madvise.cpp and discard.cpp.
#pragma once

#include <optional>
#include <string_view>

#include "base/range.h"
#include "sim/virt/address_space.h"
#include "sim/virt/gather.h"
#include "sim/virt/vma.h"

namespace ft::sim::virt {

struct AddressSpace::Advising {
  int advice = -1;
  std::optional<std::string_view> name = {};  // PR_SET_VMA_ANON_NAME instead of an advice

  bool sets_name() const { return name.has_value(); }
};

struct AddressSpace::AdviceRange {
  const Advising& advising;
  Gather& gather;
  Vma* previous = nullptr;  // the area before the part
  Vma* vma = nullptr;       // the one it is in; after a change of flags, what that became
  AddressRange part = {};
};

}  // namespace ft::sim::virt
