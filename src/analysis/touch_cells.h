// TouchCells keeps what the picture draws of the page faults: each fault by itself as long as they
// are few; from kMostCells on, those that are alike and near each other in address and time become
// one cell, whose grid is made coarser as often as needed. So memory stays bounded, a small start
// is drawn exactly, and a large one as finely as the page can hold.
//
// Invariant: the cells' faults, pages and times add up to those that were added.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "analysis/space_changes.h"
#include "report/model/picture.h"

namespace ft::analysis {

class TouchCells {
 public:
  static constexpr std::size_t kMostCells = 100'000;
  // Time is made coarser up to a 4096th of the whole before addresses are.
  static constexpr Nanoseconds kFinestShare = 4096;

  explicit TouchCells(Nanoseconds expected_end, std::size_t most = kMostCells);

  // One fault, or the pages a call brought (faults == 0). The block may be larger than the grid.
  void add(const report::model::TouchCell& touch);

  // The cells by ts, each with the moment its pages went: `changes` are those of the subject.
  std::vector<report::model::TouchCell> finish(std::span<const SpaceChange> changes);

  Nanoseconds cell_ns() const { return cell_ns_; }
  unsigned cell_order() const { return cell_order_; }

 private:
  struct Key {
    std::uint64_t start;
    std::int64_t bin;
    std::uint32_t owner;
    std::uint32_t thread;
    std::uint8_t order;
    std::uint8_t kind;
    bool of_subject;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const;
  };

  Key key_of(const report::model::TouchCell& cell) const;
  void put(const report::model::TouchCell& cell);
  void coarsen();

  std::size_t most_;
  Nanoseconds finest_ns_;
  Nanoseconds cell_ns_ = 0;  // 0: not aggregated yet
  unsigned cell_order_ = 0;
  std::vector<report::model::TouchCell> cells_;
  std::unordered_map<Key, std::uint32_t, Hash> index_;  // into cells_, once aggregated
};

}  // namespace ft::analysis
