// An open file as mmap(2) sees it: the file behind the descriptor and how it was opened.
#pragma once

#include <memory>

namespace ft::sim::virt {

class BackingFile;

struct OpenFile {
  std::shared_ptr<BackingFile> file;
  bool readable = true;
  bool writable = true;
  bool executable = true;  // false: on a mount with noexec
};

}  // namespace ft::sim::virt
