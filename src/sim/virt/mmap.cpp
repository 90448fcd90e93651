// mmap(2): ksys_mmap_pgoff and do_mmap of mm/mmap.c, mmap_region of mm/vma.c.
#include <fmt/format.h>

#include <cerrno>
#include <utility>

#include "sim/virt/address_space.h"
#include "sim/virt/backing_file.h"
#include "sim/virt/mman.h"

namespace ft::sim::virt {

namespace {

constexpr std::uint64_t kMaxFilePages = std::uint64_t{1} << (63U - kPageShift);

// hstate_sizelog: the size of huge pages that the flags ask for, as a shift; 0: there is none.
unsigned huge_shift(std::uint64_t flags) {
  const std::uint64_t log = (flags >> kMapHugeShift) & kMapHugeMask;
  if (log == 0 || log == 21) return 21;
  return log == 30 ? 30 : 0;
}

VmFlags flags_of_map(const kernel::Behaviour& behaviour, std::uint64_t prot, std::uint64_t flags) {
  VmFlags result = flags_of_protection(prot) | kVmMayRead | kVmMayWrite | kVmMayExec;
  if ((flags & kMapGrowsDown) != 0) result |= kVmGrowsDown;
  if ((flags & kMapLocked) != 0) result |= kVmLocked;
  if ((flags & kMapSync) != 0) result |= kVmSync;
  if ((flags & kMapStack) != 0 && behaviour.stack_maps_refuse_huge_pages) result |= kVmNoHugePage;
  return result;
}

bool is_hugetlb(const BackingFile* file) {
  return file != nullptr && file->kind() == FileKind::Hugetlb;
}

// Private writable memory is committed, unless it is said not to be.
bool accountable(const BackingFile* file, VmFlags flags) {
  return !is_hugetlb(file) && (flags & (kVmNoReserve | kVmShared | kVmWrite)) == kVmWrite;
}

}  // namespace

struct AddressSpace::NewMapping {
  AddressRange range = {};
  std::uint64_t addr = 0;
  std::uint64_t length = 0;
  std::uint64_t prot = 0;
  std::uint64_t flags = 0;  // MAP_*
  std::uint64_t page_offset = 0;
  VmFlags vm_flags = 0;
  std::shared_ptr<BackingFile> file = nullptr;
  std::uint64_t description = 0;
  OpenFile opened = {};

  std::uint64_t pages() const { return range.size() >> kPageShift; }
};

Answer AddressSpace::mmap(std::uint64_t addr, std::uint64_t length, std::uint64_t prot,
                          std::uint64_t flags, const OpenFile* file, std::uint64_t offset) {
  if (offset % kPageSize != 0) return {.value = -EINVAL};
  NewMapping map{.addr = addr,
                 .length = length,
                 .prot = prot,
                 .flags = flags,
                 .page_offset = offset >> kPageShift};
  if ((flags & kMapAnonymous) == 0) {
    if (file == nullptr || file->file == nullptr) return {.value = -EBADF};
    map.opened = *file;
    if (is_hugetlb(file->file.get())) {
      const std::uint64_t size = std::uint64_t{1} << file->file->page_shift();
      map.length = (length + size - 1) & ~(size - 1);
    } else if ((flags & kMapHugetlb) != 0) {
      return {.value = -EINVAL};
    }
  } else if ((flags & kMapHugetlb) != 0) {
    const unsigned shift = huge_shift(flags);
    if (shift == 0) return {.value = -EINVAL};
    const std::uint64_t size = std::uint64_t{1} << shift;
    map.length = (length + size - 1) & ~(size - 1);
    map.opened.file = std::make_shared<BackingFile>(FileKind::Hugetlb, map.length,
                                                    BackingFile::Cached::Nothing, shift);
  }
  map.file = map.opened.file;
  map.description = map.opened.description;
  return do_mmap(map);
}

Answer AddressSpace::do_mmap(NewMapping& map) {
  const auto& narrator = around_.narrator;
  if (map.length == 0) return {.value = -EINVAL};
  if ((map.flags & kMapFixedNoReplace) != 0) map.flags |= kMapFixed;
  if ((map.flags & kMapFixed) == 0) {
    map.addr = page_floor(map.addr);
    if (map.addr != 0 && map.addr < limits_.mmap_min_addr)
      map.addr = page_ceil(limits_.mmap_min_addr);
  }
  const std::uint64_t length = page_ceil(map.length);
  if (length == 0) return {.value = -ENOMEM};
  if (map.page_offset + (length >> kPageShift) < map.page_offset) return {.value = -EOVERFLOW};
  if (areas_.size() > limits_.max_map_count) {
    narrator.step("do_mmap", [&] {
      return fmt::format("{} areas exceed vm.max_map_count: ENOMEM", areas_.size());
    });
    return {.value = -ENOMEM};
  }
  map.vm_flags = flags_of_map(around_.behaviour, map.prot, map.flags);

  const std::int64_t placed =
      unmapped_area(map.file.get(), map.addr, length, map.file ? map.page_offset : 0, map.flags);
  if (placed < 0) return {.value = placed};
  map.range = AddressRange::of_size(static_cast<std::uint64_t>(placed), length);
  if ((map.flags & kMapFixedNoReplace) != 0 && areas_.first_in(map.range) != nullptr)
    return {.value = -EEXIST};
  if ((map.flags & kMapLocked) != 0 && !limits_.may_lock && limits_.memlock == 0)
    return {.value = -EPERM};
  if (!may_lock(map.vm_flags, length)) return {.value = -EAGAIN};

  if (const int error = map.file ? check_file(map, map.opened) : check_anonymous(map))
    return {.value = -error};
  if ((map.flags & kMapNoReserve) != 0 &&
      (limits_.overcommit != Overcommit::Never || is_hugetlb(map.file.get())))
    map.vm_flags |= kVmNoReserve;

  if (const int error = map_region(map)) return {.value = -error};
  Answer answer{.value = placed};
  if ((map.vm_flags & kVmLocked) != 0 ||
      (map.flags & (kMapPopulate | kMapNonBlock)) == kMapPopulate)
    answer.then.push_back({FollowUp::Kind::Populate, map.range});
  return answer;
}

int AddressSpace::check_file(NewMapping& map, const OpenFile& file) const {
  const std::uint64_t pages = map.pages();
  if (pages > kMaxFilePages || map.page_offset > kMaxFilePages - pages) return EOVERFLOW;
  // An anonymous hugetlb mapping has a file of its own, open for everything.
  std::uint64_t accepted = kLegacyMapMask;
  if (file.file->kind() == FileKind::Regular) accepted |= kMapSync;
  std::uint64_t flags = map.flags;
  switch (flags & kMapType) {
    case kMapShared:
      flags &= kLegacyMapMask;
      [[fallthrough]];
    case kMapSharedValidate:
      if ((flags & ~accepted) != 0) return EOPNOTSUPP;
      if ((map.prot & kProtWrite) != 0 && !file.writable) return EACCES;
      map.vm_flags |= kVmShared | kVmMayShare;
      if (!file.writable) map.vm_flags &= ~(kVmMayWrite | kVmShared);
      [[fallthrough]];
    case kMapPrivate:
      if (!file.readable) return EACCES;
      if (!file.executable) {
        if ((map.vm_flags & kVmExec) != 0) return EPERM;
        map.vm_flags &= ~kVmMayExec;
      }
      return (map.vm_flags & kVmGrowsDown) != 0 ? EINVAL : 0;
    default:
      return EINVAL;
  }
}

int AddressSpace::check_anonymous(NewMapping& map) const {
  switch (map.flags & kMapType) {
    case kMapShared:
      if ((map.vm_flags & kVmGrowsDown) != 0) return EINVAL;
      map.page_offset = 0;
      map.vm_flags |= kVmShared | kVmMayShare;
      return 0;
    case kMapDroppable:
      if (!around_.behaviour.droppable_maps) return EINVAL;
      if ((map.flags & (kMapLocked | kMapHugetlb)) != 0) return EINVAL;
      if ((map.vm_flags & kVmGrowsDown) != 0) return EINVAL;
      map.vm_flags |= kVmDroppable | kVmNoReserve | kVmWipeOnFork | kVmDontDump;
      [[fallthrough]];
    case kMapPrivate:
      map.page_offset = map.range.start >> kPageShift;
      return 0;
    default:
      return EINVAL;
  }
}

// mmap_region: what was in the range goes once nothing but the new area itself can fail; 6.1 lets
// it go first.
int AddressSpace::map_region(NewMapping& map) {
  Unmapping old{.range = map.range};
  if (around_.behaviour.fixed_unmaps_first) {
    for (const Vma* vma = areas_.first_in(map.range);
         vma != nullptr && vma->range.start < map.range.end; vma = areas_.next(*vma))
      old.totals.total += vma->range.intersection(map.range).size() >> kPageShift;
    if (!may_expand(map.vm_flags, map.pages() - old.totals.total)) return ENOMEM;
    if (unmap(map.range, "mmap over an old mapping") != 0) return ENOMEM;
    old = Unmapping{.range = map.range};
  }
  if (const int error = gather_for_unmap(map.range, old)) return error;
  if (!may_expand(map.vm_flags, map.pages() - old.totals.total)) return ENOMEM;
  if (accountable(map.file.get(), map.vm_flags)) {
    // What the old areas had committed serves the new one.
    if (map.pages() != old.committed && !commit(map.pages() - old.committed)) return ENOMEM;
    old.committed = 0;
    map.vm_flags |= kVmAccount;
  } else {
    around_.narrator.step("accountable_mapping", [&] {
      return fmt::format("{} → not charged", (map.vm_flags & kVmNoReserve) != 0 ? "NORESERVE"
                                             : (map.vm_flags & kVmShared) != 0  ? "shared"
                                             : is_hugetlb(map.file.get())       ? "hugetlb"
                                                                                : "not writable");
    });
  }
  if (old.any) {
    clear_entries(old, "mmap over an old mapping");
    detach(old);
  }

  MergeRequest request{.range = map.range, .previous = old.previous, .next = old.next};
  request.properties.flags = map.vm_flags;
  request.properties.page_offset = map.page_offset;
  request.properties.file = map.file;
  request.properties.open_file = map.description;
  // Shared anonymous memory becomes a file of its own, which no neighbour has.
  const bool new_object = !map.file && (map.vm_flags & kVmShared) != 0;
  Vma* vma = new_object ? nullptr : editor_.merge_new(request);
  if (vma == nullptr) {
    if (const int error = create_area(map, vma)) {
      if ((map.vm_flags & kVmAccount) != 0) give_back(map.pages());
      return error;
    }
  }
  count(vma->flags, map.pages());
  if ((vma->flags & kVmLocked) != 0) {
    if ((vma->flags & (kVmSpecial | kVmHugetlb)) != 0)
      vma->flags &= ~kVmLockedMask;
    else
      totals_.locked += map.pages();
  }
  return 0;
}

// __mmap_new_vma, and what file systems answer in their mmap hook. A failure here leaves a hole
// where MAP_FIXED had unmapped something.
int AddressSpace::create_area(NewMapping& map, Vma*& vma) {
  Vma fresh{.range = map.range,
            .flags = map.vm_flags,
            .page_offset = map.page_offset,
            .file = map.file,
            .open_file = map.description};
  if (map.file && map.file->kind() == FileKind::Regular && (map.vm_flags & kVmSync) != 0)
    return EOPNOTSUPP;  // only files on persistent memory are written synchronously
  if (is_hugetlb(map.file.get())) {
    const std::uint64_t free =
        map.file->page_shift() == 30 ? limits_.free_huge_pages_1g : limits_.free_huge_pages_2m;
    if ((map.page_offset << kPageShift) % (std::uint64_t{1} << map.file->page_shift()) != 0)
      return EINVAL;
    if ((map.vm_flags & kVmNoReserve) == 0 && map.range.size() >> map.file->page_shift() > free) {
      around_.narrator.step("hugetlb_reserve_pages", [&] {
        return fmt::format("{} huge pages wanted, {} free: ENOMEM",
                           map.range.size() >> map.file->page_shift(), free);
      });
      return ENOMEM;
    }
    fresh.flags |= kVmHugetlb | kVmDontExpand;
  }
  if (!map.file && (map.vm_flags & kVmShared) != 0) {
    fresh.file = shared_memory(map.range.size(), (map.vm_flags & kVmNoReserve) == 0);
    if (!fresh.file) return ENOMEM;
  }
  vma = &areas_.insert(std::move(fresh));
  return 0;
}

// shmem_zero_setup. The object is committed as a whole when it is made, for as long as it lives.
std::shared_ptr<BackingFile> AddressSpace::shared_memory(std::uint64_t bytes, bool reserve) {
  if (!reserve)
    return std::make_shared<BackingFile>(FileKind::SharedAnonymous, bytes,
                                         BackingFile::Cached::Nothing);
  const std::uint64_t pages = bytes >> kPageShift;
  const bool allowed = around_.committed.charge(pages, limits_, totals_.total);
  around_.narrator.step("shmem_acct_size", [&] {
    return fmt::format("{} pages of shared memory {}", pages, allowed ? "charged" : "refused");
  });
  if (!allowed) return nullptr;
  CommitAccount& committed = around_.committed;
  return {new BackingFile(FileKind::SharedAnonymous, bytes, BackingFile::Cached::Nothing),
          [&committed, pages](BackingFile* file) {
            committed.release(pages);
            delete file;
          }};
}

}  // namespace ft::sim::virt
