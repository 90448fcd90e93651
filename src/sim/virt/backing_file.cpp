#include "sim/virt/backing_file.h"

#include <algorithm>

#include "base/check.h"

namespace ft::sim::virt {

using phys::Frame;
using phys::FrameKind;
using phys::FrameUse;
using phys::Pfn;

BackingFile::BackingFile(FileKind kind, std::uint64_t bytes, Cached cached, unsigned page_shift)
    : kind_(kind),
      bytes_(bytes),
      page_shift_(page_shift),
      placed_for_huge_pages_(kind == FileKind::Regular),
      cached_from_start_((kind == FileKind::Regular && cached == Cached::Everything) ||
                                 kind == FileKind::Special
                             ? pages()
                             : 0) {
  FT_CHECK(page_shift >= kPageShift);
}

BackingFile::~BackingFile() {
  for (auto& [number, chunk] : chunks_)
    for (State& state : *chunk) forget(state);
}

phys::FrameKind BackingFile::frame_kind() const {
  if (kind_ == FileKind::Hugetlb) return FrameKind::Hugetlb;
  return is_shmem() ? FrameKind::Shmem : FrameKind::File;
}

BackingFile::State BackingFile::state_of(std::uint64_t page) const {
  const auto found = chunks_.find(page / kChunk);
  if (found != chunks_.end()) return (*found->second)[page % kChunk];
  return {.cached = page < cached_from_start_};
}

BackingFile::State& BackingFile::state_for_change(std::uint64_t page) {
  std::unique_ptr<Chunk>& chunk = chunks_[page / kChunk];
  if (!chunk) {
    chunk = std::make_unique<Chunk>();
    const std::uint64_t first = page / kChunk * kChunk;
    for (std::uint64_t i = 0; i < kChunk; ++i) (*chunk)[i].cached = first + i < cached_from_start_;
  }
  return (*chunk)[page % kChunk];
}

void BackingFile::cache(std::uint64_t first, std::uint64_t last, unsigned order) {
  const std::uint64_t block = std::uint64_t{1} << order;
  FT_CHECK(order <= phys::kHugeOrder && first % block == 0 && last % block == 0);
  for (std::uint64_t page = first; page < last; ++page) {
    State& state = state_for_change(page);
    FT_CHECK(state.pfn == 0);
    state = {.order = static_cast<std::uint8_t>(order), .cached = true};
  }
}

std::optional<Pfn> BackingFile::frame_of(std::uint64_t page, phys::FrameSource& frames) {
  FT_CHECK(page < pages() && (frames_ == nullptr || frames_ == &frames));
  frames_ = &frames;
  // A hugetlb page is kept with the first small page it holds.
  const unsigned order_of_page = page_shift_ - kPageShift;
  State& state = state_for_change(page >> order_of_page << order_of_page);
  if (state.pfn != 0) return state.pfn;
  const unsigned order = order_of_page != 0 ? order_of_page : state.order;
  const std::optional<Pfn> first = frames.allocate(order, FrameUse::PageCache);
  if (!first) return std::nullopt;
  const Frame frame{
      .kind = frame_kind(), .order = static_cast<std::uint8_t>(order), .flags = phys::kCached};
  held_ += std::uint64_t{1} << order;
  if (order_of_page != 0) {
    frames.frames()[*first] = frame;
    state = {.pfn = *first, .order = frame.order, .cached = true};
    return first;
  }
  const std::uint64_t start = page >> order << order;
  for (std::uint64_t i = 0; i < std::uint64_t{1} << order; ++i) {
    frames.frames()[*first + i] = frame;
    state_for_change(start + i) = {.pfn = *first + i, .order = frame.order, .cached = true};
  }
  return *first + (page - start);
}

// The page cache lets go of a page: of a block when it lets go of its first page.
void BackingFile::forget(State& state) {
  if (state.pfn != 0 && phys::head_of(state.pfn, state.order) == state.pfn) {
    Frame& head = frames_->frames()[state.pfn];
    head.flags &= static_cast<std::uint8_t>(~phys::kCached);
    held_ -= std::uint64_t{1} << state.order;
    const bool mapped = state.order == 0 ? head.map_count != 0 : head.word != 0;
    if (!mapped) frames_->free(state.pfn, state.order);
  }
  state = {};
}

void BackingFile::drop(std::uint64_t first, std::uint64_t last, bool own_copies) {
  // A copy of the list: a mapper may find that it maps nothing any more.
  const std::vector<FileMapper*> mappers = mappers_;
  for (FileMapper* mapper : mappers) mapper->unmap_file_pages(*this, first, last, own_copies);
  // Blocks are dropped whole where they lie inside; the kernel splits one at the border, the model
  // keeps it until its first page goes.
  for (std::uint64_t number = first / kChunk; !chunks_.empty() && number * kChunk < last;
       ++number) {
    const auto found = chunks_.find(number);
    if (found == chunks_.end()) continue;
    const std::uint64_t begin = std::max(first, number * kChunk);
    const std::uint64_t end = std::min(last, (number + 1) * kChunk);
    for (std::uint64_t page = begin; page < end; ++page) {
      State& state = (*found->second)[page % kChunk];
      forget(state);
    }
  }
}

void BackingFile::resize(std::uint64_t bytes) {
  const std::uint64_t old_pages = pages();
  bytes_ = bytes;
  if (pages() < old_pages) drop(pages(), old_pages, true);
  cached_from_start_ = std::min(cached_from_start_, pages());
}

void BackingFile::punch_hole(std::uint64_t first, std::uint64_t last) {
  last = std::min(last, pages());
  if (first >= last) return;
  for (std::uint64_t page = first; page < std::min(last, cached_from_start_); page += kChunk)
    state_for_change(page);
  if (cached_from_start_ > first) state_for_change(std::min(last, cached_from_start_) - 1);
  drop(first, last, false);
}

void BackingFile::add_mapper(FileMapper& mapper) {
  if (std::ranges::find(mappers_, &mapper) == mappers_.end()) mappers_.push_back(&mapper);
}

void BackingFile::remove_mapper(FileMapper& mapper) {
  std::erase(mappers_, &mapper);
}

void BackingFile::check() const {
  std::uint64_t held = 0;
  for (const auto& [number, chunk] : chunks_) {
    for (std::uint64_t i = 0; i < kChunk; ++i) {
      const State& state = (*chunk)[i];
      if (state.pfn == 0) continue;
      const std::uint64_t page = number * kChunk + i;
      FT_CHECK(state.cached && page < pages() + (std::uint64_t{1} << state.order));
      const Frame& frame = frames_->frames()[state.pfn];
      FT_CHECK(frame.kind == frame_kind() && frame.order == state.order);
      if (phys::head_of(state.pfn, state.order) == state.pfn) {
        FT_CHECK((frame.flags & phys::kCached) != 0);
        held += std::uint64_t{1} << state.order;
      }
    }
  }
  FT_CHECK(held == held_);
}

}  // namespace ft::sim::virt
