// What an address space may add, and what it counts: total_vm and its like, and its share of the
// committed memory of all.
#include "sim/virt/limits.h"

#include <fmt/format.h>

#include "base/check.h"
#include "sim/virt/address_space.h"

namespace ft::sim::virt {

namespace {

std::uint64_t& class_of(VmTotals& totals, VmFlags flags, std::uint64_t& other) {
  if (counts_as_code(flags)) return totals.exec;
  if (counts_as_stack(flags)) return totals.stack;
  if (counts_as_data(flags)) return totals.data;
  return other;
}

}  // namespace

// may_expand_vm: RLIMIT_AS for everything, RLIMIT_DATA for private writable memory.
bool AddressSpace::may_expand(VmFlags flags, std::uint64_t pages) const {
  if (totals_.total + pages > limits_.address_space >> kPageShift) {
    around_.narrator.step("may_expand_vm", [&] {
      return fmt::format("{} + {} pages exceed RLIMIT_AS", totals_.total, pages);
    });
    return false;
  }
  if (counts_as_data(flags) && totals_.data + pages > limits_.data >> kPageShift) {
    around_.narrator.step("may_expand_vm", [&] {
      return fmt::format("{} + {} pages of data exceed RLIMIT_DATA", totals_.data, pages);
    });
    return false;
  }
  return true;
}

// mlock_future_ok.
bool AddressSpace::may_lock(VmFlags flags, std::uint64_t bytes) const {
  if ((flags & kVmLocked) == 0 || limits_.may_lock) return true;
  return (bytes >> kPageShift) + totals_.locked <= limits_.memlock >> kPageShift;
}

// vm_stat_account.
void AddressSpace::count(VmFlags flags, std::uint64_t pages) {
  std::uint64_t other = 0;
  totals_.total += pages;
  class_of(totals_, flags, other) += pages;
}

void AddressSpace::uncount(VmFlags flags, std::uint64_t pages) {
  std::uint64_t other = pages;
  totals_.total -= pages;
  class_of(totals_, flags, other) -= pages;
}

bool AddressSpace::commit(std::uint64_t pages) {
  const bool allowed = around_.committed.charge(pages, limits_, totals_.total);
  if (allowed) committed_pages_ += pages;
  around_.narrator.step("security_vm_enough_memory_mm", [&] {
    return allowed ? fmt::format("{} pages charged", pages)
                   : fmt::format("{} pages refused (overcommit mode {}): ENOMEM", pages,
                                 static_cast<int>(limits_.overcommit));
  });
  return allowed;
}

void AddressSpace::give_back(std::uint64_t pages) {
  FT_CHECK(pages <= committed_pages_);
  around_.committed.release(pages);
  committed_pages_ -= pages;
}

}  // namespace ft::sim::virt
