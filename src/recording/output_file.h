// The file a recording is written to: made in one step, put aside, taken away.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/result.h"

namespace ft::recording {

struct FileOwner {
  uid_t user = 0;
  gid_t group = 0;
};

// Makes `path` appear with this content at once, replacing a regular file of that name. Readable by
// its owner only: a recording tells command lines. Fails on anything else of that name: a symbolic
// link, a device, a folder.
Result<void> place_file(const std::string& path, const std::string& content,
                        std::optional<FileOwner> owner);

// An older recording becomes `path`.old, which replaces one there. Nothing to do where there is
// none. Whether there was one.
Result<bool> rotate_existing(const std::string& path);

// Puts `path`.old back to `path`: the new recording came to nothing.
Result<void> restore_rotated(const std::string& path);

// Removes the file with what SQLite keeps beside it.
void remove_recording(const std::string& path);

// The rollback journal that SQLite keeps beside a file while it writes.
std::string journal_of(const std::string& path);

}  // namespace ft::recording
