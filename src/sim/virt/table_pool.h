// TablePool keeps the contents of simulated page-table pages in host memory.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace ft::sim::virt {

// 512 entries, as one page-table page of any level.
struct alignas(4096) TablePage {
  static constexpr unsigned kEntries = 512;
  std::uint64_t entries[kEntries];
};

class TablePool {
 public:
  // All entries are 0.
  TablePage* take();
  // REQUIRES: from take(), and not given back already.
  void give_back(TablePage* page);

 private:
  static constexpr std::size_t kFirstChunk = 16;
  static constexpr std::size_t kLargestChunk = 1024;

  std::vector<std::unique_ptr<TablePage[]>> chunks_;
  std::vector<TablePage*> free_;
  std::size_t chunk_size_ = kFirstChunk;
};

}  // namespace ft::sim::virt
