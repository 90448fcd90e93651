#include "analysis/touched_pages.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace ft::analysis {
namespace {

constexpr std::uint64_t kHeap = 0x600000000;

TEST(TouchedPages, CountsAPageOnceHoweverOftenItFaults) {
  TouchedPages pages;
  pages.set_group(1, 3);
  pages.touch(kHeap, 1, Backing::Own);
  pages.touch(kHeap + 4095, 1, Backing::Own);
  EXPECT_EQ(pages.resident_pages(), 1U);
  EXPECT_EQ(pages.resident_of_group(3), 1U);
  pages.check();
}

TEST(TouchedPages, TheZeroPageNeedsTablesButNoMemory) {
  TouchedPages pages;
  pages.set_group(1, 0);
  pages.touch(kHeap, 1, Backing::Zero);
  EXPECT_EQ(pages.resident_pages(), 0U);
  EXPECT_EQ(pages.levels().pte, 1U);
  pages.touch(kHeap, 1, Backing::Own);
  EXPECT_EQ(pages.resident_pages(), 1U);
  pages.check();
}

TEST(TouchedPages, AHugePageIs512PagesAndSplitsWhenCut) {
  TouchedPages pages;
  pages.set_group(1, 2);
  pages.touch_huge(kHeap + 0x12345, 1);
  EXPECT_EQ(pages.resident_pages(), 512U);
  EXPECT_EQ(pages.huge_bytes_of_group(2), kHugePageSize);
  pages.drop({kHeap, kHeap + kPageSize}, Drop::Contents);
  EXPECT_EQ(pages.resident_pages(), 511U);
  EXPECT_EQ(pages.huge_bytes_of_group(2), 0U);
  EXPECT_EQ(pages.peak_of_group(2), 512U);
  pages.check();
}

TEST(TouchedPages, CopyOnWriteChangesWhosePageItIs) {
  TouchedPages pages;
  pages.set_group(2, 1);
  pages.set_group(3, 1);
  pages.touch(kHeap, 2, Backing::Own);
  pages.touch(kHeap + kPageSize, 2, Backing::Own);
  pages.touch(kHeap, 3, Backing::Own);
  EXPECT_EQ(pages.resident_of_class(2), 1U);
  EXPECT_EQ(pages.resident_of_class(3), 1U);
  EXPECT_EQ(pages.peak_of_group(1), 2U);
  pages.check();
}

TEST(TouchedPages, TablesOutliveDiscardButNotUnmap) {
  TouchedPages pages;
  pages.set_group(1, 0);
  pages.touch_range({kHeap, kHeap + 8 * kGiB}, 1, Backing::Own);
  const auto levels = pages.levels();
  EXPECT_EQ(levels.pte, 4096U);
  EXPECT_EQ(levels.pmd, 8U);
  EXPECT_EQ(levels.pud, 1U);
  pages.drop({kHeap, kHeap + 8 * kGiB}, Drop::Contents);
  EXPECT_EQ(pages.levels().pte, 4096U);
  EXPECT_EQ(pages.resident_pages(), 0U);
  pages.drop({kHeap, kHeap + 8 * kGiB}, Drop::Mapping);
  EXPECT_EQ(pages.levels().pte, 0U);
  EXPECT_EQ(pages.memory_used(), 0U);
  pages.check();
}

TEST(TouchedPages, StopsAtItsMemoryLimitAndSaysSo) {
  TouchedPages pages(64 * kKiB);
  pages.set_group(1, 0);
  for (std::uint64_t gib = 0; gib < 1000; ++gib) pages.touch(gib * kGiB, 1, Backing::Own);
  EXPECT_TRUE(pages.exhausted());
  EXPECT_LE(pages.memory_used(), 64 * kKiB);
  pages.check();
}

TEST(TouchedPages, IgnoresWhatLiesPastUserSpace) {
  TouchedPages pages;
  pages.set_group(1, 0);
  const std::uint64_t top = TouchedPages::kUserEnd - kPageSize;
  pages.touch(~std::uint64_t{0}, 1, Backing::Own);
  pages.touch_huge(~std::uint64_t{0} - kGiB, 1);
  pages.touch_range({top, ~std::uint64_t{0}}, 1, Backing::Own);
  EXPECT_EQ(pages.resident_pages(), 1U);
  pages.move({top, ~std::uint64_t{0}}, kHeap);
  EXPECT_EQ(pages.resident_pages(), 1U);
  pages.drop({0, ~std::uint64_t{0}}, Drop::Mapping);
  EXPECT_EQ(pages.resident_pages(), 0U);
  pages.check();
}

// The same operations on a plain map of pages.
class PageMap {
 public:
  void touch(std::uint64_t page, PageClass page_class, Backing backing) {
    auto& entry = entries_[page];
    if (backing == Backing::Own) entry = page_class;
  }
  void drop(std::uint64_t first, std::uint64_t last, Drop drop) {
    for (std::uint64_t page = first; page < last; ++page) {
      const auto it = entries_.find(page);
      if (it == entries_.end()) continue;
      if (drop == Drop::Mapping)
        entries_.erase(it);
      else
        it->second.reset();
    }
  }
  void move(std::uint64_t first, std::uint64_t count, std::uint64_t to) {
    for (std::uint64_t i = 0; i < count; ++i) {
      if (auto node = entries_.extract(first + i)) {
        node.key() = to + i;
        entries_.insert(std::move(node));
      }
    }
  }
  std::uint64_t resident(PageClass page_class, std::uint64_t first = 0,
                         std::uint64_t last = ~std::uint64_t{0}) const {
    std::uint64_t count = 0;
    for (const auto& [page, held] : entries_) {
      if (page >= first && page < last && held == page_class) ++count;
    }
    return count;
  }
  std::uint64_t tables(unsigned shift) const {
    std::set<std::uint64_t> blocks;
    for (const auto& [page, held] : entries_) blocks.insert(page >> shift);
    return blocks.size();
  }

 private:
  std::map<std::uint64_t, std::optional<PageClass>> entries_;
};

TEST(TouchedPages, AgreesWithAPlainPageMapUnderRandomOperations) {
  std::mt19937_64 random(20);
  constexpr std::uint64_t kBase = (kGiB - 4 * kMiB) / kPageSize;  // across a 1 GiB border
  constexpr std::uint64_t kPages = 4096;
  TouchedPages pages;
  PageMap exact;
  for (PageClass c = 0; c < 4; ++c) pages.set_group(c, static_cast<PageGroup>(c / 2));
  const auto pick = [&](std::uint64_t limit) { return random() % limit; };
  for (int step = 0; step < 4000; ++step) {
    const std::uint64_t first = kBase + pick(kPages);
    const std::uint64_t last = first + 1 + pick(step % 7 == 0 ? 1500 : 20);
    const auto page_class = static_cast<PageClass>(pick(4));
    const Backing backing = pick(4) == 0 ? Backing::Zero : Backing::Own;
    const AddressRange range{first * kPageSize, last * kPageSize};
    switch (pick(6)) {
      case 0:
      case 1:
        pages.touch(range.start + pick(kPageSize), page_class, backing);
        exact.touch(first, page_class, backing);
        break;
      case 2:
        pages.touch_range(range, page_class, backing);
        for (auto page = first; page < last; ++page) exact.touch(page, page_class, backing);
        break;
      case 3: {
        const Drop drop = pick(2) ? Drop::Mapping : Drop::Contents;
        pages.drop(range, drop);
        exact.drop(first, last, drop);
        break;
      }
      case 4: {
        const std::uint64_t to = kBase + 2 * kPages + pick(kPages);
        pages.drop({to * kPageSize, (to + last - first) * kPageSize}, Drop::Mapping);
        exact.drop(to, to + last - first, Drop::Mapping);
        pages.move(range, to * kPageSize);
        exact.move(first, last - first, to);
        break;
      }
      default:
        pages.touch_huge(range.start, page_class);
        for (auto page = first & ~511ULL; page < (first | 511U) + 1; ++page) {
          exact.touch(page, page_class, Backing::Own);
        }
        break;
    }
    if (step % 50 != 0) continue;
    pages.check();
    std::map<PageClass, std::uint64_t> in_range;
    pages.for_each_resident(range, [&](PageClass c, std::uint64_t n) { in_range[c] += n; });
    for (PageClass c = 0; c < 4; ++c) {
      ASSERT_EQ(pages.resident_of_class(c), exact.resident(c)) << "step " << step;
      ASSERT_EQ(in_range[c], exact.resident(c, first, last)) << "step " << step;
    }
    ASSERT_EQ(pages.levels().pte, exact.tables(9)) << "step " << step;
    ASSERT_EQ(pages.levels().pmd, exact.tables(18)) << "step " << step;
    ASSERT_EQ(pages.levels().pud, exact.tables(27)) << "step " << step;
  }
}

}  // namespace
}  // namespace ft::analysis
