#include "sim/fault/fault_handler.h"

#include <fmt/format.h>

#include "base/check.h"
#include "sim/virt/entry.h"

namespace ft::sim::fault {

using virt::Entry;
using virt::Vma;

FaultHandler::FaultHandler(Surroundings around, const HugePages& huge_pages)
    : around_(around),
      orders_(huge_pages, around.behaviour),
      huge_zero_page_(huge_pages.zero_page) {}

Vma* FaultHandler::area_of(std::uint64_t address) {
  if (last_area_ != nullptr && last_generation_ == around_.space.generation() &&
      last_area_->range.contains(address)) [[likely]]
    return last_area_;
  last_area_ = around_.space.find(address);
  last_generation_ = around_.space.generation();
  return last_area_;
}

// ---- an access of the processor ----------------------------------------------------------------

Outcome FaultHandler::touch(std::uint64_t address, Access access) {
  // By far most faults of a start are this one; what it does is what the ladder would do.
  if (access == Access::Write && !around_.narrator.listening()) [[likely]] {
    Entry* pte = around_.table.find_pte(address);
    if (pte != nullptr && *pte == 0 && small_anonymous_write(address, *pte)) [[likely]] {
      ++counts_.minor;
      return {.kind = Kind::AnonymousPage, .faults = 1, .pages_mapped = 1};
    }
  }
  return touch_slowly(address, access);
}

// do_anonymous_page where nothing needs to be decided: the table is there, one page is wanted.
// False: go the long way.
bool FaultHandler::small_anonymous_write(std::uint64_t address, Entry& pte) {
  Vma* vma = area_of(address);
  if (vma == nullptr || (vma->flags & (virt::kVmWrite | virt::kVmHugetlb)) != virt::kVmWrite ||
      !vma->anonymous() || vma->anon_vma.id == 0 || orders_.allowed(*vma) != 0)
    return false;
  phys::FrameSource& frames = around_.table.frames();
  want_memory_for(*vma, address);
  const auto pfn = frames.allocate(0, phys::FrameUse::Anonymous);
  if (!pfn) return false;
  frames.frames()[*pfn] = {
      .map_count = 1, .kind = phys::FrameKind::Anonymous, .flags = phys::kExclusive};
  // page_bits() of a private writable area.
  Entry bits = virt::kPresent | virt::kUser | virt::kAccessed | virt::kDirty | virt::kWritable;
  if ((vma->flags & virt::kVmExec) == 0) bits |= virt::kNoExecute;
  around_.table.install(pte, virt::make_entry(*pfn, bits), phys::FrameKind::Anonymous);
  return true;
}

namespace {

struct Leaf {
  Entry* entry = nullptr;
  bool huge = false;
};

// What the page walker of the processor ends at.
Leaf walk(virt::PageTable& table, std::uint64_t address) {
  if (Entry* pte = table.find_pte(address)) return {.entry = pte};
  if (Entry* pmd = table.find_pmd(address)) return {.entry = pmd, .huge = true};
  Entry* pud = table.find_pud(address);
  return {.entry = pud != nullptr && (*pud & virt::kLarge) != 0 ? pud : nullptr, .huge = true};
}

bool allows(Entry entry, Access access) {
  if (!virt::is_accessible(entry)) return false;
  switch (access) {
    case Access::Read:
      return true;
    case Access::Write:
      return (entry & virt::kWritable) != 0;
    case Access::Execute:
      return (entry & virt::kNoExecute) == 0;
  }
  return false;
}

// arch/x86/mm/fault.c access_error. `protection`: the entry was present.
bool access_error(const Vma& vma, Access access, bool protection) {
  if (access == Access::Write) return (vma.flags & virt::kVmWrite) == 0;
  return protection || (vma.flags & virt::kVmAccess) == 0;
}

std::string_view name_of(Access access) {
  switch (access) {
    case Access::Read:
      return "read";
    case Access::Write:
      return "write";
    default:
      return "execute";
  }
}

}  // namespace

Outcome FaultHandler::touch_slowly(std::uint64_t address, Access access) {
  const bool write = access == Access::Write;
  Outcome outcome;
  for (;;) {
    // Tables do not see the bits above: such an address would look like one of the process's own.
    const bool of_users = address >> around_.table.address_bits() == 0;
    const Leaf leaf = of_users ? walk(around_.table, address) : Leaf{};
    const bool present = leaf.entry != nullptr && virt::is_accessible(*leaf.entry);
    if (present && allows(*leaf.entry, access)) {
      *leaf.entry |= virt::kAccessed | (write ? virt::kDirty : 0);
      if (write) around_.table.note_written(address, *leaf.entry);
      return outcome;
    }
    ++outcome.faults;
    around_.narrator.step("exc_page_fault", [&] {
      return fmt::format(
          "{} of {:#x}: {}", name_of(access), address,
          present ? "the entry is present but does not allow it" : "no entry is present");
    });
    Vma* vma = area_of(address);
    if (vma == nullptr) {
      vma = around_.space.find_or_grow_stack(address);
      if (vma == nullptr) {
        around_.narrator.step("bad_area_nosemaphore", [] {
          return std::string("no area holds it → SIGSEGV, SEGV_MAPERR");
        });
        outcome.kind = Kind::SegvUnmapped;
        return outcome;
      }
      around_.narrator.step("expand_stack", [&] {
        return fmt::format("the stack grows down to {:#x}", vma->range.start);
      });
    }
    if (access_error(*vma, access, present)) {
      around_.narrator.step("access_error", [&] {
        return fmt::format("the area {:#x}-{:#x} does not allow it → SIGSEGV, SEGV_ACCERR",
                           vma->range.start, vma->range.end);
      });
      outcome.kind = Kind::SegvAccess;
      return outcome;
    }
    const Served served = handle_mm_fault(*vma, address, write, outcome);
    account(served, outcome);
    switch (served) {
      case Served::Segv:
        outcome.kind = Kind::SegvUnmapped;
        return outcome;
      case Served::Bus:
        outcome.kind = Kind::BusPastEnd;
        return outcome;
      case Served::NoMemory:
        outcome.kind = Kind::OutOfMemory;
        return outcome;
      default:
        break;
    }
  }
}

// mm_account_fault: what ends in a signal is not counted for the process.
void FaultHandler::account(Served served, const Outcome& outcome) {
  if (served != Served::Yes) return;
  ++(outcome.major ? counts_.major : counts_.minor);
}

// ---- the ladder --------------------------------------------------------------------------------

FaultHandler::Served FaultHandler::handle_mm_fault(Vma& vma, std::uint64_t address, bool write,
                                                   Outcome& outcome) {
  around_.narrator.step("handle_mm_fault", [&] {
    return fmt::format("{} in the area {:#x}-{:#x}, {}", write ? "write" : "read", vma.range.start,
                       vma.range.end, vma.anonymous() ? "anonymous" : "of a file");
  });
  want_memory_for(vma, address);
  if ((vma.flags & virt::kVmHugetlb) != 0) return hugetlb_fault(vma, address, write, outcome);

  const std::uint64_t tables = around_.table.counts().all();
  const auto made = [&] {
    outcome.tables_made += static_cast<unsigned>(around_.table.counts().all() - tables);
  };
  Entry* pmd = around_.table.make_pmd(address);
  if (pmd == nullptr) {
    made();
    return Served::NoMemory;
  }
  Served served = Served::Fallback;
  if (*pmd == 0) {
    if (vma.anonymous() && (orders_.allowed(vma) & kHugeOrderBit) != 0)
      served = do_huge_pmd_anonymous_page(vma, address, write, *pmd, outcome);
  } else if ((*pmd & virt::kLarge) != 0) {
    served = handle_present_huge(vma, address, write, *pmd, outcome);
  }
  if (served == Served::Fallback) served = handle_pte_fault(vma, address, write, outcome);
  made();
  return served;
}

FaultHandler::Served FaultHandler::handle_present_huge(Vma& vma, std::uint64_t address, bool write,
                                                       Entry& pmd, Outcome& outcome) {
  if (!write || (pmd & virt::kWritable) != 0) {
    outcome.kind = Kind::NoFault;  // somebody was faster; only the accessed bit is wanted
    pmd |= virt::kAccessed;
    return Served::Yes;
  }
  if (vma.anonymous()) return do_huge_pmd_wp_page(vma, address, pmd, outcome);
  virt::Gather gather(around_.invalidations, "write fault");
  around_.table.split_huge(vma, address, pmd, gather);
  return Served::Fallback;
}

FaultHandler::Served FaultHandler::handle_pte_fault(Vma& vma, std::uint64_t address, bool write,
                                                    Outcome& outcome) {
  Entry* pte = around_.table.find_pte(address);
  if (pte == nullptr || *pte == 0) {
    if (vma.anonymous()) return do_anonymous_page(vma, address, write, outcome);
    if (!write) return do_read_fault(vma, address, outcome);
    return vma.is_private() ? do_cow_fault(vma, address, outcome)
                            : do_shared_fault(vma, address, outcome);
  }
  if (!virt::is_present(*pte)) {
    FT_CHECK(virt::is_guard(*pte));  // nothing is ever swapped out here
    around_.narrator.step("handle_pte_marker",
                          [] { return std::string("a guard page → SIGSEGV"); });
    return Served::Segv;
  }
  if (write && (*pte & virt::kWritable) == 0) return do_wp_page(vma, address, *pte, outcome);
  *pte |= virt::kAccessed;
  return Served::Yes;
}

bool FaultHandler::make_pte_table(std::uint64_t address) {
  return around_.table.make_pte(address) != nullptr;
}

// flush_tlb_page.
void FaultHandler::flush_page(std::uint64_t address) {
  around_.invalidations.on_invalidation(
      {.span = AddressRange::of_size(page_floor(address), kPageSize),
       .stride_shift = kPageShift,
       .tables_freed = false,
       .cause = "write fault"});
}

}  // namespace ft::sim::fault
