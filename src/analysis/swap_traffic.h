// SwapTraffic says which owners' pages were written to swap and how many of them a fault brought
// back. Known from the recorder's events of single pages (event::MmEventKind::SwapOut), not from
// the host's counters, which do not say whose pages they were.
//
// Not seen: memory of files and tmpfs, whose events name no process; pages that read-ahead brought
// along with another, whose own fault is a minor one; what is swapped in by swapoff or khugepaged.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "analysis/thread_index.h"
#include "attribution/owner_history.h"
#include "event/trace.h"

namespace ft::analysis {

class SwapTraffic {
 public:
  struct Share {
    std::uint64_t out_pages = 0;
    std::uint64_t in_faults = 0;  // major ones at an address whose page was in swap
  };

  // The arguments must outlive it.
  SwapTraffic(const event::Trace& trace, const attribution::OwnerHistory& owners,
              const ThreadIndex& threads);

  // All faults, in any order that is one of time for each page.
  void take(std::span<const event::Fault> faults);

  std::span<const Share> by_owner() const { return by_owner_; }
  Share total() const;

 private:
  struct Page {
    event::Pid pid = 0;
    std::uint64_t number = 0;  // address / page size

    bool operator==(const Page&) const = default;
  };
  struct PageHash {
    std::size_t operator()(const Page& page) const {
      return (page.number * 0x9e3779b97f4a7c15U) ^ static_cast<std::size_t>(page.pid);
    }
  };

  void write_out(const event::MmEvent& event);
  Share& share_of(event::Pid pid, std::uint64_t address, Nanoseconds ts);

  const attribution::OwnerHistory& owners_;
  const ThreadIndex& threads_;
  std::vector<Share> by_owner_;
  // When each page was written out and not brought back yet, the latest last.
  std::unordered_map<Page, std::vector<Nanoseconds>, PageHash> out_;
};

}  // namespace ft::analysis
