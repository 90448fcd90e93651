// Swap is the machine's swap space: devices, which fill in the order of their priority, and how
// many of their slots are in use (mm/swapfile.c). Slots are counted, not placed.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace ft::sim::reclaim {

struct SwapDevice {
  std::uint64_t slots = 0;  // pages
  int priority = -1;        // higher is filled first
  // Pages are compressed in memory (zram): how many times smaller they get. An input, measured on
  // the user's own data (/sys/block/zram0/mm_stat: orig_data_size / compr_data_size); empty: a
  // disk.
  std::optional<double> compression;

  bool in_memory() const { return compression.has_value(); }
};

using SwapSlot = std::uint32_t;  // the device it is on

class Swap {
 public:
  // REQUIRES: compression >= 1 where there is one.
  void add(const SwapDevice& device);

  // A place for `pages` pages on one device; empty: there is none.
  std::optional<SwapSlot> take(std::uint64_t pages);
  // REQUIRES: as many are in use there.
  void give(SwapSlot device, std::uint64_t pages);

  // A page written there is gone at once; on a disk it is still being written.
  bool writes_at_once(SwapSlot device) const { return devices_[device].in_memory(); }

  std::uint64_t total() const;  // total_swap_pages
  std::uint64_t used() const;
  std::uint64_t free() const { return total() - used(); }  // get_nr_swap_pages
  // What compressed pages take of the machine's memory, in pages, rounded up for each device.
  std::uint64_t memory_pages() const;

  void check() const;

 private:
  std::vector<SwapDevice> devices_;  // by falling priority
  std::vector<std::uint64_t> used_;
};

}  // namespace ft::sim::reclaim
