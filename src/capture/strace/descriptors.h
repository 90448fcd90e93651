// Descriptors knows which file each descriptor of each process is, for logs made without -y but
// with the calls that open and close files. With -y strace says it beside every descriptor, and
// this is not used.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "capture/strace/tables.h"
#include "event/event.h"

namespace ft::capture::strace {

class Descriptors {
 public:
  explicit Descriptors(FileTable& files) : files_(files) {}

  // True for open, openat, creat, openat2, close, dup, dup2, dup3 and fcntl.
  static bool changed_by(std::string_view call_name);

  // Takes note of what such a call did: "openat(AT_FDCWD, "/etc/passwd", O_RDONLY) = 3". A line
  // that cannot be read changes nothing.
  void note(event::Pid pid, event::Pid parent, std::string_view line);

  // A call that is recorded returned a new descriptor.
  void opened(event::Pid pid, event::Pid parent, std::int64_t fd, event::FileId file);

  // kNoFile where it is not known.
  event::FileId find(event::Pid pid, event::Pid parent, std::int32_t fd);

 private:
  using Table = std::unordered_map<std::int64_t, event::FileId>;

  // A process that is new here starts with what its parent has open.
  Table& table_of(event::Pid pid, event::Pid parent);

  FileTable& files_;
  std::unordered_map<event::Pid, Table> by_process_;
};

}  // namespace ft::capture::strace
