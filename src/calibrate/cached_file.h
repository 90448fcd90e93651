// CachedFile is a file that lies in the page cache as a program's files do, to be mapped by
// exercises.
//
// Which file matters: what read it decides in how large blocks (folios) the cache holds it, and a
// fault that maps 16 pages of one block takes half of what 16 blocks take. So it is one that JVMs
// map, where there is a JVM.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/fd.h"

namespace ft::calibrate {

class CachedFile {
 public:
  static constexpr std::uint64_t kAround = 16;       // pages a read fault maps: fault_around_bytes
  static constexpr std::uint64_t kMostChunks = 256;  // of kAround pages

  CachedFile();

  // Reads what is used of it: in the page cache now. False where there is nothing to read.
  bool read() const;
  const std::string& path() const { return path_; }
  int fd() const { return fd_.get(); }
  std::uint64_t pages() const { return chunks_ * kAround; }
  // Where the chunk begins; counted around where the file is smaller than kMostChunks.
  off_t offset(std::uint64_t chunk) const;

 private:
  std::string path_;
  Fd fd_;
  std::uint64_t chunks_ = 0;
};

}  // namespace ft::calibrate
