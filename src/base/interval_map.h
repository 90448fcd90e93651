// IntervalMap gives disjoint address ranges a value each; addresses in no range have none. It is
// the shape of an address space at one moment: assigning over old ranges splits and replaces them.
//
// Invariants (verified by check()): no range is empty, no two overlap. Neighbours with equal values
// stay apart: whether they may merge is the caller's knowledge.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/range.h"

namespace ft {

template <typename Value>
class IntervalMap {
 public:
  struct Entry {
    AddressRange range;
    Value value;
  };

  // Replaces whatever the range held.
  void assign(AddressRange range, Value value) {
    if (range.empty()) return;
    erase(range);
    by_start_.emplace(range.start, Node{range.end, std::move(value)});
  }

  // Cuts the range out; what sticks out on either side keeps its value.
  void erase(AddressRange range) {
    if (range.empty()) return;
    split_at(range.start);
    split_at(range.end);
    by_start_.erase(by_start_.lower_bound(range.start), by_start_.lower_bound(range.end));
  }

  // Calls change(AddressRange, Value&) on every piece inside `range`; pieces are cut at its
  // borders.
  template <typename Change>
  void update(AddressRange range, Change change) {
    if (range.empty()) return;
    split_at(range.start);
    split_at(range.end);
    for (auto it = by_start_.lower_bound(range.start);
         it != by_start_.end() && it->first < range.end; ++it) {
      change(AddressRange{it->first, it->second.end}, it->second.value);
    }
  }

  // The entry that holds the address, or nullptr values: {range, value*}.
  std::pair<AddressRange, const Value*> find(std::uint64_t address) const {
    auto it = by_start_.upper_bound(address);
    if (it == by_start_.begin()) return {{}, nullptr};
    --it;
    if (address >= it->second.end) return {{}, nullptr};
    return {{it->first, it->second.end}, &it->second.value};
  }

  // The pieces of `range` that have a value, clipped to it, in address order.
  template <typename Visit>
  void for_each_in(AddressRange range, Visit visit) const {
    if (range.empty()) return;
    auto it = by_start_.upper_bound(range.start);
    if (it != by_start_.begin()) --it;
    for (; it != by_start_.end() && it->first < range.end; ++it) {
      const AddressRange piece = AddressRange{it->first, it->second.end}.intersection(range);
      if (!piece.empty()) visit(piece, it->second.value);
    }
  }

  template <typename Visit>
  void for_each(Visit visit) const {
    for (const auto& [start, node] : by_start_) visit(AddressRange{start, node.end}, node.value);
  }

  std::size_t size() const { return by_start_.size(); }
  bool empty() const { return by_start_.empty(); }
  void clear() { by_start_.clear(); }

  void check() const {
    std::uint64_t previous_end = 0;
    for (const auto& [start, node] : by_start_) {
      FT_CHECK(start < node.end);
      FT_CHECK(start >= previous_end);
      previous_end = node.end;
    }
  }

 private:
  struct Node {
    std::uint64_t end;
    Value value;
  };

  void split_at(std::uint64_t address) {
    auto it = by_start_.upper_bound(address);
    if (it == by_start_.begin()) return;
    --it;
    if (it->first == address || address >= it->second.end) return;
    const std::uint64_t end = it->second.end;
    it->second.end = address;
    by_start_.emplace(address, Node{end, it->second.value});
  }

  std::map<std::uint64_t, Node> by_start_;
};

}  // namespace ft
