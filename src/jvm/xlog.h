// What -Xlog:pagesize and -Xlog:cds say about where things lie: the JVM's own names for its side
// tables and code heaps, and the exact border between CDS archive and class space.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/range.h"
#include "base/result.h"

namespace ft::jvm {

enum class XlogSource : std::uint8_t { PageSize, Cds };

struct XlogRegion {
  XlogSource source = XlogSource::PageSize;
  // "Card Table", "Prev Bitmap", "CodeHeap 'profiled nmethods'"; "archive_space_rs",
  // "class_space_rs" for -Xlog:cds.
  std::string name;
  AddressRange range;  // the size is as exact as the log's own: whole K, M or G
};

// Takes the lines it knows out of a log of any tags and decorations. Fails with "name:line:column"
// only where such a line is damaged.
Result<std::vector<XlogRegion>> parse_xlog(std::string_view text, std::string_view name = "Xlog");

}  // namespace ft::jvm
