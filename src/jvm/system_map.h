// What `jcmd PID System.map` prints (JDK 24 and later): one line per kernel VMA, with the JVM's
// name for it. It labels whole VMAs, and the kernel merges neighbours of different owners into one:
// a label is a hint about a range, never a score.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/range.h"
#include "base/result.h"

namespace ft::jvm {

struct SystemMapEntry {
  AddressRange range;
  std::string prot;  // "rw-p"
  std::uint64_t rss = 0;
  std::uint64_t hugetlb = 0;
  std::string page_size;           // "4K"
  std::vector<std::string> notes;  // "com", "shrd", "thp", "nothp" ...
  std::vector<std::string> info;   // "JAVAHEAP", "CODE", "STACK-123-main" ...; empty for "-"
  std::string file;                // empty for "-"
};

Result<std::vector<SystemMapEntry>> parse_system_map(std::string_view text,
                                                     std::string_view name = "System.map");

}  // namespace ft::jvm
