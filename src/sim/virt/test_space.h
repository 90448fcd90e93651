// A small address space for tests: everything it stands in, and calls in few words.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/phys/frame_store.h"
#include "sim/virt/address_space.h"
#include "sim/virt/backing_file.h"
#include "sim/virt/mman.h"

namespace ft::sim::virt {

inline constexpr std::uint64_t kPage = kPageSize;
inline constexpr std::uint64_t kHuge = kHugePageSize;
inline constexpr std::uint64_t kTop = 0x7f0000000000;  // mmap_base
inline constexpr std::uint64_t kAnon = kMapPrivate | kMapAnonymous;
inline constexpr std::uint64_t kReadWrite = kProtRead | kProtWrite;

class CountingSink final : public InvalidationSink {
 public:
  void on_invalidation(const Invalidation& invalidation) override { told.push_back(invalidation); }
  std::vector<Invalidation> told;
};

inline Limits test_limits() {
  Limits limits;
  limits.total_ram_pages = (std::uint64_t{16} << 30U) / kPage;
  limits.commit_limit_pages = (std::uint64_t{8} << 30U) / kPage;
  return limits;
}

inline Layout test_layout() {
  Layout layout;
  layout.mmap_base = kTop;
  layout.start_brk = layout.brk = 0x560000000000;
  return layout;
}

// One address space and its world. Keep it where it is: the space refers to its parts.
struct TestSpace {
  explicit TestSpace(const kernel::Behaviour& release = kernel::Behaviour::linux_6_18(),
                     Limits limits = test_limits(), Layout layout = test_layout())
      : behaviour(release),
        table(frames, behaviour, layout.table_levels, narrator),
        space(surroundings(), limits, layout) {}

  Surroundings surroundings() { return {behaviour, committed, table, sink, narrator}; }
  // A child of `parent` in the tables of this one.
  std::unique_ptr<AddressSpace> fork_of(TestSpace& parent) {
    return parent.space.fork({behaviour, parent.committed, table, sink, narrator});
  }

  std::int64_t map(std::uint64_t addr, std::uint64_t pages, std::uint64_t prot = kReadWrite,
                   std::uint64_t flags = kAnon | kMapFixed) {
    return space.mmap(addr, pages * kPage, prot, flags, nullptr, 0).value;
  }
  std::int64_t map_file(std::uint64_t addr, std::uint64_t pages, std::uint64_t prot,
                        std::uint64_t flags, const OpenFile& file, std::uint64_t page = 0) {
    return space.mmap(addr, pages * kPage, prot, flags, &file, page * kPage).value;
  }
  std::int64_t unmap(std::uint64_t addr, std::uint64_t pages) {
    return space.munmap(addr, pages * kPage).value;
  }
  std::int64_t protect(std::uint64_t addr, std::uint64_t pages, std::uint64_t prot) {
    return space.mprotect(addr, pages * kPage, prot).value;
  }
  std::int64_t advise(std::uint64_t addr, std::uint64_t pages, int advice) {
    return space.madvise(addr, pages * kPage, advice).value;
  }
  std::int64_t remap(std::uint64_t addr, std::uint64_t old_pages, std::uint64_t new_pages,
                     std::uint64_t flags, std::uint64_t to = 0) {
    return space.mremap(addr, old_pages * kPage, new_pages * kPage, flags, to).value;
  }
  // As the first write to the area does.
  void fault(std::uint64_t addr) {
    Vma* vma = space.find(addr);
    ASSERT_NE(vma, nullptr);
    space.prepare_anon_vma(*vma);
  }

  // "600000000000-600000004000 rw-" a line, from `from` on, offsets in pages where `base` is given.
  std::string areas(std::uint64_t base) const {
    std::string text;
    for (std::size_t index = 0; index < space.areas().size(); ++index) {
      const Vma& vma = space.areas()[index];
      if (vma.range.start < base) continue;
      if (!text.empty()) text += ' ';
      text += std::to_string((vma.range.start - base) / kPage) + '-' +
              std::to_string((vma.range.end - base) / kPage);
      text += (vma.flags & kVmRead) != 0 ? 'r' : '-';
      text += (vma.flags & kVmWrite) != 0 ? 'w' : '-';
    }
    return text;
  }

  kernel::Behaviour behaviour;
  path::Narrator narrator;
  CommitAccount committed;
  phys::FrameStore frames;
  CountingSink sink;
  PageTable table;
  AddressSpace space;
};

inline OpenFile open_file(FileKind kind, std::uint64_t pages, std::uint64_t description = 1) {
  return {.file = std::make_shared<BackingFile>(kind, pages * kPage), .description = description};
}

}  // namespace ft::sim::virt
