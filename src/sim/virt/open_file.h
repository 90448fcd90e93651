// An open file as mmap(2) sees it: the file behind the descriptor and how it was opened.
#pragma once

#include <cstdint>
#include <memory>

namespace ft::sim::virt {

class BackingFile;

struct OpenFile {
  std::shared_ptr<BackingFile> file;
  // Tells this open(2) from others of the same file: areas of different ones never join.
  std::uint64_t description = 0;
  bool readable = true;
  bool writable = true;
  bool executable = true;  // false: on a mount with noexec
};

}  // namespace ft::sim::virt
