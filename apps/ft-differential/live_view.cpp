#include "live_view.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "arch/pagemap.h"
#include "base/units.h"
#include "host/pagemap_scan_request.h"
#include "host/process_stat.h"
#include "host/status.h"
#include "tracee.h"

namespace ft::differential {

namespace {

constexpr std::uint64_t kKernelHalf = std::uint64_t{1} << 63U;
constexpr std::size_t kFirstBuffer = 256UL << 10U;

Result<Fd> open_file(pid_t pid, const char* name) {
  const std::string path = "/proc/" + std::to_string(pid) + "/" + name;
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return fail_errno(path, errno);
  return fd;
}

}  // namespace

bool can_list_pages() {
  const Fd pagemap(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  host::PageRegion region{};
  host::PagemapScanRequest scan{.size = sizeof scan,
                                .start = 0,
                                .end = kPageSize,
                                .vec = reinterpret_cast<std::uintptr_t>(&region),
                                .vec_len = 1,
                                .category_anyof_mask = host::kPagePresent,
                                .return_mask = host::kPagePresent};
  return ::ioctl(pagemap.get(), host::kPagemapScan, &scan) >= 0;
}

Result<LiveView> LiveView::open(pid_t pid, FileNumbers files) {
  LiveView view;
  view.smaps_ = FT_TRY(open_file(pid, "smaps"));
  view.status_ = FT_TRY(open_file(pid, "status"));
  view.stat_ = FT_TRY(open_file(pid, "stat"));
  view.pagemap_ = FT_TRY(open_file(pid, "pagemap"));
  view.files_ = std::move(files);
  view.buffer_.resize(kFirstBuffer);
  return view;
}

Result<ProcessState> LiveView::read() {
  ProcessState state;
  FT_TRY_VOID(read_areas(state));
  static const bool kPages = can_list_pages();
  FT_TRY_VOID(kPages ? read_pages(state) : read_pages_of_areas(state));
  FT_TRY_VOID(read_status(state));
  return state;
}

// The kernel gives at most a page or one record more a read.
Result<std::string_view> LiveView::text(const Fd& file, std::string_view name) {
  std::size_t size = 0;
  while (true) {
    if (size == buffer_.size()) buffer_.resize(buffer_.size() * 2);
    const ssize_t got =
        ::pread(file.get(), buffer_.data() + size, buffer_.size() - size, static_cast<off_t>(size));
    if (got < 0) return fail_errno(std::string(name), errno);
    if (got == 0) return std::string_view(buffer_).substr(0, size);
    size += static_cast<std::size_t>(got);
  }
}

int LiveView::backing_of(const host::Vma& area) const {
  if (const auto it = files_.find({area.device_major, area.device_minor, area.inode});
      area.inode != 0 && it != files_.end())
    return it->second;
  if (area.inode != 0) return kSharedAnonymous;
  return area.name.starts_with("[v") ? kOther : kAnonymous;
}

Result<void> LiveView::read_areas(ProcessState& state) {
  const std::string_view smaps = FT_TRY(text(smaps_, "smaps"));
  for (const host::SmapsEntry& entry : FT_TRY(host::parse_smaps(smaps))) {
    if (entry.vma.range.start >= kKernelHalf) continue;  // [vsyscall] is no area of the process
    host::VmFlags flags = entry.flags;
    // Set on every new area where CONFIG_MEM_SOFT_DIRTY is on, until somebody clears it: never
    // here.
    flags.remove("sd");
    // 6.1 has no code for an area that is locked as it is touched.
    if (flags.has_unknown() && flags.has("lo")) {
      flags.forget_unknown();
      flags.add("lf");
    }
    state.areas.push_back({.range = entry.vma.range,
                           .flags = flags,
                           .backing = backing_of(entry.vma),
                           .offset = entry.vma.offset,
                           .rss = entry.counters.rss,
                           .anonymous = entry.counters.anonymous,
                           .huge = entry.counters.anon_huge_pages});
  }
  return {};
}

Result<void> LiveView::read_pages(ProcessState& state) {
  std::array<host::PageRegion, 256> regions{};
  std::uint64_t at = 0;
  std::uint64_t end = 0;  // with page tables of five levels areas may lie above 2^47
  for (const Area& area : state.areas) end = std::max(end, area.range.end);
  while (at < end) {
    host::PagemapScanRequest scan{
        .size = sizeof scan,
        .start = at,
        .end = end,
        .vec = reinterpret_cast<std::uintptr_t>(regions.data()),
        .vec_len = regions.size(),
        .category_anyof_mask = host::kPagePresent | host::kPageSwapped,
        .return_mask = host::kPagePresent | host::kPageSwapped | host::kPageZero | host::kPageHuge};
    const int found = ::ioctl(pagemap_.get(), host::kPagemapScan, &scan);
    if (found < 0) return fail_errno("PAGEMAP_SCAN", errno);
    for (int i = 0; i < found; ++i) {
      const host::PageRegion& region = regions[static_cast<std::size_t>(i)];
      FT_TRY_VOID(read_words(state, {region.start, region.end}, region.categories));
    }
    at = scan.walk_end;
  }
  return {};
}

// Word by word, so areas that would take long are left out.
Result<void> LiveView::read_pages_of_areas(ProcessState& state) {
  for (const Area& area : state.areas) {
    if (area.range.size() <= kMostListedBytes) FT_TRY_VOID(read_words(state, area.range, 0));
  }
  std::erase_if(state.pages,
                [](const Page& page) { return !page.present && !page.swapped && !page.guard; });
  return {};
}

Result<void> LiveView::read_words(ProcessState& state, AddressRange range,
                                  std::uint64_t categories) {
  words_.resize(range.size() >> kPageShift);
  const std::size_t bytes = words_.size() * sizeof(std::uint64_t);
  const off_t offset = static_cast<off_t>((range.start >> kPageShift) * sizeof(std::uint64_t));
  if (::pread(pagemap_.get(), words_.data(), bytes, offset) != static_cast<ssize_t>(bytes))
    return fail_errno("pagemap", errno);
  for (std::size_t i = 0; i < words_.size(); ++i) {
    const arch::PagemapWord word = arch::decode_pagemap(words_[i]);
    state.pages.push_back({.address = range.start + i * kPageSize,
                           .present = word.present,
                           .swapped = word.swapped && !word.guard,
                           .file_or_shared = word.file_or_shared,
                           .guard = word.guard,
                           .exclusive = word.exclusive,
                           .zero = (categories & host::kPageZero) != 0,
                           .huge = (categories & host::kPageHuge) != 0,
                           .frame = word.present ? word.frame : 0});
  }
  return {};
}

Result<void> LiveView::read_status(ProcessState& state) {
  const std::string_view status_text = FT_TRY(text(status_, "status"));
  const host::ProcessStatus status = FT_TRY(host::parse_status(status_text));
  state.page_tables = status.vm_pte.value_or(0);
  state.rss_anonymous = status.rss_anon.value_or(0);
  state.rss_file = status.rss_file.value_or(0);
  state.rss_shmem = status.rss_shmem.value_or(0);
  state.size = status.vm_size.value_or(0);
  state.locked = status.vm_locked.value_or(0);
  state.data = status.vm_data.value_or(0);
  state.stack = status.vm_stack.value_or(0);
  const std::string_view stat_text = FT_TRY(text(stat_, "stat"));
  const host::ProcessStat stat = FT_TRY(host::parse_process_stat(stat_text));
  state.minor_faults = stat.minor_faults;
  state.major_faults = stat.major_faults;
  return {};
}

}  // namespace ft::differential
