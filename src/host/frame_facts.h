// What the kernel tells about one page frame: /proc/kpageflags, /proc/kpagecount, and the zone and
// node it lies in. Only root with CAP_SYS_ADMIN may read the first two.
//
// Source: Linux include/uapi/linux/kernel-page-flags.h, fs/proc/page.c,
// Documentation/admin-guide/mm/pagemap.rst.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "host/host_files.h"

namespace ft::host {

inline constexpr std::uint64_t kFrameCompoundHead = 1ULL << 15U;
inline constexpr std::uint64_t kFrameCompoundTail = 1ULL << 16U;
inline constexpr std::uint64_t kFrameAnon = 1ULL << 12U;
inline constexpr std::uint64_t kFrameHugetlb = 1ULL << 17U;
inline constexpr std::uint64_t kFrameThp = 1ULL << 22U;
inline constexpr std::uint64_t kFrameZeroPage = 1ULL << 24U;

// One flag: the kernel's name of the bit, and what it means.
struct FrameFlag {
  unsigned bit = 0;
  std::string_view name;
  std::string_view meaning;
};

// The flags that are set, lowest first; bits of newer kernels are left out.
std::vector<FrameFlag> frame_flags(std::uint64_t flags);

struct FrameFacts {
  std::uint64_t pfn = 0;
  std::uint64_t flags = 0;
  std::optional<std::uint64_t> mapped_count;  // how many entries point to it
  unsigned order = 0;                         // of the folio it is part of: 2^order pages
  std::uint64_t folio_start = 0;              // its first frame
  std::optional<std::uint32_t> node;
  std::string zone;  // "DMA32", "Normal"; empty: not known
};

class FrameReader {
 public:
  // Fails, in words, where the frames may not be looked at.
  static Result<FrameReader> open(const HostFiles& files);

  Result<FrameFacts> look(std::uint64_t pfn) const;
  // kpageflags of `count` frames from `pfn` on; fewer at the end of memory.
  Result<std::vector<std::uint64_t>> flags(std::uint64_t pfn, std::size_t count) const;

 private:
  FrameReader(HostFiles files, Fd flags, Fd counts)
      : files_(std::move(files)), flags_(std::move(flags)), counts_(std::move(counts)) {}

  HostFiles files_;
  Fd flags_;
  Fd counts_;  // may be missing
};

}  // namespace ft::host
