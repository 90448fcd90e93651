// FreeList is a list of free blocks of one order, threaded through the frames themselves, so that
// lists cost no memory beside the frame table: struct list_head of struct page.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "sim/phys/frame.h"
#include "sim/phys/frame_table.h"

namespace ft::sim::phys {

// Frame::list of the first frame of a free block.
inline constexpr std::uint8_t kOnNoList = 0;
inline constexpr std::uint8_t kOnBuddyList = 1;   // PageBuddy
inline constexpr std::uint8_t kOnPerCpuList = 2;  // free for the CPU, in use for the zone

inline constexpr Pfn kNoFrame = 0;  // never on a list: frame 0 is the firmware's

// What a frame says while it is on a list, all but the links, as one word: writing it field by
// field is what most of an allocation would be spent on.
class FreeDescription {
 public:
  constexpr FreeDescription(unsigned order, std::uint8_t list, unsigned flags = 0)
      : rest_(std::uint64_t{order} << 40U | std::uint64_t{flags} << 48U |
              std::uint64_t{list} << 56U) {}

  constexpr Frame with_links(std::uint64_t links) const {
    return std::bit_cast<Frame>(std::array<std::uint64_t, 2>{links, rest_});
  }

 private:
  std::uint64_t rest_;
};
static_assert(FreeDescription(9, 2, 3).with_links(7).word == 7 &&
              FreeDescription(9, 2, 3).with_links(7).kind == FrameKind::Free &&
              FreeDescription(9, 2, 3).with_links(7).order == 9 &&
              FreeDescription(9, 2, 3).with_links(7).flags == 3 &&
              FreeDescription(9, 2, 3).with_links(7).list == 2);

class FreeList {
 public:
  bool empty() const { return count_ == 0; }
  std::uint64_t count() const { return count_; }
  // REQUIRES: !empty().
  Pfn front() const { return first_; }

  // REQUIRES: the frame is on no list.
  void push_front(FrameTable& frames, Pfn pfn, FreeDescription description) {
    frames[pfn] = description.with_links(link(kNone, first_));
    if (count_++ != 0) {
      set_previous(frames[first_], pfn);
    } else {
      last_ = narrow(pfn);
    }
    first_ = narrow(pfn);
  }

  void push_back(FrameTable& frames, Pfn pfn, FreeDescription description) {
    frames[pfn] = description.with_links(link(last_, kNone));
    if (count_++ != 0) {
      set_next(frames[last_], pfn);
    } else {
      first_ = narrow(pfn);
    }
    last_ = narrow(pfn);
  }

  // The frame is then as one that was never used. REQUIRES: !empty().
  Pfn pop_front(FrameTable& frames) {
    const Pfn pfn = first_;
    first_ = next_of(frames[pfn]);
    --count_;
    frames[pfn] = {};
    return pfn;
  }

  Pfn pop_back(FrameTable& frames) {
    const Pfn pfn = last_;
    last_ = previous_of(frames[pfn]);
    --count_;
    frames[pfn] = {};
    return pfn;
  }

  // REQUIRES: the frame is on this list.
  void remove(FrameTable& frames, Pfn pfn) {
    const Frame& frame = frames[pfn];
    if (pfn == first_) {
      pop_front(frames);
      return;
    }
    if (pfn == last_) {
      pop_back(frames);
      return;
    }
    set_next(frames[previous_of(frame)], next_of(frame));
    set_previous(frames[next_of(frame)], previous_of(frame));
    --count_;
    frames[pfn] = {};
  }

  // Calls visit(pfn) from front to back.
  template <typename Visit>
  void visit(const FrameTable& frames, Visit visit) const {
    Pfn pfn = first_;
    for (std::uint64_t left = count_; left != 0; --left) {
      const Pfn next = next_of(frames[pfn]);
      visit(pfn);
      pfn = next;
    }
  }

 private:
  // The links beyond the ends of a list are not kept up: count_ says where it ends.
  static constexpr std::uint32_t kNone = 0;
  static_assert(kMostFrames <= 1ULL << 32U);

  static std::uint32_t narrow(Pfn pfn) { return static_cast<std::uint32_t>(pfn); }
  static std::uint64_t link(Pfn previous, Pfn next) { return previous << 32U | next; }
  static std::uint32_t next_of(const Frame& frame) { return narrow(frame.word); }
  static std::uint32_t previous_of(const Frame& frame) { return narrow(frame.word >> 32U); }
  static void set_next(Frame& frame, Pfn pfn) { frame.word = (frame.word >> 32U << 32U) | pfn; }
  static void set_previous(Frame& frame, Pfn pfn) {
    frame.word = static_cast<std::uint32_t>(frame.word) | pfn << 32U;
  }

  std::uint32_t first_ = kNone;
  std::uint32_t last_ = kNone;
  std::uint64_t count_ = 0;
};

}  // namespace ft::sim::phys
