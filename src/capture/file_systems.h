// FileSystems keeps the file systems that recorded processes see reachable for as long as a
// recording is worked on. A process in a container has a mount namespace of its own: a path that
// it, or the kernel, gives for a mapped file leads to another file here or to none, and once the
// process has ended nothing leads there.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <utility>

#include "base/fd.h"

namespace ft::capture {

class FileSystems {
 public:
  FileSystems();

  // Looks at the mount namespace of a process that lives. Where it is not ours, it is held open. To
  // be called again when the process has executed something: wrappers change it first.
  void note(pid_t pid);

  // Where a file can be opened that a process mapped under `path`, a path from the root of its
  // mount namespace. The path itself where the process shares ours, or was never noted.
  std::string path_of(pid_t pid, const std::string& path) const;

 private:
  // Both are needed: without the namespace its mounts fall apart when its last process ends.
  struct Held {
    Fd mount_namespace;
    Fd root;  // O_PATH
  };
  using Identity = std::pair<dev_t, ino_t>;

  Identity ours_{};
  std::map<Identity, Held> held_;
  std::map<pid_t, Identity> namespace_of_;  // of processes whose namespace is held
};

}  // namespace ft::capture
