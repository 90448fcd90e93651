// PageLists holds every page that could be reclaimed: what it is, and its place on one of the lists
// of its group and node (struct lruvec). A page here is a folio: 2^order frames that come and go
// together.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "sim/phys/frame.h"
#include "sim/reclaim/groups.h"
#include "sim/reclaim/lists.h"

namespace ft::sim::reclaim {

using PageId = std::uint32_t;
inline constexpr PageId kNoPage = ~PageId{0};

enum class PageKind : std::uint8_t { Anonymous, Shmem, File };

struct Page {
  phys::Pfn frame = 0;     // the first one; the owner's business
  std::uint16_t zone = 0;  // of phys::Memory::zones(); 0 where there is no such memory
  std::uint16_t node = 0;
  GroupId group = kRootGroup;
  PageKind kind = PageKind::Anonymous;
  std::uint8_t order = 0;
  bool young = false;        // a page-table entry has the accessed bit
  bool referenced = false;   // PG_referenced: was found young once
  bool executable = false;   // mapped so
  bool workingset = false;   // PG_workingset: was on the active list
  bool dirty = false;        // of a file, newer than the disk
  bool swap_cached = false;  // has a slot; while it is being written, or was read back
  std::uint32_t slot = 0;

  bool file() const { return kind == PageKind::File; }
  std::uint64_t pages() const { return std::uint64_t{1} << order; }
};

// What one group's reclaim on one node remembers, besides its lists.
struct ListCosts {
  std::uint64_t anonymous = 0;
  std::uint64_t file = 0;
  // Pages that came back from disk and were active at once (WORKINGSET_ACTIVATE_*), by file; and
  // how many there were when the last reclaim ended.
  std::array<std::uint64_t, 2> activated_refaults = {};
  std::array<std::uint64_t, 2> seen_refaults = {};
  std::uint64_t age = 0;  // nonresident_age: pages evicted and activated so far
};

class PageLists {
 public:
  PageLists(std::size_t nodes, std::size_t zones);
  void add_group();  // the next id; the root is there from the start

  // At the head of the inactive list of its kind, as the kernel adds all new pages.
  PageId add(const Page& page);
  // REQUIRES: it exists.
  void remove(PageId id);

  Page& page(PageId id) { return entries_[id].page; }
  const Page& page(PageId id) const { return entries_[id].page; }
  ListKind list_of(PageId id) const { return entries_[id].list; }

  // Takes it off whatever list it is on; puts it at the head, or the tail, of one of its own group.
  void take_off(PageId id);
  void put(PageId id, ListKind list);
  void put_last(PageId id, ListKind list);
  // What will be looked at next; kNoPage where the list is empty.
  PageId last(GroupId group, std::size_t node, ListKind list) const;
  PageId before(PageId id) const { return entries_[id].towards_head; }

  // Pages, not entries.
  std::uint64_t size(GroupId group, std::size_t node, ListKind list) const;
  std::uint64_t zone_size(std::size_t zone, ListKind list) const;
  // Of all groups.
  std::uint64_t node_size(std::size_t node, ListKind list) const;
  ListCosts& costs(GroupId group, std::size_t node) { return vector_of(group, node).costs; }
  const ListCosts& costs(GroupId group, std::size_t node) const {
    return vectors_[group * nodes_ + node].costs;
  }
  std::uint64_t count() const { return count_; }  // entries, on lists or not
  std::size_t nodes() const { return nodes_; }

  void check() const;

 private:
  struct Entry {
    Page page;
    PageId towards_head = kNoPage;
    PageId towards_tail = kNoPage;
    ListKind list = ListKind::None;
    bool exists = false;
  };
  struct List {
    PageId head = kNoPage;
    PageId tail = kNoPage;
    std::uint64_t pages = 0;
  };
  struct Vector {
    std::array<List, kLists> lists;
    ListCosts costs;
  };

  Vector& vector_of(GroupId group, std::size_t node) { return vectors_[group * nodes_ + node]; }
  List& list_of(const Page& page, ListKind list) {
    return vector_of(page.group, page.node).lists[index_of(list)];
  }
  void count(const Page& page, ListKind list, bool more);

  std::size_t nodes_;
  std::vector<Entry> entries_;
  std::vector<PageId> unused_;
  std::vector<Vector> vectors_;  // by group, then node
  std::vector<std::array<std::uint64_t, kLists>> by_zone_;
  std::uint64_t count_ = 0;
};

}  // namespace ft::sim::reclaim
