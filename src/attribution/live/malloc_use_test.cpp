// Is malloc's account of this very process read as malloc itself tells it, and does nothing come of
// what is no such account?
#include "attribution/live/malloc_use.h"

#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <set>
#include <span>
#include <thread>
#include <vector>

#include "attribution/live/glibc_memory.h"
#include "base/units.h"

namespace ft::attribution {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kOwnMalloc = false;
#elif defined(__has_feature)
constexpr bool kOwnMalloc = !__has_feature(address_sanitizer);
#else
constexpr bool kOwnMalloc = true;
#endif

bool read_own(std::uint64_t address, std::span<std::byte> into) {
  const iovec local{into.data(), into.size()};
  const iovec remote{reinterpret_cast<void*>(address), into.size()};
  return ::process_vm_readv(::getpid(), &local, 1, &remote, 1, 0) ==
         static_cast<ssize_t>(into.size());
}

TEST(MallocUse, AsMallocTellsItself) {
  if (!kOwnMalloc) GTEST_SKIP() << "malloc is the sanitizer's here";
  std::set<std::uint64_t> arenas;
  std::vector<void*> blocks;
  std::thread([&] {  // has an arena of its own
    for (int i = 0; i < 3000; ++i) blocks.push_back(::malloc(1000));
    for (std::size_t i = 0; i < blocks.size(); i += 2) {
      ::free(blocks[i]);
      blocks[i] = nullptr;
    }
    const auto address = reinterpret_cast<std::uint64_t>(blocks[1]);
    const auto heap = arena_heap_at(address / kArenaHeapSize * kArenaHeapSize, read_own);
    if (heap) arenas.insert(heap->arena);
  })
      .join();
  if (arenas.empty()) GTEST_SKIP() << "the thread was given no arena of its own";
  const auto use = read_malloc_use(arenas, read_own);
  const struct mallinfo2 told = ::mallinfo2();
  ASSERT_TRUE(use);
  EXPECT_GE(use->arenas, 2U);
  EXPECT_EQ(use->from_system, told.arena);
  // Its free chunks, those of fast bins left out.
  EXPECT_NEAR(static_cast<double>(use->free), static_cast<double>(told.fordblks - told.fsmblks),
              64.0 * 1024);
  for (void* block : blocks) ::free(block);
}

class MadeUp : public testing::Test {
 protected:
  static constexpr std::uint64_t kArena = 0x10000;
  MadeUp() {
    words_[kArena + 2184] = kMiB;    // system_mem
    words_[kArena + 96] = 0x20000;   // top
    words_[0x20000 + 8] = 0x1001;    // its size
    words_[kArena + 2160] = kArena;  // next
    for (std::uint64_t bin = 0; bin < 127; ++bin) {
      words_[head(bin) + 16] = head(bin);
    }
  }
  static std::uint64_t head(std::uint64_t bin) { return kArena + 112 + bin * 16 - 16; }

  std::optional<MallocUse> read() const {
    return read_malloc_use({kArena}, [this](std::uint64_t address, std::span<std::byte> into) {
      const auto found = words_.find(address);
      if (found == words_.end() || into.size() != 8) return false;
      std::memcpy(into.data(), &found->second, 8);
      return true;
    });
  }

  std::map<std::uint64_t, std::uint64_t> words_;
};

TEST_F(MadeUp, AnEmptyArenaHasItsTopFree) {
  const auto use = read();
  ASSERT_TRUE(use);
  EXPECT_EQ(use->from_system, kMiB);
  EXPECT_EQ(use->free, 0x1000U);
}

TEST_F(MadeUp, ChunksOnAList) {
  words_[head(3) + 16] = 0x30000;
  words_[0x30000 + 8] = 0x101;
  words_[0x30000 + 16] = 0x40000;
  words_[0x40000 + 8] = 0x201;
  words_[0x40000 + 16] = head(3);
  EXPECT_EQ(read()->free, 0x1000U + 0x100 + 0x200);
}

TEST_F(MadeUp, NothingOfWhatIsNoList) {
  words_[head(3) + 16] = 0x30000;  // leads nowhere
  EXPECT_FALSE(read());
  words_[0x30000 + 8] = 0x101;
  words_[0x30000 + 16] = 0x30000;  // leads round in a circle beside the head
  EXPECT_FALSE(read());
  words_[0x30000 + 16] = head(3);
  EXPECT_TRUE(read());
  words_[kArena + 2184] = 0x800;  // less than its top, and no whole pages
  EXPECT_FALSE(read());
  words_[kArena + 2184] = kMiB;
  words_[kArena + 2160] = 0x50000;  // no arena
  EXPECT_FALSE(read());
  words_.clear();
  EXPECT_FALSE(read());
  EXPECT_FALSE(read_malloc_use({}, read_own));
}

}  // namespace
}  // namespace ft::attribution
