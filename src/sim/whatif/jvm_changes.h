// What single JVM flags change in the JVM's own calls and touches. Each is a transformation of a
// draft; they are applied in this order, whatever the order on the command line.
//
// What each does was found by recording starts with and without it and comparing: G1, JDK 17.0.15
// and 25.0.3. docs/what-if.md tells it call by call.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "sim/whatif/draft.h"

namespace ft::sim::whatif {

struct JvmView;

using Notes = std::vector<std::string>;  // sentences for the user: what was assumed

// -Xms: the heap and its side tables are committed further; young regions are taken from the end of
// what is committed; each region costs the collector some memory. Errors: less than was recorded,
// more than was reserved, a heap that was resized while it ran.
Result<void> set_initial_heap(Draft& draft, std::uint64_t bytes, Notes& notes);

// -XX:+UseTransparentHugePages: the heap, side tables and code of 2 MiB and more are committed in
// whole huge pages and advised.
Result<void> use_transparent_huge_pages(Draft& draft, Notes& notes);

// -XX:+AlwaysPreTouch: every page is written to when it is committed.
struct PreTouchManner {
  bool advised = false;          // transparent huge pages too: JDK 25 asks the kernel to populate
  bool code_is_special = false;  // code in hugetlb pages is never committed, so not touched
};
Result<void> touch_when_committed(Draft& draft, PreTouchManner manner);

// The whole heap in hugetlb pages of that size from the start, as HotSpot does it where it uses
// large pages. Errors: a heap that is not in whole such pages.
Result<void> use_hugetlb_heap(Draft& draft, std::uint64_t page_bytes, Notes& notes);

// -XX:+UseLargePages: code cache, heap and the collector's tables of 2 MiB and more in hugetlb
// pages of 2 MiB from the start, in this order, as far as the pool goes.
Result<void> use_large_pages(Draft& draft, Notes& notes);

// MAP_POPULATE in every call that commits heap: no flag of HotSpot, but what a JVM could do.
Result<void> populate_heap(Draft& draft, Notes& notes);

// G1 keeps a bit for each page of the heap. With huge pages it is 512 times smaller and comes from
// the middle of an arena, no longer a chunk of malloc's own.
void drop_small_page_bitmap(Draft& draft, const JvmView& view);

}  // namespace ft::sim::whatif
