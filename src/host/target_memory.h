// TargetMemory reads what a running process has in its memory without changing the process: a page
// that is not there is not read, because reading would put it there. Pages of files are then taken
// from the file.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/units.h"
#include "host/maps.h"
#include "host/page_scan.h"

namespace ft::host {

class TargetMemory {
 public:
  // Fails where the process may not be read (what ptrace attach asks for; Yama narrows it).
  static Result<TargetMemory> open(pid_t pid);

  // What the process has mapped now, by address; kept by reference, for the files behind pages.
  // Forgets the pages read before.
  void set_areas(std::span<const Vma> areas);

  // False where any byte is not to be had; `into` is then worth nothing.
  bool read(std::uint64_t address, std::span<std::byte> into);

  template <typename Value>
  std::optional<Value> value(std::uint64_t address) {
    Value value{};
    if (!read(address, std::as_writable_bytes(std::span(&value, 1)))) return std::nullopt;
    return value;
  }

  // Bytes that were copied out of the process so far.
  std::uint64_t bytes_read() const { return bytes_read_; }

 private:
  using Page = std::array<std::byte, kPageSize>;
  // Enough for the tables of any JVM; beyond it the cache starts again.
  static constexpr std::size_t kMostPages = 8192;

  TargetMemory(pid_t pid, PageScan scan) : pid_(pid), scan_(std::move(scan)) {}
  const Page* page_at(std::uint64_t address);
  bool read_from_process(std::uint64_t address, Page& page);
  bool read_from_file(std::uint64_t address, Page& page);

  pid_t pid_;
  PageScan scan_;
  std::span<const Vma> areas_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Page>> pages_;  // null: not to be had
  std::map<std::string, Fd, std::less<>> files_;
  std::uint64_t bytes_read_ = 0;
};

}  // namespace ft::host
