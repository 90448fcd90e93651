#include "attribution/live/elf_names.h"

#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include "base/fd.h"
#include "base/units.h"

namespace ft::attribution {

namespace {

constexpr std::size_t kMaxSymbols = 4U << 20U;

struct ElfCloser {
  void operator()(Elf* elf) const { ::elf_end(elf); }
};
using ElfHandle = std::unique_ptr<Elf, ElfCloser>;

std::string elf_error() {
  const char* message = ::elf_errmsg(-1);
  return message == nullptr ? "unknown error" : message;
}

bool matches(std::string_view name, std::string_view wanted) {
  if (!wanted.ends_with('*')) return name == wanted;
  return name.starts_with(wanted.substr(0, wanted.size() - 1));
}

void read_table(Elf* elf, Elf_Scn* section, const GElf_Shdr& header,
                std::span<const std::string_view> wanted, ElfVariables& variables) {
  Elf_Scn* string_section = ::elf_getscn(elf, header.sh_link);
  Elf_Data* strings = string_section == nullptr ? nullptr : ::elf_getdata(string_section, nullptr);
  Elf_Data* data = ::elf_getdata(section, nullptr);
  if (data == nullptr || strings == nullptr || strings->d_buf == nullptr) return;
  const std::string_view names(static_cast<const char*>(strings->d_buf), strings->d_size);
  const std::size_t count = std::min(data->d_size / sizeof(Elf64_Sym), kMaxSymbols);
  for (std::size_t i = 0; i < count; ++i) {
    GElf_Sym symbol;
    if (::gelf_getsym(data, static_cast<int>(i), &symbol) == nullptr) break;
    if (GELF_ST_TYPE(symbol.st_info) != STT_OBJECT || symbol.st_shndx == SHN_UNDEF) continue;
    if (symbol.st_name >= names.size()) continue;
    const std::string_view rest = names.substr(symbol.st_name);
    const std::string_view name = rest.substr(0, rest.find('\0'));
    const bool asked = std::ranges::any_of(
        wanted, [&](std::string_view pattern) { return matches(name, pattern); });
    if (asked) variables.addresses.try_emplace(std::string(name), symbol.st_value);
  }
}

}  // namespace

Result<ElfVariables> find_elf_variables(const std::string& path,
                                        std::span<const std::string_view> wanted) {
  if (::elf_version(EV_CURRENT) == EV_NONE) return fail(path, "libelf: " + elf_error());
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) return fail_errno(path, errno);
  const ElfHandle elf(::elf_begin(file.get(), ELF_C_READ, nullptr));
  if (!elf) return fail(path, elf_error());
  if (::elf_kind(elf.get()) != ELF_K_ELF || ::gelf_getclass(elf.get()) != ELFCLASS64) {
    return fail(path, "not a 64-bit ELF file");
  }
  ElfVariables variables;
  std::size_t segment_count = 0;
  if (::elf_getphdrnum(elf.get(), &segment_count) != 0) segment_count = 0;
  std::optional<std::uint64_t> first;
  for (std::size_t i = 0; i < segment_count; ++i) {
    GElf_Phdr segment;
    if (::gelf_getphdr(elf.get(), static_cast<int>(i), &segment) == nullptr) break;
    if (segment.p_type != PT_LOAD) continue;
    first = std::min(first.value_or(segment.p_vaddr), segment.p_vaddr);
  }
  variables.first_address = page_floor(first.value_or(0));
  for (Elf_Scn* section = ::elf_nextscn(elf.get(), nullptr); section != nullptr;
       section = ::elf_nextscn(elf.get(), section)) {
    GElf_Shdr header;
    if (::gelf_getshdr(section, &header) == nullptr) continue;
    if (header.sh_type != SHT_SYMTAB && header.sh_type != SHT_DYNSYM) continue;
    read_table(elf.get(), section, header, wanted, variables);
  }
  return variables;
}

}  // namespace ft::attribution
