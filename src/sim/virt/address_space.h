// AddressSpace is the memory map of one process: its areas in order, and the system calls that
// change them, with the kernel's checks in the kernel's order.
//
// It answers as the kernel does, a value or -errno; a refusal is data, never an error of ours. What
// it cannot do itself, because that goes through the fault handler or the page cache, it returns as
// FollowUps in the order in which the kernel does them.
//
// Sources: mm/mmap.c, mm/vma.c, mm/mprotect.c, mm/madvise.c, mm/mremap.c, mm/mlock.c, mm/mseal.c,
// mm/util.c, arch/x86/kernel/sys_x86_64.c, kernel/fork.c (dup_mmap). Each operation has its own
// .cpp file, named after it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/range.h"
#include "sim/kernel/behaviour.h"
#include "sim/path/path.h"
#include "sim/virt/commit_account.h"
#include "sim/virt/gather.h"
#include "sim/virt/limits.h"
#include "sim/virt/open_file.h"
#include "sim/virt/page_table.h"
#include "sim/virt/vma.h"
#include "sim/virt/vma_editor.h"
#include "sim/virt/vma_set.h"

namespace ft::sim::virt {

// Work that a call leaves to its caller once the areas have changed.
struct FollowUp {
  enum class Kind : std::uint8_t {
    Populate,      // mm_populate after mmap, mremap, brk, mprotect: errors are ignored. Read faults
                   // where the area is not writable or is shared, write faults otherwise; areas
                   // without any access are skipped (mm/gup.c populate_vma_page_range)
    Lock,          // the same after mlock: a page that cannot be had is ENOMEM, or EAGAIN where
                   // memory ran out (mm/mlock.c __mlock_posix_error_return)
    PopulateRead,  // MADV_POPULATE_READ: a page that cannot be had is EFAULT or ENOMEM
    PopulateWrite,  // MADV_POPULATE_WRITE: likewise
    Collapse,       // MADV_COLLAPSE: as khugepaged, in whole 2 MiB blocks
    PageOut,        // MADV_PAGEOUT
    ReadAhead,      // MADV_WILLNEED: these pages of the file come into memory
    PunchHole,      // MADV_REMOVE: drops these pages from the file and from all that map it
  };
  Kind kind;
  AddressRange range;

  bool operator==(const FollowUp&) const = default;
};

// What a call returns if its follow-ups succeed. There may be follow-ups of a failed call: what it
// did before it failed.
struct Answer {
  std::int64_t value = 0;
  std::vector<FollowUp> then = {};

  bool failed() const { return value < 0 && value >= -4095; }
};

// Sizes in pages (struct mm_struct).
struct VmTotals {
  std::uint64_t total = 0;   // VmSize
  std::uint64_t locked = 0;  // VmLck
  std::uint64_t data = 0;    // VmData: private, writable, not a stack
  std::uint64_t exec = 0;    // VmExe + VmLib: executable, not writable
  std::uint64_t stack = 0;   // VmStk

  bool operator==(const VmTotals&) const = default;
};

// What an address space stands in; all outlive it.
struct Surroundings {
  const kernel::Behaviour& behaviour;
  CommitAccount& committed;
  PageTable& page_table;
  InvalidationSink& invalidations;
  const path::Narrator& narrator;
};

class AddressSpace {
 public:
  AddressSpace(Surroundings surroundings, Limits limits, Layout layout);
  ~AddressSpace();  // exit_mmap: gives back what it had committed; drops no page-table entries
  AddressSpace(const AddressSpace&) = delete;
  AddressSpace& operator=(const AddressSpace&) = delete;

  // An area that is there from the start (the image, the stack, the vdso). Counted, and committed
  // where it has VM_ACCOUNT. REQUIRES: page-aligned, not empty, overlaps nothing.
  void add_initial_area(Vma vma);

  Answer mmap(std::uint64_t addr, std::uint64_t length, std::uint64_t prot, std::uint64_t flags,
              const OpenFile* file, std::uint64_t offset);
  Answer munmap(std::uint64_t addr, std::uint64_t length);
  Answer mprotect(std::uint64_t addr, std::uint64_t length, std::uint64_t prot);
  Answer madvise(std::uint64_t addr, std::uint64_t length, int advice);
  Answer mremap(std::uint64_t addr, std::uint64_t old_length, std::uint64_t new_length,
                std::uint64_t flags, std::uint64_t new_addr);
  Answer brk(std::uint64_t addr);
  Answer mlock(std::uint64_t addr, std::uint64_t length, std::uint64_t flags);  // mlock2's flags
  Answer munlock(std::uint64_t addr, std::uint64_t length);
  Answer mseal(std::uint64_t addr, std::uint64_t length, std::uint64_t flags);
  Answer set_anon_name(std::uint64_t addr, std::uint64_t length, const char* name);

  // The child's areas after fork(2); the entries it shares are copied into the page table of
  // `child`. nullptr: the child's commitment was refused, fork fails with ENOMEM and the parent
  // stays as it was but for entries made read-only.
  std::unique_ptr<AddressSpace> fork(Surroundings child);

  // For the fault handler.
  // The area that holds `addr`, or nullptr. The pointer holds as long as generation() stays.
  Vma* find(std::uint64_t addr) { return areas_.find(addr); }
  const Vma* find(std::uint64_t addr) const { return areas_.find(addr); }
  // The same, but first lets a stack grow down to `addr` (mm/mmap_lock.c lock_mm_and_find_vma,
  // mm/vma.c expand_downwards): nullptr is SIGSEGV, SEGV_MAPERR.
  Vma* find_or_grow_stack(std::uint64_t addr);
  // Before the first anonymous page of an area: gives it an anon_vma, of a neighbour where they
  // could merge (mm/rmap.c __anon_vma_prepare).
  void prepare_anon_vma(Vma& vma);
  // Changes with every change of the set of areas or of a range.
  std::uint64_t generation() const { return areas_.generation(); }

  const VmaSet& areas() const { return areas_; }
  const VmTotals& totals() const { return totals_; }
  std::uint64_t map_count() const { return areas_.size(); }
  std::uint64_t committed_pages() const { return committed_pages_; }  // charged to areas
  std::uint64_t break_end() const { return layout_.brk; }
  const Limits& limits() const { return limits_; }
  const Layout& layout() const { return layout_; }
  void set_limits(const Limits& limits) { limits_ = limits; }

  void check() const;  // expensive

 private:
  // Areas of a range which is being unmapped, still in the set (struct vma_munmap_struct).
  struct Unmapping {
    AddressRange range;
    Vma* previous = nullptr;
    Vma* next = nullptr;
    VmTotals totals = {};  // of the areas inside
    std::uint64_t committed = 0;
    bool any = false;
  };
  // A mapping on its way (struct mmap_state).
  struct NewMapping;
  struct Remap;
  struct Advising;
  struct AdviceRange;

  // limits.cpp: what may be added, and what is counted.
  bool may_expand(VmFlags flags, std::uint64_t pages) const;
  bool may_lock(VmFlags flags, std::uint64_t bytes) const;
  void count(VmFlags flags, std::uint64_t pages);
  void uncount(VmFlags flags, std::uint64_t pages);
  bool commit(std::uint64_t pages);
  void give_back(std::uint64_t pages);

  // unmapped_area.cpp: an address, or -errno.
  std::int64_t unmapped_area(const BackingFile* file, std::uint64_t addr, std::uint64_t length,
                             std::uint64_t page_offset, std::uint64_t flags) const;
  std::int64_t search(std::uint64_t addr, std::uint64_t length, std::uint64_t flags,
                      std::uint64_t alignment) const;
  std::int64_t search_up(std::uint64_t addr, std::uint64_t length, std::uint64_t flags,
                         std::uint64_t alignment) const;
  std::int64_t aligned_search(std::uint64_t addr, std::uint64_t length, std::uint64_t offset,
                              std::uint64_t flags) const;
  std::int64_t hugetlb_search(const BackingFile& file, std::uint64_t addr, std::uint64_t length,
                              std::uint64_t flags) const;
  std::int64_t highest_gap(AddressRange limits, std::uint64_t length,
                           std::uint64_t alignment) const;
  std::int64_t lowest_gap(AddressRange limits, std::uint64_t length, std::uint64_t alignment) const;
  std::uint64_t start_with_gap(const Vma& vma) const;  // less its guard gap
  std::uint64_t guard_gap() const { return std::uint64_t{limits_.stack_guard_pages} << kPageShift; }

  // mmap.cpp
  int check_file(NewMapping& map, const OpenFile& file) const;
  int check_anonymous(NewMapping& map) const;
  int map_region(NewMapping& map);
  int create_area(NewMapping& map, Vma*& vma);
  Answer do_mmap(NewMapping& map);
  std::shared_ptr<BackingFile> shared_memory(std::uint64_t bytes, bool reserve);

  // munmap.cpp: 0 or an errno.
  int gather_for_unmap(AddressRange range, Unmapping& unmapping);
  void clear_entries(const Unmapping& unmapping, std::string_view cause);
  void detach(const Unmapping& unmapping);
  int unmap(AddressRange range, std::string_view cause, bool keep_commitment = false);
  int checked_unmap(std::uint64_t addr, std::uint64_t length, std::string_view cause,
                    bool keep_commitment = false);

  int change_protection(Vma*& vma, Vma* previous, AddressRange part, VmFlags flags, Gather& gather,
                        Answer& answer);

  // madvise.cpp, discard.cpp
  Answer advise_areas(AddressRange range, const Advising& advising);
  int advise_area(AdviceRange& on, Answer& answer);
  int update_area(AdviceRange& on, VmFlags flags);
  static bool acts_on_pages(int advice);
  int advise_pages(AdviceRange& on, Answer& answer);
  int discard(AdviceRange& on);
  int guard(AdviceRange& on);
  Answer populate(AddressRange range, bool write) const;
  static int populate_part(const Vma& vma, AddressRange part, bool write, Answer& answer);

  // mlock.cpp
  int lock_range(AddressRange range, VmFlags lock_flags);
  std::uint64_t locked_pages_in(AddressRange range) const;

  // mremap.cpp, move.cpp, classic_mremap.cpp
  std::int64_t modern_remap(Remap& remap);
  std::int64_t classic_remap(Remap& remap);
  std::int64_t classic_remap_to(Remap& remap);
  int check_remap(const Remap& remap) const;
  int prepare_remap(Remap& remap);
  int may_resize(Remap& remap, std::uint64_t old_length) const;
  static bool align_hugetlb(Remap& remap);
  bool has_room_for_move(unsigned more) const;
  std::int64_t move_many(Remap& remap);
  std::int64_t remap_to(Remap& remap);
  std::int64_t remap_at(Remap& remap);
  std::int64_t grow(Remap& remap);
  bool can_grow_in_place(const Vma& vma, std::uint64_t delta) const;
  int choose_new_address(Remap& remap);
  std::int64_t move_area(Remap& remap);
  int split_out(Remap& remap, AddressRange part);
  void copy_area(Remap& remap);
  void leave_source_empty(Vma& source, AddressRange moved) const;

  int grow_down(Vma& vma, std::uint64_t addr);
  const Vma* reusable_neighbour(const Vma& vma) const;
  bool grow_heap(AddressRange grown);
  bool copy_area_to(AddressSpace& child, const Vma& vma, Gather& gather);

  Surroundings around_;
  Limits limits_;
  Layout layout_;
  VmaSet areas_;
  VmaEditor editor_;
  VmTotals totals_;
  std::uint64_t committed_pages_ = 0;
  std::uint64_t last_anon_vma_ = 0;
};

}  // namespace ft::sim::virt
