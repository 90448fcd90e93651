// ElfSymbols answers which function of an ELF file holds an address: from .symtab, or from .dynsym
// where the file was stripped. Reading 60,000 symbols takes milliseconds; names are demangled when
// asked for. The file may be anything: what is damaged gives an Error or no symbol, never a crash.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ft::attribution {

class ElfSymbols {
 public:
  struct Symbol {
    std::string_view name;  // as it stands in the file, mangled; valid as long as the ElfSymbols
    std::uint64_t start = 0;
    std::uint64_t size = 0;  // 0: not stated
  };

  // Fails where the file cannot be read or is no 64-bit ELF file. A file without symbols is one
  // that finds nothing.
  static Result<ElfSymbols> load(const std::string& path);

  // The symbol whose [start, start + size] holds the address. The guess "nearest symbol below" is
  // refused where the symbol states a size and ends before: a stripped library would otherwise name
  // functions that have nothing to do with it.
  std::optional<Symbol> find(std::uint64_t virtual_address) const;

  // The virtual address (as addr2line takes it) of a byte of the file that is loaded.
  std::optional<std::uint64_t> virtual_address(std::uint64_t file_offset) const;

  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::uint64_t start;
    std::uint64_t size;
    std::uint32_t name;  // into names_
    std::uint8_t rank;   // among symbols of one address the lowest is shown
  };
  struct Segment {
    std::uint64_t offset;
    std::uint64_t file_size;
    std::uint64_t address;
  };

  ElfSymbols() = default;

  std::vector<Entry> entries_;  // by start
  std::shared_ptr<void> elf_;   // libelf's copy of the string table lives as long as its handle
  std::string_view names_;      // the string table
  std::vector<Segment> segments_;
};

// "os::init()" of "_ZN2os4initEv"; the name itself where it is not mangled or not valid.
std::string demangle(std::string_view name);

}  // namespace ft::attribution
