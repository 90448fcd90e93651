// BlockMappings is who maps a block of frames (a folio), as include/linux/mm.h's entire mapcount
// and mapcounts of single pages tell it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "sim/phys/frame_table.h"

namespace ft::sim::phys {

struct BlockMappings {
  std::uint64_t whole = 0;        // entries that map the block as one
  std::uint64_t of_frames = 0;    // pte entries, of all its frames together
  std::uint32_t most_of_one = 0;  // pte entries of the frame that has most

  // REQUIRES: `head` is the first frame of a block of this order, which holds a page.
  static BlockMappings of(const FrameTable& frames, Pfn head, unsigned order) {
    BlockMappings mappings;
    for (Pfn part = head; part < head + (Pfn{1} << order); ++part) {
      mappings.of_frames += frames[part].map_count;
      mappings.most_of_one = std::max(mappings.most_of_one, frames[part].map_count);
    }
    mappings.whole = frames[head].word - mappings.of_frames;
    return mappings;
  }
};

}  // namespace ft::sim::phys
