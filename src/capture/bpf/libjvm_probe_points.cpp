#include "capture/bpf/libjvm_probe_points.h"

#include <elf.h>
#include <fcntl.h>
#include <gelf.h>

#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

#include "base/fd.h"
#include "base/text.h"

namespace ft::capture::bpf {

namespace {

struct ElfDeleter {
  void operator()(Elf* elf) const { elf_end(elf); }
};
using ElfHandle = std::unique_ptr<Elf, ElfDeleter>;

constexpr std::string_view kAuxMapperSymbol =
    "_ZN15G1CollectedHeap24create_aux_memory_mapperEPKcmm";

std::optional<std::uint64_t> file_offset_of(Elf* elf, std::uint64_t address) {
  std::size_t count = 0;
  if (elf_getphdrnum(elf, &count) != 0) return std::nullopt;
  for (std::size_t i = 0; i < count; ++i) {
    GElf_Phdr segment;
    if (!gelf_getphdr(elf, static_cast<int>(i), &segment) || segment.p_type != PT_LOAD) continue;
    if (address >= segment.p_vaddr && address - segment.p_vaddr < segment.p_filesz) {
      return address - segment.p_vaddr + segment.p_offset;
    }
  }
  return std::nullopt;
}

struct Section {
  GElf_Shdr header;
  Elf_Scn* handle;
};

std::optional<Section> find_section(Elf* elf, std::string_view wanted) {
  std::size_t names = 0;
  if (elf_getshdrstrndx(elf, &names) != 0) return std::nullopt;
  for (Elf_Scn* handle = elf_nextscn(elf, nullptr); handle; handle = elf_nextscn(elf, handle)) {
    GElf_Shdr header;
    if (!gelf_getshdr(handle, &header)) continue;
    const char* name = elf_strptr(elf, names, header.sh_name);
    if (name && name == wanted) return Section{header, handle};
  }
  return std::nullopt;
}

std::optional<Probes::JvmMark> mark_named(std::string_view provider, std::string_view probe) {
  if (provider != "hotspot") return std::nullopt;
  if (probe == "vm__init__begin") return Probes::JvmMark::VmInitBegin;
  if (probe == "vm__init__end") return Probes::JvmMark::VmInitEnd;
  if (probe == "gc__begin") return Probes::JvmMark::GcBegin;
  if (probe == "vm__shutdown") return Probes::JvmMark::VmShutdown;
  return std::nullopt;
}

// One note: pc, link-time address of .stapsdt.base, semaphore, then provider, name and arguments as
// strings (systemtap's sys/sdt.h). The difference of the base now and then corrects the pc.
void read_usdt_notes(Elf* elf, std::vector<ProbePoint>& points) {
  const auto notes = find_section(elf, ".note.stapsdt");
  const auto base = find_section(elf, ".stapsdt.base");
  if (!notes) return;
  Elf_Data* data = elf_getdata(notes->handle, nullptr);
  if (!data) return;
  GElf_Nhdr note;
  std::size_t name_at = 0;
  std::size_t description_at = 0;
  for (std::size_t at = 0; (at = gelf_getnote(data, at, &note, &name_at, &description_at)) > 0;) {
    constexpr std::size_t kAddresses = 3 * sizeof(std::uint64_t);
    if (note.n_type != 3 || note.n_descsz < kAddresses) continue;
    const char* description = static_cast<const char*>(data->d_buf) + description_at;
    std::uint64_t pc = 0;
    std::uint64_t linked_base = 0;
    std::memcpy(&pc, description, sizeof(pc));
    std::memcpy(&linked_base, description + sizeof(pc), sizeof(linked_base));
    std::string_view strings(description + kAddresses, note.n_descsz - kAddresses);
    const std::string_view provider = take_until(strings, '\0');
    const std::string_view probe = take_until(strings, '\0');
    const auto mark = mark_named(provider, probe);
    if (!mark) continue;
    if (base) pc += base->header.sh_addr - linked_base;
    if (const auto offset = file_offset_of(elf, pc)) points.push_back({*mark, *offset});
  }
}

void find_aux_mapper(Elf* elf, std::vector<ProbePoint>& points) {
  const auto symbols = find_section(elf, ".symtab");
  if (!symbols || symbols->header.sh_entsize == 0) return;
  Elf_Data* data = elf_getdata(symbols->handle, nullptr);
  if (!data) return;
  const std::size_t count = symbols->header.sh_size / symbols->header.sh_entsize;
  for (std::size_t i = 0; i < count; ++i) {
    GElf_Sym symbol;
    if (!gelf_getsym(data, static_cast<int>(i), &symbol)) return;
    if (GELF_ST_TYPE(symbol.st_info) != STT_FUNC) continue;
    const char* name = elf_strptr(elf, symbols->header.sh_link, symbol.st_name);
    if (!name || name != kAuxMapperSymbol) continue;
    if (const auto offset = file_offset_of(elf, symbol.st_value)) {
      points.push_back({Probes::JvmMark::AuxMapper, *offset});
    }
    return;
  }
}

}  // namespace

Result<std::vector<ProbePoint>> find_libjvm_probe_points(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return fail_errno(path, errno);
  elf_version(EV_CURRENT);
  const ElfHandle elf(elf_begin(fd.get(), ELF_C_READ_MMAP, nullptr));
  if (!elf || elf_kind(elf.get()) != ELF_K_ELF) return fail(path, "not an ELF file");
  std::vector<ProbePoint> points;
  read_usdt_notes(elf.get(), points);
  find_aux_mapper(elf.get(), points);
  return points;
}

}  // namespace ft::capture::bpf
