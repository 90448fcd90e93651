// UnwindTable is what the .eh_frame section of one ELF file says about its code: for an address,
// where the caller's registers are (Linux Standard Base, "Exception Frames"; DWARF 5, section 6.4).
// Written for what compilers emit on x86-64; entries of any other form are passed over, as code
// without a table.
//
// Own code rather than libdw's dwarf_cfi_addrframe(), because the files are the target's and may be
// hostile: there one table entry can ask for gigabytes of register columns and saved states. Here
// memory is bounded by the section's size, and reading only ever touches that section.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "attribution/unwind_entries.h"
#include "attribution/unwind_state.h"
#include "base/result.h"

namespace ft::attribution {

// How to get the caller's value of one register.
struct UnwindRule {
  enum class Kind : std::uint8_t {
    Undefined,     // cannot be had; for the return address: this is the outermost frame
    Same,          // not changed by this function
    AtCfa,         // in memory at CFA + offset
    CfaPlus,       // is CFA + offset
    InRegister,    // in register number `offset`
    AtExpression,  // in memory at the expression's value
    Expression,    // is the expression's value
  };
  Kind kind = Kind::Undefined;
  std::int64_t offset = 0;
  SectionPlace expression;
};

// All rules that hold at one address. The CFA (canonical frame address) is the caller's stack
// pointer: a register plus an offset, or an expression.
struct UnwindRow {
  bool cfa_by_expression = false;
  unsigned cfa_register = 0;
  std::int64_t cfa_offset = 0;
  SectionPlace cfa_expression;
  std::array<UnwindRule, kRegisterCount> rules{};
  bool signal_frame = false;  // the caller was interrupted here, it did not call
};

class UnwindTable {
 public:
  static constexpr std::size_t kMaxSectionBytes = std::size_t{64} << 20U;

  // Fails where the file cannot be read, is no x86-64 ELF file, or its section is larger than
  // kMaxSectionBytes. A file without .eh_frame is one that knows nothing.
  static Result<UnwindTable> load(const std::string& path);

  // Of the bytes of a section that is loaded at `address` (of the file, not of the process).
  static UnwindTable parse(std::vector<std::byte> section, std::uint64_t address);

  // The rules at that virtual address of the file. nullptr: the table says nothing. Valid until the
  // next call.
  const UnwindRow* find(std::uint64_t virtual_address);

  std::span<const std::byte> bytes(SectionPlace place) const {
    return std::span(section_).subspan(place.begin, place.size);
  }

  // The virtual address of a byte of the file that is loaded.
  std::optional<std::uint64_t> virtual_address(std::uint64_t file_offset) const;

  // By start.
  std::span<const UnwindFunction> functions() const { return entries_.functions; }
  std::size_t section_bytes() const { return section_.size(); }

 private:
  struct Segment {
    std::uint64_t offset;
    std::uint64_t file_size;
    std::uint64_t address;
  };

  UnwindTable() = default;
  std::optional<UnwindRow> row_at(const UnwindFunction& function, std::uint64_t address) const;

  std::vector<std::byte> section_;
  UnwindEntries entries_;
  std::vector<Segment> segments_;
  std::unordered_map<std::uint64_t, std::optional<UnwindRow>> rows_;  // found before
};

}  // namespace ft::attribution
