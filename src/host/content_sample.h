// How much of a process's huge pages holds anything but zeroes: the test by which the kernel itself
// (6.12) finds huge pages that are little used. A sample of them is read; reading marks a page as
// used and changes nothing else.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "base/range.h"

namespace ft::host {

// Huge pages of 2 MiB, evenly spread over all that are added, however many that are.
class HugePageSample {
 public:
  static constexpr std::size_t kMost = 64;  // 128 MiB are read at most

  void add(AddressRange run);  // of whole huge pages

  // The share of their 4 KiB pages that hold anything; nothing where none could be read.
  std::optional<double> used_share(pid_t pid) const;

 private:
  std::vector<std::uint64_t> pages_;
  std::uint64_t step_ = 1;  // every so many is kept
  std::uint64_t seen_ = 0;
};

}  // namespace ft::host
