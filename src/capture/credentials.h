// As whom the target runs: the user named by -u; without -u, under sudo (SUDO_UID, SUDO_GID and
// SUDO_USER are set and we are root), the user who called sudo; else as the recorder itself.
//
// Like strace -u, this changes uid, gid and supplementary groups and nothing else: HOME, USER,
// LOGNAME and the rest of the environment stay as they are.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace ft::capture {

struct Credentials {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;

  // Makes them the calling process's, for good. Returns 0 or an errno. Async-signal-safe.
  int apply() const;
};

// Nothing: the target runs as the recorder does. Fails for an unknown user, and for any other user
// than oneself when not root.
Result<std::optional<Credentials>> target_credentials(const std::string& user);

}  // namespace ft::capture
