#include "host/target_memory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "arch/pagemap.h"

namespace ft::host {

Result<TargetMemory> TargetMemory::open(pid_t pid) {
  PageScan scan = FT_TRY(PageScan::open(pid));
  // Opening mem asks for the same right as reading does, and reads nothing.
  const std::string path = fmt::format("/proc/{}/mem", pid);
  const Fd mem(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!mem.valid()) return fail_errno(path, errno, "root may, and with ptrace_scope 0 its user");
  return TargetMemory(pid, std::move(scan));
}

void TargetMemory::set_areas(std::span<const Vma> areas) {
  areas_ = areas;
  pages_.clear();
}

bool TargetMemory::read(std::uint64_t address, std::span<std::byte> into) {
  while (!into.empty()) {
    const Page* page = page_at(page_floor(address));
    if (!page) return false;
    const std::uint64_t offset = address % kPageSize;
    const std::size_t count = std::min<std::size_t>(into.size(), kPageSize - offset);
    std::memcpy(into.data(), page->data() + offset, count);
    into = into.subspan(count);
    if (address + count < address) return into.empty();
    address += count;
  }
  return true;
}

const TargetMemory::Page* TargetMemory::page_at(std::uint64_t address) {
  if (const auto known = pages_.find(address); known != pages_.end()) return known->second.get();
  if (pages_.size() >= kMostPages) pages_.clear();
  auto page = std::make_unique<Page>();
  const auto word = scan_.word(address);
  const arch::PagemapWord entry = arch::decode_pagemap(word.value_or(0));
  // What is swapped out stays there: reading it would bring it back.
  const bool got = entry.present ? read_from_process(address, *page)
                                 : !entry.swapped && read_from_file(address, *page);
  if (got) bytes_read_ += kPageSize;
  return pages_.emplace(address, got ? std::move(page) : nullptr).first->second.get();
}

bool TargetMemory::read_from_process(std::uint64_t address, Page& page) {
  const iovec local{page.data(), page.size()};
  const iovec remote{reinterpret_cast<void*>(address), page.size()};
  return ::process_vm_readv(pid_, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(page.size());
}

bool TargetMemory::read_from_file(std::uint64_t address, Page& page) {
  const auto area =
      std::ranges::upper_bound(areas_, address, {}, [](const Vma& vma) { return vma.range.end; });
  if (area == areas_.end() || !area->range.contains(address) || !area->is_file()) return false;
  if (area->is_deleted()) return false;
  auto file = files_.find(area->name);
  if (file == files_.end()) {
    const std::string path = fmt::format("/proc/{}/root{}", pid_, area->name);
    Fd opened(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat status{};
    const bool same = opened.valid() && ::fstat(opened.get(), &status) == 0 &&
                      S_ISREG(status.st_mode) && status.st_ino == area->inode;
    if (!same) opened.reset();  // another file bears the name now
    file = files_.emplace(area->name, std::move(opened)).first;
  }
  if (!file->second.valid()) return false;
  const std::uint64_t offset = area->offset + (address - area->range.start);
  page.fill(std::byte{0});
  return ::pread(file->second.get(), page.data(), page.size(), static_cast<off_t>(offset)) > 0;
}

}  // namespace ft::host
