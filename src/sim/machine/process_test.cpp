#include "sim/machine/process.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cerrno>

#include "sim/phys/frame_store.h"

namespace ft::sim::machine {
namespace {

using fault::Access;
using fault::HugeEnabled;
using fault::Kind;
using fault::Outcome;
using virt::BackingFile;
using virt::FileKind;

constexpr std::uint64_t kReadWrite = PROT_READ | PROT_WRITE;
constexpr std::uint64_t kAnonymous = MAP_PRIVATE | MAP_ANONYMOUS;
constexpr int kGuardInstall = 102;

// A process with nothing in it, on a machine of 4 GiB. Every step is followed by check().
class ProcessTest : public testing::Test {
 protected:
  static Settings settings() {
    Settings settings;
    settings.layout.mmap_base = 0x7ffff7fff000;
    settings.layout.start_brk = settings.layout.brk = 0x555555800000;
    settings.limits.total_ram_pages = 6ULL << 20U;
    settings.limits.commit_limit_pages = 3ULL << 20U;
    return settings;
  }

  std::uint64_t map(std::uint64_t length, std::uint64_t prot = kReadWrite,
                    std::uint64_t flags = kAnonymous, const OpenFile* file = nullptr) {
    const std::int64_t address = process_->mmap(0, length, prot, flags, file, 0);
    EXPECT_GT(address, 0);
    process_->check();
    return static_cast<std::uint64_t>(address);
  }

  std::uint64_t map_at(std::uint64_t at, std::uint64_t length) {
    EXPECT_EQ(process_->mmap(at, length, kReadWrite, kAnonymous | MAP_FIXED, nullptr, 0),
              static_cast<std::int64_t>(at));
    process_->check();
    return at;
  }

  Outcome touch(std::uint64_t address, Access access = Access::Write) {
    const Outcome outcome = process_->touch(address, access);
    process_->check();
    frames_.check();
    return outcome;
  }

  void expect(std::int64_t value, std::int64_t wanted = 0) {
    EXPECT_EQ(value, wanted);
    process_->check();
  }

  void advise_huge(std::uint64_t at, std::uint64_t length) {
    expect(process_->madvise(at, length, MADV_HUGEPAGE));
  }

  std::uint64_t pte_tables() const { return process_->tables().pte; }
  std::uint64_t anonymous() const { return process_->resident().anonymous; }

  phys::FrameStore frames_{1 << 20U};
  virt::CommitAccount committed_;
  std::unique_ptr<Process> process_ = std::make_unique<Process>(settings(), frames_, committed_);
};

TEST_F(ProcessTest, ReservingMakesNothing) {
  map(8 * kGiB, PROT_NONE, kAnonymous | MAP_NORESERVE);
  EXPECT_EQ(process_->tables(), virt::TableCounts{});
  EXPECT_EQ(process_->resident().total(), 0U);
  EXPECT_EQ(frames_.frames_in_use(), 0U);
}

TEST_F(ProcessTest, FirstTouchMakesThreeTables) {
  const std::uint64_t at = map_at(0x600000000, kGiB);
  const Outcome outcome = touch(at);
  EXPECT_EQ(outcome.kind, Kind::AnonymousPage);
  EXPECT_EQ(outcome.faults, 1U);
  EXPECT_EQ(outcome.tables_made, 3U);
  EXPECT_EQ(outcome.pages_mapped, 1U);
  EXPECT_EQ(process_->tables().vm_pte_bytes(), 12 * kKiB);
  EXPECT_EQ(touch(at).kind, Kind::NoFault);
  EXPECT_EQ(touch(at + kPageSize).tables_made, 0U);
  EXPECT_EQ(process_->faults().minor, 2U);
}

TEST_F(ProcessTest, EightGibibytesNeedTheTablesThatWereMeasured) {
  const std::uint64_t at = map_at(0x600000000, 8 * kGiB);
  const virt::TableCounts missing = process_->page_table().missing_tables({at, at + 8 * kGiB});
  EXPECT_EQ(missing.vm_pte_bytes(), 16420 * kKiB);
  for (std::uint64_t offset = 0; offset < 8 * kGiB; offset += kHugePageSize)
    process_->touch(at + offset, Access::Write);
  EXPECT_EQ(process_->tables().vm_pte_bytes(), 16420 * kKiB);
  EXPECT_EQ(process_->page_table().missing_tables({at, at + 8 * kGiB}), virt::TableCounts{});
  process_->check();
}

TEST_F(ProcessTest, FifthLevelIsNotCounted) {
  Settings five = settings();
  five.layout.table_levels = 5;
  process_ = std::make_unique<Process>(five, frames_, committed_);
  touch(map(kMiB));
  EXPECT_EQ(process_->tables().p4d, 1U);
  EXPECT_EQ(process_->tables().vm_pte_bytes(), 12 * kKiB);
}

TEST_F(ProcessTest, ReadGetsTheZeroPageThenWriteACopy) {
  tlb::FlushLog log;
  process_->set_flush_log(&log);
  const std::uint64_t at = map(kMiB);
  EXPECT_EQ(touch(at, Access::Read).kind, Kind::AnonymousZero);
  EXPECT_EQ(anonymous(), 0U);
  const virt::PageView zero = process_->page_table().view(at);
  EXPECT_TRUE(zero.present);
  EXPECT_FALSE(zero.file);
  EXPECT_TRUE(log.flushes().empty());
  EXPECT_EQ(touch(at).kind, Kind::WriteProtect);
  EXPECT_EQ(anonymous(), 1U);
  ASSERT_EQ(log.flushes().size(), 1U);
  EXPECT_EQ(log.flushes()[0].pages, 1U);
  EXPECT_TRUE(process_->page_table().view(at).exclusive);
}

TEST_F(ProcessTest, AccessThatTheAreaForbidsIsASignal) {
  const std::uint64_t at = map(kMiB, PROT_READ);
  EXPECT_EQ(touch(at).kind, Kind::SegvAccess);
  EXPECT_EQ(process_->tables(), virt::TableCounts{});
  EXPECT_EQ(touch(map(kPageSize, PROT_NONE), Access::Read).kind, Kind::SegvAccess);
  EXPECT_EQ(touch(0x1000, Access::Read).kind, Kind::SegvUnmapped);
  // The first fetch is a fault like a read; only then does the entry forbid it.
  const Outcome fetch = touch(at, Access::Execute);
  EXPECT_EQ(fetch.kind, Kind::SegvAccess);
  EXPECT_EQ(fetch.faults, 2U);
  EXPECT_EQ(process_->faults().minor, 1U);
}

TEST_F(ProcessTest, NewEntryHasTheBitsOfTheKernel) {
  const std::uint64_t at = map(kMiB);
  touch(at);
  const virt::Entry entry = process_->page_table().view(at).entry;
  EXPECT_EQ(virt::bits_of(entry), virt::kPresent | virt::kWritable | virt::kUser | virt::kAccessed |
                                      virt::kDirty | virt::kNoExecute);
}

TEST_F(ProcessTest, ProtNoneKeepsThePageOutOfReach) {
  const std::uint64_t at = map(kMiB);
  touch(at);
  const phys::Pfn pfn = process_->page_table().view(at).pfn;
  expect(process_->mprotect(at, kMiB, PROT_NONE));
  const virt::PageView view = process_->page_table().view(at);
  EXPECT_TRUE(view.present);
  EXPECT_EQ(view.pfn, pfn);
  EXPECT_EQ(view.entry & virt::kPresent, 0U);
  EXPECT_NE(view.entry & virt::kFrameMask, pfn << kPageShift) << "stored inverted";
  EXPECT_EQ(touch(at, Access::Read).kind, Kind::SegvAccess);
  expect(process_->mprotect(at, kMiB, kReadWrite));
  EXPECT_EQ(touch(at).kind, Kind::NoFault) << "made writable again by mprotect itself";
}

TEST_F(ProcessTest, MprotectFlushesWhatWasPresent) {
  tlb::FlushLog log;
  process_->set_flush_log(&log);
  const std::uint64_t at = map(kMiB);
  expect(process_->mprotect(at, 8 * kPageSize, PROT_READ));
  EXPECT_TRUE(log.flushes().empty());
  expect(process_->mprotect(at, 8 * kPageSize, kReadWrite));
  for (unsigned i = 0; i < 40; ++i) touch(at + i * kPageSize);
  for (const std::uint64_t pages : {8, 33, 34}) {
    log.clear();
    expect(process_->mprotect(at, pages * kPageSize, PROT_READ));
    ASSERT_EQ(log.flushes().size(), 1U);
    EXPECT_EQ(log.flushes()[0].pages, pages <= 33 ? pages : tlb::kAllPages);
    log.clear();
    expect(process_->mprotect(at, pages * kPageSize, kReadWrite));
    ASSERT_EQ(log.flushes().size(), 1U) << "an upgrade of present entries flushes too";
  }
}

TEST_F(ProcessTest, DontneedFlushesByItsSpan) {
  tlb::FlushLog log;
  process_->set_flush_log(&log);
  const std::uint64_t at = map(kMiB);
  for (unsigned i = 0; i < 64; ++i) touch(at + i * kPageSize);
  const auto pages_of_discard = [&](std::uint64_t first, std::uint64_t pages) {
    log.clear();
    expect(process_->madvise(at + first * kPageSize, pages * kPageSize, MADV_DONTNEED));
    return log.flushes().size() == 1 ? log.flushes()[0].pages : 0;
  };
  EXPECT_EQ(pages_of_discard(0, 1), 1U);
  EXPECT_EQ(pages_of_discard(1, 33), 30U + 3U);
  for (unsigned i = 0; i < 64; ++i) touch(at + i * kPageSize);
  EXPECT_EQ(pages_of_discard(0, 64), tlb::kAllPages);
  EXPECT_EQ(pages_of_discard(0, 64), 0U) << "nothing left to forget";
  EXPECT_EQ(anonymous(), 0U);
}

TEST_F(ProcessTest, DontneedGivesBackWholeTablesOnNewKernelsOnly) {
  for (const bool reclaims : {true, false}) {
    Settings mine = settings();
    mine.behaviour = reclaims ? kernel::Behaviour::linux_6_18() : kernel::Behaviour::linux_6_12();
    process_ = std::make_unique<Process>(mine, frames_, committed_);
    const std::uint64_t at = map_at(0x600000000, 4 * kMiB);
    touch(at);
    touch(at + kHugePageSize);
    expect(process_->madvise(at, 3 * kMiB, MADV_DONTNEED));
    EXPECT_EQ(pte_tables(), reclaims ? 1U : 2U) << "the second block is not wholly covered";
    EXPECT_EQ(process_->tables().pmd, 1U);
  }
}

TEST_F(ProcessTest, MunmapGivesBackTablesNoNeighbourNeeds) {
  const std::uint64_t at = map_at(0x600000000, 4 * kMiB);
  touch(at);
  touch(at + 4 * kMiB - kPageSize);
  expect(process_->munmap(at, kMiB));
  EXPECT_EQ(pte_tables(), 2U) << "its block still has an area";
  expect(process_->munmap(at + kMiB, kMiB));
  EXPECT_EQ(pte_tables(), 1U);
  expect(process_->munmap(at + 2 * kMiB, 2 * kMiB));
  EXPECT_EQ(process_->tables(), virt::TableCounts{});
  EXPECT_EQ(frames_.frames_in_use(), 0U);
}

TEST_F(ProcessTest, HugePageNeedsADepositedTable) {
  const std::uint64_t at = map_at(0x600000000, 4 * kMiB);
  advise_huge(at, 4 * kMiB);
  const Outcome outcome = touch(at + 5 * kPageSize);
  EXPECT_EQ(outcome.kind, Kind::HugeAnonymous);
  EXPECT_EQ(outcome.order, 9U);
  EXPECT_EQ(outcome.tables_made, 3U);
  EXPECT_EQ(anonymous(), 512U);
  EXPECT_EQ(process_->huge_bytes({at, at + 4 * kMiB}).anonymous, kHugePageSize);
  EXPECT_EQ(touch(at).kind, Kind::NoFault);
  expect(process_->madvise(at, kHugePageSize, MADV_DONTNEED));
  EXPECT_EQ(pte_tables(), 0U);
  EXPECT_EQ(anonymous(), 0U);
}

TEST_F(ProcessTest, PartialDiscardSplitsAHugePage) {
  const std::uint64_t at = map_at(0x600000000, 4 * kMiB);
  advise_huge(at, 4 * kMiB);
  touch(at);
  const std::uint64_t frames = frames_.frames_in_use();
  expect(process_->madvise(at + kPageSize, kPageSize, MADV_DONTNEED));
  EXPECT_EQ(anonymous(), 511U);
  EXPECT_EQ(process_->huge_bytes({at, at + 4 * kMiB}).anonymous, 0U);
  EXPECT_EQ(pte_tables(), 1U);
  EXPECT_EQ(frames_.frames_in_use(), frames) << "the block goes when its last page goes";
  EXPECT_EQ(touch(at + 2 * kPageSize).kind, Kind::NoFault);
  expect(process_->munmap(at, 4 * kMiB));
  EXPECT_EQ(frames_.frames_in_use(), 0U);
}

TEST_F(ProcessTest, MprotectInTheMiddleOfAHugePageSplitsIt) {
  const std::uint64_t at = map_at(0x600000000, 4 * kMiB);
  advise_huge(at, 4 * kMiB);
  touch(at);
  expect(process_->mprotect(at + kMiB, kPageSize, PROT_READ));
  EXPECT_EQ(process_->huge_bytes({at, at + 4 * kMiB}).anonymous, 0U);
  EXPECT_EQ(anonymous(), 512U);
  EXPECT_EQ(touch(at + kMiB).kind, Kind::SegvAccess);
  EXPECT_EQ(touch(at + kMiB + kPageSize).kind, Kind::NoFault);
}

TEST_F(ProcessTest, HugeZeroPageBecomesAHugePageSince613) {
  for (const bool at_once : {true, false}) {
    Settings mine = settings();
    mine.behaviour = at_once ? kernel::Behaviour::linux_6_18() : kernel::Behaviour::linux_6_12();
    process_ = std::make_unique<Process>(mine, frames_, committed_);
    const std::uint64_t at = map_at(0x600000000, 2 * kMiB);
    advise_huge(at, 2 * kMiB);
    EXPECT_EQ(touch(at, Access::Read).kind, Kind::HugeZero);
    EXPECT_EQ(anonymous(), 0U);
    EXPECT_EQ(pte_tables(), 1U);
    EXPECT_EQ(touch(at).kind, at_once ? Kind::HugeAnonymous : Kind::WriteProtect);
    EXPECT_EQ(anonymous(), at_once ? 512U : 1U);
    EXPECT_EQ(pte_tables(), 1U);
  }
}

TEST_F(ProcessTest, FallsBackWhereTheBlockSticksOut) {
  const std::uint64_t at = map_at(0x600001000, 2 * kMiB);
  advise_huge(at, 2 * kMiB);
  EXPECT_EQ(touch(at).kind, Kind::AnonymousPage);
}

TEST_F(ProcessTest, FallsBackWhereNoBlockIsLeft) {
  phys::FrameStore small(2048 + 1);
  Process process(settings(), small, committed_);
  const std::int64_t at =
      process.mmap(0x600000000, 4 * kMiB, kReadWrite, kAnonymous | MAP_FIXED, nullptr, 0);
  ASSERT_EQ(process.madvise(at, 4 * kMiB, MADV_HUGEPAGE), 0);
  EXPECT_EQ(process.touch(at, Access::Write).kind, Kind::HugeAnonymous);
  EXPECT_EQ(process.touch(at + kHugePageSize, Access::Write).kind, Kind::AnonymousPage);
  process.check();
  Kind last = Kind::NoFault;
  for (std::uint64_t i = 1; i < 512 && last != Kind::OutOfMemory; ++i) {
    last = process.touch(at + kHugePageSize + i * kPageSize, Access::Write).kind;
    process.check();
  }
  EXPECT_EQ(last, Kind::OutOfMemory);
}

TEST_F(ProcessTest, SmallerFoliosWhereTheyAreEnabled) {
  Settings mine = settings();
  mine.huge_pages.by_order[4] = HugeEnabled::Always;
  process_ = std::make_unique<Process>(mine, frames_, committed_);
  const std::uint64_t at = map_at(0x600004000, 2 * kMiB);
  const Outcome cut = touch(at);
  EXPECT_EQ(cut.order, 0U) << "the 64 KiB block begins before the area";
  const Outcome whole = touch(0x600010000 + 3 * kPageSize);
  EXPECT_EQ(whole.order, 4U);
  EXPECT_EQ(whole.pages_mapped, 16U);
  EXPECT_EQ(anonymous(), 17U);
  expect(process_->madvise(0x600010000, kPageSize, MADV_DONTNEED));
  EXPECT_EQ(touch(0x600010000).order, 0U) << "the block is not empty";
  expect(process_->munmap(at, 2 * kMiB));
  EXPECT_EQ(frames_.frames_in_use(), 0U);
}

TEST_F(ProcessTest, MovesWholeTables) {
  const std::uint64_t from = map_at(0x600000000, 4 * kMiB);
  touch(from);
  touch(from + 3 * kMiB);
  const std::uint64_t to = 0x700000000;
  expect(process_->mremap(from, 4 * kMiB, 4 * kMiB, MREMAP_MAYMOVE | MREMAP_FIXED, to),
         static_cast<std::int64_t>(to));
  EXPECT_EQ(anonymous(), 2U);
  EXPECT_EQ(touch(to).kind, Kind::NoFault);
  EXPECT_EQ(touch(to + 3 * kMiB).kind, Kind::NoFault);
  EXPECT_EQ(touch(from, Access::Read).kind, Kind::SegvUnmapped);
  EXPECT_EQ(pte_tables(), 2U);
}

TEST_F(ProcessTest, MovesEntryByEntryWhereTablesDoNotLineUp) {
  const std::uint64_t from = map_at(0x600000000, 4 * kMiB);
  for (unsigned i = 0; i < 20; ++i) touch(from + i * 13 * kPageSize);
  const std::uint64_t to = 0x700001000;
  expect(process_->mremap(from, 4 * kMiB, 4 * kMiB, MREMAP_MAYMOVE | MREMAP_FIXED, to),
         static_cast<std::int64_t>(to));
  EXPECT_EQ(anonymous(), 20U);
  for (unsigned i = 0; i < 20; ++i) EXPECT_EQ(touch(to + i * 13 * kPageSize).kind, Kind::NoFault);
}

TEST_F(ProcessTest, HugePageMovesWholeOnlyToAnAlignedPlace) {
  for (const std::uint64_t to : {0x700000000ULL, 0x700001000ULL}) {
    const std::uint64_t from = map_at(0x600000000, 2 * kMiB);
    advise_huge(from, 2 * kMiB);
    touch(from);
    expect(process_->mremap(from, 2 * kMiB, 2 * kMiB, MREMAP_MAYMOVE | MREMAP_FIXED, to),
           static_cast<std::int64_t>(to));
    EXPECT_EQ(process_->huge_bytes({to, to + 2 * kMiB}).anonymous,
              to % kHugePageSize == 0 ? kHugePageSize : 0);
    EXPECT_EQ(anonymous(), 512U);
    expect(process_->munmap(to, 2 * kMiB));
  }
}

TEST_F(ProcessTest, ForkSharesAndTheFirstWriterCopies) {
  const std::uint64_t at = map(kMiB);
  touch(at);
  touch(at + kPageSize, Access::Read);
  std::unique_ptr<Process> child = process_->fork();
  ASSERT_NE(child, nullptr);
  child->check();
  process_->check();
  EXPECT_EQ(child->resident().anonymous, 1U);
  EXPECT_EQ(child->tables(), process_->tables());
  EXPECT_FALSE(process_->page_table().view(at).exclusive);
  EXPECT_EQ(child->faults(), FaultCounts{});
  EXPECT_EQ(child->touch(at, Access::Read).kind, Kind::NoFault);
  EXPECT_EQ(child->touch(at, Access::Write).kind, Kind::WriteProtect);
  child->check();
  // The parent is alone with its page now, but its entry does not know.
  EXPECT_EQ(touch(at).kind, Kind::WriteReuse);
  EXPECT_EQ(touch(at).kind, Kind::NoFault);
  EXPECT_EQ(child->touch(at + kPageSize, Access::Write).kind, Kind::WriteProtect);
  child->check();
}

TEST_F(ProcessTest, ChildOutlivesItsParent) {
  const std::uint64_t at = map_at(0x600000000, 2 * kMiB);
  advise_huge(at, 2 * kMiB);
  touch(at);
  std::unique_ptr<Process> child = process_->fork();
  process_.reset();
  child->check();
  EXPECT_EQ(child->touch(at, Access::Write).kind, Kind::WriteReuse);
  EXPECT_EQ(child->huge_bytes({at, at + kHugePageSize}).anonymous, kHugePageSize);
  child->check();
  child.reset();
  EXPECT_EQ(frames_.frames_in_use(), 0U);
}

TEST_F(ProcessTest, SharedHugePageIsSplitToBeCopied) {
  const std::uint64_t at = map_at(0x600000000, 2 * kMiB);
  advise_huge(at, 2 * kMiB);
  touch(at);
  std::unique_ptr<Process> child = process_->fork();
  EXPECT_EQ(child->touch(at, Access::Write).kind, Kind::WriteProtect);
  child->check();
  process_->check();
  EXPECT_EQ(child->resident().anonymous, 512U);
  EXPECT_EQ(child->huge_bytes({at, at + kHugePageSize}).anonymous, 0U);
  EXPECT_EQ(process_->huge_bytes({at, at + kHugePageSize}).anonymous, kHugePageSize);
  child.reset();
  process_.reset();
  EXPECT_EQ(frames_.frames_in_use(), 0U);
}

TEST_F(ProcessTest, SharedMemoryIsNotCopiedByFork) {
  const std::uint64_t at = map(kMiB, kReadWrite, MAP_SHARED | MAP_ANONYMOUS);
  touch(at);
  EXPECT_EQ(process_->resident().shmem, 1U);
  std::unique_ptr<Process> child = process_->fork();
  EXPECT_EQ(child->resident().total(), 0U);
  EXPECT_EQ(child->touch(at, Access::Read).kind, Kind::FileRead);
  EXPECT_EQ(child->page_table().view(at).pfn, process_->page_table().view(at).pfn);
  EXPECT_FALSE(child->page_table().view(at).exclusive);
  child->check();
}

TEST_F(ProcessTest, ReadOfAFileMapsItsNeighbourhood) {
  const OpenFile file{.file = std::make_shared<BackingFile>(FileKind::Regular, 64 * kPageSize)};
  const std::uint64_t at = map(64 * kPageSize, PROT_READ, MAP_PRIVATE, &file);
  const std::uint64_t page = ((at >> kPageShift) + 20) & ~std::uint64_t{15};
  const std::uint64_t middle = (page << kPageShift) + 5 * kPageSize;
  const Outcome outcome = touch(middle, Access::Read);
  EXPECT_EQ(outcome.kind, Kind::FileRead);
  EXPECT_EQ(outcome.pages_mapped, 16U);
  EXPECT_FALSE(outcome.major);
  EXPECT_EQ(process_->resident().file, 16U);
  EXPECT_TRUE(process_->page_table().view(middle).file);
}

TEST_F(ProcessTest, WritesToAFileMapOnePageEach) {
  const auto shared = std::make_shared<BackingFile>(FileKind::Regular, 64 * kPageSize);
  const OpenFile file{.file = shared};
  const std::uint64_t mine = map(64 * kPageSize, kReadWrite, MAP_PRIVATE, &file);
  EXPECT_EQ(touch(mine).kind, Kind::FileCopy);
  EXPECT_EQ(anonymous(), 1U);
  EXPECT_EQ(touch(mine + 20 * kPageSize, Access::Read).kind, Kind::FileRead);
  EXPECT_EQ(touch(mine + 20 * kPageSize).kind, Kind::WriteProtect);
  const std::uint64_t ours = map(64 * kPageSize, kReadWrite, MAP_SHARED, &file);
  EXPECT_EQ(touch(ours).kind, Kind::FileShared);
  EXPECT_EQ(touch(ours + 20 * kPageSize, Access::Read).kind, Kind::FileRead);
  EXPECT_EQ(touch(ours + 20 * kPageSize).kind, Kind::WriteReuse)
      << "the file system hears of the first write";
}

TEST_F(ProcessTest, SharedMemoryIsWritableFromTheFirstRead) {
  const OpenFile file{.file = std::make_shared<BackingFile>(FileKind::Shmem, 64 * kPageSize)};
  const std::uint64_t at = map(64 * kPageSize, kReadWrite, MAP_SHARED, &file);
  const Outcome outcome = touch(at, Access::Read);
  EXPECT_EQ(outcome.pages_mapped, 1U) << "its neighbours are not in memory yet";
  EXPECT_EQ(touch(at).kind, Kind::NoFault);
}

TEST_F(ProcessTest, BehindTheEndOfAFileIsABusError) {
  const auto shared = std::make_shared<BackingFile>(FileKind::Regular, 2 * kPageSize + 1);
  const OpenFile file{.file = shared};
  const std::uint64_t at = map(8 * kPageSize, PROT_READ, MAP_PRIVATE, &file);
  EXPECT_EQ(touch(at + 3 * kPageSize, Access::Read).kind, Kind::BusPastEnd);
  EXPECT_EQ(process_->resident().file, 3U) << "fault-around went before";
  EXPECT_EQ(touch(at + 2 * kPageSize, Access::Read).kind, Kind::NoFault);
  EXPECT_EQ(process_->faults().minor, 0U);
}

// filemap_map_pages: only the last page of the file is within the area, and no table is there yet.
TEST_F(ProcessTest, ReadBehindTheEndMapsTheLastPageBefore612) {
  for (const bool older : {true, false}) {
    Settings mine = settings();
    mine.behaviour = older ? kernel::Behaviour::linux_6_1() : kernel::Behaviour::linux_6_12();
    process_ = std::make_unique<Process>(mine, frames_, committed_);
    const auto shared = std::make_shared<BackingFile>(FileKind::Regular, 16 * kPageSize + 100);
    const OpenFile file{.file = shared};
    const std::uint64_t at = 0x600000000;
    ASSERT_EQ(process_->mmap(at, 2 * kPageSize, kReadWrite, MAP_PRIVATE | MAP_FIXED, &file,
                             16 * kPageSize),
              static_cast<std::int64_t>(at));
    EXPECT_EQ(touch(at + kPageSize, Access::Read).kind, Kind::BusPastEnd);
    EXPECT_EQ(process_->resident().file, older ? 1U : 0U);
    EXPECT_EQ(process_->page_table().view(at).present, older);
    EXPECT_EQ(pte_tables(), older ? 1U : 0U);
    EXPECT_EQ(touch(at, Access::Read).kind, older ? Kind::NoFault : Kind::FileRead);
  }
}

// can_change_pte_writable: pages that MADV_FREE cleaned.
TEST_F(ProcessTest, CleanPagesWaitForAWriteFaultAfterMprotectIn61) {
  for (const bool older : {true, false}) {
    Settings mine = settings();
    mine.behaviour = older ? kernel::Behaviour::linux_6_1() : kernel::Behaviour::linux_6_12();
    process_ = std::make_unique<Process>(mine, frames_, committed_);
    const std::uint64_t at = map(4 * kPageSize);
    touch(at);
    touch(at + kPageSize);
    expect(process_->mprotect(at, 4 * kPageSize, PROT_READ));
    expect(process_->madvise(at, kPageSize, MADV_FREE));
    expect(process_->mprotect(at, 4 * kPageSize, kReadWrite));
    EXPECT_EQ(touch(at).kind, older ? Kind::WriteReuse : Kind::NoFault) << "clean";
    EXPECT_EQ(touch(at + kPageSize).kind, Kind::NoFault) << "dirty";
  }
}

// change_huge_pmd: 6.1 never gives write back to a huge page by itself.
TEST_F(ProcessTest, HugePagesWaitForAWriteFaultAfterMprotectIn61) {
  for (const bool older : {true, false}) {
    Settings mine = settings();
    mine.behaviour = older ? kernel::Behaviour::linux_6_1() : kernel::Behaviour::linux_6_12();
    process_ = std::make_unique<Process>(mine, frames_, committed_);
    const std::uint64_t at = map_at(0x600000000, 2 * kMiB);
    advise_huge(at, 2 * kMiB);
    EXPECT_EQ(touch(at).order, 9U);
    expect(process_->mprotect(at, 2 * kMiB, PROT_READ));
    expect(process_->mprotect(at, 2 * kMiB, kReadWrite));
    EXPECT_EQ(touch(at).kind, older ? Kind::WriteReuse : Kind::NoFault);
  }
}

TEST_F(ProcessTest, TruncationTakesPagesFromEveryMapper) {
  const auto shared = std::make_shared<BackingFile>(FileKind::Shmem, 8 * kPageSize);
  const OpenFile file{.file = shared};
  const std::uint64_t ours = map(8 * kPageSize, kReadWrite, MAP_SHARED, &file);
  const std::uint64_t mine = map(8 * kPageSize, kReadWrite, MAP_PRIVATE, &file);
  for (unsigned i = 0; i < 8; ++i) {
    touch(ours + i * kPageSize);
    touch(mine + i * kPageSize);
  }
  shared->punch_hole(1, 2);
  process_->check();
  EXPECT_EQ(process_->resident().shmem, 7U);
  EXPECT_EQ(anonymous(), 8U) << "a hole leaves private copies alone";
  shared->resize(4 * kPageSize);
  process_->check();
  EXPECT_EQ(process_->resident().shmem, 3U);
  EXPECT_EQ(anonymous(), 4U);
  EXPECT_EQ(touch(ours + 4 * kPageSize).kind, Kind::BusPastEnd);
  EXPECT_EQ(touch(ours + kPageSize).kind, Kind::FileShared);
}

TEST_F(ProcessTest, TwoMebibyteBlockOfAFileIsMappedWhole) {
  const auto shared = std::make_shared<BackingFile>(FileKind::Regular, 4 * kMiB + kPageSize);
  shared->cache(0, 1024, 9);
  const OpenFile file{.file = shared};
  ASSERT_EQ(process_->mmap(0x600000000, 4 * kMiB, PROT_READ, MAP_PRIVATE | MAP_FIXED, &file, 0),
            0x600000000);
  const Outcome outcome = touch(0x600000000 + 7 * kPageSize, Access::Read);
  EXPECT_EQ(outcome.order, 9U);
  EXPECT_EQ(process_->resident().file, 512U);
  EXPECT_EQ(pte_tables(), 0U) << "nothing is deposited behind a file's huge page";
  expect(process_->munmap(0x600000000, kPageSize));
  EXPECT_EQ(process_->resident().file, 0U) << "split by forgetting it: a fault brings it back";
}

TEST_F(ProcessTest, BlocksOfAFileAreMappedWholeSince618) {
  for (const bool whole : {true, false}) {
    Settings mine = settings();
    mine.behaviour = whole ? kernel::Behaviour::linux_6_18() : kernel::Behaviour::linux_6_12();
    process_ = std::make_unique<Process>(mine, frames_, committed_);
    const auto shared = std::make_shared<BackingFile>(FileKind::Regular, 48 * kPageSize);
    shared->cache(0, 32, 5);
    shared->cache(32, 48, 4);
    const OpenFile file{.file = shared};
    const auto mapped_from = [&](std::uint64_t first, std::uint64_t page, Access access) {
      const std::uint64_t at = 0x600000000;
      process_->munmap(at, kMiB);
      const std::uint64_t flags = access == Access::Write ? MAP_SHARED : MAP_PRIVATE;
      EXPECT_EQ(process_->mmap(at, (48 - first) * kPageSize, kReadWrite, flags | MAP_FIXED, &file,
                               first * kPageSize),
                static_cast<std::int64_t>(at));
      return touch(at + (page - first) * kPageSize, access).pages_mapped;
    };
    EXPECT_EQ(mapped_from(0, 20, Access::Read), whole ? 32U : 16U);
    EXPECT_EQ(mapped_from(8, 20, Access::Read), 16U) << "the block begins before the area";
    EXPECT_EQ(mapped_from(0, 20, Access::Write), whole ? 32U : 1U);
    EXPECT_EQ(mapped_from(8, 20, Access::Write), 1U);
    // The last block is left to finish_fault as long as there is no table.
    EXPECT_EQ(mapped_from(0, 40, Access::Read), whole ? 16U : 1U);
  }
}

// remap_page of mm/huge_memory.c has no eye for zeros before 6.12.
TEST_F(ProcessTest, TakingABlockApartLeavesAllOfItIn61) {
  Settings mine = settings();
  mine.behaviour = kernel::Behaviour::linux_6_1();
  process_ = std::make_unique<Process>(mine, frames_, committed_);
  const std::uint64_t at = map_at(0x600000000, 2 * kMiB);
  advise_huge(at, 2 * kMiB);
  touch(at);
  expect(process_->madvise(at + 3 * kPageSize, kPageSize, MADV_COLD));
  EXPECT_EQ(anonymous(), 512U);
  EXPECT_EQ(process_->page_table().view(at + kPageSize).shift, kPageShift);
  EXPECT_TRUE(process_->page_table().view(at + kPageSize).exclusive);
  EXPECT_EQ(touch(at + 9 * kPageSize).kind, Kind::NoFault);
}

// __split_huge_pmd_locked makes clean entries before 6.4, and 6.1 gives write back to dirty ones
// only.
TEST_F(ProcessTest, ProtectingAPartOfAHugePageCostsAFaultMoreIn61) {
  for (const bool older : {false, true}) {
    Settings mine = settings();
    if (older) mine.behaviour = kernel::Behaviour::linux_6_1();
    process_ = std::make_unique<Process>(mine, frames_, committed_);
    const std::uint64_t at = map_at(0x600000000, 2 * kMiB);
    advise_huge(at, 2 * kMiB);
    touch(at);
    expect(process_->mprotect(at, kPageSize, PROT_WRITE));
    EXPECT_EQ(touch(at).kind, older ? Kind::WriteReuse : Kind::NoFault);
    EXPECT_EQ(touch(at + kPageSize).kind, Kind::NoFault) << "its protection never changed";
  }
}

TEST_F(ProcessTest, TakingABlockApartLeavesWhatWasWritten) {
  const std::uint64_t at = map_at(0x600000000, 2 * kMiB);
  advise_huge(at, 2 * kMiB);
  touch(at);
  touch(at + 7 * kPageSize);
  expect(process_->madvise(at + 3 * kPageSize, kPageSize, MADV_COLD));
  EXPECT_EQ(anonymous(), 2U) << "the others are all zero: the zero page does";
  EXPECT_EQ(process_->page_table().present_pages({at, at + 2 * kMiB}), 512U);
  EXPECT_EQ(touch(at + 3 * kPageSize).kind, Kind::WriteProtect);
  expect(process_->munmap(at, 2 * kMiB));
  EXPECT_EQ(frames_.frames_in_use(), 0U);
}

TEST_F(ProcessTest, PagingOutWithoutSwap) {
  const std::uint64_t at = map_at(0x600000000, 2 * kMiB);
  advise_huge(at, 2 * kMiB);
  touch(at);
  expect(process_->madvise(at, 2 * kMiB, MADV_PAGEOUT));
  EXPECT_EQ(process_->huge_bytes({at, at + 2 * kMiB}).anonymous, 0U);
  EXPECT_EQ(anonymous(), 1U);
  const std::uint64_t small = map(16 * kPageSize);
  for (unsigned i = 0; i < 16; ++i) touch(small + i * kPageSize);
  expect(process_->madvise(small, 8 * kPageSize, MADV_FREE));
  EXPECT_EQ(touch(small).kind, Kind::NoFault);
  expect(process_->madvise(small, 16 * kPageSize, MADV_PAGEOUT));
  EXPECT_EQ(anonymous(), 1U + 9U) << "lazily free and still clean: dropped";
  const OpenFile file{.file = std::make_shared<BackingFile>(FileKind::Shmem, 16 * kPageSize)};
  const std::uint64_t shared = map(16 * kPageSize, kReadWrite, MAP_SHARED, &file);
  for (unsigned i = 0; i < 16; ++i) touch(shared + i * kPageSize);
  expect(process_->madvise(shared, 8 * kPageSize, MADV_PAGEOUT));
  EXPECT_EQ(process_->resident().shmem, 8U);
}

TEST_F(ProcessTest, PopulateCountsFaultsWithoutTheProcessor) {
  const std::uint64_t at = map(64 * kPageSize, kReadWrite, kAnonymous | MAP_POPULATE);
  EXPECT_EQ(process_->faults().minor, 64U);
  EXPECT_EQ(anonymous(), 64U);
  EXPECT_EQ(touch(at).kind, Kind::NoFault);
  const std::uint64_t read_only = map(16 * kPageSize, PROT_READ, kAnonymous | MAP_POPULATE);
  EXPECT_EQ(process_->page_table().present_pages({read_only, read_only + 16 * kPageSize}), 16U);
  EXPECT_EQ(anonymous(), 64U) << "read faults get the zero page";
}

TEST_F(ProcessTest, LockingWhatMayNotBeTouchedFails) {
  const std::uint64_t at = map(4 * kPageSize, PROT_NONE);
  expect(process_->mlock(at, 4 * kPageSize, 0), -ENOMEM);
  const std::uint64_t good = map(4 * kPageSize);
  expect(process_->mlock(good, 4 * kPageSize, 0));
  EXPECT_EQ(anonymous(), 4U);
}

TEST_F(ProcessTest, GuardsRaiseASignalAndSurviveDontneed) {
  const std::uint64_t at = map(8 * kPageSize);
  touch(at);
  expect(process_->madvise(at, 2 * kPageSize, kGuardInstall));
  EXPECT_EQ(anonymous(), 0U);
  EXPECT_TRUE(process_->page_table().view(at).guard);
  EXPECT_EQ(touch(at, Access::Read).kind, Kind::SegvUnmapped);
  expect(process_->madvise(at, 8 * kPageSize, MADV_DONTNEED));
  EXPECT_TRUE(process_->page_table().view(at).guard);
  expect(process_->madvise(at, 2 * kPageSize, kGuardInstall + 1));
  EXPECT_EQ(touch(at).kind, Kind::AnonymousPage);
}

TEST_F(ProcessTest, TellsTheWayOfAFault) {
  path::Path path;
  process_->narrate(&path);
  const std::uint64_t at = map_at(0x600000000, kMiB);
  path.clear();
  touch(at);
  std::vector<std::string_view> functions;
  for (const path::Step& step : path.steps()) functions.push_back(step.function);
  const std::vector<std::string_view> wanted = {
      "exc_page_fault", "handle_mm_fault",    "__pud_alloc",      "__pmd_alloc",
      "__pte_alloc",    "__anon_vma_prepare", "do_anonymous_page"};
  EXPECT_EQ(functions, wanted);
  path.clear();
  expect(process_->munmap(at, kMiB));
  EXPECT_EQ(path.steps().back().function, "flush_tlb_mm_range");
}

}  // namespace
}  // namespace ft::sim::machine
