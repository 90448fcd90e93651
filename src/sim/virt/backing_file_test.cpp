#include "sim/virt/backing_file.h"

#include <gtest/gtest.h>

#include "sim/phys/frame_store.h"

namespace ft::sim::virt {
namespace {

class BackingFileTest : public testing::Test {
 protected:
  phys::FrameStore frames_{1 << 16U};
};

class CountsPages final : public FileMapper {
 public:
  void unmap_file_pages(const BackingFile& /*file*/, std::uint64_t first, std::uint64_t last,
                        bool own_copies) override {
    pages += last - first;
    copies = own_copies;
  }
  std::uint64_t pages = 0;
  bool copies = false;
};

TEST_F(BackingFileTest, RegularFileIsInMemoryFromTheStart) {
  BackingFile file(FileKind::Regular, 3 * kPageSize + 1);
  EXPECT_EQ(file.pages(), 4U);
  EXPECT_TRUE(file.is_cached(3));
  EXPECT_FALSE(file.is_cached(4));
  EXPECT_EQ(file.frames_held(), 0U) << "frames are made when somebody asks";
  const BackingFile cold(FileKind::Regular, kPageSize, BackingFile::Cached::Nothing);
  EXPECT_FALSE(cold.is_cached(0));
}

TEST_F(BackingFileTest, SharedMemoryGrowsByTouch) {
  BackingFile file(FileKind::Shmem, 1ULL << 40U);
  EXPECT_FALSE(file.is_cached(7));
  const auto pfn = file.frame_of(1ULL << 27U, frames_);
  ASSERT_TRUE(pfn);
  EXPECT_EQ(file.frame_of(1ULL << 27U, frames_), pfn) << "one frame a page, whoever asks";
  EXPECT_TRUE(file.is_cached(1ULL << 27U));
  EXPECT_FALSE(file.is_cached((1ULL << 27U) + 1));
  EXPECT_EQ(frames_.frames_in_use(), 1U);
  file.check();
}

TEST_F(BackingFileTest, FramesGoWithTheFile) {
  {
    BackingFile file(FileKind::Shmem, 8 * kPageSize);
    for (std::uint64_t page = 0; page < 8; ++page) ASSERT_TRUE(file.frame_of(page, frames_));
    EXPECT_EQ(frames_.frames_in_use(), 8U);
  }
  EXPECT_EQ(frames_.frames_in_use(), 0U);
}

TEST_F(BackingFileTest, AFrameStillMappedOutlivesTheFile) {
  phys::Pfn pfn = 0;
  {
    BackingFile file(FileKind::Shmem, kPageSize);
    pfn = *file.frame_of(0, frames_);
    frames_.frames()[pfn].map_count = 1;
  }
  EXPECT_EQ(frames_.frames_in_use(), 1U);
  EXPECT_EQ(frames_.frames()[pfn].flags & phys::kCached, 0);
}

TEST_F(BackingFileTest, BlocksOfSeveralPagesHaveNeighbouringFrames) {
  BackingFile file(FileKind::Regular, 64 * kPageSize);
  file.cache(16, 32, 4);
  const auto first = file.frame_of(16, frames_);
  EXPECT_EQ(*first % 16, 0U);
  EXPECT_EQ(file.frame_of(20, frames_), *first + 4);
  EXPECT_EQ(frames_.frames_in_use(), 16U);
  EXPECT_EQ(file.order_of(31), 4U);
  EXPECT_EQ(file.order_of(32), 0U);
  file.check();
}

TEST_F(BackingFileTest, ShrinkingTellsMappersBeforePagesGo) {
  BackingFile file(FileKind::Shmem, 8 * kPageSize);
  CountsPages mapper;
  file.add_mapper(mapper);
  file.add_mapper(mapper);
  for (std::uint64_t page = 0; page < 8; ++page) ASSERT_TRUE(file.frame_of(page, frames_));
  file.resize(2 * kPageSize + 1);
  EXPECT_EQ(mapper.pages, 5U);
  EXPECT_TRUE(mapper.copies);
  EXPECT_EQ(frames_.frames_in_use(), 3U);
  file.resize(8 * kPageSize);
  EXPECT_EQ(mapper.pages, 5U) << "growing unmaps nothing";
  EXPECT_FALSE(file.is_cached(5)) << "and brings nothing back";
  file.remove_mapper(mapper);
  file.resize(0);
  EXPECT_EQ(mapper.pages, 5U);
  EXPECT_EQ(frames_.frames_in_use(), 0U);
}

TEST_F(BackingFileTest, HolesAreWholePages) {
  BackingFile file(FileKind::Regular, 2000 * kPageSize);
  CountsPages mapper;
  file.add_mapper(mapper);
  file.punch_hole(100, 1500);
  EXPECT_EQ(mapper.pages, 1400U);
  EXPECT_FALSE(mapper.copies);
  EXPECT_TRUE(file.is_cached(99));
  EXPECT_FALSE(file.is_cached(100));
  EXPECT_FALSE(file.is_cached(1499));
  EXPECT_TRUE(file.is_cached(1500));
  file.punch_hole(1999, 5000);
  EXPECT_EQ(mapper.pages, 1401U) << "cut to the file";
  file.remove_mapper(mapper);
}

TEST_F(BackingFileTest, HugetlbPagesAreHadWhole) {
  BackingFile file(FileKind::Hugetlb, 4 * kMiB, BackingFile::Cached::Nothing, 21);
  const auto first = file.frame_of(0, frames_);
  ASSERT_TRUE(first);
  EXPECT_EQ(*first % 512, 0U);
  EXPECT_EQ(file.frame_of(511, frames_), first);
  EXPECT_NE(file.frame_of(512, frames_), first);
  EXPECT_EQ(frames_.frames_in_use(), 1024U);
  file.check();
}

TEST_F(BackingFileTest, NoMemoryIsAnAnswer) {
  phys::FrameStore small(phys::kFirstUsable + 1);
  BackingFile file(FileKind::Shmem, 2 * kPageSize);
  EXPECT_TRUE(file.frame_of(0, small));
  EXPECT_FALSE(file.frame_of(1, small));
  file.check();
}

TEST_F(BackingFileTest, AskingBehindTheEndIsOurBug) {
  BackingFile file(FileKind::Shmem, kPageSize);
  EXPECT_DEATH(file.frame_of(1, frames_), "page < pages");
}

}  // namespace
}  // namespace ft::sim::virt
