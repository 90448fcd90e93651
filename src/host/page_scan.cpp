#include "host/page_scan.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "arch/pagemap.h"
#include "base/units.h"
#include "host/pagemap_scan_request.h"

namespace ft::host {

namespace {

constexpr std::size_t kRegionsAtOnce = 8192;
constexpr std::size_t kWordsAtOnce = 8192;

PagemapScanRequest request(AddressRange range, std::vector<PageRegion>& into,
                           std::uint64_t wanted) {
  PagemapScanRequest scan{};
  scan.size = sizeof scan;
  scan.start = range.start;
  scan.end = range.end;
  scan.vec = reinterpret_cast<std::uint64_t>(into.data());
  scan.vec_len = into.size();
  scan.category_anyof_mask = kPagePresent | kPageSwapped;
  scan.return_mask = wanted;
  return scan;
}

}  // namespace

Result<PageScan> PageScan::open(pid_t pid) {
  const std::string path = fmt::format("/proc/{}/pagemap", pid);
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return fail_errno(path, errno, "ask as the process's user, or as root");
  PageScan scan(std::move(file));
  scan.scans_ = scan.probe();
  return scan;
}

bool PageScan::probe() {
  constexpr std::uint64_t kAlways =
      kPageOfFile | kPagePresent | kPageSwapped | kPageZero | kPageHuge;
  std::vector<PageRegion> regions(1);
  for (const std::uint64_t wanted : {kAlways | kPageGuard, kAlways}) {
    PagemapScanRequest scan = request({0, kPageSize}, regions, wanted);
    if (::ioctl(file_.get(), kPagemapScan, &scan) < 0) continue;
    wanted_ = wanted;
    return true;
  }
  return false;
}

Result<void> PageScan::walk(AddressRange range,
                            const std::function<void(const PageRun&)>& visit) const {
  if (range.empty()) return {};
  return scans_ ? walk_by_scan(range, visit) : walk_by_words(range, visit);
}

Result<void> PageScan::walk_by_scan(AddressRange range,
                                    const std::function<void(const PageRun&)>& visit) const {
  std::vector<PageRegion> regions(kRegionsAtOnce);
  while (!range.empty()) {
    PagemapScanRequest scan = request(range, regions, wanted_);
    const int found = ::ioctl(file_.get(), kPagemapScan, &scan);
    if (found < 0) {
      if (errno == EINTR) continue;
      return fail_errno("pagemap", errno == ESRCH ? ESRCH : errno);
    }
    for (std::size_t i = 0; i < static_cast<std::size_t>(found); ++i) {
      const PageRegion& region = regions[i];
      const bool guard = (region.categories & kPageGuard) != 0;
      if (guard) continue;  // a mark, no page
      visit({.range = {region.start, region.end},
             .present = (region.categories & kPagePresent) != 0,
             .swapped = (region.categories & kPageSwapped) != 0,
             .huge = (region.categories & kPageHuge) != 0,
             .file = (region.categories & kPageOfFile) != 0,
             .zero = (region.categories & kPageZero) != 0});
    }
    if (scan.walk_end <= range.start) break;
    range.start = scan.walk_end;
  }
  return {};
}

Result<void> PageScan::walk_by_words(AddressRange range,
                                     const std::function<void(const PageRun&)>& visit) const {
  std::vector<std::uint64_t> words(kWordsAtOnce);
  PageRun run;
  const auto end_run = [&] {
    if (!run.range.empty()) visit(run);
    run = {};
  };
  for (std::uint64_t at = page_floor(range.start); at < range.end;) {
    const std::uint64_t pages =
        std::min<std::uint64_t>(words.size(), (page_ceil(range.end) - at) >> kPageShift);
    const ssize_t got = ::pread(file_.get(), words.data(), pages * sizeof(std::uint64_t),
                                static_cast<off_t>((at >> kPageShift) * sizeof(std::uint64_t)));
    if (got < 0) return fail_errno("pagemap", errno);
    const std::size_t count = static_cast<std::size_t>(got) / sizeof(std::uint64_t);
    if (count == 0) break;
    for (std::size_t i = 0; i < count; ++i, at += kPageSize) {
      const arch::PagemapWord page = arch::decode_pagemap(words[i]);
      const bool counts = page.present || (page.swapped && !page.guard);
      const bool joins = counts && run.range.end == at && run.present == page.present &&
                         run.swapped == page.swapped && run.file == page.file_or_shared;
      if (!joins) end_run();
      if (!counts) continue;
      if (!joins) {
        run = {.range = {at, at},
               .present = page.present,
               .swapped = page.swapped,
               .file = page.file_or_shared};
      }
      run.range.end = at + kPageSize;
    }
  }
  end_run();
  return {};
}

std::optional<std::uint64_t> PageScan::word(std::uint64_t address) const {
  std::uint64_t word = 0;
  const ssize_t got = ::pread(file_.get(), &word, sizeof word,
                              static_cast<off_t>((address >> kPageShift) * sizeof word));
  if (got != sizeof word) return std::nullopt;
  return word;
}

}  // namespace ft::host
