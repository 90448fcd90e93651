// LiveView reads what /proc says about one process that stands still: one pread a file.
#pragma once

#include <sys/types.h>

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "host/maps.h"
#include "host/smaps.h"
#include "state.h"

namespace ft::differential {

struct FileIdentity {
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  std::uint64_t inode = 0;

  auto operator<=>(const FileIdentity&) const = default;
};

// Which file of the program an area shows.
using FileNumbers = std::map<FileIdentity, int>;

class LiveView {
 public:
  static Result<LiveView> open(pid_t pid, FileNumbers files);

  Result<ProcessState> read();

 private:
  Result<std::string_view> text(const Fd& file, std::string_view name);
  Result<void> read_areas(ProcessState& state);
  Result<void> read_pages(ProcessState& state);
  Result<void> read_pages_of_areas(ProcessState& state);
  Result<void> read_words(ProcessState& state, AddressRange range, std::uint64_t categories);
  Result<void> read_status(ProcessState& state);
  int backing_of(const host::Vma& area) const;

  Fd smaps_;
  Fd status_;
  Fd stat_;
  Fd pagemap_;
  FileNumbers files_;
  std::string buffer_;
  std::vector<std::uint64_t> words_;
};

// Whether the kernel can list the pages that are present (PAGEMAP_SCAN, Linux 6.7). Without it
// pages of areas up to that size are compared, but not which are zero or huge.
bool can_list_pages();
inline constexpr std::uint64_t kMostListedBytes = 256ULL << 20U;

}  // namespace ft::differential
