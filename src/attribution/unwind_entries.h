// The entries of an .eh_frame section (Linux Standard Base, "Exception Frames"), found and checked
// but not yet run: which function has which little program of call frame instructions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ft::attribution {

// A stretch of bytes of the section: an expression or a program.
struct SectionPlace {
  std::uint32_t begin = 0;
  std::uint32_t size = 0;
};

// A common information entry (CIE): what several functions share.
struct UnwindCommon {
  std::uint64_t code_alignment = 1;
  std::int64_t data_alignment = 1;
  std::uint8_t address_encoding = 0;
  bool has_augmentation_data = false;
  bool signal_frame = false;
  SectionPlace program;
};

// A frame description entry (FDE): the code [start, end), by virtual addresses of the file.
struct UnwindFunction {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  std::uint32_t common = 0;  // index into UnwindEntries::commons
  SectionPlace program;
};

struct UnwindEntries {
  std::vector<UnwindCommon> commons;
  std::vector<UnwindFunction> functions;  // by start
};

// `address`: the virtual address the section is loaded at. Never fails: entries of a form that
// compilers for x86-64 do not emit are left out.
// REQUIRES: the section is smaller than 4 GiB.
UnwindEntries read_unwind_entries(std::span<const std::byte> section, std::uint64_t address);

}  // namespace ft::attribution
