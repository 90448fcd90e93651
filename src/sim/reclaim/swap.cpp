#include "sim/reclaim/swap.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.h"

namespace ft::sim::reclaim {

void Swap::add(const SwapDevice& device) {
  FT_CHECK(!device.compression || *device.compression >= 1);
  FT_CHECK(used() == 0);  // slots name devices by place
  const auto behind = std::ranges::find_if(
      devices_, [&](const SwapDevice& other) { return other.priority < device.priority; });
  devices_.insert(behind, device);
  used_.push_back(0);
}

std::optional<SwapSlot> Swap::take(std::uint64_t pages) {
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    if (devices_[i].slots - used_[i] < pages) continue;
    used_[i] += pages;
    return static_cast<SwapSlot>(i);
  }
  return std::nullopt;
}

void Swap::give(SwapSlot device, std::uint64_t pages) {
  FT_CHECK(device < used_.size() && used_[device] >= pages);
  used_[device] -= pages;
}

std::uint64_t Swap::total() const {
  std::uint64_t slots = 0;
  for (const SwapDevice& device : devices_) slots += device.slots;
  return slots;
}

std::uint64_t Swap::used() const {
  return std::accumulate(used_.begin(), used_.end(), std::uint64_t{0});
}

std::uint64_t Swap::memory_pages() const {
  std::uint64_t pages = 0;
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    if (!devices_[i].compression) continue;
    pages += static_cast<std::uint64_t>(
        std::ceil(static_cast<double>(used_[i]) / *devices_[i].compression));
  }
  return pages;
}

void Swap::check() const {
  FT_CHECK(devices_.size() == used_.size());
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    FT_CHECK(used_[i] <= devices_[i].slots);
    FT_CHECK(i == 0 || devices_[i - 1].priority >= devices_[i].priority);
  }
}

}  // namespace ft::sim::reclaim
