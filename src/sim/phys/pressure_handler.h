// PressureHandler is what the slow path of an allocation asks when memory is short. Reclaim
// implements it; without one, nothing is ever freed.
#pragma once

#include <cstdint>

#include "sim/phys/request.h"

namespace ft::sim::phys {

class Memory;

// enum compact_result, as far as the allocator asks.
enum class Compaction : std::uint8_t {
  Skipped,   // not enough free pages to work with, or it failed recently
  Tried,     // moved pages, without making a block that is large enough
  Succeeded  // there should be such a block now
};

class PressureHandler {
 public:
  virtual ~PressureHandler() = default;

  // A zone is below its low watermark, or its watermarks were boosted (wakeup_kswapd).
  virtual void wake_kswapd(Memory& memory, Zone& zone, const Request& request) = 0;
  // Direct reclaim for at least `target` pages; how many were freed (try_to_free_pages).
  virtual std::uint64_t reclaim(Memory& memory, const Request& request, std::uint64_t target) = 0;
  virtual Compaction compact(Memory& memory, const Request& request) = 0;
  // Whether further reclaim could help, were all of it to succeed (should_reclaim_retry).
  virtual bool worth_retrying(Memory& memory, const Request& request) = 0;
  // Whether somebody was killed, whose memory is free now (out_of_memory).
  virtual bool out_of_memory(Memory& memory, const Request& request) = 0;
};

// Nothing can be reclaimed.
class NoPressureHandler final : public PressureHandler {
 public:
  void wake_kswapd(Memory& /*memory*/, Zone& /*zone*/, const Request& /*request*/) override {}
  std::uint64_t reclaim(Memory& /*memory*/, const Request& /*request*/,
                        std::uint64_t /*target*/) override {
    return 0;
  }
  Compaction compact(Memory& /*memory*/, const Request& /*request*/) override {
    return Compaction::Skipped;
  }
  bool worth_retrying(Memory& /*memory*/, const Request& /*request*/) override { return false; }
  bool out_of_memory(Memory& /*memory*/, const Request& /*request*/) override { return false; }
};

}  // namespace ft::sim::phys
