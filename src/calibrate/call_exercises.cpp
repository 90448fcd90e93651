#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "base/units.h"
#include "calibrate/area.h"
#include "calibrate/cached_file.h"
#include "calibrate/exercise.h"

namespace ft::calibrate {

namespace {

constexpr std::uint64_t kCalls = 64;
constexpr std::uint64_t kAreaBytes = kMiB;  // of areas without pages; never a multiple of 2 MiB
constexpr std::uint64_t kMargin = 16;  // pages around what is worked on, so that nothing merges

// Sizes at which what a page takes shows: one page table or two, fewer pages than a JVM's arenas
// free at a time, and more than the CPU's list of free pages takes without looking up.
constexpr std::array<std::uint32_t, 3> kPages = {64, 512, 2048};

// Areas of `pages` small pages each, all of them touched, with areas of another kind between them.
struct TouchedAreas {
  std::vector<Area> areas;
  std::uint64_t pages = 0;

  char* start(std::uint64_t i) const { return areas[i].page(kMargin); }

  bool make(std::uint64_t count, std::uint64_t each, bool touch = true) {
    pages = each;
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t bytes = std::max<std::uint64_t>(pages, 1) * kPageSize;
      Area area = Area::map(bytes + 2 * kMargin * kPageSize, PROT_NONE, MAP_NORESERVE, kPageSize);
      if (!area) return false;
      char* const inner = area.page(kMargin);
      if (::mprotect(inner, bytes, PROT_READ | PROT_WRITE) != 0) return false;
      ::madvise(inner, bytes, MADV_NOHUGEPAGE);
      for (std::uint64_t page = 0; touch && page < pages; ++page) {
        write_byte(inner + page * kPageSize);
      }
      areas.push_back(std::move(area));
    }
    return true;
  }
  std::uint64_t inner_bytes() const { return std::max<std::uint64_t>(pages, 1) * kPageSize; }
};

// One call an area that takes its pages away, or puts them there.
Exercise on_areas(Kind kind, std::uint32_t pages, std::uint64_t count,
                  bool (*call)(char*, std::size_t)) {
  const auto areas = std::make_shared<TouchedAreas>();
  return {.key = {kind, pages},
          .counts = Counts::Calls,
          .operations = count,
          .prepare = [=] { return areas->make(count, pages, kind != Kind::Populate); },
          .run =
              [=](Pause pause) {
                for (std::uint64_t i = 0; i < count; ++i) {
                  pause();
                  if (!call(areas->start(i), areas->inner_bytes())) return false;
                }
                return true;
              },
          .clean = [=] { *areas = {}; },
          .pauses = pages == 0};
}

bool unmap(char* start, std::size_t bytes) {
  return ::munmap(start, bytes) == 0;
}
bool drop(char* start, std::size_t bytes) {
  return ::madvise(start, bytes, MADV_DONTNEED) == 0;
}
bool populate(char* start, std::size_t bytes) {
#ifndef MADV_POPULATE_WRITE
  constexpr int MADV_POPULATE_WRITE = 23;
#endif
  return ::madvise(start, bytes, MADV_POPULATE_WRITE) == 0;
}

Exercise null_calls() {
  // Length 0: the kernel looks at the arguments and returns (mm/madvise.c).
  return {.key = {Kind::NullCall},
          .counts = Counts::Calls,
          .operations = 4 * kCalls,
          .prepare = [] { return true; },
          .run =
              [](Pause /*pause*/) {
                for (std::uint64_t i = 0; i < 4 * kCalls; ++i) {
                  if (::madvise(nullptr, 0, MADV_NORMAL) != 0) return false;
                }
                return true;
              },
          .clean = [] {}};
}

Exercise maps() {
  const auto starts = std::make_shared<std::vector<void*>>();
  return {.key = {Kind::Mmap},
          .counts = Counts::Calls,
          .operations = kCalls,
          .prepare =
              [=] {
                starts->assign(kCalls, MAP_FAILED);
                return true;
              },
          .run =
              [=](Pause pause) {
                for (std::uint64_t i = 0; i < kCalls; ++i) {
                  pause();
                  const int protection = i % 2 == 0 ? PROT_READ | PROT_WRITE : PROT_NONE;
                  (*starts)[i] = ::mmap(nullptr, kAreaBytes, protection,
                                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
                  if ((*starts)[i] == MAP_FAILED) return false;
                }
                return true;
              },
          .clean =
              [=] {
                for (void* start : *starts) {
                  if (start != MAP_FAILED) ::munmap(start, kAreaBytes);
                }
                starts->clear();
              },
          .pauses = true};
}

// Over a reserve, as the dynamic linker does it. Neighbours are of distant pieces: none merges.
Exercise file_maps(const std::shared_ptr<CachedFile>& file) {
  const auto area = std::make_shared<Area>();
  constexpr std::uint64_t kBytes = CachedFile::kAround * kPageSize;
  return {
      .key = {Kind::MmapFile},
      .counts = Counts::Calls,
      .operations = kCalls,
      .prepare =
          [=] {
            *area = Area::map(2 * kCalls * kBytes, PROT_NONE, MAP_NORESERVE, kPageSize);
            return *area && file->pages() != 0;
          },
      .run =
          [=](Pause pause) {
            for (std::uint64_t i = 0; i < kCalls; ++i) {
              const int protection = i % 2 == 0 ? PROT_READ : PROT_READ | PROT_WRITE;
              pause();
              if (::mmap(area->data() + 2 * i * kBytes, kBytes, protection, MAP_PRIVATE | MAP_FIXED,
                         file->fd(), file->offset(3 * i)) == MAP_FAILED) {
                return false;
              }
            }
            return true;
          },
      .clean = [=] { area->reset(); },
      .pauses = true};
}

Exercise flag_changes() {
  const auto areas = std::make_shared<TouchedAreas>();
  return {.key = {Kind::MadviseFlag},
          .counts = Counts::Calls,
          .operations = 2 * kCalls,
          .prepare = [=] { return areas->make(1, kMargin, false); },
          .run =
              [=](Pause pause) {
                for (std::uint64_t i = 0; i < kCalls; ++i) {
                  for (const int advice : {MADV_DONTDUMP, MADV_DODUMP}) {
                    pause();
                    if (::madvise(areas->start(0), areas->inner_bytes(), advice) != 0) return false;
                  }
                }
                return true;
              },
          .clean = [=] { *areas = {}; },
          .pauses = true};
}

Exercise moves() {
  const auto reserve = std::make_shared<Area>();
  constexpr std::uint64_t kBytes = kMargin * kPageSize;
  return {.key = {Kind::Mremap},
          .counts = Counts::Calls,
          .operations = 2 * kCalls,
          .prepare =
              [=] {
                *reserve = Area::map(5 * kBytes, PROT_NONE, MAP_NORESERVE, kPageSize);
                if (!*reserve) return false;
                return ::mprotect(reserve->data() + kBytes, kBytes, PROT_READ | PROT_WRITE) == 0 &&
                       ::munmap(reserve->data() + 3 * kBytes, kBytes) == 0;
              },
          .run =
              [=](Pause /*pause*/) {
                char* const here = reserve->data() + kBytes;
                char* const there = reserve->data() + 3 * kBytes;
                constexpr int kFlags = MREMAP_MAYMOVE | MREMAP_FIXED;
                for (std::uint64_t i = 0; i < kCalls; ++i) {
                  if (::mremap(here, kBytes, kBytes, kFlags, there) == MAP_FAILED ||
                      ::mremap(there, kBytes, kBytes, kFlags, here) == MAP_FAILED) {
                    return false;
                  }
                }
                return true;
              },
          .clean = [=] { reserve->reset(); }};
}

// Nothing else may use the heap's end meanwhile: run() allocates nothing.
Exercise heap_growths() {
  const auto end = std::make_shared<std::uintptr_t>(0);
  constexpr std::uint64_t kStep = 33 * kPageSize;  // glibc's default growth and its first page
  const auto set_end = [](std::uintptr_t to) {
    return static_cast<std::uintptr_t>(::syscall(SYS_brk, to));
  };
  return {.key = {Kind::Brk},
          .counts = Counts::Calls,
          .operations = kCalls,
          .prepare =
              [=] {
                *end = set_end(0);
                return true;
              },
          .run =
              [=](Pause pause) {
                for (std::uint64_t i = 1; i <= kCalls; ++i) {
                  pause();
                  if (set_end(*end + i * kStep) != *end + i * kStep) return false;
                }
                return true;
              },
          .clean = [=] { set_end(*end); },
          .pauses = true};
}

Exercise huge_unmaps(std::uint32_t pages, std::uint64_t count) {
  const auto areas = std::make_shared<std::vector<Area>>();
  return {.key = {Kind::MunmapHuge, pages},
          .counts = Counts::Calls,
          .operations = count,
          .prepare =
              [=] {
                for (std::uint64_t i = 0; i < count; ++i) {
                  Area area = Area::map(pages * kHugePageSize, PROT_READ | PROT_WRITE,
                                        MAP_NORESERVE, kHugePageSize);
                  if (!area || ::madvise(area.data(), area.bytes(), MADV_HUGEPAGE) != 0) {
                    return false;
                  }
                  for (std::uint64_t page = 0; page < pages; ++page) {
                    write_byte(area.data() + page * kHugePageSize);
                  }
                  // Where one is small after all, this brings more pages, and the line is off: a
                  // host without free huge pages is found out by fault_anon_2m.
                  areas->push_back(std::move(area));
                }
                return true;
              },
          .run =
              [=](Pause /*pause*/) {
                for (const Area& area : *areas) {
                  if (::munmap(area.data(), area.bytes()) != 0) return false;
                }
                return true;
              },
          .clean = [=] { areas->clear(); }};
}

}  // namespace

void add_calls(std::uint64_t pages, Exercises& exercises) {
  auto& list = exercises.list;
  list.push_back(null_calls());
  list.push_back(maps());
  list.push_back(file_maps(std::make_shared<CachedFile>()));
  list.push_back(on_areas(Kind::Munmap, 0, kCalls, unmap));
  list.push_back(on_areas(Kind::Dontneed, 0, kCalls, drop));
  for (const std::uint32_t each : kPages) {
    const std::uint64_t count = std::max<std::uint64_t>(pages / 2 / each, 2);
    list.push_back(on_areas(Kind::Munmap, each, count, unmap));
    list.push_back(on_areas(Kind::Dontneed, each, count, drop));
    list.push_back(on_areas(Kind::Populate, each, count, populate));
  }
  list.push_back(flag_changes());
  list.push_back(moves());
  list.push_back(heap_growths());
}

void add_huge_unmaps(const host::HostFacts& facts, Exercises& exercises) {
  if (!gives_folios(facts, kHugePageSize)) return;  // told with fault_anon_2m
  exercises.list.push_back(huge_unmaps(1, 16));
  exercises.list.push_back(huge_unmaps(16, 2));
}

}  // namespace ft::calibrate
