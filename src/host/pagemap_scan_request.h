// The PAGEMAP_SCAN request of /proc/PID/pagemap, Linux 6.7: include/uapi/linux/fs.h. Debian 12's
// headers are older.
#pragma once

#include <sys/ioctl.h>

#include <cstdint>

namespace ft::host {

// Neighbouring pages of the same categories.
struct PageRegion {
  std::uint64_t start;
  std::uint64_t end;
  std::uint64_t categories;
};

struct PagemapScanRequest {
  std::uint64_t size;
  std::uint64_t flags;
  std::uint64_t start;
  std::uint64_t end;
  std::uint64_t walk_end;  // answer: how far it came
  std::uint64_t vec;       // where the regions go, and how many have room
  std::uint64_t vec_len;
  std::uint64_t max_pages;
  std::uint64_t category_inverted;
  std::uint64_t category_mask;
  std::uint64_t category_anyof_mask;
  std::uint64_t return_mask;
};

inline constexpr unsigned long kPagemapScan = _IOWR('f', 16, PagemapScanRequest);

// Categories.
inline constexpr std::uint64_t kPageOfFile = 1U << 2U;
inline constexpr std::uint64_t kPagePresent = 1U << 3U;
inline constexpr std::uint64_t kPageSwapped = 1U << 4U;
inline constexpr std::uint64_t kPageZero = 1U << 5U;  // the shared zero page
inline constexpr std::uint64_t kPageHuge = 1U << 6U;
inline constexpr std::uint64_t kPageGuard = 1U << 8U;  // 6.15

}  // namespace ft::host
