// Random programs of memory calls: after each, every structure is sound and agrees with a map that
// knows of each page only what the calls said of it.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "sim/virt/test_space.h"

namespace ft::sim::virt {
namespace {

constexpr std::uint64_t kBase = 0x600000000000;
constexpr std::uint64_t kPages = 24;  // small, so that calls meet

struct Call {
  int what = 0;
  std::uint64_t page = 0;
  std::uint64_t count = 0;
  std::uint64_t argument = 0;
  std::uint64_t to = 0;
};

void showValue(const Call& call, std::ostream& os) {
  os << "{.what = " << call.what << ", .page = " << call.page << ", .count = " << call.count
     << ", .argument = " << call.argument << ", .to = " << call.to << "}";
}

rc::Gen<Call> any_call() {
  return rc::gen::build<Call>(rc::gen::set(&Call::what, rc::gen::inRange(0, 8)),
                              rc::gen::set(&Call::page, rc::gen::inRange<std::uint64_t>(0, kPages)),
                              rc::gen::set(&Call::count, rc::gen::inRange<std::uint64_t>(1, 9)),
                              rc::gen::set(&Call::argument, rc::gen::inRange<std::uint64_t>(0, 4)),
                              rc::gen::set(&Call::to, rc::gen::inRange<std::uint64_t>(0, kPages)));
}

// What each page of the playground is: absent, or what may be done with it.
using Pages = std::map<std::uint64_t, VmFlags>;

Pages pages_of(const AddressSpace& space) {
  Pages pages;
  for (std::size_t index = 0; index < space.areas().size(); ++index) {
    const Vma& vma = space.areas()[index];
    for (std::uint64_t at = vma.range.start; at < vma.range.end; at += kPage)
      pages[(at - kBase) / kPage] = vma.flags & kVmAccess;
  }
  return pages;
}

bool all_there(const Pages& pages, const Call& call) {
  for (std::uint64_t page = call.page; page < call.page + call.count; ++page)
    if (!pages.contains(page)) return false;
  return true;
}

// Runs the call on the space, and what it means on the pages.
void run(TestSpace& t, Pages& pages, const Call& call) {
  constexpr std::uint64_t kProtections[] = {0, kProtRead, kReadWrite, kProtRead | kProtExec};
  const std::uint64_t addr = kBase + call.page * kPage;
  const std::uint64_t prot = kProtections[call.argument];
  const auto each = [&](auto change) {
    for (std::uint64_t page = call.page; page < call.page + call.count; ++page) change(page);
  };
  switch (call.what) {
    case 0:
    case 1: {
      const std::uint64_t shared = call.what == 1 ? kMapShared | kMapAnonymous : kAnon;
      RC_ASSERT(t.map(addr, call.count, prot, shared | kMapFixed) ==
                static_cast<std::int64_t>(addr));
      each([&](std::uint64_t page) { pages[page] = flags_of_protection(prot); });
      break;
    }
    case 2:
      RC_ASSERT(t.unmap(addr, call.count) == 0);
      each([&](std::uint64_t page) { pages.erase(page); });
      break;
    case 3: {
      const bool whole = all_there(pages, call);
      RC_ASSERT((t.protect(addr, call.count, prot) == 0) == whole);
      // Up to the hole.
      for (std::uint64_t page = call.page; page < call.page + call.count; ++page) {
        if (!pages.contains(page)) break;
        pages[page] = flags_of_protection(prot);
      }
      break;
    }
    case 4: {
      constexpr int kAdvices[] = {kAdviseDontDump, kAdviseDoDump, kAdviseHugePage,
                                  kAdviseDontNeedLocked};
      RC_ASSERT((t.advise(addr, call.count, kAdvices[call.argument]) == 0) ==
                all_there(pages, call));
      break;
    }
    case 5: {
      const std::int64_t value = t.remap(addr, call.count, call.count,
                                         kMremapMayMove | kMremapFixed, kBase + call.to * kPage);
      if (value < 0) {  // what was at the new place may be gone
        pages = pages_of(t.space);
        break;
      }
      std::map<std::uint64_t, VmFlags> moved;
      each([&](std::uint64_t page) {
        if (const auto found = pages.find(page); found != pages.end()) moved.insert(*found);
      });
      for (const auto& [page, flags] : moved) {
        pages[page - call.page + call.to] = flags;
        pages.erase(page);
      }
      break;
    }
    case 6:
      if (t.space.find(addr) != nullptr) t.space.prepare_anon_vma(*t.space.find(addr));
      break;
    default:
      RC_ASSERT((t.space.mlock(addr, call.count * kPage, call.argument & 1U).value == 0) ==
                all_there(pages, call));
      break;
  }
}

// Neighbours that the kernel would have joined when the later of them came about. Not all of them
// are joined: a change of one may make it fit a neighbour that nobody looks at again.
void each_release_keeps_order(const kernel::Behaviour& behaviour) {
  const auto calls = *rc::gen::container<std::vector<Call>>(any_call());
  TestSpace t(behaviour);
  Pages pages;
  for (const Call& call : calls) {
    run(t, pages, call);
    t.space.check();
    RC_ASSERT(pages_of(t.space) == pages);
  }
  RC_ASSERT(t.unmap(kBase, 2 * kPages + 16) == 0);
  RC_ASSERT(t.space.areas().empty());
  RC_ASSERT(t.space.committed_pages() == 0U);
  RC_ASSERT(t.committed.pages() == 0U);
  RC_ASSERT(t.space.totals().total == 0U);
  RC_ASSERT(t.table.counts() == TableCounts{});
}

RC_GTEST_PROP(AddressSpaceProperty, PagesAreWhatTheCallsSaid618, ()) {
  each_release_keeps_order(kernel::Behaviour::linux_6_18());
}

RC_GTEST_PROP(AddressSpaceProperty, PagesAreWhatTheCallsSaid612, ()) {
  each_release_keeps_order(kernel::Behaviour::linux_6_12());
}

RC_GTEST_PROP(AddressSpaceProperty, PagesAreWhatTheCallsSaid61, ()) {
  each_release_keeps_order(kernel::Behaviour::linux_6_1());
}

// The highest gap that fits, found by trying every place.
RC_GTEST_PROP(AddressSpaceProperty, SearchFindsTheHighestGap, ()) {
  Layout layout = test_layout();
  layout.mmap_base = kBase + 64 * kPage;
  TestSpace t(kernel::Behaviour::linux_6_1(), test_limits(), layout);
  const auto taken =
      *rc::gen::container<std::vector<std::uint64_t>>(rc::gen::inRange<std::uint64_t>(0, 64));
  for (const std::uint64_t page : taken) t.map(kBase + page * kPage, 1, kProtRead);
  const auto count = *rc::gen::inRange<std::uint64_t>(1, 12);
  std::uint64_t expected = layout.mmap_base - count * kPage;
  const auto free = [&](std::uint64_t at) {
    return t.space.areas().first_in({at, at + count * kPage}) == nullptr;
  };
  while (!free(expected)) expected -= kPage;
  RC_ASSERT(t.map(0, count, kReadWrite, kAnon) == static_cast<std::int64_t>(expected));
}

}  // namespace
}  // namespace ft::sim::virt
