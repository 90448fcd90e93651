// Random operations on page tables: after each, the tables are sound (check()) and agree with a map
// that knows of each page only which page it is and whether it may be written.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "base/check.h"
#include "sim/phys/frame_store.h"
#include "sim/virt/page_table.h"

namespace ft::sim::virt {
namespace {

// Two places that share no table below the pgd, each with the border of a pmd's block inside.
constexpr std::uint64_t kPlaces[] = {0x600000000, 0x7fffbfe00000};
constexpr std::uint64_t kPages = 1024 + 512;

class NobodyListens final : public InvalidationSink {
 public:
  void on_invalidation(const Invalidation& invalidation) override {
    FT_CHECK(!invalidation.span.empty());
    FT_CHECK(invalidation.span.start % kPageSize == 0 && invalidation.span.end % kPageSize == 0);
  }
};

struct Operation {
  int what = 0;
  std::uint64_t page = 0;
  std::uint64_t count = 0;
  bool other_place = false;
};

void showValue(const Operation& operation, std::ostream& os) {
  os << "{.what = " << operation.what << ", .page = " << operation.page
     << ", .count = " << operation.count << ", .other_place = " << operation.other_place << "}";
}

rc::Gen<Operation> any_operation() {
  // Small pieces, and whole blocks of 2 MiB.
  const auto page = rc::gen::weightedOneOf<std::uint64_t>(
      {{2, rc::gen::inRange<std::uint64_t>(0, kPages)},
       {1, rc::gen::element<std::uint64_t>(0, 511, 512, 1023, 1024)}});
  const auto count = rc::gen::weightedOneOf<std::uint64_t>(
      {{3, rc::gen::inRange<std::uint64_t>(1, 20)},
       {1, rc::gen::element<std::uint64_t>(512, 1024, kPages)}});
  return rc::gen::build<Operation>(
      rc::gen::set(&Operation::what, rc::gen::inRange(0, 13)), rc::gen::set(&Operation::page, page),
      rc::gen::set(&Operation::count, count), rc::gen::set(&Operation::other_place));
}

// One address space with an anonymous area in both places, and what must be in it.
class World {
 public:
  explicit World(unsigned levels) : table_(frames_, behaviour_, levels, narrator_) {
    for (unsigned i = 0; i < 2; ++i) {
      Vma& vma = areas_[i];
      vma.range = AddressRange::of_size(kPlaces[i], kPages * kPageSize);
      vma.flags = kVmRead | kVmWrite | kVmMayRead | kVmMayWrite | kVmMayExec;
      vma.anon_vma.id = 1;
    }
  }

  void run(const Operation& operation) {
    Vma& vma = areas_[operation.other_place ? 1 : 0];
    const std::uint64_t start = vma.range.start + operation.page * kPageSize;
    const std::uint64_t pages = std::min(operation.count, kPages - operation.page);
    const AddressRange range = AddressRange::of_size(start, pages * kPageSize);
    Gather gather(nobody_, "test");
    switch (operation.what) {
      case 0:
      case 1:
        fill(vma, range);
        break;
      case 2:
        fill_huge(vma, start);
        break;
      case 3:
        table_.zap(vma, range, gather);
        forget(range);
        break;
      case 4:
        table_.zap(vma, range, gather, Zap::DontNeed);
        forget_pages(range);
        break;
      case 5:
        unmap(vma, range, gather);
        break;
      case 6:
        protect(vma, range, gather);
        break;
      case 7:
        table_.reclaim_tables(range, gather);
        break;
      case 8:
        table_.mark_lazily_free(vma, range, gather);
        break;
      case 9:
        table_.install_guards(vma, range, gather);
        forget(range);
        for (std::uint64_t at = range.start; at < range.end; at += kPageSize) guards_[at] = true;
        break;
      case 10:
        table_.remove_guards(vma, range);
        std::erase_if(guards_, [&](const auto& guard) { return range.contains(guard.first); });
        break;
      default:
        move(range, operation.other_place ? 0 : 1, gather);
    }
  }

  void check() const {
    table_.check();
    frames_.check();
    RC_ASSERT(table_.resident().anonymous == pages_.size());
    RC_ASSERT(table_.present_pages({0, kPlaces[1] + kPages * kPageSize}) == pages_.size());
    for (const auto& [at, pfn] : pages_) RC_ASSERT(table_.view(at).pfn == pfn);
    for (const auto& guard : guards_) RC_ASSERT(table_.view(guard.first).guard);
  }

  void check_every_page() const {
    for (const Vma& vma : areas_) {
      for (std::uint64_t at = vma.range.start; at < vma.range.end; at += kPageSize) {
        const PageView view = table_.view(at);
        RC_ASSERT(view.present == pages_.contains(at));
        RC_ASSERT(view.guard == guards_.contains(at));
      }
    }
  }

  // fork, and the death of either.
  void fork_and_check(bool parent_dies_first) {
    auto child = std::make_unique<PageTable>(frames_, behaviour_, table_.levels(), narrator_);
    for (const Vma& vma : areas_) FT_CHECK(table_.copy_to(*child, vma));
    child->check();
    check();
    RC_ASSERT(child->resident() == table_.resident());
    RC_ASSERT(child->counts() == table_.counts());
    for (const auto& [at, pfn] : pages_) {
      RC_ASSERT(child->view(at).pfn == pfn);
      RC_ASSERT(!child->view(at).exclusive && !table_.view(at).exclusive);
      RC_ASSERT((child->view(at).entry & kWritable) == 0);
      RC_ASSERT((table_.view(at).entry & kWritable) == 0);
    }
    if (parent_dies_first) {
      Gather gather(nobody_, "exit");
      for (const Vma& vma : areas_) table_.zap(vma, vma.range, gather);
      child->check();
      pages_.clear();
      guards_.clear();
    }
    child.reset();
    check();
  }

  void unmap_everything() {
    Gather gather(nobody_, "exit");
    for (const Vma& vma : areas_) table_.zap(vma, vma.range, gather);
    table_.free_tables({kPlaces[0], kPlaces[1] + kPages * kPageSize}, 0, ~std::uint64_t{0}, gather);
    RC_ASSERT(table_.counts() == TableCounts{});
    RC_ASSERT(frames_.frames_in_use() == 0U);
  }

 private:
  void fill(const Vma& vma, AddressRange range) {
    for (std::uint64_t at = range.start; at < range.end; at += kPageSize) {
      Entry* pte = table_.make_pte(at);
      if (pte == nullptr || *pte != 0) continue;
      const phys::Pfn pfn = *frames_.allocate(0, phys::FrameUse::Anonymous);
      frames_.frames()[pfn] = {
          .map_count = 1, .kind = phys::FrameKind::Anonymous, .flags = phys::kExclusive};
      table_.install(*pte, make_entry(pfn, PageTable::page_bits(vma) | kWritable | kDirty),
                     phys::FrameKind::Anonymous);
      pages_[at] = pfn;
    }
  }

  void fill_huge(const Vma& vma, std::uint64_t address) {
    const std::uint64_t start = address & ~(kHugePageSize - 1);
    if (start < vma.range.start || start + kHugePageSize > vma.range.end) return;
    Entry* pmd = table_.make_pmd(start);
    if (*pmd != 0 || !table_.map_huge_anonymous(vma, *pmd)) return;
    const phys::Pfn first = frame_of(*pmd);
    for (std::uint64_t i = 0; i < 512; ++i) {
      pages_[start + i * kPageSize] = first + i;
      // Else it may become the zero page when the block is taken apart.
      table_.note_written(start + i * kPageSize, *pmd);
    }
  }

  void forget_pages(AddressRange range) {
    pages_.erase(pages_.lower_bound(range.start), pages_.lower_bound(range.end));
  }

  void forget(AddressRange range) {
    forget_pages(range);
    std::erase_if(guards_, [&](const auto& guard) { return range.contains(guard.first); });
  }

  // munmap; the areas around it stay.
  void unmap(const Vma& vma, AddressRange range, Gather& gather) {
    table_.zap(vma, range, gather);
    forget(range);
    const std::uint64_t floor = range.start == vma.range.start ? 0 : range.start;
    const std::uint64_t ceiling = range.end == vma.range.end ? ~std::uint64_t{0} : range.end;
    const bool other_place_is_above = vma.range.start == kPlaces[0];
    table_.free_tables(range, other_place_is_above ? floor : std::max(floor, kPlaces[0] + kPages),
                       other_place_is_above ? std::min(ceiling, kPlaces[1]) : ceiling, gather);
  }

  void protect(const Vma& vma, AddressRange range, Gather& gather) {
    Vma changed = vma;
    changed.flags &= ~kVmAccess;
    table_.change_protection(changed, range, gather);
    for (std::uint64_t at = range.start; at < range.end; at += kPageSize)
      RC_ASSERT(!is_accessible(table_.view(at).entry));
    table_.change_protection(vma, range, gather);
    for (std::uint64_t at = range.start; at < range.end; at += kPageSize) {
      const PageView view = table_.view(at);
      if (view.present && view.exclusive) RC_ASSERT((view.entry & kWritable) != 0);
    }
  }

  // mremap to the other place, which is cleared first.
  void move(AddressRange from, unsigned to_place, Gather& gather) {
    const std::uint64_t offset = from.start - areas_[1 - to_place].range.start;
    const AddressRange to = AddressRange::of_size(kPlaces[to_place] + offset, from.size());
    table_.zap(areas_[to_place], to, gather);
    forget(to);
    // Tables wholly inside go too, so that whole tables can move in.
    table_.free_tables(to, to.start, to.end, gather);
    table_.move(areas_[1 - to_place], from, to.start, gather);
    for (std::uint64_t at = 0; at < from.size(); at += kPageSize) {
      if (const auto page = pages_.find(from.start + at); page != pages_.end()) {
        pages_[to.start + at] = page->second;
        pages_.erase(page);
      }
      if (guards_.erase(from.start + at) != 0) guards_[to.start + at] = true;
    }
  }

  kernel::Behaviour behaviour_ = kernel::Behaviour::linux_6_18();
  path::Narrator narrator_;
  phys::FrameStore frames_{1 << 20U};
  NobodyListens nobody_;
  PageTable table_;
  Vma areas_[2];
  std::map<std::uint64_t, phys::Pfn> pages_;
  std::map<std::uint64_t, bool> guards_;
};

RC_GTEST_PROP(PageTableProperty, EveryOperationKeepsTheTablesSound, ()) {
  const auto operations =
      *rc::gen::container<std::vector<Operation>>(any_operation()).as("operations");
  World world(*rc::gen::element(4U, 5U));
  for (const Operation& operation : operations) {
    world.run(operation);
    world.check();
  }
  world.check_every_page();
  world.unmap_everything();
}

RC_GTEST_PROP(PageTableProperty, ForkSharesEveryPageAndEitherMayDie, ()) {
  const auto operations =
      *rc::gen::container<std::vector<Operation>>(any_operation()).as("operations");
  World world(4);
  for (const Operation& operation : operations) world.run(operation);
  world.fork_and_check(*rc::gen::arbitrary<bool>());
  world.unmap_everything();
}

RC_GTEST_PROP(EntryProperty, FrameAndBitsComeBack, ()) {
  const phys::Pfn pfn = *rc::gen::inRange<phys::Pfn>(0, 1ULL << 40U);
  const Entry bits = *rc::gen::arbitrary<Entry>() & ~kFrameMask;
  const Entry entry = make_entry(pfn, bits);
  RC_ASSERT(frame_of(entry) == pfn);
  RC_ASSERT(bits_of(entry) == bits);
}

}  // namespace
}  // namespace ft::sim::virt
