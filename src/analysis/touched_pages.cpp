#include "analysis/touched_pages.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace ft::analysis {

namespace {

constexpr std::uint64_t kBlockSize = kHugePageSize;
constexpr unsigned kBlockShift = 21;
constexpr unsigned kDirectoryShift = 30;

constexpr unsigned page_in_block(std::uint64_t address) {
  return static_cast<unsigned>(address >> kPageShift) & 511U;
}
constexpr unsigned block_in_directory(std::uint64_t address) {
  return static_cast<unsigned>(address >> kBlockShift) & 511U;
}

// The bits of `word` that belong to pages [first, last).
constexpr std::uint64_t mask_of(unsigned word, unsigned first, unsigned last) {
  const unsigned from = std::clamp(first, word * 64, word * 64 + 64) - word * 64;
  const unsigned to = std::clamp(last, word * 64, word * 64 + 64) - word * 64;
  if (from >= to) return 0;
  const std::uint64_t upto = to == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << to) - 1;
  return upto & ~((std::uint64_t{1} << from) - 1);
}

template <typename Bits>
unsigned count_bits(const Bits& bits) {
  unsigned count = 0;
  for (const std::uint64_t word : bits) count += static_cast<unsigned>(std::popcount(word));
  return count;
}

template <typename Visit>
void for_each_bit(std::uint64_t word_bits, unsigned word, Visit visit) {
  while (word_bits) {
    visit(word * 64 + static_cast<unsigned>(std::countr_zero(word_bits)));
    word_bits &= word_bits - 1;
  }
}

}  // namespace

void TouchedPages::set_group(PageClass page_class, PageGroup group) {
  if (group_of_.size() <= page_class) {
    group_of_.resize(page_class + 1U);
    class_now_.resize(page_class + 1U);
  }
  group_of_[page_class] = group;
}

// Calls visit(slot, start address, span) for each existing block that the range meets.
template <typename Visit>
void TouchedPages::for_each_block(Directory& directory, std::uint64_t gib, AddressRange range,
                                  Visit visit) {
  const std::uint64_t base = gib << kDirectoryShift;
  const AddressRange inside =
      AddressRange::of_size(base, std::uint64_t{1} << kDirectoryShift).intersection(range);
  if (inside.empty()) return;
  for (unsigned i = block_in_directory(inside.start); i <= block_in_directory(inside.end - 1);
       ++i) {
    if (!directory.blocks[i]) continue;
    const std::uint64_t start = base + i * kBlockSize;
    const AddressRange part = AddressRange::of_size(start, kBlockSize).intersection(inside);
    const Span span{static_cast<unsigned>((part.start - start) >> kPageShift),
                    static_cast<unsigned>((page_ceil(part.end) - start) >> kPageShift)};
    visit(i, start, span);
  }
}

bool TouchedPages::reserve_memory(std::size_t bytes) {
  if (memory_used_ + bytes > memory_limit_) {
    exhausted_ = true;
    return false;
  }
  memory_used_ += bytes;
  return true;
}

TouchedPages::Directory* TouchedPages::directory_for(std::uint64_t gib) {
  if (gib == cached_gib_) return cached_directory_;
  auto it = directories_.find(gib);
  if (it == directories_.end()) {
    if (!reserve_memory(sizeof(Directory))) return nullptr;
    it = directories_.emplace(gib, std::make_unique<Directory>()).first;
  }
  cached_gib_ = gib;
  cached_directory_ = it->second.get();
  return cached_directory_;
}

TouchedPages::Block* TouchedPages::block_for(std::uint64_t address) {
  if (exhausted_ || address >= kUserEnd) return nullptr;
  Directory* directory = directory_for(address >> kDirectoryShift);
  if (!directory) return nullptr;
  std::unique_ptr<Block>& block = directory->blocks[block_in_directory(address)];
  if (!block) {
    if (!reserve_memory(sizeof(Block))) return nullptr;
    block = std::make_unique<Block>();
    ++directory->used;
  }
  return block.get();
}

void TouchedPages::mix(Block& block) {
  if (block.mixed || !reserve_memory(sizeof(*block.mixed))) return;
  block.mixed = std::make_unique<std::array<PageClass, kPagesPerBlock>>();
  block.mixed->fill(block.uniform);
}

void TouchedPages::add(PageClass page_class, std::uint64_t pages) {
  if (page_class >= class_now_.size()) set_group(page_class, 0);
  class_now_[page_class] += pages;
  const PageGroup group = group_of_[page_class];
  group_now_[group] += pages;
  group_peak_[group] = std::max(group_peak_[group], group_now_[group]);
  total_ += pages;
  total_peak_ = std::max(total_peak_, total_);
}

void TouchedPages::remove(PageClass page_class, std::uint64_t pages) {
  class_now_[page_class] -= pages;
  group_now_[group_of_[page_class]] -= pages;
  total_ -= pages;
}

void TouchedPages::touch_page(Block& block, unsigned page, PageClass page_class, Backing backing) {
  std::uint64_t& touched = block.touched[page / 64];
  std::uint64_t& resident = block.resident[page / 64];
  const std::uint64_t bit = std::uint64_t{1} << (page % 64);
  touched |= bit;
  if (backing == Backing::Zero) return;
  if (resident & bit) {
    const PageClass old_class = block.class_of(page);
    if (old_class == page_class) return;
    mix(block);
    if (!block.mixed) return;
    remove(old_class, 1);
    (*block.mixed)[page] = page_class;
    add(page_class, 1);
    return;
  }
  if (!block.mixed && block.uniform != page_class) {
    if (count_bits(block.resident) == 0) {
      block.uniform = page_class;
    } else {
      mix(block);
      if (!block.mixed) return;
    }
  }
  if (block.mixed) (*block.mixed)[page] = page_class;
  resident |= bit;
  add(page_class, 1);
}

void TouchedPages::touch_span(Block& block, Span span, PageClass page_class, Backing backing) {
  // Whose pages they are is one question for the whole block, as long as there is one owner.
  if (!block.mixed && count_bits(block.resident) == 0) block.uniform = page_class;
  if (block.mixed || block.uniform != page_class) {
    for (unsigned page = span.first; page < span.last; ++page) {
      touch_page(block, page, page_class, backing);
    }
    return;
  }
  unsigned new_pages = 0;
  for (unsigned word = 0; word < block.touched.size(); ++word) {
    const std::uint64_t mask = mask_of(word, span.first, span.last);
    block.touched[word] |= mask;
    if (backing == Backing::Zero) continue;
    new_pages += static_cast<unsigned>(std::popcount(mask & ~block.resident[word]));
    block.resident[word] |= mask;
  }
  if (new_pages > 0) add(page_class, new_pages);
}

void TouchedPages::touch(std::uint64_t address, PageClass page_class, Backing backing) {
  if (Block* block = block_for(address)) {
    touch_page(*block, page_in_block(address), page_class, backing);
  }
}

void TouchedPages::touch_range(AddressRange range, PageClass page_class, Backing backing) {
  range = range.intersection({0, kUserEnd});
  for (std::uint64_t at = page_floor(range.start); at < range.end && !exhausted_;) {
    const std::uint64_t block_start = at & ~(kBlockSize - 1);
    const std::uint64_t block_end = block_start + kBlockSize;
    const std::uint64_t end = std::min(block_end, range.end);
    if (++blocks_filled_ > kMostFilled / kBlockSize) exhausted_ = true;
    if (Block* block = block_for(at)) {
      const Span span{page_in_block(at),
                      static_cast<unsigned>((page_ceil(end) - block_start) >> kPageShift)};
      touch_span(*block, span, page_class, backing);
    }
    at = block_end;
  }
}

void TouchedPages::touch_huge(std::uint64_t address, PageClass page_class) {
  if (Block* block = block_for(address)) {
    touch_span(*block, Span{}, page_class, Backing::Own);
    block->huge = !exhausted_;
  }
}

void TouchedPages::touch_hugetlb(std::uint64_t address, PageClass page_class) {
  touch_huge(address, page_class);
  if (Block* block = block_for(address)) block->of_pool = block->huge;
}

void TouchedPages::drop_in(Block& block, Span span, Drop drop) {
  for (unsigned word = 0; word < block.resident.size(); ++word) {
    const std::uint64_t mask = mask_of(word, span.first, span.last);
    if (mask == 0) continue;
    const std::uint64_t going = block.resident[word] & mask;
    if (block.mixed) {
      for_each_bit(going, word, [&](unsigned page) { remove((*block.mixed)[page], 1); });
    } else if (going) {
      remove(block.uniform, static_cast<unsigned>(std::popcount(going)));
    }
    if (going) block.huge = block.of_pool = false;
    block.resident[word] &= ~mask;
    if (drop == Drop::Mapping) block.touched[word] &= ~mask;
  }
  if (block.mixed && count_bits(block.resident) == 0) {
    block.mixed.reset();
    memory_used_ -= sizeof(*block.mixed);
  }
}

void TouchedPages::drop(AddressRange range, Drop drop) {
  range = range.intersection({0, kUserEnd});
  if (range.empty()) return;
  cached_gib_ = ~std::uint64_t{0};
  cached_directory_ = nullptr;
  const std::uint64_t last = (range.end - 1) >> kDirectoryShift;
  for (auto it = directories_.lower_bound(range.start >> kDirectoryShift);
       it != directories_.end() && it->first <= last;) {
    Directory& directory = *it->second;
    for_each_block(directory, it->first, range, [&](unsigned i, std::uint64_t, Span span) {
      drop_in(*directory.blocks[i], span, drop);
      if (count_bits(directory.blocks[i]->touched) != 0) return;
      directory.blocks[i].reset();
      memory_used_ -= sizeof(Block);
      --directory.used;
    });
    if (directory.used == 0) {
      it = directories_.erase(it);
      memory_used_ -= sizeof(Directory);
    } else {
      ++it;
    }
  }
}

void TouchedPages::move(AddressRange from, std::uint64_t to) {
  from = from.intersection({0, kUserEnd});
  struct Page {
    std::uint64_t address;
    PageClass page_class;
    Backing backing;
  };
  const bool keeps_huge = ((from.start ^ to) & (kBlockSize - 1)) == 0;
  // Block by block, so that what is in flight stays small.
  for (auto next = from.start; next < from.end;) {
    const auto it = directories_.lower_bound(next >> kDirectoryShift);
    if (it == directories_.end() || (it->first << kDirectoryShift) >= from.end) break;
    next = std::max(next, it->first << kDirectoryShift);
    const std::uint64_t block_end = (next & ~(kBlockSize - 1)) + kBlockSize;
    const AddressRange part{next, std::min(block_end, from.end)};
    if (part.empty()) break;
    std::vector<Page> pages;
    bool huge = false;
    bool of_pool = false;
    for_each_block(*it->second, it->first, part, [&](unsigned i, std::uint64_t start, Span span) {
      const Block& block = *it->second->blocks[i];
      huge = block.huge;
      of_pool = block.of_pool;
      for (unsigned page = span.first; page < span.last; ++page) {
        const std::uint64_t bit = std::uint64_t{1} << (page % 64);
        if (!(block.touched[page / 64] & bit)) continue;
        pages.push_back({start + page * kPageSize - from.start + to, block.class_of(page),
                         block.resident[page / 64] & bit ? Backing::Own : Backing::Zero});
      }
    });
    drop(part, Drop::Mapping);
    for (const Page& page : pages) touch(page.address, page.page_class, page.backing);
    if (huge && keeps_huge && pages.size() == kPagesPerBlock) {
      const Page& first = pages.front();
      of_pool ? touch_hugetlb(first.address, first.page_class)
              : touch_huge(first.address, first.page_class);
    }
    next = part.end;
  }
}

std::uint64_t TouchedPages::resident_of_class(PageClass page_class) const {
  return page_class < class_now_.size() ? class_now_[page_class] : 0;
}

std::uint64_t TouchedPages::huge_bytes_of_group(PageGroup group) const {
  std::uint64_t bytes = 0;
  for (const auto& [gib, directory] : directories_) {
    for (const auto& block : directory->blocks) {
      if (block && block->huge && group_of_[block->class_of(0)] == group) bytes += kBlockSize;
    }
  }
  return bytes;
}

void TouchedPages::for_each_resident(
    AddressRange range, const std::function<void(PageClass, std::uint64_t)>& visit) const {
  range = range.intersection({0, kUserEnd});
  if (range.empty()) return;
  const std::uint64_t last = (range.end - 1) >> kDirectoryShift;
  for (auto it = directories_.lower_bound(range.start >> kDirectoryShift);
       it != directories_.end() && it->first <= last; ++it) {
    for_each_block(*it->second, it->first, range, [&](unsigned i, std::uint64_t, Span span) {
      const Block& block = *it->second->blocks[i];
      for (unsigned word = 0; word < block.resident.size(); ++word) {
        const std::uint64_t bits = block.resident[word] & mask_of(word, span.first, span.last);
        if (bits == 0) continue;
        if (block.mixed) {
          for_each_bit(bits, word, [&](unsigned page) { visit((*block.mixed)[page], 1); });
        } else {
          visit(block.uniform, static_cast<unsigned>(std::popcount(bits)));
        }
      }
    });
  }
}

bool TouchedPages::touched_any(AddressRange range) const {
  range = range.intersection({0, kUserEnd});
  if (range.empty()) return false;
  bool any = false;
  const std::uint64_t last = (range.end - 1) >> kDirectoryShift;
  for (auto it = directories_.lower_bound(range.start >> kDirectoryShift);
       !any && it != directories_.end() && it->first <= last; ++it) {
    for_each_block(*it->second, it->first, range, [&](unsigned i, std::uint64_t, Span span) {
      const Block& block = *it->second->blocks[i];
      for (unsigned word = 0; word < block.touched.size(); ++word) {
        any = any || (block.touched[word] & mask_of(word, span.first, span.last)) != 0;
      }
    });
  }
  return any;
}

void TouchedPages::for_each_table(const std::function<void(const Table&)>& visit) const {
  for (const auto& [gib, directory] : directories_) {
    for (unsigned i = 0; i < directory->blocks.size(); ++i) {
      if (!directory->blocks[i] || directory->blocks[i]->of_pool) continue;
      const Block& block = *directory->blocks[i];
      Table table;
      table.start = (gib << kDirectoryShift) + i * kBlockSize;
      table.first = block.uniform;
      table.huge = block.huge;
      table.touched = count_bits(block.touched);
      for (unsigned word = 0; word < block.resident.size(); ++word) {
        for_each_bit(block.resident[word], word, [&](unsigned page) {
          const PageClass page_class = block.class_of(page);
          const auto known = std::ranges::find(table.resident, page_class,
                                               &std::pair<PageClass, std::uint64_t>::first);
          if (known != table.resident.end())
            ++known->second;
          else
            table.resident.emplace_back(page_class, 1);
        });
      }
      if (!table.resident.empty()) table.first = table.resident.front().first;
      visit(table);
    }
  }
}

TouchedPages::Levels TouchedPages::levels() const {
  Levels levels;
  std::uint64_t last_pud = ~std::uint64_t{0};
  for (const auto& [gib, directory] : directories_) {
    levels.pte += static_cast<std::uint64_t>(std::ranges::count_if(
        directory->blocks, [](const auto& block) { return block && !block->of_pool; }));
    ++levels.pmd;
    if (gib >> 9U != last_pud) ++levels.pud;
    last_pud = gib >> 9U;
  }
  return levels;
}

void TouchedPages::check() const {
  std::vector<std::uint64_t> by_class(class_now_.size());
  std::array<std::uint64_t, 256> by_group{};
  std::uint64_t total = 0;
  std::size_t memory = 0;
  for (const auto& [gib, directory] : directories_) {
    unsigned used = 0;
    memory += sizeof(Directory);
    for (const auto& block : directory->blocks) {
      if (!block) continue;
      ++used;
      memory += sizeof(Block) + (block->mixed ? sizeof(*block->mixed) : 0);
      FT_CHECK(exhausted_ || count_bits(block->touched) != 0);
      for (unsigned page = 0; page < kPagesPerBlock; ++page) {
        const std::uint64_t bit = std::uint64_t{1} << (page % 64);
        if (!(block->resident[page / 64] & bit)) continue;
        FT_CHECK(block->touched[page / 64] & bit);
        ++by_class[block->class_of(page)];
        ++by_group[group_of_[block->class_of(page)]];
        ++total;
      }
      FT_CHECK(!block->huge || count_bits(block->resident) == kPagesPerBlock);
      FT_CHECK(!block->of_pool || block->huge);
    }
    FT_CHECK(used == directory->used && (used > 0 || exhausted_));
  }
  FT_CHECK(by_class == class_now_);
  FT_CHECK(by_group == group_now_);
  FT_CHECK(total == total_ && total_ <= total_peak_);
  FT_CHECK(memory == memory_used_);
}

}  // namespace ft::analysis
