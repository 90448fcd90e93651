// Which areas join, and what becomes of their anon_vma (mm/vma.c).
#include <cerrno>

#include "sim/virt/test_space.h"

namespace ft::sim::virt {
namespace {

constexpr std::uint64_t kBase = 0x600000000000;
constexpr std::uint64_t at(std::uint64_t page) {
  return kBase + page * kPage;
}

TEST(MergeTest, NewAreasJoinOnBothSides) {
  TestSpace t;
  t.map(at(0), 4);
  t.map(at(8), 4);
  EXPECT_EQ(t.areas(kBase), "0-4rw 8-12rw");
  t.map(at(4), 4);
  EXPECT_EQ(t.areas(kBase), "0-12rw");
  t.map(at(12), 4, kProtRead);
  EXPECT_EQ(t.areas(kBase), "0-12rw 12-16r-");
  t.map(at(16), 4, kProtRead, kAnon | kMapFixed | kMapNoReserve);
  EXPECT_EQ(t.areas(kBase), "0-12rw 12-16r- 16-20r-") << "NORESERVE is a flag like others";
}

TEST(MergeTest, TwoAnonVmasNeverJoin) {
  TestSpace t;
  t.map(at(0), 4);
  t.map(at(8), 4);
  t.fault(at(0));
  t.fault(at(8));
  t.map(at(4), 4);
  EXPECT_EQ(t.areas(kBase), "0-8rw 8-12rw") << "the new one joins the one before";
  TestSpace one;
  one.map(at(0), 4);
  one.map(at(8), 4);
  one.fault(at(8));
  one.map(at(4), 4);
  EXPECT_EQ(one.areas(kBase), "0-12rw");
  EXPECT_NE(one.space.find(at(0))->anon_vma.id, 0U);
}

TEST(MergeTest, ReleasesBefore612TryTheAreaBehindFirst) {
  TestSpace t(kernel::Behaviour::linux_6_1());
  t.map(at(0), 4);
  t.map(at(8), 4);
  t.fault(at(8));
  t.map(at(4), 4);
  EXPECT_EQ(t.areas(kBase), "0-4rw 4-12rw");
}

// An area written to joins one that was not, since 6.16.
TEST(MergeTest, FaultedJoinsUnfaultedByRelease) {
  const auto joined = [](const kernel::Behaviour& behaviour) {
    TestSpace t(behaviour);
    t.map(at(0), 8, kReadWrite, kAnon | kMapFixed | kMapNoReserve);
    t.protect(at(0), 4, 0);
    t.fault(at(4));
    t.protect(at(4), 4, 0);
    t.space.check();
    return t.areas(kBase);
  };
  EXPECT_EQ(joined(kernel::Behaviour::linux_6_18()), "0-8--");
  EXPECT_EQ(joined(kernel::Behaviour::linux_6_12()), "0-4-- 4-8--");
}

TEST(MergeTest, NeighboursShareAnAnonVmaSoThatTheyCanJoinLater) {
  TestSpace t;
  t.map(at(0), 8, kReadWrite, kAnon | kMapFixed | kMapNoReserve);
  t.protect(at(0), 4, kProtRead);
  t.fault(at(4));
  t.fault(at(0));
  EXPECT_EQ(t.space.find(at(0))->anon_vma, t.space.find(at(4))->anon_vma);
  t.protect(at(0), 4, kReadWrite);
  EXPECT_EQ(t.areas(kBase), "0-8rw");
  // Other flags than those of mprotect keep them apart.
  TestSpace other;
  other.map(at(0), 8);
  other.advise(at(0), 4, kAdviseDontDump);
  other.fault(at(4));
  other.fault(at(0));
  EXPECT_NE(other.space.find(at(0))->anon_vma, other.space.find(at(4))->anon_vma);
  other.advise(at(0), 4, kAdviseDoDump);
  EXPECT_EQ(other.areas(kBase), "0-4rw 4-8rw");
}

TEST(MergeTest, MprotectInTheMiddleAndBack) {
  TestSpace t;
  t.map(at(0), 12);
  EXPECT_EQ(t.protect(at(4), 4, kProtRead), 0);
  EXPECT_EQ(t.areas(kBase), "0-4rw 4-8r- 8-12rw");
  EXPECT_EQ(t.protect(at(6), 4, kProtRead), 0);
  EXPECT_EQ(t.areas(kBase), "0-4rw 4-10r- 10-12rw");
  EXPECT_EQ(t.protect(at(2), 4, kReadWrite), 0);
  EXPECT_EQ(t.areas(kBase), "0-6rw 6-10r- 10-12rw");
  EXPECT_EQ(t.protect(at(6), 4, kReadWrite), 0);
  EXPECT_EQ(t.areas(kBase), "0-12rw");
  t.space.check();
}

TEST(MergeTest, FilesJoinByOffsetAndByTheirOpening) {
  TestSpace t;
  const OpenFile file = open_file(FileKind::Regular, 64);
  OpenFile again = file;
  again.description = 2;
  t.map_file(at(0), 4, kProtRead, kMapPrivate | kMapFixed, file, 0);
  t.map_file(at(4), 4, kProtRead, kMapPrivate | kMapFixed, file, 4);
  EXPECT_EQ(t.areas(kBase), "0-8r-");
  t.map_file(at(8), 4, kProtRead, kMapPrivate | kMapFixed, file, 16);
  t.map_file(at(12), 4, kProtRead, kMapPrivate | kMapFixed, again, 20);
  EXPECT_EQ(t.areas(kBase), "0-8r- 8-12r- 12-16r-");
  EXPECT_EQ(t.unmap(at(2), 2), 0);
  EXPECT_EQ(t.space.find(at(4))->page_offset, 4U);
  t.space.check();
}

TEST(MergeTest, SharedAnonymousMemoryNeverJoins) {
  TestSpace t;
  t.map(at(0), 4, kReadWrite, kMapShared | kMapAnonymous | kMapFixed);
  t.map(at(4), 4, kReadWrite, kMapShared | kMapAnonymous | kMapFixed);
  EXPECT_EQ(t.areas(kBase), "0-4rw 4-8rw");
}

TEST(MergeTest, AForkedAreaIsNotSpread) {
  TestSpace parent;
  parent.map(at(0), 8);
  parent.fault(at(0));
  TestSpace child;
  std::unique_ptr<AddressSpace> forked = child.fork_of(parent);
  ASSERT_NE(forked, nullptr);
  EXPECT_TRUE(forked->find(at(0))->anon_vma.inherited);
  EXPECT_EQ(forked->mmap(at(8), 4 * kPage, kReadWrite, kAnon | kMapFixed, nullptr, 0).value,
            static_cast<std::int64_t>(at(8)));
  EXPECT_EQ(forked->areas().size(), 2U);
  forked->check();
  parent.map(at(8), 4);
  EXPECT_EQ(parent.areas(kBase), "0-12rw");
}

TEST(MergeTest, GuardsLeaveAMarkThatSpreads) {
  TestSpace t;
  t.map(at(0), 4);
  EXPECT_EQ(t.advise(at(0), 1, kAdviseGuardInstall), 0);
  t.map(at(4), 4);
  EXPECT_EQ(t.areas(kBase), "0-8rw");
  EXPECT_NE(t.space.find(at(4))->flags & kVmMaybeGuard, 0U);
  EXPECT_EQ(t.protect(at(4), 4, kProtRead), 0);
  EXPECT_NE(t.space.find(at(4))->flags & kVmMaybeGuard, 0U);
}

TEST(MprotectTest, AnErrorKeepsWhatWasDoneBefore) {
  TestSpace t;
  t.map(at(0), 4);
  t.map(at(8), 4);
  EXPECT_EQ(t.protect(at(2), 8, kProtRead), -ENOMEM);
  EXPECT_EQ(t.areas(kBase), "0-2rw 2-4r- 8-12rw");
  EXPECT_EQ(t.protect(at(5), 1, kProtRead), -ENOMEM);
  EXPECT_EQ(t.protect(at(0) + 1, 1, kProtRead), -EINVAL);
  EXPECT_EQ(t.protect(at(5), 0, kProtRead), 0);
  EXPECT_EQ(t.protect(at(0), 1, 0x10), -EINVAL);
  EXPECT_EQ(t.space.mprotect(at(0), ~std::uint64_t{0} - 4096, 1).value, -ENOMEM);
  EXPECT_EQ(t.protect(at(0), 1, kProtRead | kProtGrowsDown), -EINVAL);
  EXPECT_EQ(t.protect(at(0), 1, kProtRead | kProtGrowsDown | kProtGrowsUp), -EINVAL);
  t.space.check();
}

TEST(MprotectTest, CommitmentFollowsTheRightToWrite) {
  TestSpace t;
  t.map(at(0), 8, 0);
  EXPECT_EQ(t.committed.pages(), 0U);
  t.protect(at(0), 4, kReadWrite);
  EXPECT_EQ(t.committed.pages(), 4U);
  t.protect(at(0), 4, 0);
  EXPECT_EQ(t.committed.pages(), 0U) << "never written to";
  EXPECT_EQ(t.areas(kBase), "0-8--");
  t.protect(at(0), 4, kReadWrite);
  t.fault(at(0));
  t.protect(at(0), 4, 0);
  EXPECT_EQ(t.committed.pages(), 4U);
  EXPECT_EQ(t.areas(kBase), "0-4-- 4-8--") << "one is committed";
  TestSpace old(kernel::Behaviour::linux_6_1());
  old.map(at(0), 8);
  old.protect(at(0), 8, 0);
  EXPECT_EQ(old.committed.pages(), 8U);
}

TEST(MprotectTest, StackWithGrowsDownIsProtectedFromItsStart) {
  TestSpace t;
  t.map(at(0), 8, kReadWrite, kAnon | kMapFixed | kMapGrowsDown);
  EXPECT_EQ(t.protect(at(6), 1, kProtRead | kProtGrowsDown), 0);
  EXPECT_EQ(t.areas(kBase), "0-7r- 7-8rw");
}

TEST(MprotectTest, LockedPagesThatBecomeWritableAreCopiedAtOnce) {
  TestSpace t;
  t.map(at(0), 4, kProtRead, kAnon | kMapFixed | kMapLocked);
  const Answer answer = t.space.mprotect(at(1), 2 * kPage, kReadWrite);
  ASSERT_EQ(answer.then.size(), 1U);
  EXPECT_EQ(answer.then[0], (FollowUp{FollowUp::Kind::Populate, {at(1), at(3)}}));
}

// Found by the differential test: the pages of a locked area that becomes writable are written to
// while the call goes on, so the area behind it already finds an anon_vma.
TEST(MprotectTest, LockedAreasAreWrittenToBeforeTheNextAreaIsLookedAt) {
  TestSpace t;
  t.map(at(0), 4);
  t.protect(at(0), 2, kProtRead);
  ASSERT_EQ(t.space.mlock(at(0), 4 * kPage, 0).value, 0);
  t.fault(at(2));
  t.advise(at(0), 1, kAdviseDontDump);
  t.advise(at(0), 1, kAdviseDoDump);
  t.protect(at(0), 1, kReadWrite);
  EXPECT_NE(t.space.find(at(0))->anon_vma.id, 0U);
  t.protect(at(1), 1, kReadWrite);
  EXPECT_EQ(t.areas(kBase), "0-2rw 2-4rw");
}

TEST(MunmapTest, HolesAndErrors) {
  TestSpace t;
  t.map(at(0), 8);
  EXPECT_EQ(t.unmap(at(2), 2), 0);
  EXPECT_EQ(t.areas(kBase), "0-2rw 4-8rw");
  EXPECT_EQ(t.unmap(at(2), 2), 0);
  EXPECT_EQ(t.unmap(at(0), 100), 0);
  EXPECT_EQ(t.areas(kBase), "");
  EXPECT_EQ(t.unmap(at(0) + 1, 1), -EINVAL);
  EXPECT_EQ(t.unmap(at(0), 0), -EINVAL);
  EXPECT_EQ(t.space.munmap(0x7ffffffff000, kPage).value, -EINVAL);
  EXPECT_EQ(t.space.munmap(0, ~std::uint64_t{0}).value, -EINVAL);
  EXPECT_EQ(t.space.totals(), VmTotals{});
  EXPECT_EQ(t.committed.pages(), 0U);
}

TEST(MunmapTest, SealedAreasStay) {
  TestSpace t;
  t.map(at(0), 8);
  EXPECT_EQ(t.space.mseal(at(4), 2 * kPage, 0).value, 0);
  EXPECT_EQ(t.areas(kBase), "0-4rw 4-6rw 6-8rw");
  EXPECT_EQ(t.unmap(at(0), 8), -EPERM);
  EXPECT_EQ(t.areas(kBase), "0-4rw 4-6rw 6-8rw");
  EXPECT_EQ(t.map(at(5), 1), -EPERM);
  EXPECT_EQ(t.protect(at(0), 8, kProtRead), -EPERM);
  EXPECT_EQ(t.areas(kBase), "0-4r- 4-6rw 6-8rw");
  EXPECT_EQ(t.remap(at(4), 2, 1, 0), -EPERM);
  EXPECT_EQ(t.advise(at(4), 1, kAdviseDontNeed), 0) << "it could be written to anyway";
  EXPECT_EQ(t.space.mseal(at(0), 9 * kPage, 0).value, -ENOMEM);
  EXPECT_EQ(t.space.mseal(at(0), kPage, 1).value, -EINVAL);
  TestSpace old(kernel::Behaviour::linux_6_1());
  EXPECT_EQ(old.space.mseal(at(0), kPage, 0).value, -ENOSYS);
}

TEST(MadviseTest, SealedReadOnlyMemoryIsNotDiscarded) {
  TestSpace t;
  t.map(at(0), 2, kProtRead);
  t.map_file(at(2), 2, kProtRead, kMapPrivate | kMapFixed, open_file(FileKind::Regular, 4));
  ASSERT_EQ(t.space.mseal(at(0), 4 * kPage, 0).value, 0);
  EXPECT_EQ(t.advise(at(0), 1, kAdviseDontNeed), -EPERM);
  EXPECT_EQ(t.advise(at(0), 1, kAdviseGuardInstall), -EPERM);
  EXPECT_EQ(t.advise(at(0), 1, kAdviseGuardRemove), 0);
  EXPECT_EQ(t.advise(at(0), 1, kAdviseDontDump), 0);
  EXPECT_EQ(t.advise(at(2), 1, kAdviseDontNeed), 0) << "its pages are in the file";
  const kernel::Behaviour before = *kernel::Behaviour::of_release("6.15");
  TestSpace old(before);
  old.map(at(0), 2, kProtRead);
  ASSERT_EQ(old.space.mseal(at(0), 2 * kPage, 0).value, 0);
  EXPECT_EQ(old.advise(at(0), 1, kAdviseGuardInstall), 0);
}

TEST(MadviseTest, HolesArePassedOverAndToldAtTheEnd) {
  TestSpace t;
  t.map(at(0), 4);
  t.map(at(8), 4);
  EXPECT_EQ(t.advise(at(2), 8, kAdviseHugePage), -ENOMEM);
  EXPECT_EQ(t.areas(kBase), "0-2rw 2-4rw 8-10rw 10-12rw");
  EXPECT_EQ(t.advise(at(5), 1, kAdviseHugePage), -ENOMEM);
  EXPECT_EQ(t.advise(at(20), 1, kAdviseHugePage), -ENOMEM);
  EXPECT_EQ(t.advise(at(2), 8, kAdviseNoHugePage), -ENOMEM);
  EXPECT_EQ(t.advise(at(0), 2, kAdviseNoHugePage), 0);
  EXPECT_EQ(t.areas(kBase), "0-4rw 8-10rw 10-12rw");
}

TEST(MadviseTest, ErrorsEndTheWalk) {
  TestSpace t;
  t.map(at(0), 2);
  t.map(at(2), 2, kReadWrite, kMapShared | kMapAnonymous | kMapFixed);
  t.map(at(4), 2);
  EXPECT_EQ(t.advise(at(0), 6, kAdviseWipeOnFork), -EINVAL);
  EXPECT_NE(t.space.find(at(0))->flags & kVmWipeOnFork, 0U);
  EXPECT_EQ(t.space.find(at(4))->flags & kVmWipeOnFork, 0U);
  EXPECT_EQ(t.advise(at(2), 1, kAdviseFree), -EINVAL);
  EXPECT_EQ(t.advise(at(0), 1, kAdviseRemove), -EINVAL);
  EXPECT_EQ(t.advise(at(0), 1, 999), -EINVAL);
  EXPECT_EQ(t.advise(at(0), 1, 5), -EINVAL);
  EXPECT_EQ(t.space.madvise(at(0) + 1, kPage, kAdviseNormal).value, -EINVAL);
  EXPECT_EQ(t.space.madvise(at(0), 0, kAdviseNormal).value, 0);
  EXPECT_EQ(t.space.madvise(at(0), ~std::uint64_t{0}, kAdviseNormal).value, -EINVAL);
  ASSERT_EQ(t.space.mlock(at(0), kPage, 0).value, 0);
  EXPECT_EQ(t.advise(at(0), 1, kAdviseDontNeed), -EINVAL);
  EXPECT_EQ(t.advise(at(0), 1, kAdviseDontNeedLocked), 0);
  EXPECT_EQ(t.advise(at(0), 1, kAdviseCold), -EINVAL);
  EXPECT_EQ(t.advise(at(0), 1, kAdvisePageOut), -EINVAL);
  EXPECT_EQ(t.advise(at(0), 1, kAdviseGuardInstall), -EINVAL);
  t.space.check();
}

TEST(MadviseTest, PopulateStopsWhereItMay) {
  TestSpace t;
  t.map(at(0), 2);
  t.map(at(2), 2, kProtRead);
  t.map(at(6), 2);
  const Answer write = t.space.madvise(at(0), 8 * kPage, kAdvisePopulateWrite);
  EXPECT_EQ(write.value, -EINVAL);
  ASSERT_EQ(write.then.size(), 1U);
  const Answer read = t.space.madvise(at(0), 8 * kPage, kAdvisePopulateRead);
  EXPECT_EQ(read.value, -ENOMEM);
  ASSERT_EQ(read.then.size(), 2U);
  EXPECT_EQ(read.then[1], (FollowUp{FollowUp::Kind::PopulateRead, {at(2), at(4)}}));
  TestSpace old(kernel::Behaviour::linux_6_1());
  old.map(at(0), 2);
  old.map(at(6), 2);
  EXPECT_EQ(old.space.madvise(at(0), 8 * kPage, kAdvisePopulateRead).then.size(), 2U);
}

TEST(MadviseTest, AdvicesByRelease) {
  TestSpace t(kernel::Behaviour::linux_6_12());
  t.map(at(0), 2);
  EXPECT_EQ(t.advise(at(0), 1, kAdviseGuardInstall), -EINVAL);
  EXPECT_EQ(t.space.set_anon_name(at(0), kPage, "heap").value, -EINVAL);
  kernel::Behaviour named = kernel::Behaviour::linux_6_18();
  named.anonymous_names = true;
  TestSpace with_names(named);
  with_names.map(at(0), 4);
  EXPECT_EQ(with_names.space.set_anon_name(at(0), 2 * kPage, "heap").value, 0);
  EXPECT_EQ(with_names.areas(kBase), "0-2rw 2-4rw");
  EXPECT_EQ(with_names.space.set_anon_name(at(0), kPage, "a$b").value, -EINVAL);
  EXPECT_EQ(with_names.space.set_anon_name(at(0), 4 * kPage, nullptr).value, 0);
  EXPECT_EQ(with_names.areas(kBase), "0-4rw");
  EXPECT_EQ(with_names.space.set_anon_name(at(0), kPage, std::string(80, 'x').c_str()).value,
            -EINVAL);
}

// mm/madvise.c madvise_behavior_valid: refused before anything else is looked at.
TEST(MadviseTest, WithoutHugePagesTheirAdvicesAreNone) {
  kernel::Behaviour without = kernel::Behaviour::linux_6_1();
  without.transparent_huge_pages = false;
  TestSpace t(without);
  t.map(at(0), 2);
  for (const int advice : {kAdviseHugePage, kAdviseNoHugePage, kAdviseCollapse}) {
    EXPECT_EQ(t.advise(at(0), 2, advice), -EINVAL);
    EXPECT_EQ(t.advise(at(8), 1, advice), -EINVAL) << "not ENOMEM";
  }
  EXPECT_EQ(t.advise(at(0), 2, kAdviseDontDump), 0);
}

TEST(MlockTest, CountsAndLimits) {
  Limits limits = test_limits();
  limits.may_lock = false;
  limits.memlock = 8 * kPage;
  TestSpace t(kernel::Behaviour::linux_6_18(), limits);
  t.map(at(0), 12);
  EXPECT_EQ(t.space.mlock(at(0) + 100, 4 * kPage, 0).value, 0) << "five pages";
  EXPECT_EQ(t.space.totals().locked, 5U);
  EXPECT_EQ(t.space.mlock(at(0), 9 * kPage, 0).value, -ENOMEM);
  EXPECT_EQ(t.space.mlock(at(0), 8 * kPage, 0).value, 0) << "those locked already do not count";
  EXPECT_EQ(t.space.mlock(at(0), kPage, 2).value, -EINVAL);
  EXPECT_EQ(t.space.mlock(at(20), kPage, 0).value, -ENOMEM);
  EXPECT_EQ(t.space.mlock(at(0), 2 * kPage, kMlockOnFault).value, 0);
  EXPECT_EQ(t.space.totals().locked, 8U);
  EXPECT_EQ(t.areas(kBase), "0-2rw 2-8rw 8-12rw");
  EXPECT_EQ(t.space.munlock(at(0), 12 * kPage).value, 0);
  EXPECT_EQ(t.space.totals().locked, 0U);
  EXPECT_EQ(t.areas(kBase), "0-12rw");
  EXPECT_EQ(t.space.munlock(at(10), 4 * kPage).value, -ENOMEM);
}

}  // namespace
}  // namespace ft::sim::virt
