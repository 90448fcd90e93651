// The lists that reclaim takes pages from, and how many pages each holds.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace ft::sim::reclaim {

// enum lru_list. A page enters at the head and is looked at from the tail.
enum class ListKind : std::uint8_t {
  InactiveAnonymous,
  ActiveAnonymous,
  InactiveFile,
  ActiveFile,
  Unevictable,
  None,  // on no list: being looked at, or in swap
};
inline constexpr std::size_t kLists = 5;
inline constexpr std::size_t kEvictableLists = 4;

constexpr std::size_t index_of(ListKind kind) {
  return static_cast<std::size_t>(kind);
}
constexpr bool is_file(ListKind kind) {
  return kind == ListKind::InactiveFile || kind == ListKind::ActiveFile;
}
constexpr bool is_active(ListKind kind) {
  return kind == ListKind::ActiveAnonymous || kind == ListKind::ActiveFile;
}
constexpr ListKind inactive_list(bool file) {
  return file ? ListKind::InactiveFile : ListKind::InactiveAnonymous;
}
constexpr ListKind active_list(bool file) {
  return file ? ListKind::ActiveFile : ListKind::ActiveAnonymous;
}

// Pages, by ListKind.
using ListCounts = std::array<std::uint64_t, kEvictableLists>;

}  // namespace ft::sim::reclaim
