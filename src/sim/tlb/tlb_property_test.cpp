// Whatever is done to a TLB, in whatever order: it holds what an obvious model of LRU holds, never
// more than it has room for, and nothing stale.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <list>
#include <map>

#include "sim/tlb/small_tlbs.h"

namespace ft::sim::tlb {
namespace {

constexpr std::uint64_t kPages = 96;  // few, so that much is hit

struct Step {
  enum class Kind { Access, InvalidatePage, InvalidateRange, InvalidateAsid, InvalidateAll } kind;
  Asid asid;
  std::uint64_t page;
  std::uint64_t count;
  PageSize size;
};

void showValue(const Step& step, std::ostream& out) {
  out << "{kind " << static_cast<int>(step.kind) << ", asid " << step.asid << ", page " << step.page
      << ", count " << step.count << ", " << name_of(step.size) << "}";
}

rc::Gen<Step> any_step() {
  using enum Step::Kind;
  return rc::gen::build<Step>(
      rc::gen::set(&Step::kind, rc::gen::weightedElement<Step::Kind>({{40, Access},
                                                                      {4, InvalidatePage},
                                                                      {2, InvalidateRange},
                                                                      {1, InvalidateAsid},
                                                                      {1, InvalidateAll}})),
      rc::gen::set(&Step::asid, rc::gen::inRange<Asid>(0, 3)),
      rc::gen::set(&Step::page, rc::gen::inRange<std::uint64_t>(0, kPages)),
      rc::gen::set(&Step::count, rc::gen::inRange<std::uint64_t>(1, 200)),
      rc::gen::set(&Step::size, rc::gen::weightedElement<PageSize>(
                                    {{4, PageSize::Small}, {1, PageSize::Large}})));
}

// Large pages lie elsewhere: one address has one size.
std::uint64_t address_of(const Step& step) {
  return step.size == PageSize::Small ? step.page * kPageSize : kGiB + step.page * kHugePageSize;
}
AddressRange range_of(const Step& step) {
  return AddressRange::of_size(address_of(step), step.count * bytes_of(step.size));
}

// The obvious LRU: a list of keys for each set.
class PlainLru {
 public:
  PlainLru(std::uint32_t entries, std::uint32_t ways) : sets_(entries / ways), ways_(ways) {}

  bool use(EntryKey key) {
    std::list<EntryKey>& set = lists_[key.number() % sets_];
    const auto found = std::ranges::find(set, key);
    const bool hit = found != set.end();
    if (hit) set.erase(found);
    set.push_front(key);
    if (set.size() > ways_) set.pop_back();
    return hit;
  }
  template <typename Condemned>
  void erase_if(Condemned condemned) {
    for (auto& [number, set] : lists_) std::erase_if(set, condemned);
  }
  std::size_t size() const {
    std::size_t sum = 0;
    for (const auto& [number, set] : lists_) sum += set.size();
    return sum;
  }

 private:
  std::uint64_t sets_;
  std::size_t ways_;
  std::map<std::uint64_t, std::list<EntryKey>> lists_;
};

bool covers(const Step& step, EntryKey key) {
  switch (step.kind) {
    case Step::Kind::InvalidatePage:
      return key == EntryKey::of_page(address_of(step), step.size, step.asid);
    case Step::Kind::InvalidateRange:
      return key.asid() == step.asid && key.span(shift_of(key.size())).overlaps(range_of(step));
    case Step::Kind::InvalidateAsid:
      return key.asid() == step.asid;
    case Step::Kind::InvalidateAll:
      return true;
    case Step::Kind::Access:
      break;
  }
  return false;
}

void invalidate(Tlb& tlb, const Step& step) {
  switch (step.kind) {
    case Step::Kind::InvalidatePage:
      return tlb.invalidate_page(step.asid, address_of(step), step.size);
    case Step::Kind::InvalidateRange:
      return tlb.invalidate_range(step.asid, range_of(step));
    case Step::Kind::InvalidateAsid:
      return tlb.invalidate_asid(step.asid);
    case Step::Kind::InvalidateAll:
      return tlb.invalidate_all();
    case Step::Kind::Access:
      break;
  }
}

// Lanes of one, two and four vectors, and lists of one set and of several.
void behaves_like_plain_lru(std::uint32_t entries, std::uint32_t ways) {
  Tlb tlb = make_tlb(one_level(entries, ways));
  PlainLru plain(entries, ways);
  const auto steps = *rc::gen::resize(400, rc::gen::container<std::vector<Step>>(any_step()));
  for (const Step& step : steps) {
    if (step.kind == Step::Kind::Access) {
      tlb.switch_to(step.asid);
      const bool hit = plain.use(EntryKey::of_page(address_of(step), step.size, step.asid));
      RC_ASSERT((tlb.access(address_of(step), step.size).found == FoundIn::L1) == hit);
      RC_ASSERT(tlb.holds(TlbLevel::L1, step.asid, address_of(step), step.size));
    } else {
      invalidate(tlb, step);
      plain.erase_if([&](EntryKey key) { return covers(step, key); });
    }
    RC_ASSERT(tlb.entries(TlbLevel::L1) == plain.size());
    RC_ASSERT(tlb.entries(TlbLevel::L1) <= tlb.capacity(TlbLevel::L1));
    tlb.check();
  }
}

RC_GTEST_PROP(TlbProperty, OneWay, ()) {
  behaves_like_plain_lru(16, 1);
}
RC_GTEST_PROP(TlbProperty, FourWays, ()) {
  behaves_like_plain_lru(32, 4);
}
RC_GTEST_PROP(TlbProperty, TwentyFourWays, ()) {
  behaves_like_plain_lru(48, 24);
}
RC_GTEST_PROP(TlbProperty, FullyAssociative, ()) {
  behaves_like_plain_lru(40, 40);
}
RC_GTEST_PROP(TlbProperty, ManyWaysInSeveralSets, ()) {
  behaves_like_plain_lru(80, 40);
}
RC_GTEST_PROP(TlbProperty, OneEntry, ()) {
  behaves_like_plain_lru(1, 1);
}

// Everything a real core has at once: nothing stale, nothing twice, never more than there is room
// for. (Which entry goes is the business of the tests above.)
RC_GTEST_PROP(TlbProperty, RealCores, ()) {
  Geometry core = *rc::gen::elementOf(cores());
  if (*rc::gen::arbitrary<bool>()) {
    core.nested = NestedPaging{.page_size = *rc::gen::element(PageSize::Small, PageSize::Large),
                               .tlb_entries = 16,
                               .walk_caches = {.pde = 4, .pdpte = 2, .pml4e = 1}};
  }
  if (*rc::gen::arbitrary<bool>()) core.upper_invalidation = UpperInvalidation::Path;
  Tlb tlb = make_tlb(core);
  const auto steps = *rc::gen::resize(200, rc::gen::container<std::vector<Step>>(any_step()));
  for (const Step& step : steps) {
    if (step.kind == Step::Kind::Access) {
      tlb.switch_to(step.asid);
      const DataAccess access = step.count % 2 == 0 ? DataAccess::Load : DataAccess::Store;
      const unsigned loads = tlb.access(address_of(step), step.size, access).loads;
      RC_ASSERT(loads <= (core.nested ? 24U : 4U));
      RC_ASSERT(tlb.access(address_of(step), step.size, access).found == FoundIn::L1);
    } else {
      invalidate(tlb, step);
      for (const TlbLevel level : {TlbLevel::L1, TlbLevel::L1Stores, TlbLevel::L2}) {
        RC_ASSERT(step.kind != Step::Kind::InvalidateAll || tlb.entries(level) == 0);
        for (std::uint64_t page = 0; page < kPages; ++page) {
          const Step other{Step::Kind::Access, step.asid, page, 1, step.size};
          const EntryKey key = EntryKey::of_page(address_of(other), other.size, other.asid);
          if (!covers(step, key)) continue;
          RC_ASSERT(!tlb.holds(level, other.asid, address_of(other), other.size));
        }
      }
    }
    for (const TlbLevel level : {TlbLevel::L1, TlbLevel::L1Stores, TlbLevel::L2}) {
      RC_ASSERT(tlb.entries(level) <= tlb.capacity(level));
    }
    tlb.check();
  }
}

RC_GTEST_PROP(TlbProperty, PseudoLruHoldsWhatWasUsedLast, ()) {
  Tlb tlb = make_tlb(one_level(32, 8, Replacement::TreePlru));
  const auto steps = *rc::gen::resize(300, rc::gen::container<std::vector<Step>>(any_step()));
  for (const Step& step : steps) {
    if (step.kind == Step::Kind::Access) {
      tlb.switch_to(step.asid);
      tlb.access(address_of(step), step.size);
      RC_ASSERT(tlb.access(address_of(step), step.size).found == FoundIn::L1);
    } else {
      invalidate(tlb, step);
      RC_ASSERT(step.kind != Step::Kind::InvalidatePage ||
                !tlb.holds(TlbLevel::L1, step.asid, address_of(step), step.size));
    }
    RC_ASSERT(tlb.entries(TlbLevel::L1) <= 32U);
    tlb.check();
  }
}

// access_all() is access() for each, only faster.
RC_GTEST_PROP(TlbProperty, ABatchIsTheSameAsOneByOne, ()) {
  Geometry core = *rc::gen::elementOf(cores());
  const PageSize size = *rc::gen::elementOf(kAllPageSizes);
  const DataAccess access = *rc::gen::element(DataAccess::Load, DataAccess::Store);
  if (*rc::gen::arbitrary<bool>()) core.nested = NestedPaging{.page_size = PageSize::Large};
  Tlb one = make_tlb(core);
  Tlb all = make_tlb(core);
  std::vector<std::uint64_t> addresses;
  const auto span = *rc::gen::element(kMiB, 16 * kMiB, 4 * kGiB, 4096 * kGiB);
  std::uint64_t state = *rc::gen::arbitrary<std::uint64_t>();
  for (int i = 0; i < 3000; ++i) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    addresses.push_back((state >> 16U) % span);
  }
  for (const std::uint64_t address : addresses) one.access(address, size, access);
  all.access_all(addresses, size, access);
  RC_ASSERT(one.counts() == all.counts());
  all.check();
  for (const std::uint64_t address : addresses) one.access(address, size, access);
  for (const std::uint64_t address : addresses) all.access(address, size, access);
  RC_ASSERT(one.counts() == all.counts());
}

}  // namespace
}  // namespace ft::sim::tlb
