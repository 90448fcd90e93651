#include "sim/reclaim/page_lists.h"

#include "base/check.h"

namespace ft::sim::reclaim {

PageLists::PageLists(std::size_t nodes, std::size_t zones)
    : nodes_(nodes), vectors_(nodes), by_zone_(zones) {
  FT_CHECK(nodes > 0 && zones > 0);
}

void PageLists::add_group() {
  vectors_.resize(vectors_.size() + nodes_);
}

PageId PageLists::add(const Page& page) {
  FT_CHECK(page.node < nodes_ && page.zone < by_zone_.size());
  FT_CHECK(page.group * nodes_ < vectors_.size());
  PageId id = 0;
  if (unused_.empty()) {
    id = static_cast<PageId>(entries_.size());
    entries_.emplace_back();
  } else {
    id = unused_.back();
    unused_.pop_back();
  }
  entries_[id] = {.page = page, .exists = true};
  ++count_;
  put(id, inactive_list(page.file()));
  return id;
}

void PageLists::remove(PageId id) {
  FT_CHECK(entries_[id].exists);
  take_off(id);
  entries_[id].exists = false;
  unused_.push_back(id);
  --count_;
}

void PageLists::count(const Page& page, ListKind list, bool more) {
  const std::uint64_t pages = page.pages();
  std::uint64_t& here = list_of(page, list).pages;
  std::uint64_t& zone = by_zone_[page.zone][index_of(list)];
  here = more ? here + pages : here - pages;
  zone = more ? zone + pages : zone - pages;
}

void PageLists::take_off(PageId id) {
  Entry& entry = entries_[id];
  if (entry.list == ListKind::None) return;
  List& list = list_of(entry.page, entry.list);
  (entry.towards_head == kNoPage ? list.head : entries_[entry.towards_head].towards_tail) =
      entry.towards_tail;
  (entry.towards_tail == kNoPage ? list.tail : entries_[entry.towards_tail].towards_head) =
      entry.towards_head;
  count(entry.page, entry.list, false);
  entry.towards_head = entry.towards_tail = kNoPage;
  entry.list = ListKind::None;
}

void PageLists::put(PageId id, ListKind kind) {
  take_off(id);
  Entry& entry = entries_[id];
  List& list = list_of(entry.page, kind);
  entry.towards_tail = list.head;
  (list.head == kNoPage ? list.tail : entries_[list.head].towards_head) = id;
  list.head = id;
  entry.list = kind;
  count(entry.page, kind, true);
}

void PageLists::put_last(PageId id, ListKind kind) {
  take_off(id);
  Entry& entry = entries_[id];
  List& list = list_of(entry.page, kind);
  entry.towards_head = list.tail;
  (list.tail == kNoPage ? list.head : entries_[list.tail].towards_tail) = id;
  list.tail = id;
  entry.list = kind;
  count(entry.page, kind, true);
}

PageId PageLists::last(GroupId group, std::size_t node, ListKind list) const {
  return vectors_[group * nodes_ + node].lists[index_of(list)].tail;
}

std::uint64_t PageLists::size(GroupId group, std::size_t node, ListKind list) const {
  return vectors_[group * nodes_ + node].lists[index_of(list)].pages;
}

std::uint64_t PageLists::zone_size(std::size_t zone, ListKind list) const {
  return by_zone_[zone][index_of(list)];
}

std::uint64_t PageLists::node_size(std::size_t node, ListKind list) const {
  std::uint64_t pages = 0;
  for (std::size_t i = node; i < vectors_.size(); i += nodes_) {
    pages += vectors_[i].lists[index_of(list)].pages;
  }
  return pages;
}

void PageLists::check() const {
  std::uint64_t on_lists = 0;
  std::vector<std::array<std::uint64_t, kLists>> by_zone(by_zone_.size());
  for (std::size_t v = 0; v < vectors_.size(); ++v) {
    for (std::size_t kind = 0; kind < kLists; ++kind) {
      const List& list = vectors_[v].lists[kind];
      std::uint64_t pages = 0;
      PageId before = kNoPage;
      for (PageId id = list.head; id != kNoPage; id = entries_[id].towards_tail) {
        const Entry& entry = entries_[id];
        FT_CHECK(entry.exists && index_of(entry.list) == kind && entry.towards_head == before);
        FT_CHECK(entry.page.group * nodes_ + entry.page.node == v);
        if (kind != index_of(ListKind::Unevictable)) {
          FT_CHECK(is_file(entry.list) == entry.page.file());
        }
        pages += entry.page.pages();
        by_zone[entry.page.zone][kind] += entry.page.pages();
        before = id;
        ++on_lists;
      }
      FT_CHECK(list.tail == before && list.pages == pages);
    }
  }
  FT_CHECK(by_zone == by_zone_);
  std::uint64_t exist = 0;
  std::uint64_t off_lists = 0;
  for (const Entry& entry : entries_) {
    if (!entry.exists) continue;
    ++exist;
    if (entry.list == ListKind::None) ++off_lists;
  }
  FT_CHECK(exist == count_ && on_lists + off_lists == exist);
  FT_CHECK(exist + unused_.size() == entries_.size());
}

}  // namespace ft::sim::reclaim
