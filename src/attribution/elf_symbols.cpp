#include "attribution/elf_symbols.h"

#include <cxxabi.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/fd.h"

namespace ft::attribution {

namespace {

constexpr std::size_t kMaxSymbols = 16U << 20U;
constexpr std::size_t kLongestMangled = 16384;

struct ElfCloser {
  void operator()(Elf* elf) const { ::elf_end(elf); }
};
using ElfHandle = std::unique_ptr<Elf, ElfCloser>;

struct SymbolSection {
  Elf_Scn* section = nullptr;
  GElf_Shdr header{};
};

std::string elf_error() {
  const char* message = ::elf_errmsg(-1);
  return message == nullptr ? "unknown error" : message;
}

SymbolSection find_symbols(Elf* elf) {
  SymbolSection dynamic;
  for (Elf_Scn* section = ::elf_nextscn(elf, nullptr); section != nullptr;
       section = ::elf_nextscn(elf, section)) {
    GElf_Shdr header;
    if (::gelf_getshdr(section, &header) == nullptr) continue;
    if (header.sh_type == SHT_SYMTAB) return {section, header};
    if (header.sh_type == SHT_DYNSYM) dynamic = {section, header};
  }
  return dynamic;
}

bool names_code(const GElf_Sym& symbol) {
  const unsigned type = GELF_ST_TYPE(symbol.st_info);
  if (symbol.st_shndx == SHN_UNDEF || symbol.st_value == 0) return false;
  return type == STT_FUNC || type == STT_GNU_IFUNC || (type == STT_NOTYPE && symbol.st_size != 0);
}

// Of aliases show the one that is written in the source: sized before unsized, global before weak
// before local.
std::uint8_t rank_of(const GElf_Sym& symbol) {
  const unsigned bind = GELF_ST_BIND(symbol.st_info);
  const unsigned by_bind = bind == STB_GLOBAL ? 0 : bind == STB_WEAK ? 1 : 2;
  return static_cast<std::uint8_t>(by_bind + (symbol.st_size == 0 ? 4 : 0));
}

}  // namespace

Result<ElfSymbols> ElfSymbols::load(const std::string& path) {
  if (::elf_version(EV_CURRENT) == EV_NONE) return fail(path, "libelf: " + elf_error());
  // O_NONBLOCK: a path of a recording may name a FIFO now.
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) return fail_errno(path, errno);
  // Read, not mapped: a file that shrinks meanwhile must not kill us.
  ElfHandle elf(::elf_begin(file.get(), ELF_C_READ, nullptr));
  if (!elf) return fail(path, elf_error());
  if (::elf_kind(elf.get()) != ELF_K_ELF || ::gelf_getclass(elf.get()) != ELFCLASS64) {
    return fail(path, "not a 64-bit ELF file");
  }

  ElfSymbols symbols;
  std::size_t segment_count = 0;
  if (::elf_getphdrnum(elf.get(), &segment_count) != 0) segment_count = 0;
  for (std::size_t i = 0; i < segment_count; ++i) {
    GElf_Phdr segment;
    if (::gelf_getphdr(elf.get(), static_cast<int>(i), &segment) == nullptr) break;
    if (segment.p_type != PT_LOAD) continue;
    symbols.segments_.push_back({segment.p_offset, segment.p_filesz, segment.p_vaddr});
  }

  const SymbolSection table = find_symbols(elf.get());
  if (table.section == nullptr) return symbols;
  Elf_Scn* string_section = ::elf_getscn(elf.get(), table.header.sh_link);
  Elf_Data* strings = string_section == nullptr ? nullptr : ::elf_getdata(string_section, nullptr);
  Elf_Data* data = ::elf_getdata(table.section, nullptr);
  if (data == nullptr || strings == nullptr || strings->d_buf == nullptr || strings->d_size == 0) {
    return fail(path, "the symbol table cannot be read: " + elf_error());
  }
  symbols.names_ = {static_cast<const char*>(strings->d_buf), strings->d_size};

  const std::size_t count = std::min(data->d_size / sizeof(Elf64_Sym), kMaxSymbols);
  symbols.entries_.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    GElf_Sym symbol;
    if (::gelf_getsym(data, static_cast<int>(i), &symbol) == nullptr) break;
    if (!names_code(symbol) || symbol.st_name >= strings->d_size) continue;
    symbols.entries_.push_back({symbol.st_value, symbol.st_size, symbol.st_name, rank_of(symbol)});
  }
  // Everything wanted is in memory; the handle keeps it, and the file can be closed.
  ::elf_cntl(elf.get(), ELF_C_FDDONE);
  symbols.elf_ = std::move(elf);
  std::ranges::sort(symbols.entries_, [](const Entry& a, const Entry& b) {
    return a.start != b.start ? a.start < b.start : a.rank < b.rank;
  });
  return symbols;
}

std::optional<ElfSymbols::Symbol> ElfSymbols::find(std::uint64_t virtual_address) const {
  auto after = std::ranges::upper_bound(entries_, virtual_address, {}, &Entry::start);
  if (after == entries_.begin()) return std::nullopt;
  const std::uint64_t start = after[-1].start;
  const auto entry = std::ranges::lower_bound(entries_, start, {}, &Entry::start);
  if (entry->size != 0 && virtual_address - entry->start > entry->size) return std::nullopt;
  const std::string_view name = names_.substr(entry->name);
  return Symbol{name.substr(0, name.find('\0')), entry->start, entry->size};
}

std::optional<std::uint64_t> ElfSymbols::virtual_address(std::uint64_t file_offset) const {
  for (const Segment& segment : segments_) {
    if (file_offset < segment.offset || file_offset - segment.offset >= segment.file_size) continue;
    return file_offset - segment.offset + segment.address;
  }
  return std::nullopt;
}

std::string demangle(std::string_view name) {
  if (!name.starts_with("_Z") || name.size() > kLongestMangled) return std::string(name);
  const std::string mangled(name);
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, &status), std::free);
  return status == 0 && text ? std::string(text.get()) : mangled;
}

}  // namespace ft::attribution
