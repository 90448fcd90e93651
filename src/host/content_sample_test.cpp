// Is the share told of what is there?
#include "host/content_sample.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/units.h"

namespace ft::host {
namespace {

class Content : public testing::Test {
 protected:
  static constexpr std::size_t kSize = 260 * kHugePageSize;
  Content() {
    void* got = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    memory_ = static_cast<char*>(got);
    const auto start = reinterpret_cast<std::uint64_t>(got);
    first_ = (start + kHugePageSize - 1) / kHugePageSize * kHugePageSize;
  }
  ~Content() override { ::munmap(memory_, kSize); }
  AddressRange pages(std::uint64_t count) const {
    return AddressRange::of_size(first_, count * kHugePageSize);
  }
  // One byte in so many small pages of each huge page.
  void write(std::uint64_t huge_pages, std::uint64_t small_pages) const {
    for (std::uint64_t i = 0; i < huge_pages; ++i) {
      for (std::uint64_t page = 0; page < small_pages; ++page) {
        reinterpret_cast<char*>(first_ + i * kHugePageSize)[page * kPageSize + kPageSize - 1] = 1;
      }
    }
  }

  char* memory_;
  std::uint64_t first_ = 0;
};

TEST_F(Content, TheShareThatIsNotZero) {
  write(2, 128);
  HugePageSample sample;
  sample.add(pages(2));
  EXPECT_EQ(sample.used_share(::getpid()), 0.25);
}

TEST_F(Content, ManyAreSampledEvenly) {
  write(128, 1);  // the first half of them
  HugePageSample sample;
  for (std::uint64_t i = 0; i < 256; ++i) {
    sample.add(AddressRange::of_size(first_ + i * kHugePageSize, kHugePageSize));
  }
  const auto share = sample.used_share(::getpid());
  ASSERT_TRUE(share);
  EXPECT_NEAR(*share, 0.5 / 512, 0.02 / 512);
}

TEST_F(Content, NothingWhereNothingCanBeRead) {
  EXPECT_FALSE(HugePageSample().used_share(::getpid()));
  HugePageSample sample;
  sample.add({0, kHugePageSize});
  sample.add({kHugePageSize + 1, 2 * kHugePageSize});  // no whole one
  EXPECT_FALSE(sample.used_share(::getpid()));
}

}  // namespace
}  // namespace ft::host
