// /proc/PID/maps: the virtual memory areas of a process (Documentation/filesystems/proc.rst,
// fs/proc/task_mmu.c show_map_vma).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/range.h"
#include "base/result.h"
#include "host/line_reader.h"

namespace ft::host {

// One line: a range of addresses with one set of rights over one file (or none).
struct Vma {
  AddressRange range;
  bool readable = false;
  bool writable = false;
  bool executable = false;
  bool shared = false;
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  std::uint64_t offset = 0;  // bytes into the file
  std::uint64_t inode = 0;   // 0: no file
  // As the kernel prints it: a path (a newline in it is "\012"), "[heap]", "[stack]", "[vdso]",
  // "[anon:NAME]", or nothing. A path whose file is gone ends in " (deleted)".
  std::string name;

  bool is_deleted() const { return name.ends_with(kDeleted); }
  // The name without " (deleted)".
  std::string_view path() const {
    std::string_view all = name;
    if (is_deleted()) all.remove_suffix(kDeleted.size());
    return all;
  }
  bool is_file() const { return name.starts_with('/'); }

  static constexpr std::string_view kDeleted = " (deleted)";
};

// "rw-p"
std::string permissions(const Vma& vma);

// In the order of the text, which the kernel keeps by address. Areas may repeat or overlap where
// the target changed its memory between two reads: that is not an error here.
Result<std::vector<Vma>> parse_maps(std::string_view text, std::string_view name = "maps");

// One line, the reader's current one. Used by smaps too.
Result<Vma> parse_vma(const LineReader& at, std::string_view line);

}  // namespace ft::host
