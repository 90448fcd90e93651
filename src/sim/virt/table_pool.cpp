#include "sim/virt/table_pool.h"

#include <algorithm>
#include <cstring>

namespace ft::sim::virt {

TablePage* TablePool::take() {
  if (free_.empty()) {
    TablePage* chunk =
        chunks_.emplace_back(std::make_unique_for_overwrite<TablePage[]>(chunk_size_)).get();
    free_.reserve(free_.capacity() + chunk_size_);
    for (std::size_t i = chunk_size_; i > 0; --i) free_.push_back(&chunk[i - 1]);
    chunk_size_ = std::min(2 * chunk_size_, kLargestChunk);
  }
  TablePage* page = free_.back();
  free_.pop_back();
  std::memset(page, 0, sizeof(*page));
  return page;
}

void TablePool::give_back(TablePage* page) {
  free_.push_back(page);
}

}  // namespace ft::sim::virt
