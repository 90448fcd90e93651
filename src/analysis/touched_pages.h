// TouchedPages mirrors one process's page tables as far as the recorded faults tell: which pages
// have an entry, which of them hold memory of their own (are resident), and whose they are. It
// costs about 170 bytes for 2 MiB of touched memory, a few per cent of the page tables it mirrors.
//
// A page belongs to a class (the caller's numbering: an owner, anonymous or file); classes are
// added up in groups (the subsystems), whose present size and peak are kept.
//
// Invariants (verified by check()): a resident page is touched; the counts of every class and group
// are those of the pages; empty blocks and directories are gone.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/range.h"
#include "base/units.h"

namespace ft::analysis {

using PageClass = std::uint16_t;
using PageGroup = std::uint8_t;

enum class Backing : std::uint8_t {
  Own,   // the page counts as resident
  Zero,  // the shared zero page: an entry, nothing resident
};

enum class Drop : std::uint8_t {
  Contents,  // madvise(DONTNEED): the pages go, their tables stay
  Mapping,   // munmap, MAP_FIXED over it: entries and tables go
};

class TouchedPages {
 public:
  static constexpr std::uint64_t kUserEnd = std::uint64_t{1} << 57U;  // with 5-level tables

  // Stops accounting (exhausted()) rather than use more than `memory_limit` bytes, or fill more
  // than kMostFilled bytes by ranges: no trace of a real start comes near either.
  static constexpr std::uint64_t kMostFilled = std::uint64_t{1} << 45U;
  explicit TouchedPages(std::size_t memory_limit = 128 * kMiB) : memory_limit_(memory_limit) {}

  // REQUIRES: before the class is first touched.
  void set_group(PageClass page_class, PageGroup group);

  // A page that was resident under another class changes to this one. Addresses past kUserEnd are
  // ignored: no user page can be there.
  void touch(std::uint64_t address, PageClass page_class, Backing backing);
  void touch_range(AddressRange range, PageClass page_class, Backing backing);
  // One 2 MiB page around the address. The kernel keeps a table for the day it is split; behind a
  // page of a hugetlb pool, which never is, it keeps none.
  void touch_huge(std::uint64_t address, PageClass page_class);
  void touch_hugetlb(std::uint64_t address, PageClass page_class);

  // Part of a 2 MiB page dropped splits it: the rest is no longer huge.
  void drop(AddressRange range, Drop drop);
  void clear() { drop({0, kUserEnd}, Drop::Mapping); }
  // mremap: entries move with their pages. What was at the destination must have been dropped.
  void move(AddressRange from, std::uint64_t to);

  std::uint64_t resident_pages() const { return total_; }
  std::uint64_t resident_peak() const { return total_peak_; }
  std::uint64_t resident_of_class(PageClass page_class) const;
  std::uint64_t resident_of_group(PageGroup group) const { return group_now_[group]; }
  std::uint64_t peak_of_group(PageGroup group) const { return group_peak_[group]; }
  std::uint64_t huge_bytes_of_group(PageGroup group) const;

  // Calls visit(class, pages) for the resident pages of the range; a class may come several times.
  void for_each_resident(AddressRange range,
                         const std::function<void(PageClass, std::uint64_t)>& visit) const;
  // Whether any page of the range has an entry.
  bool touched_any(AddressRange range) const;

  // What one page of PTEs holds.
  struct Table {
    std::uint64_t start = 0;  // of the 2 MiB it maps
    PageClass first = 0;      // of the lowest resident page; of any, where none is resident
    bool huge = false;        // mapped as one page
    std::uint64_t touched = 0;
    std::vector<std::pair<PageClass, std::uint64_t>> resident;  // pages; a class comes once
  };
  // Every table that is needed, by address.
  void for_each_table(const std::function<void(const Table&)>& visit) const;

  // Tables needed for the touched pages.
  struct Levels {
    std::uint64_t pte = 0;
    std::uint64_t pmd = 0;
    std::uint64_t pud = 0;
  };
  Levels levels() const;

  // The memory limit was reached: figures after that are too small and must not be shown.
  bool exhausted() const { return exhausted_; }
  std::size_t memory_used() const { return memory_used_; }

  void check() const;

 private:
  static constexpr unsigned kPagesPerBlock = 512;
  using Bits = std::array<std::uint64_t, kPagesPerBlock / 64>;

  // What one page of PTEs maps: 2 MiB.
  struct Block {
    Bits touched{};
    Bits resident{};
    PageClass uniform = 0;  // of every resident page, unless mixed
    bool huge = false;
    bool of_pool = false;  // huge, and no table is kept behind it
    std::unique_ptr<std::array<PageClass, kPagesPerBlock>> mixed;

    PageClass class_of(unsigned page) const { return mixed ? (*mixed)[page] : uniform; }
  };
  // What one page of PMDs maps: 1 GiB.
  struct Directory {
    std::array<std::unique_ptr<Block>, 512> blocks;
    unsigned used = 0;
  };
  // Pages [first, last) of a block.
  struct Span {
    unsigned first = 0;
    unsigned last = kPagesPerBlock;
  };

  Block* block_for(std::uint64_t address);
  Directory* directory_for(std::uint64_t gib);
  void touch_page(Block& block, unsigned page, PageClass page_class, Backing backing);
  void touch_span(Block& block, Span span, PageClass page_class, Backing backing);
  void drop_in(Block& block, Span span, Drop drop);
  bool reserve_memory(std::size_t bytes);
  void mix(Block& block);
  void add(PageClass page_class, std::uint64_t pages);
  void remove(PageClass page_class, std::uint64_t pages);
  template <typename Visit>
  static void for_each_block(Directory& directory, std::uint64_t gib, AddressRange range,
                             Visit visit);

  std::map<std::uint64_t, std::unique_ptr<Directory>> directories_;  // by address >> 30
  std::uint64_t cached_gib_ = ~std::uint64_t{0};
  Directory* cached_directory_ = nullptr;
  std::vector<std::uint64_t> class_now_;
  std::vector<PageGroup> group_of_;
  std::array<std::uint64_t, 256> group_now_{};
  std::array<std::uint64_t, 256> group_peak_{};
  std::uint64_t total_ = 0;
  std::uint64_t total_peak_ = 0;
  std::size_t memory_limit_;
  std::uint64_t blocks_filled_ = 0;  // by touch_range
  std::size_t memory_used_ = 0;
  bool exhausted_ = false;
};

}  // namespace ft::analysis
