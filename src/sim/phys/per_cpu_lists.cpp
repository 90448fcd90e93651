#include "sim/phys/per_cpu_lists.h"

#include <algorithm>

#include "base/check.h"

namespace ft::sim::phys {

namespace {

constexpr std::uint64_t minus(std::uint64_t from, std::uint64_t what) {
  return from > what ? from - what : 0;
}

}  // namespace

void PerCpuLists::refill(unsigned order, MigrateType type, Fragmenting fragmenting,
                         const ZonePressure& pressure) {
  const std::uint64_t blocks = refill_blocks(order, pressure);
  const std::uint64_t pages =
      buddy_->take_bulk(order, blocks, type, fragmenting, lists_[index(order, type)]) << order;
  count_ += pages;
  ++events_.refills;
  events_.refilled_pages += pages;
}

// nr_pcp_alloc: doubles with each refill as long as nothing is freed, within what may be kept.
std::uint64_t PerCpuLists::refill_blocks(unsigned order, const ZonePressure& pressure) {
  std::uint64_t pages = limits_.batch;
  if (rules_.tunes_cpu_lists) {
    high_ = std::clamp(high_, limits_.high_min, limits_.high_max);
    if (high_ < limits_.batch) return 1;
    std::uint64_t high = high_;
    if (order == 0) pages <<= refill_factor_;
    if (limits_.high_min != limits_.high_max && !pressure.below_high) {
      high = high_ = std::min(high + pages, limits_.high_max);
    }
    if (order == 0) {
      const std::uint64_t most = std::max(minus(high, count_ + limits_.batch), limits_.batch);
      if (pages <= most && refill_factor_ < kBatchScale) ++refill_factor_;
      pages = std::min(pages, most);
    }
  }
  return pages > 1 ? std::max<std::uint64_t>(pages >> order, 2) : pages;
}

// Many blocks of order 1 to 3 freed in a row: they are better off where they can merge.
bool PerCpuLists::is_high_order_burst(unsigned order) {
  const bool high_order = order != 0 && order <= kCostlyOrder;
  if (!rules_.tunes_cpu_lists) return high_order && burst_ != 0;
  const std::uint64_t least = limits_.batch + (rules_.large_bursts_stay ? limits_.high_min / 2 : 0);
  const bool burst = high_order && burst_ >= least && burst_of_high_order_ &&
                     (!large_cache_ || count_ >= limits_.batch);
  burst_of_high_order_ = high_order;
  return burst;
}

// nr_pcp_high
std::uint64_t PerCpuLists::most_to_keep(bool high_order_burst, const ZonePressure& pressure) {
  const std::uint64_t batch = limits_.batch;
  if (!rules_.tunes_cpu_lists) {
    if (high_ == 0 || high_order_burst) return 0;
    return pressure.reclaim_active ? std::min(batch << 2U, high_) : high_;
  }
  std::uint64_t high = high_ = std::clamp(high_, limits_.high_min, limits_.high_max);
  if (high == 0) return 0;
  if (high_order_burst) {
    high_ = std::max(minus(high, batch << kBatchScale), limits_.high_min);
    return 0;
  }
  const std::uint64_t freed = std::max(burst_, batch);
  if (pressure.reclaim_active) {
    high_ = std::max(minus(high, freed), limits_.high_min);
    return std::min(batch << 2U, high_);
  }
  if (limits_.high_min == limits_.high_max) return high;
  if (pressure.below_high) {
    high_ = std::max(minus(high, freed), limits_.high_min);
    return std::max(count_, limits_.high_min);
  }
  if (count_ >= high && high_ < burst_ + batch) {
    high_ = std::clamp(burst_ + batch, limits_.high_min, limits_.high_max);
  }
  return high;
}

// nr_pcp_free: the longer the burst, the more at once.
std::uint64_t PerCpuLists::pages_to_drain(std::uint64_t high, bool high_order_burst) {
  const std::uint64_t batch = limits_.batch;
  if (high_order_burst) {
    return rules_.tunes_cpu_lists ? std::min(count_, batch << kBatchScale) : count_;
  }
  if (high < batch) return 1;
  const std::uint64_t most = std::max(high - batch, batch);
  if (rules_.tunes_cpu_lists) return std::clamp(burst_, batch, most);
  const std::uint64_t pages = batch << burst_;
  if (pages < high - batch && burst_ < kBatchScale) ++burst_;
  return std::clamp(pages, batch, most);
}

bool PerCpuLists::give(Pfn first, unsigned order, MigrateType type, const ZonePressure& pressure) {
  if (rules_.tunes_cpu_lists) refill_factor_ >>= 1U;
  const unsigned own = index(order, type == MigrateType::HighAtomic ? MigrateType::Movable : type);
  lists_[own].push_front(*frames_, first, {order, kOnPerCpuList});
  count_ += std::uint64_t{1} << order;
  return drain_excess(order, own, pressure);
}

bool PerCpuLists::drain_excess(unsigned order, unsigned own, const ZonePressure& pressure) {
  const bool high_order_burst = is_high_order_burst(order);
  if (rules_.tunes_cpu_lists && burst_ < limits_.batch << kBatchScale) {
    burst_ += std::uint64_t{1} << order;
  }
  const std::uint64_t high = most_to_keep(high_order_burst, pressure);
  if (count_ < high) return false;
  drain_pages(pages_to_drain(high, high_order_burst), own);
  return true;
}

// free_pcppages_bulk: whole lists in turn, that of the freed block first, oldest blocks first.
void PerCpuLists::drain_pages(std::uint64_t pages, unsigned first_list) {
  pages = std::min(pages, count_);
  for (unsigned i = first_list; pages > 0; i = (i + 1) % kLists) {
    const unsigned order = order_of(i);
    const std::uint64_t size = std::uint64_t{1} << order;
    while (pages > 0 && !lists_[i].empty()) {
      buddy_->give(lists_[i].pop_back(*frames_), order);
      count_ -= size;
      events_.drained_pages += size;
      pages = minus(pages, size);
    }
  }
}

void PerCpuLists::drain() {
  while (count_ != 0) drain_pages(limits_.batch << kBatchScale, 0);
}

void PerCpuLists::decay() {
  if (!rules_.tunes_cpu_lists) return;
  if (high_ > limits_.high_min) {
    high_ = std::max(
        {minus(count_, limits_.batch << kBatchScale), high_ - (high_ >> 3U), limits_.high_min});
  }
  for (std::uint64_t excess = minus(count_, high_); excess > 0;) {
    const std::uint64_t pages = std::min(excess, limits_.batch);
    drain_pages(pages, 0);
    excess -= pages;
  }
}

void PerCpuLists::check() const {
  std::uint64_t pages = 0;
  for (unsigned i = 0; i < kLists; ++i) {
    std::uint64_t blocks = 0;
    lists_[i].visit(*frames_, [&](Pfn first) {
      const Frame& frame = (*frames_)[first];
      FT_CHECK(frame.kind == FrameKind::Free && frame.list == kOnPerCpuList &&
               frame.order == order_of(i) && first % (Pfn{1} << frame.order) == 0);
      ++blocks;
    });
    FT_CHECK(blocks == lists_[i].count());
    pages += blocks << order_of(i);
  }
  FT_CHECK(pages == count_);
}

}  // namespace ft::sim::phys
