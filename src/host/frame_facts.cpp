#include "host/frame_facts.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>

#include "host/pfn_nodes.h"
#include "host/zoneinfo.h"

namespace ft::host {

namespace {

constexpr std::array kFlags = {
    FrameFlag{0, "LOCKED", "locked, for instance for reading or writing"},
    FrameFlag{1, "ERROR", "reading or writing it failed"},
    FrameFlag{2, "REFERENCED", "used since reclaim last looked"},
    FrameFlag{3, "UPTODATE", "holds what it should hold"},
    FrameFlag{4, "DIRTY", "newer than what it is a copy of"},
    FrameFlag{5, "LRU", "on one of reclaim's lists"},
    FrameFlag{6, "ACTIVE", "on the active list"},
    FrameFlag{7, "SLAB", "of the kernel's own allocator"},
    FrameFlag{8, "WRITEBACK", "being written out"},
    FrameFlag{9, "RECLAIM", "to be reclaimed once written out"},
    FrameFlag{10, "BUDDY", "free"},
    FrameFlag{11, "MMAP", "mapped by a program"},
    FrameFlag{12, "ANON", "anonymous memory"},
    FrameFlag{13, "SWAPCACHE", "has a place in swap too"},
    FrameFlag{14, "SWAPBACKED", "goes to swap when reclaimed"},
    FrameFlag{15, "COMPOUND_HEAD", "first page of a folio"},
    FrameFlag{16, "COMPOUND_TAIL", "further page of a folio"},
    FrameFlag{17, "HUGE", "of a hugetlb pool"},
    FrameFlag{18, "UNEVICTABLE", "reclaim may not take it"},
    FrameFlag{19, "HWPOISON", "the memory is broken"},
    FrameFlag{20, "NOPAGE", "no such frame"},
    FrameFlag{21, "KSM", "shared because its content is equal"},
    FrameFlag{22, "THP", "part of a transparent huge page"},
    FrameFlag{23, "OFFLINE", "taken out of use"},
    FrameFlag{24, "ZERO_PAGE", "the page of zeros that all share"},
    FrameFlag{25, "IDLE", "not used since it was marked"},
    FrameFlag{26, "PGTABLE", "a page table"},
    FrameFlag{32, "RESERVED", "the kernel's, never handed out"},
    FrameFlag{33, "MLOCKED", "locked in memory by its program"},
    FrameFlag{34, "OWNER_2", "anonymous: of this process alone; else a mark of the file system"},
    FrameFlag{35, "PRIVATE", "its owner keeps data about it"},
    FrameFlag{36, "PRIVATE_2", "a second mark of its owner"},
    FrameFlag{37, "OWNER_PRIVATE", "a mark of its owner"},
    FrameFlag{38, "ARCH", "a mark of the processor's code"},
    FrameFlag{39, "UNCACHED", "mapped without caches"},
    FrameFlag{40, "SOFTDIRTY", "written since the marks were cleared"},
};

constexpr std::size_t kLargestFolio = std::size_t{1} << 18U;  // 1 GiB
constexpr std::size_t kAtOnce = 512;

}  // namespace

std::vector<FrameFlag> frame_flags(std::uint64_t flags) {
  std::vector<FrameFlag> set;
  for (const FrameFlag& flag : kFlags) {
    if ((flags >> flag.bit & 1U) != 0) set.push_back(flag);
  }
  return set;
}

Result<FrameReader> FrameReader::open(const HostFiles& files) {
  const std::string path = files.path("/proc/kpageflags");
  Fd flags(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!flags.valid()) return fail_errno(path, errno, "root may read it");
  Fd counts(::open(files.path("/proc/kpagecount").c_str(), O_RDONLY | O_CLOEXEC));
  return FrameReader(files, std::move(flags), std::move(counts));
}

Result<std::vector<std::uint64_t>> FrameReader::flags(std::uint64_t pfn, std::size_t count) const {
  std::vector<std::uint64_t> words(count);
  const ssize_t got = ::pread(flags_.get(), words.data(), count * sizeof(std::uint64_t),
                              static_cast<off_t>(pfn * sizeof(std::uint64_t)));
  if (got < 0) return fail_errno("/proc/kpageflags", errno);
  words.resize(static_cast<std::size_t>(got) / sizeof(std::uint64_t));
  return words;
}

Result<FrameFacts> FrameReader::look(std::uint64_t pfn) const {
  FrameFacts facts{.pfn = pfn, .folio_start = pfn, .zone = {}};
  const auto own = FT_TRY(flags(pfn, 1));
  if (own.empty()) return fail("/proc/kpageflags", "no such frame");
  facts.flags = own.front();
  // Back to the head of the folio; folios are aligned to their size, and end before 1 GiB.
  for (std::size_t steps = 0;
       (facts.flags & kFrameCompoundTail) != 0 && facts.folio_start > 0 && steps < kLargestFolio;
       ++steps) {
    const auto before = FT_TRY(flags(--facts.folio_start, 1));
    if (before.empty() || (before.front() & kFrameCompoundHead) != 0) break;
  }
  if ((facts.flags & (kFrameCompoundHead | kFrameCompoundTail)) != 0) {
    std::size_t pages = 1;
    for (bool more = true; more && pages < kLargestFolio;) {
      const auto next = FT_TRY(flags(facts.folio_start + pages, kAtOnce));
      more = !next.empty();
      for (const std::uint64_t word : next) {
        more = (word & kFrameCompoundTail) != 0;
        if (!more) break;
        ++pages;
      }
    }
    facts.order = static_cast<unsigned>(std::bit_width(pages) - 1);
  }
  std::uint64_t count = 0;
  const auto at = static_cast<off_t>(pfn * sizeof count);
  if (counts_.valid() && ::pread(counts_.get(), &count, sizeof count, at) == sizeof count) {
    facts.mapped_count = count;
  }
  if (const auto nodes = PfnNodes::read(files_)) facts.node = nodes->node_of(pfn);
  if (const auto text = files_.read("/proc/zoneinfo")) {
    if (const auto zones = parse_zoneinfo(*text)) {
      for (const Zone& zone : *zones) {
        const bool inside = zone.start_pfn && pfn >= *zone.start_pfn &&
                            pfn - *zone.start_pfn < zone.spanned && zone.present != 0;
        const bool same_node = !facts.node || *facts.node == zone.node;
        if (inside && same_node) facts.zone = zone.name;
      }
    }
  }
  return facts;
}

}  // namespace ft::host
