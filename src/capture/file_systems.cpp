#include "capture/file_systems.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <optional>

namespace ft::capture {

namespace {

constexpr const char* kOurs = "/proc/self/ns/mnt";

std::optional<std::pair<dev_t, ino_t>> identity_of(int folder, const char* path) {
  struct stat status{};
  if (::fstatat(folder, path, &status, 0) != 0) return std::nullopt;
  return std::pair(status.st_dev, status.st_ino);
}

// The process's root may be below that of its mount namespace (chroot). ".." leads out of it,
// because only our own root holds us back; above the topmost directory it leads nowhere.
Fd topmost(Fd folder) {
  constexpr int kDeepest = 256;
  for (int level = 0; level < kDeepest && folder.valid(); ++level) {
    if (identity_of(folder.get(), ".") == identity_of(folder.get(), "..")) return folder;
    folder = Fd(::openat(folder.get(), "..", O_PATH | O_CLOEXEC | O_DIRECTORY));
  }
  return {};
}

}  // namespace

FileSystems::FileSystems() {
  if (const auto ours = identity_of(AT_FDCWD, kOurs)) ours_ = *ours;
}

void FileSystems::note(pid_t pid) {
  const std::string folder = fmt::format("/proc/{}", pid);
  const std::string link = folder + "/ns/mnt";
  const auto identity = identity_of(AT_FDCWD, link.c_str());
  if (!identity) return;
  namespace_of_.erase(pid);
  if (*identity == ours_) return;
  if (!held_.contains(*identity)) {
    Held held;
    held.mount_namespace = Fd(::open(link.c_str(), O_RDONLY | O_CLOEXEC));
    held.root = topmost(Fd(::open((folder + "/root").c_str(), O_PATH | O_CLOEXEC | O_DIRECTORY)));
    if (!held.mount_namespace.valid() || !held.root.valid()) return;
    held_.emplace(*identity, std::move(held));
  }
  namespace_of_[pid] = *identity;
}

std::string FileSystems::path_of(pid_t pid, const std::string& path) const {
  const auto found = namespace_of_.find(pid);
  if (found == namespace_of_.end() || !path.starts_with('/')) return path;
  return fmt::format("/proc/self/fd/{}{}", held_.at(found->second).root.get(), path);
}

}  // namespace ft::capture
