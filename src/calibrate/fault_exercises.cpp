#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include "base/units.h"
#include "calibrate/area.h"
#include "calibrate/cached_file.h"
#include "calibrate/exercise.h"
#include "calibrate/neighbour.h"

namespace ft::calibrate {

namespace {

constexpr std::uint64_t kTablePages = kHugePageSize / kPageSize;  // that one page table maps
constexpr std::uint64_t kAround = CachedFile::kAround;
constexpr std::uint64_t kFileChunks = CachedFile::kMostChunks;
constexpr std::uint64_t kNewTables = 256;
constexpr std::uint64_t kSharedByFork = 1024;
constexpr std::uint64_t kMostPoolPages = 16;
constexpr std::uint64_t kLeastFolios = 24;
constexpr std::uint64_t kMostHugeFaults = 96;  // more than a processor's caches keep

using Access = void (*)(char*);

void write_access(char* at) {
  write_byte(at);
}
void read_access(char* at) {
  read_byte(at);
}

// The first page under each page table is touched beforehand, so that the tables are there.
bool is_for_table(std::uint64_t page) {
  return page % kTablePages == 0;
}

void make_tables(const Area& area, std::uint64_t pages) {
  for (std::uint64_t page = 0; page < pages; page += kTablePages) write_byte(area.page(page));
}

Exercise first_touches(Key key, Access access, std::uint64_t pages, int flags) {
  const auto area = std::make_shared<Area>();
  const std::uint64_t tables = (pages + kTablePages - 1) / kTablePages;
  return {.key = key,
          .counts = Counts::Faults,
          .operations = pages - tables,
          .prepare =
              [=] {
                *area = flags == 0 ? Area::small_pages(pages * kPageSize)
                                   : Area::map(pages * kPageSize, PROT_READ | PROT_WRITE, flags,
                                               kHugePageSize);
                if (!*area) return false;
                ::madvise(area->data(), area->bytes(), MADV_NOHUGEPAGE);
                make_tables(*area, pages);
                return true;
              },
          .run =
              [=](Pause pause) {
                for (std::uint64_t page = 0; page < pages; ++page) {
                  if (is_for_table(page)) continue;
                  pause();
                  access(area->page(page));
                }
                return true;
              },
          .clean = [=] { area->reset(); },
          .pauses = true};
}

Exercise new_tables() {
  const auto area = std::make_shared<Area>();
  return {.key = {Kind::AnonNewTable},
          .counts = Counts::Faults,
          .operations = kNewTables,
          .prepare =
              [=] {
                *area = Area::small_pages(kNewTables * kHugePageSize);
                return static_cast<bool>(*area);
              },
          .run =
              [=](Pause pause) {
                for (std::uint64_t block = 0; block < kNewTables; ++block) {
                  pause();
                  write_byte(area->data() + block * kHugePageSize);
                }
                return true;
              },
          .clean = [=] { area->reset(); },
          .pauses = true};
}

// Blocks of one folio each, in areas of their own: then the largest folio that fits is that one.
Exercise folio_writes(std::uint64_t folio_bytes, std::uint64_t blocks) {
  const auto area = std::make_shared<Area>();
  const bool huge = folio_bytes == kHugePageSize;
  const std::uint64_t stride = huge ? folio_bytes : 2 * folio_bytes;
  return {.key = {Kind::AnonWrite, static_cast<std::uint32_t>(folio_bytes / kPageSize)},
          .counts = Counts::Faults,
          .operations = blocks,
          .prepare =
              [=] {
                *area = Area::map(blocks * stride, PROT_READ | PROT_WRITE, MAP_NORESERVE,
                                  kHugePageSize);
                if (!*area) return false;
                if (huge) return ::madvise(area->data(), area->bytes(), MADV_HUGEPAGE) == 0;
                ::madvise(area->data(), area->bytes(), MADV_NOHUGEPAGE);
                for (std::uint64_t block = 0; block < blocks; ++block) {
                  char* const start = area->data() + block * stride;
                  write_byte(start + folio_bytes);  // the page table
                  if (::madvise(start, folio_bytes, MADV_HUGEPAGE) != 0) return false;
                }
                return true;
              },
          .run =
              [=](Pause /*pause*/) {
                for (std::uint64_t block = 0; block < blocks; ++block) {
                  write_byte(area->data() + block * stride);
                }
                return true;
              },
          .clean = [=] { area->reset(); },
          .touch_rest =
              [=] {
                for (std::uint64_t block = 0; block < blocks; ++block) {
                  for (std::uint64_t at = 0; at < folio_bytes; at += kPageSize) {
                    write_byte(area->data() + block * stride + at);
                  }
                }
              }};
}

// A start's files are cached in memory, but what the kernel keeps about them is not in the
// processor's caches: other memory is read until it is not here either.
void cool_caches() {
  constexpr std::uint64_t kBytes = 48 * kMiB;
  constexpr std::uint64_t kLine = 64;
  static const Area other = Area::small_pages(kBytes);
  if (!other) return;
  for (std::uint64_t at = 0; at < kBytes; at += kLine) write_byte(other.data() + at);
}

// The chunk behind the one that was read last, and the kernel's records of it, would be on its way
// into the caches: so the next is another. Odd, so that each comes once.
constexpr std::uint64_t kElsewhere = 101;

// Reads of `pages` at a time, each in an area of its own, so that a fault maps no more.
Exercise file_reads(std::uint64_t pages, const std::shared_ptr<CachedFile>& file) {
  const auto area = std::make_shared<Area>();
  const std::uint64_t stride = 2 * kAround * kPageSize;
  return {.key = {Kind::FileRead, static_cast<std::uint32_t>(pages)},
          .counts = Counts::Faults,
          .operations = kFileChunks,
          .prepare =
              [=] {
                *area = Area::small_pages(kFileChunks * stride);
                if (!*area || !file->read()) return false;
                for (std::uint64_t i = 0; i < kFileChunks; ++i) {
                  char* const at = area->data() + i * stride;
                  write_byte(at + stride - kPageSize);  // the page table
                  if (::mmap(at, pages * kPageSize, PROT_READ, MAP_PRIVATE | MAP_FIXED, file->fd(),
                             file->offset(i * kElsewhere)) == MAP_FAILED) {
                    return false;
                  }
                }
                cool_caches();
                return true;
              },
          .run =
              [=](Pause pause) {
                for (std::uint64_t i = 0; i < kFileChunks; ++i) {
                  pause();
                  read_byte(area->data() + i * stride);
                }
                return true;
              },
          .clean = [=] { area->reset(); },
          .touch_rest =
              [=] {
                for (std::uint64_t i = 0; i < kFileChunks; ++i) {
                  for (std::uint64_t page = 0; page < pages; ++page) {
                    read_byte(area->data() + i * stride + page * kPageSize);
                  }
                }
              },
          .pauses = true};
}

// First writes to a private mapping of it, in one area: areas have what they need for pages of
// their own (anon_vma) after the first.
Exercise file_writes(Kind kind, std::uint64_t most, const std::shared_ptr<CachedFile>& file) {
  const auto area = std::make_shared<Area>();
  const std::uint64_t pages = std::min(file->pages(), most);
  const std::uint64_t tables = (pages + kTablePages - 1) / kTablePages;
  return {.key = {kind},
          .counts = Counts::Faults,
          .operations = pages - tables,
          .prepare =
              [=] {
                *area = Area::small_pages(pages * kPageSize);
                if (!*area || !file->read()) return false;
                if (::mmap(area->data(), area->bytes(), PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_FIXED, file->fd(), 0) == MAP_FAILED) {
                  return false;
                }
                make_tables(*area, pages);
                for (std::uint64_t page = 0; kind == Kind::FileWriteMapped && page < pages;
                     ++page) {
                  if (!is_for_table(page)) read_byte(area->page(page));
                }
                cool_caches();
                return true;
              },
          .run =
              [=](Pause pause) {
                for (std::uint64_t page = 0; page < pages; ++page) {
                  if (is_for_table(page)) continue;
                  pause();
                  write_byte(area->page(page));
                }
                return true;
              },
          .clean = [=] { area->reset(); },
          .pauses = true};
}

// After a fork whose child is gone, a page is this process's alone again: its first write finds
// that out and copies nothing.
Exercise reuses() {
  const auto area = std::make_shared<Area>();
  return {.key = {Kind::Reuse},
          .counts = Counts::Faults,
          .operations = kSharedByFork,
          .prepare =
              [=] {
                *area = Area::small_pages(kSharedByFork * kPageSize);
                if (!*area) return false;
                for (std::uint64_t i = 0; i < kSharedByFork; ++i) write_byte(area->page(i));
                const pid_t child = ::fork();
                if (child == 0) ::_exit(0);
                if (child < 0) return false;
                int status = 0;
                while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
                }
                return true;
              },
          .run =
              [=](Pause pause) {
                for (std::uint64_t i = 0; i < kSharedByFork; ++i) {
                  pause();
                  write_byte(area->page(i));
                }
                return true;
              },
          .clean = [=] { area->reset(); },
          .pauses = true};
}

// A power of two, so that whoever asks a moment later gets the same answer.
std::uint64_t huge_blocks(const host::HostFacts& facts) {
  constexpr std::uint64_t kShare = 16;  // of the memory that is free
  const std::uint64_t room = std::bit_floor(facts.available_bytes / kShare / kHugePageSize);
  return std::clamp<std::uint64_t>(room, 1, kMostHugeFaults);
}

// Huge pages, while another CPU zeroes some too: both want the memory's bandwidth.
Exercise huge_writes_of_two(std::uint64_t blocks, int other_cpu) {
  Exercise exercise = folio_writes(kHugePageSize, blocks);
  const auto neighbour = std::make_shared<Neighbour>();
  exercise.key.kind = Kind::HugeWriteOfTwo;
  exercise.prepare = [prepare = std::move(exercise.prepare), neighbour, blocks, other_cpu] {
    if (!prepare()) return false;
    const auto own = std::make_shared<Area>(
        Area::map(blocks * kHugePageSize, PROT_READ | PROT_WRITE, MAP_NORESERVE, kHugePageSize));
    if (!*own || ::madvise(own->data(), own->bytes(), MADV_HUGEPAGE) != 0) return false;
    return neighbour->start(other_cpu, [own, blocks] {
      for (std::uint64_t block = 0; block < blocks; ++block) {
        write_byte(own->data() + block * kHugePageSize);
      }
      ::madvise(own->data(), own->bytes(), MADV_DONTNEED);
    });
  };
  exercise.run = [run = std::move(exercise.run), neighbour](Pause pause) {
    neighbour->watch();
    if (!run(pause)) return false;
    errno = EBUSY;
    return neighbour->ran_along();
  };
  exercise.clean = [clean = std::move(exercise.clean), neighbour] {
    neighbour->stop();
    clean();
  };
  return exercise;
}

Exercise pool_writes(std::uint64_t pages) {
  const auto area = std::make_shared<Area>();
  return {.key = {Kind::HugetlbWrite},
          .counts = Counts::Faults,
          .operations = pages,
          .prepare =
              [=] {
                // Reserves the pages, so that none is missing when it is touched.
                *area = Area::map(pages * kHugePageSize, PROT_READ | PROT_WRITE,
                                  MAP_HUGETLB | (21 << MAP_HUGE_SHIFT), kHugePageSize);
                return static_cast<bool>(*area);
              },
          .run =
              [=](Pause /*pause*/) {
                for (std::uint64_t i = 0; i < pages; ++i) {
                  write_byte(area->data() + i * kHugePageSize);
                }
                return true;
              },
          .clean = [=] { area->reset(); }};
}

void add_folios(const host::HostFacts& facts, std::uint64_t pages, std::optional<int> other_cpu,
                Exercises& exercises) {
  if (facts.thp.enabled.empty() || (facts.thp.enabled == "never" && facts.thp.sizes.empty())) {
    exercises.left_out.push_back(fmt::format(
        "fault_anon_2m, fault_anon_2m_of_two, munmap_huge, fault_anon_16k to fault_anon_1024k: {}",
        facts.thp.enabled.empty() ? "this kernel has no transparent huge pages"
                                  : "transparent huge pages are switched off (enabled is never)"));
    return;
  }
  std::vector<std::string> off;
  for (std::uint64_t bytes = 4 * kPageSize; bytes <= kHugePageSize; bytes *= 2) {
    const std::string name =
        bytes == kHugePageSize ? "fault_anon_2m" : fmt::format("fault_anon_{}k", bytes / kKiB);
    if (!gives_folios(facts, bytes)) {
      off.push_back(name);
      if (bytes == kHugePageSize) {
        off.emplace_back("fault_anon_2m_of_two");
        off.emplace_back("munmap_huge");
      }
      continue;
    }
    const std::uint64_t blocks =
        bytes == kHugePageSize
            ? huge_blocks(facts)
            : std::max(kLeastFolios, std::min(pages, std::uint64_t{4096}) * kPageSize / bytes);
    exercises.list.push_back(folio_writes(bytes, blocks));
    if (bytes == kHugePageSize && other_cpu) {
      exercises.list.push_back(huge_writes_of_two(blocks, *other_cpu));
    }
  }
  if (!off.empty()) {
    exercises.left_out.push_back(
        fmt::format("{}: this size is not enabled below /sys/kernel/mm/transparent_hugepage",
                    fmt::join(off, ", ")));
  }
}

void add_pool(const host::HostFacts& facts, Exercises& exercises) {
  std::uint64_t free = 0;
  for (const host::HugePool& pool : facts.huge_pools) {
    if (pool.page_bytes == kHugePageSize) free = pool.free - std::min(pool.reserved, pool.free);
  }
  if (free == 0) {
    exercises.left_out.emplace_back(
        "fault_hugetlb_2m: no page is free in the pool of 2 MiB pages (vm.nr_hugepages)");
    return;
  }
  exercises.list.push_back(pool_writes(std::min(free, kMostPoolPages)));
}

}  // namespace

bool gives_folios(const host::HostFacts& facts, std::uint64_t bytes) {
  const bool enabled = facts.thp.enabled == "always" || facts.thp.enabled == "madvise";
  for (const auto& [size, state] : facts.thp.sizes) {
    if (size == bytes) return state == "inherit" ? enabled : state != "never";
  }
  return bytes == kHugePageSize && facts.thp.sizes.empty() && enabled;
}

void add_faults(const host::HostFacts& facts, std::uint64_t pages, std::optional<int> other_cpu,
                Exercises& exercises) {
  const auto file = std::make_shared<CachedFile>();
  auto& list = exercises.list;
  list.push_back(first_touches({Kind::AnonWrite, 1}, write_access, pages, 0));
  list.push_back(new_tables());
  list.push_back(first_touches({Kind::AnonRead}, read_access, pages, 0));
  list.push_back(first_touches({Kind::ShmemWrite}, write_access, pages, MAP_SHARED));
  list.push_back(file_reads(1, file));
  list.push_back(file_reads(kAround, file));
  for (const Kind kind : {Kind::FileWrite, Kind::FileWriteMapped}) {
    if (file->pages() != 0) list.push_back(file_writes(kind, pages, file));
  }
  list.push_back(reuses());
  add_folios(facts, pages, other_cpu, exercises);
  add_pool(facts, exercises);
}

}  // namespace ft::calibrate
