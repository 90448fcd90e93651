// ProgramFiles are the open files of one program, as its processes get them.
#pragma once

#include <cstdint>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "instruction.h"
#include "live_view.h"

namespace ft::differential {

class ProgramFiles {
 public:
  static Result<ProgramFiles> make(const std::vector<File>& files);

  const std::vector<int>& descriptors() const { return descriptors_; }
  const FileNumbers& numbers() const { return numbers_; }
  // 0 or -errno. Files that are not memory, or not there: -EBADF.
  std::int64_t truncate(int file, std::uint64_t size);

 private:
  Result<void> add(const File& file);

  std::vector<Fd> owned_;
  std::vector<int> descriptors_;
  std::vector<bool> resizable_;
  FileNumbers numbers_;
};

}  // namespace ft::differential
