// FolioScan tells of what size the folios are that a process's pages are part of: 4 KiB, the sizes
// between that a kernel with multi-size huge pages (6.8) or a file system gives, 2 MiB. From the
// frame numbers of /proc/PID/pagemap and the marks of first and further pages in /proc/kpageflags;
// root with CAP_SYS_ADMIN may read both.
//
// Source: Linux fs/proc/page.c, include/linux/mm.h (folio_order), tools/mm/thpmaps.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/fd.h"
#include "base/range.h"
#include "base/result.h"
#include "host/frame_facts.h"
#include "host/host_files.h"

namespace ft::host {

// Orders 0 to 9: 2^order pages. Larger folios (of hugetlb pools) count as the largest.
inline constexpr std::size_t kFolioOrders = 10;

class FolioScan {
 public:
  // Fails, in words, where the frames may not be looked at.
  static Result<FolioScan> open(pid_t pid, const HostFiles& files);

  // Calls visit(part, order) for the pages of `range` that are present, by address: neighbouring
  // pages of one order are one part. Memory is bounded. Call forget() before ranges that were
  // looked at before.
  Result<void> walk(AddressRange range,
                    const std::function<void(AddressRange, unsigned order)>& visit);
  void forget();

 private:
  static constexpr std::size_t kBlock = 512;  // frames: folios up to 2 MiB do not cross its borders
  using Orders = std::array<std::uint8_t, kBlock>;
  static constexpr std::size_t kMostBlocks = 65'536;  // of 128 GiB; then it starts again

  FolioScan(Fd pagemap, FrameReader frames)
      : pagemap_(std::move(pagemap)), frames_(std::move(frames)) {}
  Result<std::span<const std::uint64_t>> words_from(AddressRange range);
  Result<const Orders*> orders_of(std::uint64_t block);

  Fd pagemap_;
  FrameReader frames_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Orders>> blocks_;
  std::uint64_t last_block_ = ~std::uint64_t{0};
  const Orders* last_orders_ = nullptr;
  std::vector<std::uint64_t> words_;  // of pagemap, of the addresses in window_
  AddressRange window_;
};

// The orders of the frames of one aligned block of 512, from their flags; fewer at the end of
// memory. A block that begins inside a folio is part of one larger than itself.
std::array<std::uint8_t, 512> folio_orders(const std::vector<std::uint64_t>& flags);

}  // namespace ft::host
