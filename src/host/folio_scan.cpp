#include "host/folio_scan.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>

#include "arch/pagemap.h"
#include "base/units.h"

namespace ft::host {

namespace {

constexpr std::size_t kWordsAtOnce = 8192;
constexpr std::uint8_t kLargestOrder = kFolioOrders - 1;

}  // namespace

std::array<std::uint8_t, 512> folio_orders(const std::vector<std::uint64_t>& flags) {
  std::array<std::uint8_t, 512> orders{};
  const std::size_t count = std::min(flags.size(), orders.size());
  for (std::size_t first = 0; first < count;) {
    std::size_t end = first + 1;
    const bool head = (flags[first] & kFrameCompoundHead) != 0;
    const bool tail = (flags[first] & kFrameCompoundTail) != 0;
    if (head || tail) {
      while (end < count && (flags[end] & kFrameCompoundTail) != 0) ++end;
      const auto order = static_cast<std::uint8_t>(std::bit_width(end - first) - 1);
      std::fill(orders.begin() + static_cast<std::ptrdiff_t>(first),
                orders.begin() + static_cast<std::ptrdiff_t>(end), tail ? kLargestOrder : order);
    }
    first = end;
  }
  return orders;
}

Result<FolioScan> FolioScan::open(pid_t pid, const HostFiles& files) {
  const std::string path = files.path(fmt::format("/proc/{}/pagemap", pid));
  Fd pagemap(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!pagemap.valid()) return fail_errno(path, errno);
  FrameReader frames = FT_TRY(FrameReader::open(files));
  return FolioScan(std::move(pagemap), std::move(frames));
}

Result<const FolioScan::Orders*> FolioScan::orders_of(std::uint64_t block) {
  if (block == last_block_) return last_orders_;
  if (blocks_.size() >= kMostBlocks) blocks_.clear();
  std::unique_ptr<Orders>& orders = blocks_[block];
  if (!orders) {
    const auto flags = frames_.flags(block * kBlock, kBlock);
    if (!flags) {
      blocks_.erase(block);
      last_block_ = ~std::uint64_t{0};
      return std::unexpected(flags.error());
    }
    orders = std::make_unique<Orders>(folio_orders(*flags));
  }
  last_block_ = block;
  last_orders_ = orders.get();
  return last_orders_;
}

Result<void> FolioScan::walk(AddressRange range,
                             const std::function<void(AddressRange, unsigned order)>& visit) {
  words_.resize(kWordsAtOnce);
  AddressRange part{range.start, range.start};
  unsigned order = 0;
  const auto end_part = [&] {
    if (!part.empty()) visit(part, order);
  };
  for (std::uint64_t at = page_floor(range.start); at < range.end;) {
    const std::uint64_t pages =
        std::min<std::uint64_t>(words_.size(), (page_ceil(range.end) - at) >> kPageShift);
    const ssize_t got = ::pread(pagemap_.get(), words_.data(), pages * sizeof(std::uint64_t),
                                static_cast<off_t>((at >> kPageShift) * sizeof(std::uint64_t)));
    if (got < 0) return fail_errno("pagemap", errno);
    const std::size_t count = static_cast<std::size_t>(got) / sizeof(std::uint64_t);
    if (count == 0) break;
    for (std::size_t i = 0; i < count; ++i, at += kPageSize) {
      const arch::PagemapWord page = arch::decode_pagemap(words_[i]);
      if (!page.present) continue;
      if (page.frame == 0) {
        return fail("frame numbers", "the kernel hides them", "root with CAP_SYS_ADMIN sees them");
      }
      const Orders* orders = FT_TRY(orders_of(page.frame / kBlock));
      const unsigned here = (*orders)[page.frame % kBlock];
      if (part.end != at || here != order) {
        end_part();
        part = {at, at};
        order = here;
      }
      part.end = at + kPageSize;
    }
  }
  end_part();
  return {};
}

}  // namespace ft::host
