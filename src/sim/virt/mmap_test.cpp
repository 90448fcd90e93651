#include <cerrno>

#include "sim/virt/test_space.h"

namespace ft::sim::virt {
namespace {

constexpr std::uint64_t kBase = 0x600000000000;

TEST(MmapTest, ChecksInTheKernelsOrder) {
  TestSpace t;
  AddressSpace& space = t.space;
  const std::uint64_t rw = kReadWrite;
  // The offset comes before everything, the descriptor before the length.
  EXPECT_EQ(space.mmap(0, 0, rw, kMapPrivate, nullptr, 1).value, -EINVAL);
  EXPECT_EQ(space.mmap(0, 0, rw, kMapPrivate, nullptr, 0).value, -EBADF);
  EXPECT_EQ(space.mmap(0, 0, rw, kAnon, nullptr, 0).value, -EINVAL);
  EXPECT_EQ(space.mmap(0, ~std::uint64_t{0}, rw, kAnon, nullptr, 0).value, -ENOMEM);
  const OpenFile file = open_file(FileKind::Regular, 1);
  EXPECT_EQ(space.mmap(0, 2 * kPage, rw, kMapPrivate, &file, ~std::uint64_t{0xfff}).value,
            -EOVERFLOW);
  EXPECT_EQ(space.mmap(0, std::uint64_t{1} << 47U, rw, kAnon, nullptr, 0).value, -ENOMEM);
  EXPECT_EQ(space.mmap(kBase + 1, kPage, rw, kAnon | kMapFixed, nullptr, 0).value, -EINVAL);
  EXPECT_EQ(space.mmap(0, kPage, rw, kMapAnonymous, nullptr, 0).value, -EINVAL);
  EXPECT_EQ(space.mmap(0, kPage, rw, kMapAnonymous | kMapSharedValidate, nullptr, 0).value,
            -EINVAL);
  EXPECT_EQ(space.mmap(0, kPage, rw, kMapAnonymous | kMapShared | kMapGrowsDown, nullptr, 0).value,
            -EINVAL);
  EXPECT_EQ(t.map(0x7ffffffff000, 1), -ENOMEM);
  EXPECT_EQ(t.map(0x7fffffffe000, 1), 0x7fffffffe000);
  EXPECT_EQ(t.map(static_cast<std::uint64_t>(-4096), 1), -ENOMEM);
  space.check();
}

TEST(MmapTest, FixedNoReplaceSaysWhatIsThere) {
  TestSpace t;
  t.map(kBase, 4);
  const std::uint64_t flags = kAnon | kMapFixedNoReplace;
  EXPECT_EQ(t.map(kBase + 3 * kPage, 2, kReadWrite, flags), -EEXIST);
  EXPECT_EQ(t.map(kBase + 4 * kPage, 2, kReadWrite, flags),
            static_cast<std::int64_t>(kBase + 4 * kPage));
  EXPECT_EQ(t.areas(kBase), "0-6rw");
}

TEST(MmapTest, FilesAreCheckedByHowTheyWereOpened) {
  TestSpace t;
  OpenFile file = open_file(FileKind::Regular, 16);
  file.writable = false;
  EXPECT_EQ(t.map_file(0, 1, kReadWrite, kMapShared, file), -EACCES);
  const std::int64_t at = t.map_file(0, 1, kProtRead, kMapShared, file);
  ASSERT_GT(at, 0);
  const Vma* vma = t.space.find(static_cast<std::uint64_t>(at));
  EXPECT_EQ(vma->flags & (kVmShared | kVmMayShare | kVmMayWrite), kVmMayShare);
  EXPECT_EQ(t.protect(static_cast<std::uint64_t>(at), 1, kReadWrite), -EACCES);
  EXPECT_GT(t.map_file(0, 1, kReadWrite, kMapPrivate, file), 0);
  file.readable = false;
  EXPECT_EQ(t.map_file(0, 1, kProtRead, kMapPrivate, file), -EACCES);
  file = open_file(FileKind::Regular, 16);
  file.executable = false;
  EXPECT_EQ(t.map_file(0, 1, kProtRead | kProtExec, kMapPrivate, file), -EPERM);
  EXPECT_EQ(t.map_file(0, 1, kProtRead, kMapPrivate | kMapGrowsDown, file), -EINVAL);
  EXPECT_EQ(t.map_file(0, 1, kProtRead, kMapSharedValidate | kMapFixedNoReplace, file),
            -EOPNOTSUPP);
  EXPECT_EQ(t.map_file(0, 1, kProtRead, 0, file), -EINVAL);
  t.space.check();
}

// Tried on 6.18.44: these fail when the old mapping is gone already.
TEST(MmapTest, WhatFailsLateLeavesAHole) {
  TestSpace t;
  t.map(kBase, 4 * 512);
  EXPECT_EQ(t.map(kBase + kHuge, 512, kReadWrite, kAnon | kMapFixed | kMapHugetlb), -ENOMEM);
  EXPECT_EQ(t.areas(kBase), "0-512rw 1024-2048rw");
  const OpenFile file = open_file(FileKind::Regular, 16);
  EXPECT_EQ(t.map_file(kBase, 1, kReadWrite, kMapShared | kMapSync | kMapFixed, file), -EOPNOTSUPP);
  EXPECT_EQ(t.areas(kBase), "1-512rw 1024-2048rw");
  EXPECT_EQ(t.map_file(kBase + kPage, 2, kReadWrite, kMapPrivate | kMapSync | kMapFixed, file),
            -EOPNOTSUPP);
  EXPECT_EQ(t.areas(kBase), "3-512rw 1024-2048rw");
  EXPECT_EQ(t.committed.pages(), t.space.committed_pages());
  t.space.check();
}

TEST(MmapTest, HugetlbWithoutReservationNeedsNoPool) {
  TestSpace t;
  const std::uint64_t flags = kAnon | kMapHugetlb | kMapNoReserve;
  const std::int64_t at = t.map(0, 1, kReadWrite, flags);
  ASSERT_GT(at, 0);
  EXPECT_EQ(at % static_cast<std::int64_t>(kHuge), 0);
  EXPECT_EQ(t.space.find(static_cast<std::uint64_t>(at))->range.size(), kHuge);
  EXPECT_EQ(t.map(kBase + kPage, 512, kReadWrite, flags | kMapFixed), -EINVAL);
  EXPECT_EQ(t.map(0, 1, kReadWrite, flags | (std::uint64_t{22} << kMapHugeShift)), -EINVAL);
  const OpenFile file = open_file(FileKind::Regular, 16);
  EXPECT_EQ(t.map_file(0, 1, kReadWrite, kMapPrivate | kMapHugetlb, file), -EINVAL);
}

// What JDK 17 meets when it maps its archived objects into a heap of large pages.
TEST(MmapTest, HugetlbAreasAreSplitBetweenTheirPagesOnly) {
  TestSpace t;
  const std::uint64_t flags = kAnon | kMapHugetlb | kMapNoReserve | kMapFixed;
  ASSERT_EQ(t.map(kBase, 2 * 512, kReadWrite, flags), static_cast<std::int64_t>(kBase));
  EXPECT_EQ(t.map(kBase + kPage, 1, kReadWrite, kAnon | kMapFixed), -EINVAL);
  EXPECT_EQ(t.map(kBase, 1, kReadWrite, kAnon | kMapFixed), -EINVAL);
  EXPECT_EQ(t.areas(kBase), "0-1024rw");
  EXPECT_EQ(t.map(kBase + kHuge, 512, kReadWrite, kAnon | kMapFixed),
            static_cast<std::int64_t>(kBase + kHuge));
  EXPECT_EQ(t.areas(kBase), "0-512rw 512-1024rw");
  t.space.check();
}

TEST(MmapTest, AHintIsTakenWhereItIsFree) {
  TestSpace t;
  EXPECT_EQ(t.map(kBase + 5, 4, kReadWrite, kAnon), static_cast<std::int64_t>(kBase));
  EXPECT_EQ(t.map(kBase, 4, kReadWrite, kAnon), static_cast<std::int64_t>(kTop - 4 * kPage));
  EXPECT_EQ(t.map(0x1000, 1, kReadWrite, kAnon), 0x10000);
  // The guard gap below a stack is not free.
  t.map(kBase + 1024 * kPage, 4, kReadWrite, kAnon | kMapFixed | kMapGrowsDown);
  const auto below = static_cast<std::int64_t>(kBase + 767 * kPage);
  EXPECT_EQ(t.map(kBase + 767 * kPage, 1, kReadWrite, kAnon), below);
  EXPECT_NE(t.map(kBase + 768 * kPage, 1, kReadWrite, kAnon),
            static_cast<std::int64_t>(kBase + 768 * kPage));
}

TEST(MmapTest, SearchTakesTheHighestGapAndLeavesStacksRoom) {
  TestSpace t;
  const std::uint64_t high = kTop - 64 * kPage;
  t.map(high, 64, kProtRead);
  t.map(high - 16 * kPage, 8, kProtRead);  // a gap of 8 pages above it
  EXPECT_EQ(t.map(0, 8, kProtWrite, kAnon), static_cast<std::int64_t>(high - 8 * kPage));
  EXPECT_EQ(t.map(0, 8, kProtWrite, kAnon), static_cast<std::int64_t>(high - 24 * kPage));
  TestSpace s;
  s.map(kTop - 8 * kPage, 8, kReadWrite, kAnon | kMapFixed | kMapGrowsDown);
  EXPECT_EQ(s.map(0, 4, kReadWrite, kAnon),
            static_cast<std::int64_t>(kTop - (8 + 256 + 4) * kPage));
}

TEST(MmapTest, OnlyTheAreaAboveAGapIsAskedForItsGuardGap) {
  TestSpace t;
  t.map(kTop - 8 * kPage, 4, kReadWrite, kAnon | kMapFixed | kMapGrowsDown);
  t.map(kTop - 12 * kPage, 4, kProtRead);
  EXPECT_EQ(t.map(0, 4, kReadWrite, kAnon), static_cast<std::int64_t>(kTop - 4 * kPage));
  EXPECT_EQ(t.map(0, 4, kReadWrite, kAnon), static_cast<std::int64_t>(kTop - 16 * kPage));
}

TEST(MmapTest, SearchGoesUpwardsWhereNothingIsFreeBelow) {
  Layout layout = test_layout();
  layout.mmap_base = 0x20000;
  layout.mmap_legacy_base = 0x2aaaaaaab000;
  TestSpace t(kernel::Behaviour::linux_6_18(), test_limits(), layout);
  EXPECT_EQ(t.map(0, 32, kProtRead, kAnon), 0x2aaaaaaab000);
  EXPECT_EQ(t.map(0, 16, kProtRead, kAnon), 0x10000);
  EXPECT_EQ(t.map(0, 1, kReadWrite, kAnon), 0x2aaaaaaab000 + 32 * 4096);
  EXPECT_EQ(t.map(0, 1, kReadWrite, kAnon | kMap32Bit), 0x40000000);
}

TEST(MmapTest, HugeAlignmentByRelease) {
  const auto placed = [](const kernel::Behaviour& behaviour, std::uint64_t pages) {
    TestSpace t(behaviour);
    t.map(0, 1, kReadWrite, kAnon);  // so that mmap_base is no border
    return static_cast<std::uint64_t>(t.map(0, pages, kProtRead, kAnon));
  };
  const kernel::Behaviour between = *kernel::Behaviour::of_release("6.10");
  EXPECT_EQ(placed(kernel::Behaviour::linux_6_1(), 512), kTop - 513 * kPage);
  EXPECT_EQ(placed(kernel::Behaviour::linux_6_18(), 512), kTop - 2 * kHuge);
  EXPECT_EQ(placed(kernel::Behaviour::linux_6_18(), 513), kTop - 514 * kPage);
  EXPECT_EQ(placed(between, 513) % kHuge, 0U);
}

TEST(MmapTest, FilesOfDiskFileSystemsAreAlignedByTheirOffset) {
  TestSpace t;
  const OpenFile disk = open_file(FileKind::Regular, 4096);
  const auto at = static_cast<std::uint64_t>(t.map_file(0, 1024, kProtRead, kMapPrivate, disk, 3));
  EXPECT_EQ(at % kHuge, 3 * kPage);
  const OpenFile memory = open_file(FileKind::Shmem, 4096);
  EXPECT_EQ(t.map_file(0, 1024, kProtRead, kMapShared, memory),
            static_cast<std::int64_t>(at - 1024 * kPage));
  const OpenFile shared_folder = open_file(FileKind::Regular, 4096);
  shared_folder.file->place_anywhere();
  EXPECT_EQ(t.map_file(0, 1024, kProtRead, kMapPrivate, shared_folder, 3),
            static_cast<std::int64_t>(at - 2048 * kPage));
}

TEST(MmapTest, ReserveAndCommitTheWayOfHotSpot) {
  TestSpace t;
  const std::uint64_t heap = 0x600000000;
  const std::uint64_t pages = (std::uint64_t{8} << 30U) / kPage;
  ASSERT_EQ(t.map(heap, pages, 0, kAnon | kMapNoReserve), static_cast<std::int64_t>(heap));
  EXPECT_EQ(t.committed.pages(), 0U);
  ASSERT_EQ(t.map(heap, 65536), static_cast<std::int64_t>(heap));
  EXPECT_EQ(t.committed.pages(), 65536U);
  ASSERT_EQ(t.map(heap + 65536 * kPage, 65536), static_cast<std::int64_t>(heap + 65536 * kPage));
  EXPECT_EQ(t.space.areas().size(), 2U);
  // Uncommit.
  ASSERT_EQ(t.map(heap, 65536, 0, kAnon | kMapFixed | kMapNoReserve),
            static_cast<std::int64_t>(heap));
  EXPECT_EQ(t.committed.pages(), 65536U);
  // mprotect of a NORESERVE reserve is not charged.
  ASSERT_EQ(t.protect(heap, 16, kReadWrite), 0);
  EXPECT_EQ(t.committed.pages(), 65536U);
  t.space.check();
}

TEST(MmapTest, OvercommitModes) {
  Limits limits = test_limits();
  TestSpace heuristic(kernel::Behaviour::linux_6_18(), limits);
  EXPECT_EQ(heuristic.map(0, limits.total_ram_pages + 1, kReadWrite, kAnon), -ENOMEM);
  EXPECT_GT(heuristic.map(0, limits.total_ram_pages, kReadWrite, kAnon), 0);
  EXPECT_GT(heuristic.map(0, limits.total_ram_pages, kReadWrite, kAnon), 0) << "each by itself";
  EXPECT_GT(heuristic.map(0, 2 * limits.total_ram_pages, kReadWrite, kAnon | kMapNoReserve), 0);

  limits.overcommit = Overcommit::Always;
  TestSpace always(kernel::Behaviour::linux_6_18(), limits);
  EXPECT_GT(always.map(0, 4 * limits.total_ram_pages, kReadWrite, kAnon), 0);

  limits.overcommit = Overcommit::Never;
  TestSpace never(kernel::Behaviour::linux_6_18(), limits);
  EXPECT_EQ(never.map(0, limits.commit_limit_pages, kReadWrite, kAnon | kMapNoReserve), -ENOMEM);
  EXPECT_GT(never.map(0, limits.commit_limit_pages - 1, kReadWrite, kAnon), 0);
  EXPECT_EQ(never.map(0, 1, kReadWrite, kAnon), -ENOMEM);
  EXPECT_GT(never.map(0, 1, kProtRead, kAnon), 0);
  limits.administrator = false;
  TestSpace user(kernel::Behaviour::linux_6_18(), limits);
  EXPECT_EQ(user.map(0, limits.commit_limit_pages - limits.admin_reserve_pages, kReadWrite, kAnon),
            -ENOMEM);
  EXPECT_GT(
      user.map(0, limits.commit_limit_pages - limits.admin_reserve_pages - 1, kReadWrite, kAnon),
      0);
}

TEST(MmapTest, SharedMemoryIsCommittedForAsLongAsItLives) {
  TestSpace t;
  const std::int64_t at = t.map(0, 16, kReadWrite, kMapShared | kMapAnonymous);
  ASSERT_GT(at, 0);
  EXPECT_EQ(t.committed.pages(), 16U);
  EXPECT_EQ(t.space.committed_pages(), 0U);
  EXPECT_EQ(t.unmap(static_cast<std::uint64_t>(at), 8), 0);
  EXPECT_EQ(t.committed.pages(), 16U);
  EXPECT_EQ(t.unmap(static_cast<std::uint64_t>(at), 16), 0);
  EXPECT_EQ(t.committed.pages(), 0U);
}

TEST(MmapTest, ResourceLimits) {
  Limits limits = test_limits();
  limits.address_space = 100 * kPage;
  limits.data = 10 * kPage;
  limits.may_lock = false;
  limits.memlock = 4 * kPage;
  TestSpace t(kernel::Behaviour::linux_6_18(), limits);
  EXPECT_EQ(t.map(0, 101, 0, kAnon), -ENOMEM);
  EXPECT_EQ(t.map(0, 11, kReadWrite, kAnon), -ENOMEM);
  ASSERT_EQ(t.map(kBase, 11, kProtRead), static_cast<std::int64_t>(kBase));
  EXPECT_EQ(t.protect(kBase, 11, kReadWrite), -ENOMEM);
  EXPECT_EQ(t.map(0, 5, kProtRead, kAnon | kMapLocked), -EAGAIN);
  EXPECT_GT(t.map(0, 4, kProtRead, kAnon | kMapLocked), 0);
  EXPECT_EQ(t.space.totals().locked, 4U);
  limits.memlock = 0;
  t.space.set_limits(limits);
  EXPECT_EQ(t.map(0, 1, kProtRead, kAnon | kMapLocked), -EPERM);
  EXPECT_EQ(t.space.mlock(kBase, kPage, 0).value, -EPERM);
  t.space.check();
}

TEST(MmapTest, MapCountLimits) {
  Limits limits = test_limits();
  limits.max_map_count = 10;
  TestSpace t(kernel::Behaviour::linux_6_18(), limits);
  for (unsigned i = 0; i < 11; ++i) ASSERT_GT(t.map(kBase + 8 * i * kPage, 4), 0) << i;
  EXPECT_EQ(t.map(kBase + 800 * kPage, 4), -ENOMEM) << "mmap reaches one beyond the limit";
  EXPECT_EQ(t.unmap(kBase + kPage, 1), -ENOMEM);
  EXPECT_EQ(t.protect(kBase, 1, kProtRead), -ENOMEM);
  EXPECT_EQ(t.advise(kBase, 1, kAdviseDontDump), -EAGAIN);
  EXPECT_EQ(t.remap(kBase, 4, 4, kMremapMayMove | kMremapFixed, kBase + 800 * kPage), -ENOMEM);
  EXPECT_EQ(t.unmap(kBase, 4), 0);
  EXPECT_EQ(t.unmap(kBase + 8 * kPage, 4), 0);
  EXPECT_EQ(t.protect(kBase + 16 * kPage, 1, kProtRead), 0);
  t.space.check();
}

TEST(MmapTest, OldMappingsSurviveARefusalSinceTheyAreGatheredFirst) {
  Limits limits = test_limits();
  limits.total_ram_pages = 8;
  TestSpace gathered(kernel::Behaviour::linux_6_12(), limits);
  gathered.map(kBase, 16, kProtRead);
  EXPECT_EQ(gathered.map(kBase + 2 * kPage, 9), -ENOMEM);
  EXPECT_EQ(gathered.areas(kBase), "0-2r- 2-11r- 11-16r-") << "but stay split";
  TestSpace first(kernel::Behaviour::linux_6_1(), limits);
  first.map(kBase, 16, kProtRead);
  EXPECT_EQ(first.map(kBase + 2 * kPage, 9), -ENOMEM);
  EXPECT_EQ(first.areas(kBase), "0-2r- 11-16r-");
  gathered.space.check();
  first.space.check();
}

TEST(MmapTest, PopulateIsLeftToTheCaller) {
  TestSpace t;
  const Answer answer =
      t.space.mmap(kBase, 4 * kPage, kReadWrite, kAnon | kMapFixed | kMapPopulate, nullptr, 0);
  ASSERT_EQ(answer.then.size(), 1U);
  EXPECT_EQ(answer.then[0].kind, FollowUp::Kind::Populate);
  EXPECT_EQ(answer.then[0].range, AddressRange::of_size(kBase, 4 * kPage));
  EXPECT_TRUE(t.space
                  .mmap(kBase, 4 * kPage, kReadWrite,
                        kAnon | kMapFixed | kMapPopulate | kMapNonBlock, nullptr, 0)
                  .then.empty());
}

}  // namespace
}  // namespace ft::sim::virt
