#include "attribution/live/live_owners.h"

#include <elf.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "attribution/classify.h"
#include "attribution/live/claims.h"
#include "attribution/live/elf_names.h"
#include "attribution/live/jvm_answer.h"
#include "attribution/live/malloc_use.h"
#include "base/text.h"
#include "host/target_memory.h"
#include "jvm/hotspot_memory.h"
#include "jvm/installation.h"
#include "jvm/vm_structs.h"

namespace ft::attribution {

namespace {

using host::Vma;
using jvm::Subsystem;

// malloc takes requests from here on straight from mmap (M_MMAP_THRESHOLD at its smallest); what is
// smaller, anonymous and not malloc's belongs to the loader and to stdio.
constexpr std::uint64_t kMallocThreshold = 128 * kKiB;

constexpr std::array<std::string_view, 5> kWantedNames = {
    "gHotSpotVM*", "_ZN9metaspace16MetaspaceContext*", "_ZN18SafepointMechanism13_polling_pageE",
    "g_assert_poison", "_ZN11PerfMemory*"};

bool same_areas(std::span<const Vma> a, std::span<const Vma> b) {
  return std::ranges::equal(a, b, [](const Vma& x, const Vma& y) {
    return x.range == y.range && x.inode == y.inode && x.readable == y.readable &&
           x.writable == y.writable && x.executable == y.executable && x.shared == y.shared &&
           x.offset == y.offset && x.name == y.name;
  });
}

}  // namespace

struct LiveOwners::State {
  State(pid_t process, host::HostFiles host_files, TargetReading allowed)
      : pid(process), files(std::move(host_files)), reading(allowed) {}

  void assign(std::span<const Vma> now) {
    if (!areas.empty() && same_areas(areas, now)) return;
    areas.assign(now.begin(), now.end());
    notes.clear();
    pieces.clear();
    open_memory();
    find_jvm();
    Claims claims;
    make_claims(claims);
    give_owners(claims);
  }

  OwnerId id_of(const Owner& owner) {
    const auto key = std::tuple(owner.subsystem, owner.evidence, owner.detail);
    const auto [it, added] = ids.try_emplace(key, static_cast<OwnerId>(owners.size()));
    if (added) owners.push_back(owner);
    return it->second;
  }

  void open_memory() {
    if (reading == TargetReading::Never) return;
    if (!memory && !refused) {
      auto opened = host::TargetMemory::open(pid);
      if (opened)
        memory = std::make_unique<host::TargetMemory>(std::move(*opened));
      else
        refused = opened.error();
    }
    if (refused) {
      notes.push_back(
          fmt::format("the process's own data may not be read ({}): its memory is told apart by "
                      "names and shapes",
                      refused->message()));
    }
    if (memory) memory->set_areas(areas);
  }

  bool read(std::uint64_t address, std::span<std::byte> into) {
    return memory && memory->read(address, into);
  }

  void find_jvm() {
    const auto lib = std::ranges::find_if(areas, [](const Vma& area) {
      return area.is_file() && area.offset == 0 && jvm::is_libjvm(area.path());
    });
    in_jvm = lib != areas.end();
    hotspot = {};
    if (!in_jvm || !memory) return;
    const jvm::ReadMemory reader = [this](std::uint64_t address, std::span<std::byte> into) {
      return read(address, into);
    };
    if (!structs || libjvm_at != lib->range.start) {
      libjvm_at = lib->range.start;
      structs.reset();
      read_structs(*lib, reader);
    }
    if (!structs) return;
    hotspot = jvm::read_hotspot_memory(*structs, symbol_finder(), reader);
    if (!hotspot.complete) {
      notes.emplace_back(
          "part of the JVM's own data could not be read: it is starting or ending, or part of it "
          "is "
          "in swap");
    }
  }

  // The file as the target sees it: below its own root, and the very file it mapped. Of a process
  // that changed its root (chroot) the kernel gives paths from the root before.
  std::string library_path(const Vma& lib) const {
    const std::string link = fmt::format("/proc/{}/root", pid);
    std::array<char, PATH_MAX> root{};
    const ssize_t length = ::readlink(link.c_str(), root.data(), root.size());
    const std::string_view prefix(root.data(), length > 1 ? static_cast<std::size_t>(length) : 0);
    std::string_view path = lib.path();
    if (path.starts_with(prefix)) path.remove_prefix(prefix.size());
    struct stat status{};
    for (const std::string_view candidate : {path, std::string_view(lib.path())}) {
      std::string below_root = fmt::format("{}{}", link, candidate);
      if (::stat(below_root.c_str(), &status) == 0 && status.st_ino == lib.inode) return below_root;
    }
    // Replaced or deleted since: root may still open what is mapped.
    return fmt::format("/proc/{}/map_files/{:x}-{:x}", pid, lib.range.start, lib.range.end);
  }

  void read_structs(const Vma& lib, const jvm::ReadMemory& reader) {
    auto found = find_elf_variables(library_path(lib), kWantedNames);
    if (!found) {
      notes.push_back("libjvm.so's symbols: " + found.error().message());
      return;
    }
    variables = std::move(*found);
    auto read_tables = jvm::VmStructs::read(symbol_finder(), reader);
    if (!read_tables) {
      notes.push_back(read_tables.error().message());
      return;
    }
    structs = std::move(*read_tables);
  }

  jvm::FindSymbol symbol_finder() const {
    return [this](std::string_view name) -> std::optional<std::uint64_t> {
      const auto found = variables.addresses.find(std::string(name));
      if (found == variables.addresses.end()) return std::nullopt;
      return libjvm_at + found->second - variables.first_address;
    };
  }

  ThreadNames thread_names() const {
    ThreadNames names;
    const std::string folder = fmt::format("/proc/{}/task", pid);
    for (const std::string& entry : files.names_in(folder)) {
      const auto tid = parse_integer<event::Tid>(entry);
      if (!tid) continue;
      names[*tid] = files.text(fmt::format("{}/{}/comm", folder, entry)).value_or("");
    }
    return names;
  }

  std::optional<CHeapUse> c_heap_use() {
    const auto use = read_malloc_use(
        arenas,
        [this](std::uint64_t address, std::span<std::byte> into) { return read(address, into); });
    if (!use) return std::nullopt;
    CHeapUse whole{.used = use->from_system - use->free, .arenas = use->arenas};
    for (const OwnedPiece& piece : pieces) {
      const Owner& owner = owners[piece.owner];
      if (owner.subsystem == Subsystem::CHeap && owner.detail == kLargeBlock) {
        whole.used += piece.range.size();
      }
    }
    return whole;
  }

  void make_claims(Claims& claims) {
    const jvm::ReadMemory reader = [this](std::uint64_t address, std::span<std::byte> into) {
      return read(address, into);
    };
    claim_hotspot(hotspot, claims);
    if (memory) {
      claim_libraries(claims);
      claim_stacks(areas, hotspot, in_jvm, thread_names(), reader, claims);
      arenas = claim_malloc(areas, reader, claims);
    }
    if (in_jvm && hotspot.ranges.empty()) claim_by_shape(areas, claims);
    if (answer) claim_answer(*answer, claims);
  }

  // The part of a library's data that has no bytes in its file (.bss) is anonymous memory right
  // behind it: its program headers say how much.
  void claim_libraries(Claims& claims) {
    for (std::size_t i = 0; i < areas.size(); ++i) {
      if (!areas[i].is_file() || areas[i].offset != 0) continue;
      const std::uint64_t base = areas[i].range.start;
      const auto header = value<Elf64_Ehdr>(base);
      if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) continue;
      if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum > 64) continue;
      std::optional<std::uint64_t> first;
      for (unsigned n = 0; n < header->e_phnum; ++n) {
        const auto segment = value<Elf64_Phdr>(base + header->e_phoff + n * sizeof(Elf64_Phdr));
        if (!segment || segment->p_type != PT_LOAD) continue;
        if (!first) first = page_floor(segment->p_vaddr);
        if (segment->p_memsz <= segment->p_filesz || segment->p_memsz > kGiB) continue;
        const std::uint64_t start = base - *first + segment->p_vaddr;
        const AddressRange bss{page_ceil(start + segment->p_filesz),
                               page_ceil(start + segment->p_memsz)};
        if (!bss.empty() && bss.end > bss.start) {
          claims.assign(bss, {{Subsystem::Libraries, Evidence::File,
                               std::string(base_name(areas[i].path())) + " .bss"},
                              false});
        }
      }
    }
  }

  template <typename Value>
  std::optional<Value> value(std::uint64_t address) {
    Value result{};
    if (!read(address, std::as_writable_bytes(std::span(&result, 1)))) return std::nullopt;
    return result;
  }

  // --- area by area -----------------------------------------------------------------------------

  void give_owners(const Claims& claims) {
    std::set<std::string_view> programs;
    for (const Vma& area : areas) {
      if (area.executable && area.is_file()) programs.insert(area.name);
    }
    for (std::size_t i = 0; i < areas.size(); ++i) {
      const Vma& area = areas[i];
      const Owner named = owner_by_name(area, programs.contains(area.name));
      const bool anonymous = is_anonymous(area);
      std::uint64_t at = area.range.start;
      claims.for_each_in(area.range, [&](AddressRange piece, const Claim& claim) {
        if (!anonymous && !claim.owns_files) return;
        if (piece.start > at) add(i, {at, piece.start}, anonymous ? leftover(i) : named);
        add(i, piece, anonymous ? claim.owner : owner_of_claimed_file(area, claim));
        at = piece.end;
      });
      if (at < area.range.end) add(i, {at, area.range.end}, anonymous ? leftover(i) : named);
    }
  }

  static Owner owner_of_claimed_file(const Vma& area, const Claim& claim) {
    const bool archive = area.path().ends_with(".jsa") || area.path().ends_with(".aot");
    if (archive && claim.owner.subsystem == Subsystem::JavaHeap) {
      return {Subsystem::JavaHeap, claim.owner.evidence, "CDS objects"};
    }
    return claim.owner;
  }

  static Owner owner_by_name(const Vma& area, bool program) {
    const std::string& name = area.name;
    if (name == "[heap]") return {Subsystem::CHeap, Evidence::ProcName, "brk"};
    if (name == "[stack]") return {Subsystem::MainStack, Evidence::ProcName, ""};
    if (name == "[vdso]" || name.starts_with("[vvar") || name == "[vsyscall]" ||
        name == "[uprobes]") {
      return {Subsystem::Kernel, Evidence::ProcName, name.substr(1, name.size() - 2)};
    }
    if (name.starts_with("[anon: glibc: malloc")) {
      return {Subsystem::CHeap, Evidence::ProcName, "malloc"};
    }
    if (name.starts_with("/SYSV")) {
      return {Subsystem::OtherFiles, Evidence::File, "System V shared memory"};
    }
    if (area.is_file()) return owner_of_file(name, program);
    return {};
  }

  // Anonymous memory that nobody claims.
  Owner leftover(std::size_t index) const {
    const Vma& area = areas[index];
    if (area.name.starts_with("[anon: glibc: malloc")) {
      return {Subsystem::CHeap, Evidence::ProcName, "malloc"};
    }
    const bool accessible = area.readable || area.writable || area.executable;
    if (in_jvm && area.executable && area.writable) {
      return {Subsystem::CodeCache, Evidence::Elimination, ""};
    }
    // Below any address the kernel gives by itself: Shenandoah asks for the lowest it can get, so
    // that a table of its regions can be found by shifting an address.
    if (in_jvm && area.range.end <= kMiB) {
      return {Subsystem::GcOther, Evidence::Size, "collection set"};
    }
    if (accessible && area.range.size() < kMallocThreshold && !reserved_around(index)) {
      return {Subsystem::Libraries, Evidence::Size, "loader"};
    }
    if (!in_jvm) return {};
    // All that the JVM mapped is in its account.
    if (answer && answer->nmt && !answer->nmt->regions.empty()) return {};
    // HotSpot reserves with mmap and commits inside; malloc's own memory is known by its headers,
    // or, where those may not be read, by standing alone.
    if (!memory && accessible && !reserved_around(index)) {
      // A block of malloc's has a header, and so never an even size; large even sizes are aligned.
      const bool even = area.range.start % kMiB == 0 || area.range.size() % kMiB == 0;
      return {even ? Subsystem::GcOther : Subsystem::CHeap, Evidence::Size, ""};
    }
    return {Subsystem::GcOther, Evidence::Elimination, ""};
  }

  // A neighbour without rights: the rest of a reservation.
  bool reserved_around(std::size_t index) const {
    const auto none = [&](std::size_t other) {
      const Vma& area = areas[other];
      return is_anonymous(area) && !area.readable && !area.writable && !area.executable;
    };
    const Vma& area = areas[index];
    const bool above = index + 1 < areas.size() && none(index + 1) &&
                       areas[index + 1].range.start == area.range.end;
    return above ||
           (index > 0 && none(index - 1) && areas[index - 1].range.end == area.range.start);
  }

  void add(std::size_t area, AddressRange range, const Owner& owner) {
    const OwnerId id = id_of(owner);
    if (!pieces.empty() && pieces.back().area == area && pieces.back().owner == id &&
        pieces.back().range.end == range.start) {
      pieces.back().range.end = range.end;
      return;
    }
    pieces.push_back({range, static_cast<std::uint32_t>(area), id});
  }

  pid_t pid;
  host::HostFiles files;
  TargetReading reading;
  std::unique_ptr<host::TargetMemory> memory;
  std::optional<Error> refused;

  std::vector<Vma> areas;
  std::vector<OwnedPiece> pieces;
  std::vector<Owner> owners = {Owner{}};
  std::map<std::tuple<Subsystem, Evidence, std::string>, OwnerId> ids = {
      {{Subsystem::Unknown, Evidence::None, ""}, 0}};
  std::vector<std::string> notes;

  std::set<std::uint64_t> arenas;  // of malloc
  bool in_jvm = false;
  std::uint64_t libjvm_at = 0;
  ElfVariables variables;
  std::optional<jvm::VmStructs> structs;
  jvm::HotSpotMemory hotspot;
  const JvmAnswer* answer = nullptr;
};

LiveOwners::LiveOwners(std::unique_ptr<State> state) : state_(std::move(state)) {}
LiveOwners::LiveOwners(LiveOwners&&) noexcept = default;
LiveOwners& LiveOwners::operator=(LiveOwners&&) noexcept = default;
LiveOwners::~LiveOwners() = default;

LiveOwners LiveOwners::make(pid_t pid, host::HostFiles files, TargetReading reading) {
  return LiveOwners(std::make_unique<State>(pid, std::move(files), reading));
}

void LiveOwners::assign(std::span<const Vma> areas) {
  state_->assign(areas);
}

void LiveOwners::set_answer(const JvmAnswer& answer) {
  state_->answer = &answer;
  state_->areas.clear();
}

std::span<const OwnedPiece> LiveOwners::pieces() const {
  return state_->pieces;
}
std::span<const Owner> LiveOwners::owners() const {
  return state_->owners;
}
bool LiveOwners::is_jvm() const {
  return state_->in_jvm;
}

const jvm::HotSpotMemory& LiveOwners::hotspot() const {
  return state_->hotspot;
}

std::string LiveOwners::jvm() const {
  if (!state_->in_jvm) return {};
  std::string text = "HotSpot";
  if (!state_->hotspot.version.empty()) text += " " + state_->hotspot.version;
  if (!state_->hotspot.collector.empty()) text += ", " + state_->hotspot.collector;
  return text;
}

std::optional<LiveOwners::CHeapUse> LiveOwners::c_heap_use() {
  return state_->c_heap_use();
}

std::vector<std::string> LiveOwners::notes() const {
  return state_->notes;
}
std::uint64_t LiveOwners::bytes_read() const {
  return state_->memory ? state_->memory->bytes_read() : 0;
}

}  // namespace ft::attribution
