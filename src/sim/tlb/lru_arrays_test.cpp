// The arrays that replace by LRU are quick in different ways and hold the same: what a plain list
// of the keys used last holds. On any one processor an EntryArray takes only one of them for a
// shape, so each is tested by itself.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <random>
#include <vector>

#include "sim/tlb/keep_missed.h"
#include "sim/tlb/lane_array.h"
#include "sim/tlb/list_array.h"
#include "sim/tlb/wide_array.h"

namespace ft::sim::tlb {
namespace {

constexpr unsigned kSets = 4;
constexpr SetMasks kMasks = {.mask = kSets - 1};
constexpr unsigned kBits = 9;  // of page numbers below a directory entry

EntryKey page(std::uint64_t number) {
  return EntryKey::of_page(number * kPageSize, PageSize::Small, 3);
}

class PlainLru {
 public:
  explicit PlainLru(unsigned ways) : ways_(ways), sets_(kSets) {}

  bool use(EntryKey key) {
    const bool hit = erase(key);
    std::deque<EntryKey>& set = set_of(key);
    set.push_front(key);
    if (set.size() > ways_) set.pop_back();
    return hit;
  }
  bool erase(EntryKey key) { return std::erase(set_of(key), key) != 0; }
  void clear() { sets_.assign(kSets, {}); }
  template <typename Condemned>
  void erase_if(Condemned condemned) {
    for (auto& set : sets_) std::erase_if(set, condemned);
  }
  std::vector<EntryKey> held() const {
    std::vector<EntryKey> all;
    for (const auto& set : sets_) all.insert(all.end(), set.begin(), set.end());
    return all;
  }

 private:
  std::deque<EntryKey>& set_of(EntryKey key) { return sets_[kMasks.set_of(key)]; }

  std::size_t ways_;
  std::vector<std::deque<EntryKey>> sets_;
};

template <typename Array>
class LruArrays : public testing::Test {
 protected:
  static void use_all(Array& array, std::vector<EntryKey>& keys) {
    std::size_t missed = 0;
    if constexpr (std::is_same_v<Array, WideArray>) {
      missed = array.use_all(keys, kMasks);
    } else {
      const auto set_of = [](EntryKey key) { return kMasks.set_of(key); };
      missed = array.with_use(set_of, [&](auto use) { return keep_missed(keys, use); });
    }
    keys.resize(missed);
  }
  static MissedKeys use_all_with_directories(Array& array, std::vector<EntryKey>& keys) {
    if constexpr (std::is_same_v<Array, WideArray>) {
      return array.use_all_with_directories(keys, kBits, kMasks);
    } else {
      const auto set_of = [](EntryKey key) { return kMasks.set_of(key); };
      return array.with_use(set_of,
                            [&](auto use) { return keep_missed_directories(keys, kBits, use); });
    }
  }
  static std::vector<EntryKey> held(const Array& array) {
    std::vector<EntryKey> all;
    array.for_each([&](EntryKey key, std::size_t set) {
      EXPECT_EQ(set, kMasks.set_of(key));
      all.push_back(key);
    });
    return all;
  }
  static void expect_same(const Array& array, const PlainLru& plain) {
    array.check();
    EXPECT_TRUE(std::ranges::is_permutation(held(array), plain.held()));
  }

  void SetUp() override {
    if (std::is_same_v<Array, WideArray> && !WideArray::supported()) {
      GTEST_SKIP() << "this processor has no AVX-512";
    }
  }
  static constexpr std::array<unsigned, 12> kWays = {1, 2, 4, 6, 8, 12, 15, 16, 17, 24, 31, 32};
  std::mt19937_64 random_{7};
};

using Arrays = testing::Types<LaneArray, WideArray, ListArray>;
TYPED_TEST_SUITE(LruArrays, Arrays);

TYPED_TEST(LruArrays, HoldWhatAPlainListHolds) {
  for (const unsigned ways : this->kWays) {
    SCOPED_TRACE(ways);
    TypeParam array(kSets, ways);
    PlainLru plain(ways);
    for (int step = 0; step < 4000; ++step) {
      const EntryKey key = page(this->random_() % (std::uint64_t{5} * ways));
      switch (this->random_() % 64) {
        case 0:
          EXPECT_EQ(array.erase(key, kMasks.set_of(key)), plain.erase(key));
          break;
        case 1: {
          const auto condemned = [](EntryKey each) { return each.number() % 7 == 0; };
          array.erase_if(condemned);
          plain.erase_if(condemned);
          break;
        }
        case 2:
          if (step % 8 != 0) break;
          array.clear();
          plain.clear();
          break;
        default:
          EXPECT_EQ(array.use(key, kMasks.set_of(key)), plain.use(key));
          EXPECT_TRUE(array.contains(key, kMasks.set_of(key)));
      }
      if (step % 16 == 0) this->expect_same(array, plain);
    }
    this->expect_same(array, plain);
  }
}

TYPED_TEST(LruArrays, UseManyAsTheyUseOne) {
  for (const unsigned ways : this->kWays) {
    SCOPED_TRACE(ways);
    TypeParam array(kSets, ways);
    PlainLru plain(ways);
    for (int batch = 0; batch < 200; ++batch) {
      // From nearly all hits to nearly all misses: a WideArray goes another way through for each.
      const std::uint64_t pages = std::uint64_t{2} * ways << (batch % 8);
      std::vector<EntryKey> keys(this->random_() % 100);
      for (EntryKey& key : keys) key = page(this->random_() % pages);
      std::vector<EntryKey> missed = keys;
      std::erase_if(missed, [&](EntryKey key) { return plain.use(key); });
      this->use_all(array, keys);
      EXPECT_EQ(keys, missed);
      this->expect_same(array, plain);
    }
  }
}

TYPED_TEST(LruArrays, HoldDirectoriesAmongPages) {
  for (const unsigned ways : this->kWays) {
    SCOPED_TRACE(ways);
    TypeParam array(kSets, ways);
    PlainLru plain(ways);
    for (int batch = 0; batch < 200; ++batch) {
      const std::uint64_t pages = std::uint64_t{64} << (batch % 12);
      std::vector<EntryKey> keys(this->random_() % 100);
      for (EntryKey& key : keys) key = page(this->random_() % pages);
      std::size_t missed_pages = 0;
      std::vector<EntryKey> missed;
      for (const EntryKey key : keys) {
        if (plain.use(key)) continue;
        ++missed_pages;
        const EntryKey directory = key.directory_above(kBits);
        if (!plain.use(directory)) missed.push_back(directory);
      }
      const MissedKeys result = this->use_all_with_directories(array, keys);
      EXPECT_EQ(result.pages, missed_pages);
      keys.resize(result.directories);
      EXPECT_EQ(keys, missed);
      this->expect_same(array, plain);
    }
  }
}

TEST(WideArrays, HoldTheHalvesOfOneSize) {
  if (!WideArray::supported()) GTEST_SKIP() << "this processor has no AVX-512";
  constexpr unsigned kWays = 8;
  WideArray even(kSets, kWays);
  WideArray odd(kSets, kWays);
  PlainLru plain_even(kWays);
  PlainLru plain_odd(kWays);
  std::mt19937_64 random(11);
  for (int batch = 0; batch < 200; ++batch) {
    std::vector<EntryKey> keys(64);
    for (EntryKey& key : keys) key = page(random() % 100);
    std::vector<EntryKey> missed = keys;
    std::erase_if(missed, [&](EntryKey key) {
      return (key.in_odd_half() ? plain_odd : plain_even).use(key);
    });
    keys.resize(even.use_all_by_parity(keys, kMasks, odd, kMasks));
    EXPECT_EQ(keys, missed);
    even.check();
    odd.check();
  }
}

}  // namespace
}  // namespace ft::sim::tlb
