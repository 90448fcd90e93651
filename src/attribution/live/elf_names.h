// Addresses of variables by name in an ELF file: what a debugger would look up to read them in a
// running process. The file may be anything: what is damaged gives an Error or no address.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"

namespace ft::attribution {

struct ElfVariables {
  // By name, virtual addresses of the file, of .symtab and .dynsym; only data, only what was asked
  // for.
  std::unordered_map<std::string, std::uint64_t> addresses;
  std::uint64_t first_address = 0;  // where the file's first loaded segment begins, page-aligned
};

// `wanted` says which names to keep; a name that ends in '*' stands for all that begin so.
Result<ElfVariables> find_elf_variables(const std::string& path,
                                        std::span<const std::string_view> wanted);

}  // namespace ft::attribution
