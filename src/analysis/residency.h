// Residency follows which pages of the subject are in memory, and whose they are, through its
// faults and calls in order of time.
//
// Exact for private anonymous memory on a host that neither swaps nor collapses huge pages behind
// the target's back; for files a lower bound, since the kernel maps up to 16 cached pages around
// each read fault without a fault of their own.
#pragma once

#include <span>
#include <vector>

#include "analysis/space_changes.h"
#include "analysis/touched_pages.h"
#include "attribution/owner_history.h"
#include "event/trace.h"
#include "jvm/subsystem.h"
#include "report/model/report.h"

namespace ft::analysis {

class Residency {
 public:
  // Follows `pid` up to `end_ts`. The trace and the history must outlive it.
  Residency(const event::Trace& trace, const attribution::OwnerHistory& owners, event::Pid pid,
            Nanoseconds end_ts);

  // A finished fault of the process; `region` is where it happened, nullptr where nothing is known
  // to be mapped. Times rise roughly: a fault that comes late is set right.
  void on_fault(const event::Fault& fault, const attribution::Region* region);

  // Applies what calls changed after the last fault.
  void finish();

  const TouchedPages& pages() const { return pages_; }
  std::uint64_t resident_bytes_of(attribution::OwnerId owner) const;
  std::uint64_t anonymous_bytes() const;
  // The owner of a page class of pages().
  static attribution::OwnerId owner_of(PageClass page_class) { return page_class / 2U; }

  report::model::Timeline timeline() const;
  // What calls did to the process's pages up to the end.
  std::span<const SpaceChange> changes() const { return changes_; }

 private:
  // Whether a call already applied took this late fault's page away again.
  bool undone(const event::Fault& fault) const;
  void apply_until(Nanoseconds ts);
  void apply(const SpaceChange& change);
  void populate(const SpaceChange& change);
  void touch_hugetlb(AddressRange range, attribution::OwnerId owner);
  PageClass class_of(attribution::OwnerId owner, bool anonymous) const;
  void sample(Nanoseconds ts);

  const attribution::OwnerHistory& owners_;
  event::Pid pid_;
  Nanoseconds end_ts_;
  std::vector<SpaceChange> changes_;
  std::size_t next_change_ = 0;
  TouchedPages pages_;

  // One point every period_; when there are too many, every other one goes and the period doubles.
  struct Point {
    Nanoseconds ts;
    std::array<std::uint64_t, jvm::kSubsystemCount> resident;
  };
  std::vector<Point> points_;
  Nanoseconds period_ = 100'000;
  Nanoseconds next_sample_ = 0;
};

// Whether the fault brought a huge page: one of order 9 from the allocator, or one of a hugetlb
// pool, which comes without an allocation.
bool is_huge(const event::Fault& fault, const attribution::Region* region);

// Memory of the process alone, with no file behind it: what a first write gives a page of its own.
bool is_private_anonymous(const attribution::Region& region);

}  // namespace ft::analysis
