// How many page faults a place in memory has had, counted where they happen and not one by one.
#pragma once

#include <cstdint>

namespace ft::event {

struct FaultsAt {
  std::uint64_t address = 0;  // of the first of them
  std::uint64_t count = 0;    // with those nearby: within the same 64 KiB
};

}  // namespace ft::event
