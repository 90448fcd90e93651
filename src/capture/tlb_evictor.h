// TlbEvictor turns the translations of other processes out of a CPU's TLBs, by using more of its
// own than any TLB holds: each page is read, and each is called.
//
// Why: clearing a page's accessed bit does not flush its translation (x86,
// ptep_test_and_clear_young; clear_refs flushes for soft-dirty only). While the translation stays
// cached the processor does not look at the entry, so the bit stays clear however often the page is
// used. On an idle host that hides nearly all of a small working set.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <set>

#include "base/result.h"

namespace ft::capture {

class TlbEvictor {
 public:
  // Takes 32 MiB of memory. A host that allows no executable memory gets its data side evicted
  // only, see evicts_code().
  static Result<TlbEvictor> make();
  TlbEvictor(TlbEvictor&& other) noexcept;
  TlbEvictor& operator=(TlbEvictor&&) = delete;
  ~TlbEvictor();

  bool evicts_code() const { return executable_; }

  // Goes to each of the CPUs in turn with the calling thread, whose affinity is restored. Returns
  // how many it came to: one may be offline, or forbidden to the recorder.
  std::size_t evict(const std::set<int>& cpus) const;

 private:
  TlbEvictor() = default;
  void use_all_pages() const;

  unsigned char* pages_ = nullptr;
  bool executable_ = false;
};

}  // namespace ft::capture
