#include "attribution/unwind_table.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gelf.h>
#include <libelf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "attribution/unwind_program.h"
#include "base/fd.h"

namespace ft::attribution {

namespace {

constexpr std::size_t kMaxKeptRows = 65536;

struct ElfCloser {
  void operator()(Elf* elf) const { ::elf_end(elf); }
};
using ElfHandle = std::unique_ptr<Elf, ElfCloser>;

std::string elf_error() {
  const char* message = ::elf_errmsg(-1);
  return message == nullptr ? "unknown error" : message;
}

bool is_x86_64(Elf* elf) {
  GElf_Ehdr header;
  return ::elf_kind(elf) == ELF_K_ELF && ::gelf_getehdr(elf, &header) != nullptr &&
         header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_ident[EI_DATA] == ELFDATA2LSB &&
         header.e_machine == EM_X86_64;
}

Elf_Scn* find_eh_frame(Elf* elf, GElf_Shdr& header) {
  std::size_t names = 0;
  if (::elf_getshdrstrndx(elf, &names) != 0) return nullptr;
  for (Elf_Scn* section = ::elf_nextscn(elf, nullptr); section != nullptr;
       section = ::elf_nextscn(elf, section)) {
    if (::gelf_getshdr(section, &header) == nullptr || header.sh_type == SHT_NOBITS) continue;
    const char* name = ::elf_strptr(elf, names, header.sh_name);
    if (name != nullptr && std::strcmp(name, ".eh_frame") == 0) return section;
  }
  return nullptr;
}

}  // namespace

UnwindTable UnwindTable::parse(std::vector<std::byte> section, std::uint64_t address) {
  UnwindTable table;
  table.section_ = std::move(section);
  if (table.section_.size() > kMaxSectionBytes) table.section_.resize(kMaxSectionBytes);
  table.entries_ = read_unwind_entries(table.section_, address);
  return table;
}

Result<UnwindTable> UnwindTable::load(const std::string& path) {
  if (::elf_version(EV_CURRENT) == EV_NONE) return fail(path, "libelf: " + elf_error());
  // O_NONBLOCK: a path of a recording may name a FIFO now.
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) return fail_errno(path, errno);
  // Read, not mapped: a file that shrinks meanwhile must not kill us.
  const ElfHandle elf(::elf_begin(file.get(), ELF_C_READ, nullptr));
  if (!elf) return fail(path, elf_error());
  if (!is_x86_64(elf.get())) return fail(path, "not an ELF file of x86-64");

  UnwindTable table;
  GElf_Shdr header{};
  if (Elf_Scn* section = find_eh_frame(elf.get(), header); section != nullptr) {
    if (header.sh_size > kMaxSectionBytes) {
      return fail(path, fmt::format(".eh_frame has {} bytes, more than any compiler wrote",
                                    header.sh_size));
    }
    const Elf_Data* data = ::elf_rawdata(section, nullptr);
    if (data == nullptr) return fail(path, ".eh_frame cannot be read: " + elf_error());
    const auto* bytes = static_cast<const std::byte*>(data->d_buf);
    if (bytes != nullptr) table = parse({bytes, bytes + data->d_size}, header.sh_addr);
  }

  std::size_t segment_count = 0;
  if (::elf_getphdrnum(elf.get(), &segment_count) != 0) segment_count = 0;
  for (std::size_t i = 0; i < segment_count; ++i) {
    GElf_Phdr segment;
    if (::gelf_getphdr(elf.get(), static_cast<int>(i), &segment) == nullptr) break;
    if (segment.p_type != PT_LOAD) continue;
    table.segments_.push_back({segment.p_offset, segment.p_filesz, segment.p_vaddr});
  }
  return table;
}

const UnwindRow* UnwindTable::find(std::uint64_t virtual_address) {
  if (rows_.size() >= kMaxKeptRows) rows_.clear();
  const auto [it, added] = rows_.try_emplace(virtual_address);
  if (added) {
    const auto after =
        std::ranges::upper_bound(entries_.functions, virtual_address, {}, &UnwindFunction::start);
    if (after != entries_.functions.begin() && virtual_address < after[-1].end) {
      it->second = row_at(after[-1], virtual_address);
    }
  }
  return it->second ? &*it->second : nullptr;
}

std::optional<UnwindRow> UnwindTable::row_at(const UnwindFunction& function,
                                             std::uint64_t address) const {
  const UnwindCommon& common = entries_.commons[function.common];
  UnwindProgram program(section_, {common.code_alignment, common.data_alignment});
  if (!program.run_common(common.program)) return std::nullopt;
  if (!program.run_function(function.program, function.start, address)) return std::nullopt;
  UnwindRow row = program.row();
  row.signal_frame = common.signal_frame;
  return row;
}

std::optional<std::uint64_t> UnwindTable::virtual_address(std::uint64_t file_offset) const {
  for (const Segment& segment : segments_) {
    if (file_offset < segment.offset || file_offset - segment.offset >= segment.file_size) continue;
    return file_offset - segment.offset + segment.address;
  }
  return std::nullopt;
}

}  // namespace ft::attribution
