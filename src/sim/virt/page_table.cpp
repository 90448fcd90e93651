#include "sim/virt/page_table.h"

#include <fmt/format.h>

#include "base/check.h"
#include "sim/phys/block_mappings.h"
#include "sim/virt/backing_file.h"
#include "sim/virt/page_table_walk.h"

namespace ft::sim::virt {

namespace {

using phys::Frame;
using phys::FrameKind;
using phys::FrameUse;
using phys::Pfn;

// The function that makes a table of the level whose entries have this shift.
std::string_view maker_of(unsigned shift) {
  switch (shift) {
    case 12:
      return "__pte_alloc";
    case 21:
      return "__pmd_alloc";
    case 30:
      return "__pud_alloc";
    default:
      return "__p4d_alloc";
  }
}

std::string_view level_name(unsigned shift) {
  switch (shift) {
    case 12:
      return "pte";
    case 21:
      return "pmd";
    case 30:
      return "pud";
    default:
      return "p4d";
  }
}

}  // namespace

PageTable::PageTable(phys::FrameSource& frames, const kernel::Behaviour& behaviour, unsigned levels,
                     const path::Narrator& narrator)
    : frames_(frames),
      frame_table_(frames.frames()),
      behaviour_(behaviour),
      narrator_(narrator),
      levels_(levels),
      root_(pool_.take()) {
  FT_CHECK(levels == 4 || levels == 5);
}

PageTable::~PageTable() {
  class Deaf final : public InvalidationSink {
    void on_invalidation(const Invalidation&) override {}
  } nobody;
  Gather gather(nobody, "exit_mmap");
  // exit_mmap: there are no areas to ask any more, and none are needed to drop everything.
  const AddressRange everything{0, std::uint64_t{1} << (top_shift() + 9)};
  zap_hugetlb(everything, gather);
  for_each_pmd(everything, [&](Entry& pmd, AddressRange part) {
    if (is_leaf(pmd)) {
      zap_huge(part, pmd, gather);
    } else if (pmd != 0) {
      zap_pte_table(part, pmd, gather, Zap::Unmap);
    }
  });
  free_tables(everything, 0, ~std::uint64_t{0}, gather);
  FT_CHECK(deposits_.empty() && counts_ == TableCounts{} && resident_ == ResidentPages{});
}

// ---- the tree ----------------------------------------------------------------------------------

TablePage& PageTable::table_behind(Entry entry) const {
  // The model keeps a table's contents in host memory; its frame knows where.
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  return *reinterpret_cast<TablePage*>(frame_table_[frame_of(entry)].word);
}

std::uint64_t* PageTable::table_counter(unsigned shift) {
  switch (shift) {
    case 12:
      return &counts_.pte;
    case 21:
      return &counts_.pmd;
    case 30:
      return &counts_.pud;
    default:
      return &counts_.p4d;
  }
}

PageTable::Missing PageTable::descend(std::uint64_t address, unsigned shift) const {
  TablePage* table = root_;
  for (unsigned level = top_shift();; level -= 9) {
    Entry& entry = table->entries[index_of(address, level)];
    if (level == shift) return {&entry, level};
    if (entry == 0 || is_leaf(entry)) return {nullptr, level};
    table = &table_behind(entry);
  }
}

Entry* PageTable::find(std::uint64_t address, unsigned shift) const {
  return descend(address, shift).slot;
}

Entry* PageTable::find_pte_slowly(std::uint64_t address) {
  Entry* pmd = find_pmd(address);
  if (pmd == nullptr || *pmd == 0 || is_leaf(*pmd)) return nullptr;
  cached_region_ = address >> kRegionShift;
  cached_table_ = &table_behind(*pmd);
  return &cached_table_->entries[index_of(address, kPageShift)];
}

Entry* PageTable::make_pte(std::uint64_t address) {
  if (Entry* pte = find_pte(address)) return pte;
  return make(address, kPageShift);
}

Entry* PageTable::make(std::uint64_t address, unsigned shift) {
  TablePage* table = root_;
  for (unsigned level = top_shift();; level -= 9) {
    Entry& entry = table->entries[index_of(address, level)];
    if (level == shift) return &entry;
    if (is_leaf(entry)) return nullptr;
    if (entry == 0 && !make_table(entry, level - 9)) return nullptr;
    table = &table_behind(entry);
  }
}

// `slot` comes to point to an empty table whose entries have `shift`.
bool PageTable::make_table(Entry& slot, unsigned shift) {
  const std::optional<Pfn> pfn = frames_.allocate(0, FrameUse::PageTable);
  if (!pfn) return false;
  Frame& frame = frame_table_[*pfn];
  frame = {.kind = FrameKind::PageTable};
  frame.word = reinterpret_cast<std::uint64_t>(pool_.take());
  slot = make_entry(*pfn, kTableBits);
  ++*table_counter(shift);
  narrator_.step(maker_of(shift), [&] { return fmt::format("{} table made", level_name(shift)); });
  return true;
}

void PageTable::free_table(Entry& slot, unsigned shift) {
  forget_cached();
  pool_.give_back(&table_behind(slot));
  frames_.free(frame_of(slot), 0);
  slot = 0;
  --*table_counter(shift);
}

// ---- pages -------------------------------------------------------------------------------------

Entry PageTable::page_bits(const Vma& vma) {
  if ((vma.flags & kVmAccess) == 0) return kProtNone | kAccessed;
  Entry bits = kPresent | kUser | kAccessed;
  if ((vma.flags & kVmExec) == 0) bits |= kNoExecute;
  const bool shared_write = (vma.flags & (kVmShared | kVmWrite)) == (kVmShared | kVmWrite);
  // vma_wants_writenotify: a file system must hear of the first write to each page.
  const bool notify = vma.file && vma.file->wants_write_notify();
  if (shared_write && !notify) bits |= kWritable;
  return bits;
}

void PageTable::install_huge(Entry& slot, Entry entry, FrameKind kind) {
  slot = entry;
  *counter_of(kind) += kEntries;
}

void PageTable::map_frame(Pfn pfn) {
  Frame& frame = frame_table_[pfn];
  if (frame.kind == FrameKind::Zero) return;
  ++frame.map_count;
  if (frame.order != 0) ++frame_table_[phys::head_of(pfn, frame.order)].word;
}

void PageTable::unmap_frame(Pfn pfn) {
  Frame& frame = frame_table_[pfn];
  if (frame.kind == FrameKind::Zero) return;
  FT_CHECK(frame.map_count > 0);
  --frame.map_count;
  if (frame.order != 0) {
    unmap_block(phys::head_of(pfn, frame.order));
  } else if (frame.map_count == 0 && (frame.flags & phys::kCached) == 0) {
    frames_.free(pfn, 0);
  }
}

// One mapping less of the block that begins at `pfn`.
void PageTable::unmap_block(Pfn pfn) {
  Frame& head = frame_table_[pfn];
  if (head.kind == FrameKind::Zero) return;
  FT_CHECK(head.word > 0);
  if (--head.word == 0 && (head.flags & phys::kCached) == 0) frames_.free(pfn, head.order);
}

void PageTable::drop(Entry& slot) {
  const Pfn pfn = frame_of(slot);
  *counter_of(frame_table_[pfn].kind) -= 1;
  slot = 0;
  unmap_frame(pfn);
}

// ---- what /proc would say ----------------------------------------------------------------------

namespace {

// __folio_page_mapped_exclusively. fs/proc/task_mmu.c asks it of the first page of a huge entry and
// tells the answer for all 512.
bool is_mapped_once(const phys::FrameTable& frames, Pfn pfn) {
  const Frame& frame = frames[pfn];
  if (frame.kind == FrameKind::Hugetlb) return frame.word == 1;
  if (frame.map_count > 1) return false;
  if (frame.order == 0) return frame.map_count == 1;
  const Pfn head = phys::head_of(pfn, frame.order);
  return frame.map_count + phys::BlockMappings::of(frames, head, frame.order).whole == 1;
}

PageView view_of(const phys::FrameTable& frames, Entry entry, std::uint64_t address,
                 unsigned shift) {
  PageView view{.shift = shift, .entry = entry};
  view.guard = is_guard(entry);
  view.swapped = is_swap(entry);
  if (!is_present(entry)) return view;
  view.present = true;
  const Pfn first = frame_of(entry);
  const Frame& frame = frames[first];
  view.pfn = first + index_within(address, shift);
  switch (frame.kind) {
    case FrameKind::Zero:
      // The small zero page has no struct page to ask; the huge one has, and is not anonymous.
      view.file = shift != kPageShift;
      break;
    case FrameKind::Anonymous:
      break;
    default:
      view.file = true;
  }
  view.exclusive = frame.kind != FrameKind::Zero && is_mapped_once(frames, first);
  return view;
}

}  // namespace

PageView PageTable::view(std::uint64_t address) const {
  const Missing pmd = descend(address, kPmdShift);
  if (pmd.slot == nullptr) {
    const Entry* pud = pmd.shift == kPudShift ? find(address, kPudShift) : nullptr;
    return pud ? view_of(frame_table_, *pud, address, kPudShift) : PageView{};
  }
  if (*pmd.slot == 0) return {};
  if (is_leaf(*pmd.slot)) return view_of(frame_table_, *pmd.slot, address, kPmdShift);
  const Entry entry = table_behind(*pmd.slot).entries[index_of(address, kPageShift)];
  return view_of(frame_table_, entry, address, kPageShift);
}

void PageTable::for_each_page(
    AddressRange range, const std::function<void(std::uint64_t, const PageView&)>& visit) const {
  for_each_pmd(range, [&](Entry& pmd, AddressRange part) {
    if (pmd == 0) return;
    const bool huge = is_leaf(pmd);
    for (std::uint64_t at = part.start; at < part.end; at += kPageSize) {
      const Entry entry = huge ? pmd : table_behind(pmd).entries[index_of(at, kPageShift)];
      if (entry != 0) visit(at, view_of(frame_table_, entry, at, huge ? kPmdShift : kPageShift));
    }
  });
}

std::uint64_t PageTable::present_pages(AddressRange range) const {
  std::uint64_t pages = 0;
  for_each_pmd(range, [&](Entry& pmd, AddressRange part) {
    if (pmd == 0) return;
    if (is_leaf(pmd)) {
      pages += part.size() >> kPageShift;
      return;
    }
    const TablePage& table = table_behind(pmd);
    for (std::uint64_t at = part.start; at < part.end; at += kPageSize)
      if (is_present(table.entries[index_of(at, kPageShift)])) ++pages;
  });
  return pages;
}

HugeBytes PageTable::huge_bytes(AddressRange range) const {
  HugeBytes bytes;
  for_each_pmd(range, [&](Entry& pmd, AddressRange part) {
    if (!is_leaf(pmd)) return;
    switch (frame_table_[frame_of(pmd)].kind) {
      case FrameKind::Anonymous:
        bytes.anonymous += part.size();
        break;
      case FrameKind::Shmem:
        bytes.shmem += part.size();
        break;
      case FrameKind::File:
        bytes.file += part.size();
        break;
      case FrameKind::Zero:
        bytes.zero += part.size();
        break;
      default:
        break;
    }
  });
  return bytes;
}

TableCounts PageTable::missing_tables(AddressRange range) const {
  TableCounts missing;
  // Counts, for one level, the tables whose block holds part of the range and which are not there.
  const auto count = [&](unsigned shift) {
    const unsigned above = shift + 9;
    if (range.empty() || above > top_shift()) return std::uint64_t{0};
    std::uint64_t tables = 0;
    for (std::uint64_t at = range.start; at < range.end;) {
      const Missing found = descend(at, above);
      const unsigned skip = found.slot ? above : found.shift;
      const std::uint64_t stop = std::min(block_end(at, skip), range.end);
      const bool there = found.slot ? *found.slot != 0 : false;
      if (!there) tables += ((stop - 1) >> above) - (at >> above) + 1;
      at = stop;
    }
    return tables;
  };
  missing.pte = count(kPageShift);
  missing.pmd = count(kPmdShift);
  missing.pud = count(kPudShift);
  missing.p4d = count(39);
  return missing;
}

// ---- check -------------------------------------------------------------------------------------

template <typename Visit>
void PageTable::for_each_leaf(const TablePage& table, unsigned shift, std::uint64_t start,
                              Visit& visit) const {
  for (unsigned i = 0; i < kEntries; ++i) {
    const Entry entry = table.entries[i];
    if (entry == 0) continue;
    const std::uint64_t at = start + (std::uint64_t{i} << shift);
    if (shift == kPageShift || is_leaf(entry)) {
      visit(entry, at, shift);
    } else {
      visit.table(entry, shift - 9);
      for_each_leaf(table_behind(entry), shift - 9, at, visit);
    }
  }
}

void PageTable::check() const {
  struct Tally {
    const PageTable& self;
    ResidentPages resident = {};
    TableCounts counts = {};
    std::uint64_t deposits = 0;

    void table(Entry entry, unsigned shift) {
      const Frame& frame = self.frame_table_[frame_of(entry)];
      FT_CHECK(bits_of(entry) == kTableBits && frame.kind == FrameKind::PageTable);
      if (shift == 12) ++counts.pte;
      if (shift == 21) ++counts.pmd;
      if (shift == 30) ++counts.pud;
      if (shift == 39) ++counts.p4d;
    }

    void operator()(Entry entry, std::uint64_t /*at*/, unsigned shift) {
      if (is_guard(entry)) {
        FT_CHECK(shift == kPageShift);
        return;
      }
      if (is_swap(entry)) {
        ++resident.swap_entries;
        return;
      }
      // Write=0, Dirty=1 is a shadow stack to the processor.
      if (self.behaviour_.saved_dirty)
        FT_CHECK((entry & (kPresent | kWritable | kDirty)) != (kPresent | kDirty));
      const Pfn pfn = frame_of(entry);
      const std::uint64_t pages = std::uint64_t{1} << (shift - kPageShift);
      FT_CHECK(pfn < self.frame_table_.size() && pfn % pages == 0);
      const Frame& frame = self.frame_table_[pfn];
      const bool writable_anonymous =
          frame.kind == FrameKind::Anonymous && (entry & kWritable) != 0;
      switch (frame.kind) {
        case FrameKind::Anonymous:
          resident.anonymous += pages;
          break;
        case FrameKind::File:
          resident.file += pages;
          break;
        case FrameKind::Shmem:
          resident.shmem += pages;
          break;
        case FrameKind::Hugetlb:
          break;
        case FrameKind::Zero:
          FT_CHECK((entry & kWritable) == 0);
          break;
        default:
          check_failed(__FILE__, __LINE__, "an entry maps a frame that holds no page");
      }
      if (frame.kind != FrameKind::Zero)
        FT_CHECK(shift == kPageShift ? frame.map_count > 0 : frame.word > 0);
      if (writable_anonymous) FT_CHECK((frame.flags & phys::kExclusive) != 0);
      const bool deposited = frame.kind == FrameKind::Anonymous || frame.kind == FrameKind::Zero;
      if (shift == kPmdShift && deposited) ++deposits;
    }
  } tally{*this};
  for_each_leaf(*root_, top_shift(), 0, tally);
  FT_CHECK(tally.resident == resident_);
  FT_CHECK(tally.deposits == deposits_.size());
  tally.counts.pte += deposits_.size();
  FT_CHECK(tally.counts == counts_);
}

}  // namespace ft::sim::virt
