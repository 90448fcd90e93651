#include "host/folio_scan.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <utility>

#include "arch/pagemap.h"
#include "base/units.h"

namespace ft::host {

namespace {

constexpr std::size_t kWordsAtOnce = 8192;
constexpr std::size_t kWordsAtLeast = 512;
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

// Ranges follow each other closely in processes of very many mappings: a read goes on past the end
// of what is asked for, and the next one finds its words there.
Result<std::span<const std::uint64_t>> FolioScan::words_from(AddressRange range) {
  if (!window_.contains(range.start)) {
    const std::uint64_t pages =
        std::clamp<std::uint64_t>(range.size() >> kPageShift, kWordsAtLeast, kWordsAtOnce);
    words_.resize(pages);
    const ssize_t got =
        ::pread(pagemap_.get(), words_.data(), pages * sizeof(std::uint64_t),
                static_cast<off_t>((range.start >> kPageShift) * sizeof(std::uint64_t)));
    if (got < 0) return fail_errno("pagemap", errno);
    words_.resize(static_cast<std::size_t>(got) / sizeof(std::uint64_t));
    window_ = AddressRange::of_size(range.start, words_.size() * kPageSize);
  }
  const std::span<const std::uint64_t> all(words_);
  const std::uint64_t skipped = (range.start - window_.start) >> kPageShift;
  const std::uint64_t wanted = range.intersection(window_).size() >> kPageShift;
  return all.subspan(skipped, wanted);
}

Result<void> FolioScan::walk(AddressRange range,
                             const std::function<void(AddressRange, unsigned order)>& visit) {
  AddressRange part{range.start, range.start};
  unsigned order = 0;
  const auto end_part = [&] {
    if (!part.empty()) visit(part, order);
  };
  for (std::uint64_t at = page_floor(range.start); at < range.end;) {
    const std::span<const std::uint64_t> words = FT_TRY(words_from({at, page_ceil(range.end)}));
    if (words.empty()) break;
    for (const std::uint64_t word : words) {
      const arch::PagemapWord page = arch::decode_pagemap(word);
      const std::uint64_t here_at = std::exchange(at, at + kPageSize);
      if (!page.present) continue;
      if (page.frame == 0) {
        return fail("frame numbers", "the kernel hides them", "root with CAP_SYS_ADMIN sees them");
      }
      const Orders* orders = FT_TRY(orders_of(page.frame / kBlock));
      const unsigned here = (*orders)[page.frame % kBlock];
      if (part.end != here_at || here != order) {
        end_part();
        part = {here_at, here_at};
        order = here;
      }
      part.end = at;
    }
  }
  end_part();
  return {};
}

void FolioScan::forget() {
  window_ = {};
  blocks_.clear();
  last_block_ = ~std::uint64_t{0};
  last_orders_ = nullptr;
}

}  // namespace ft::host
