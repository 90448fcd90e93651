// How HotSpot lays out the code cache when it is to lie in pages of 2 MiB: segments begin on their
// borders, and code becomes usable in whole ones. The same for transparent huge pages and for
// hugetlb.
//
// Source: recordings of OpenJDK 17.0.15 and 25.0.3 with and without each.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <vector>

#include "base/range.h"
#include "base/result.h"
#include "sim/whatif/draft.h"
#include "sim/whatif/jvm_view.h"

namespace ft::sim::whatif {

constexpr std::uint64_t huge_floor(std::uint64_t at) {
  return at & ~(kHugePageSize - 1);
}
constexpr std::uint64_t huge_ceil(std::uint64_t at) {
  return huge_floor(at + kHugePageSize - 1);
}

// What of a reservation is committed so far: HotSpot does not commit a page twice.
class Committed {
 public:
  // The part of `range` that was not committed yet, as one range; empty where all of it was.
  AddressRange add(AddressRange range);

 private:
  std::set<std::uint64_t> pages_;
};

// A code heap: where it was, where it is with huge pages, and its segment map.
struct CodeSegment {
  AddressRange old;
  AddressRange now;
  std::size_t map = 0;  // index into JvmView::code
};

struct CodeLayout {
  std::size_t reserve = 0;  // the call, an index into Draft::calls()
  AddressRange range;
  std::vector<CodeSegment> segments;  // by address
};

// Moves the code cache's segments to huge page borders, with the calls and touches of them.
// nullopt: it is too small for huge pages, or its segments are not to be told. Errors, named
// `what`: no place for it.
Result<std::optional<CodeLayout>> lay_out_code(Draft& draft, const JvmView& view, const char* what);

// Every commit of code becomes one of whole huge pages, `wide`, and segment maps grow with them.
// `keep` changes the call, or says that it is not made. Returns the calls that are not made, for
// erase_calls(): until then indices hold.
std::set<std::size_t> widen_code(Draft& draft, const JvmView& view, const CodeLayout& layout,
                                 const std::function<bool(Call& commit, AddressRange wide)>& keep);

void set_range(Call& call, AddressRange range);
void erase_calls(Draft& draft, const std::set<std::size_t>& indices);

}  // namespace ft::sim::whatif
