#include "harmless.h"

#include <linux/mman.h>
#include <sys/mman.h>

#include <algorithm>
#include <span>

#include "base/units.h"
#include "tracee.h"
#include "world.h"

namespace ft::differential {

namespace {

constexpr std::uint64_t kMostPopulated = 12 * kMiB;
constexpr int kAdviseCollapse = 25;  // of newer kernels than the headers
constexpr int kGuardInstall = 102;

std::uint64_t end_of(std::uint64_t address, std::uint64_t length) {
  const std::uint64_t end = address + length;
  // What wraps around is refused by the kernel, but not by each call in the same way: keep off
  // everything above.
  return end < address ? ~std::uint64_t{0} : end;
}

bool spares_stub(std::uint64_t address, std::uint64_t length) {
  const std::uint64_t start = page_floor(address);
  const std::uint64_t end = end_of(address, std::max<std::uint64_t>(length, 1));
  return start >= kStub.end || end <= kStub.start;
}

// Whether an area could come to lie where the arguments were.
bool spares_arguments(std::uint64_t address, std::uint64_t length) {
  return page_floor(address) >= kArgumentPage.end ||
         end_of(address, std::max<std::uint64_t>(length, 1)) <= kArgumentPage.start;
}

bool populates_too_much(std::uint64_t length) {
  return length > kMostPopulated && length < kUserEnd;
}

class Judge {
 public:
  Judge(const WorldState& state, std::span<const Area> areas) : state_(state), areas_(areas) {}

  bool operator()(const Mmap& c) const {
    const bool populates = (c.flags & (MAP_POPULATE | MAP_LOCKED)) != 0;
    if (populates && populates_too_much(c.length)) return false;
    if (!spares_arguments(c.addr, c.length)) return false;
    return (c.flags & MAP_FIXED) == 0 || spares_stub(c.addr, c.length);
  }
  bool operator()(const Munmap& c) const { return spares_stub(c.addr, c.length); }
  bool operator()(const Mprotect& c) const { return spares_stub(c.addr, c.length); }
  bool operator()(const Madvise& c) const {
    if (!spares_stub(c.addr, c.length)) return false;
    switch (c.advice) {
      case MADV_HWPOISON:
      case MADV_SOFT_OFFLINE:
        return false;
      case MADV_PAGEOUT:
        return !reaches_file(c.addr, c.length);
      case kAdviseCollapse:  // of files and shared memory: not modelled
        return may_populate(c.addr, c.length) && !reaches_file(c.addr, c.length);
      case MADV_POPULATE_READ:
      case MADV_POPULATE_WRITE:
      case kGuardInstall:
        return may_populate(c.addr, c.length);
      default:
        return true;
    }
  }
  bool operator()(const Mremap& c) const {
    // Of a locked area, all of what it grows by becomes present.
    const bool locked = std::ranges::any_of(areas_, [&](const Area& area) {
      return area.flags.locked() && area.range.contains(c.addr);
    });
    if (locked && populates_too_much(c.new_length)) return false;
    const bool places = (c.flags & MREMAP_FIXED) != 0;
    const std::uint64_t longest = std::max(c.old_length, c.new_length);
    return spares_stub(c.addr, longest) && spares_arguments(c.addr, longest) &&
           spares_arguments(c.new_addr, c.new_length) &&
           (!places || spares_stub(c.new_addr, c.new_length));
  }
  bool operator()(const Brk&) const { return true; }
  bool operator()(const Mlock& c) const {
    return spares_stub(c.addr, c.length) && may_populate(c.addr, c.length);
  }
  bool operator()(const Munlock& c) const { return spares_stub(c.addr, c.length); }
  bool operator()(const Mseal& c) const { return spares_stub(c.addr, c.length); }
  bool operator()(const Touch& c) const {
    const std::uint64_t length = std::uint64_t{c.pages} << kPageShift;
    const AddressRange range{page_floor(c.addr), end_of(c.addr, length)};
    // An instruction that lies on two pages would need both.
    if (c.access == Access::Execute && c.addr % kPageSize == kPageSize - 1) return false;
    return spares_stub(c.addr, length) && !reaches_own_area(range);
  }
  bool operator()(const Fork&) const {
    const auto alive =
        std::ranges::count_if(state_, [](const ProcessState& any) { return !any.areas.empty(); });
    return static_cast<std::size_t>(alive) < kMostProcesses;
  }
  bool operator()(const Exit& c) const { return c.process != 0; }
  bool operator()(const Ftruncate&) const { return true; }

 private:
  bool may_populate(std::uint64_t address, std::uint64_t length) const {
    const AddressRange range{page_floor(address), end_of(address, length)};
    std::uint64_t bytes = 0;
    for (const Area& area : areas_) bytes += area.range.intersection(range).size();
    return bytes <= kMostPopulated && !reaches_own_area(range);
  }

  // Of the kernel: vdso, vvar.
  bool reaches_own_area(AddressRange range) const {
    return std::ranges::any_of(areas_, [&](const Area& area) {
      return area.backing == kOther && area.range.overlaps(range);
    });
  }

  bool reaches_file(std::uint64_t address, std::uint64_t length) const {
    const AddressRange range{page_floor(address), end_of(address, length)};
    return std::ranges::any_of(areas_, [&](const Area& area) {
      return area.backing != kAnonymous && area.range.overlaps(range);
    });
  }

  const WorldState& state_;
  std::span<const Area> areas_;
};

}  // namespace

bool is_harmless(const Instruction& instruction, const WorldState& state) {
  const unsigned* process = process_of(instruction);
  std::span<const Area> areas;
  if (process && *process < state.size()) areas = state[*process].areas;
  return std::visit(Judge(state, areas), instruction);
}

}  // namespace ft::differential
