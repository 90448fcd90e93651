#include "sim/replay/file_table.h"

#include <sys/mman.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>

#include "base/check.h"
#include "host/cgroup.h"

namespace ft::sim::replay {

namespace {

using event::SyscallNumber;

virt::FileKind kind_of(std::string_view path, std::string_view file_system) {
  if (file_system == "tmpfs" || file_system == "devtmpfs") {
    return path.starts_with("/dev/zero") ? virt::FileKind::SharedAnonymous : virt::FileKind::Shmem;
  }
  if (file_system == "hugetlbfs") return virt::FileKind::Hugetlb;
  if (path.starts_with("/dev/zero")) return virt::FileKind::SharedAnonymous;
  if (path.starts_with("/anon_hugepage")) return virt::FileKind::Hugetlb;
  if (path.starts_with("/memfd:") || path.starts_with("/dev/shm/") || path.starts_with("/SYSV")) {
    return virt::FileKind::Shmem;
  }
  return virt::FileKind::Regular;
}

void raise(std::uint64_t& value, std::uint64_t to) {
  value = std::max(value, to);
}

// Whose files have no get_unmapped_area of their own.
bool places_anywhere(std::string_view file_system) {
  constexpr std::array<std::string_view, 6> kThose = {"9p",  "overlay", "squashfs",
                                                      "nfs", "nfs4",    "proc"};
  return std::ranges::find(kThose, file_system) != kThose.end();
}

// No file is larger: keeps damaged numbers from wrapping.
constexpr std::uint64_t kMostBytes = 1ULL << 56U;

}  // namespace

FileTable::Key FileTable::key_of(std::uint64_t device, std::uint64_t inode, std::string_view path) {
  Key key{.device = device, .inode = inode, .path = {}};
  if (inode == 0) key.path = path;
  return key;
}

FileTable::FileTable(const event::Trace& trace) : files_(trace.files) {
  by_id_.resize(files_.size());
  know_file_systems(trace);
  measure(trace);
}

// Where processes see different mounts, the first that tells of a device is believed: they are of
// the same file system.
void FileTable::know_file_systems(const event::Trace& trace) {
  for (const event::Snapshot& snapshot : trace.snapshots) {
    if (snapshot.source != "mountinfo") continue;
    const auto mounts = host::parse_mountinfo(snapshot.text);
    if (!mounts) continue;
    for (const host::Mount& mount : *mounts)
      file_system_.try_emplace(::makedev(mount.device_major, mount.device_minor), mount.fs_type);
  }
}

std::string_view FileTable::file_system_of(std::uint64_t device) const {
  const auto found = file_system_.find(device);
  return device == 0 || found == file_system_.end() ? std::string_view() : found->second;
}

void FileTable::measure(const event::Trace& trace) {
  for (const event::Syscall& call : trace.syscalls) {
    if (call.number != SyscallNumber::Mmap || call.failed() || !knows(call.file)) continue;
    if (call.offset() > kMostBytes || call.length() > kMostBytes) continue;
    const event::File& file = files_[static_cast<std::size_t>(call.file)];
    const Key key = key_of(file.device, file.inode, file.path);
    const std::uint64_t end = call.offset() + call.length();
    // The loader first maps a library from its beginning for as long as all its parts reach, then
    // the parts: the first is longer than the file where the last part is zeroes.
    const bool whole = (call.flags() & MAP_FIXED) == 0 && call.offset() == 0;
    raise(whole ? end_[key] : fixed_end_[key], end);
  }
  for (const event::Snapshot& snapshot : trace.snapshots) {
    if (snapshot.source != "maps" || (snapshot.moment != "exec" && snapshot.moment != "attach")) {
      continue;
    }
    const auto areas = host::parse_maps(snapshot.text);
    if (!areas) continue;
    for (const host::Vma& area : *areas) {
      if (!area.is_file() || area.offset > kMostBytes) continue;
      const std::uint64_t device = ::makedev(area.device_major, area.device_minor);
      raise(fixed_end_[key_of(device, area.inode, area.path())], area.offset + area.range.size());
    }
  }
}

std::shared_ptr<virt::BackingFile>& FileTable::entry(const Key& key, std::string_view path) {
  std::shared_ptr<virt::BackingFile>& file = by_key_[key];
  if (file) return file;
  const std::string_view file_system = file_system_of(key.device);
  const virt::FileKind kind = kind_of(path, file_system);
  const bool regular = kind == virt::FileKind::Regular;
  const auto fixed = fixed_end_.find(key);
  const auto any = end_.find(key);
  std::uint64_t bytes = 0;
  if (fixed != fixed_end_.end()) {
    bytes = fixed->second;
  } else if (any != end_.end()) {
    bytes = any->second;
  }
  file = std::make_shared<virt::BackingFile>(
      kind, bytes,
      regular ? virt::BackingFile::Cached::Everything : virt::BackingFile::Cached::Nothing,
      kind == virt::FileKind::Hugetlb ? 21U : kPageShift);
  if (places_anywhere(file_system)) file->place_anywhere();
  paths_[file.get()] = path;
  return file;
}

std::string_view FileTable::path_of(const virt::BackingFile* file) const {
  const auto found = paths_.find(file);
  return found == paths_.end() ? std::string_view() : found->second;
}

virt::OpenFile FileTable::of_call(const event::Syscall& call) {
  const auto index = static_cast<std::size_t>(call.file);
  FT_CHECK(knows(call.file));
  std::shared_ptr<virt::BackingFile>& file = by_id_[index];
  if (!file) {
    const event::File& known = files_[index];
    file = entry(key_of(known.device, known.inode, known.path), known.path);
  }
  // Which open(2) it was is not recorded. The loader maps a library's parts through one descriptor;
  // other files are not mapped in touching parts.
  return {.file = file, .description = index + 1};
}

std::shared_ptr<virt::BackingFile> FileTable::of_area(const host::Vma& area) {
  if (!area.is_file()) return nullptr;
  const std::uint64_t device = ::makedev(area.device_major, area.device_minor);
  return entry(key_of(device, area.inode, area.path()), area.path());
}

void FileTable::was_late(virt::BackingFile& file, std::uint64_t page) {
  if (file.kind() != virt::FileKind::Regular || page >= file.pages()) return;
  const std::vector<bool>& ready = ready_[&file];
  if (page < ready.size() && ready[page]) return;
  file.punch_hole(page, page + 1);
}

void FileTable::was_ready(virt::BackingFile& file, std::uint64_t page) {
  if (file.kind() != virt::FileKind::Regular || page >= file.pages()) return;
  std::vector<bool>& ready = ready_[&file];
  if (ready.size() <= page) ready.resize(file.pages());
  ready[page] = true;
  if (!file.is_cached(page)) file.cache(page, page + 1);
}

void FileTable::resize(event::FileId id, std::uint64_t bytes) {
  const auto index = static_cast<std::size_t>(id);
  if (!knows(id) || bytes > kMostBytes) return;
  const event::File& known = files_[index];
  if (kind_of(known.path, file_system_of(known.device)) == virt::FileKind::Regular) return;
  entry(key_of(known.device, known.inode, known.path), known.path)->resize(bytes);
}

void FileTable::allocate(event::FileId id, std::uint64_t offset, std::uint64_t bytes,
                         bool punch_hole) {
  const auto index = static_cast<std::size_t>(id);
  if (!knows(id) || offset > kMostBytes || bytes > kMostBytes) return;
  const event::File& known = files_[index];
  if (kind_of(known.path, file_system_of(known.device)) == virt::FileKind::Regular) return;
  virt::BackingFile& file = *entry(key_of(known.device, known.inode, known.path), known.path);
  const std::uint64_t end = offset + bytes;
  if (punch_hole) {
    file.punch_hole((offset + kPageSize - 1) >> kPageShift, end >> kPageShift);
  } else if (end > file.bytes()) {
    file.resize(end);
  }
}

}  // namespace ft::sim::replay
