#include "sim/phys/frame_table.h"

#include <sys/mman.h>

#include "base/check.h"

namespace ft::sim::phys {

// Anonymous memory of the host is zero, and all-zero is a free frame.
static_assert(static_cast<int>(FrameKind::Free) == 0);

FrameTable::FrameTable(std::uint64_t frames) : size_(frames) {
  FT_CHECK(frames > kFirstUsable && frames <= kMostFrames);
  void* memory = ::mmap(nullptr, frames * sizeof(Frame), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  FT_CHECK(memory != MAP_FAILED);
  frames_ = static_cast<Frame*>(memory);
  frames_[0].kind = FrameKind::Reserved;
  frames_[kZeroPage].kind = FrameKind::Zero;
  frames_[kHugeZeroPage].kind = FrameKind::Zero;
  frames_[kHugeZeroPage].order = kHugeOrder;
}

FrameTable::~FrameTable() {
  ::munmap(frames_, size_ * sizeof(Frame));
}

}  // namespace ft::sim::phys
