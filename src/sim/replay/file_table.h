// FileTable is the files and shared memory a trace maps, as the model needs them. A recording says
// little about files: their size and what of them was in memory are worked out from how they are
// mapped and from the faults, which is an estimate.
//
//   size     the largest offset that was mapped, other than from the beginning by a mapping that is
//            not fixed, as the loader does it; where there is no other, that;
//            memfds: what ftruncate and fallocate said
//   kind     by the file system it is on, of the process's mountinfo; without one, by the path
//   cached   every page, but for those on which a fault was taken while nothing was mapped there:
//            the fault before it had passed over them, so they were not ready by then
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "event/trace.h"
#include "host/maps.h"
#include "sim/virt/backing_file.h"
#include "sim/virt/open_file.h"

namespace ft::sim::replay {

class FileTable {
 public:
  explicit FileTable(const event::Trace& trace);

  // Whether the recording says what the call's descriptor was.
  bool knows(event::FileId id) const {
    return id >= 0 && static_cast<std::size_t>(id) < files_.size();
  }
  // What the call's descriptor was. REQUIRES: knows(call.file).
  virt::OpenFile of_call(const event::Syscall& call);
  // The file of an area in /proc/PID/maps; null where it has none.
  std::shared_ptr<virt::BackingFile> of_area(const host::Vma& area);

  // Its path; empty where the file is none of these.
  std::string_view path_of(const virt::BackingFile* file) const;

  // A page that was not ready when a fault on a neighbour came by. One that was mapped before
  // stays.
  void was_late(virt::BackingFile& file, std::uint64_t page);
  // A page that was ready, or that a fault brought in.
  void was_ready(virt::BackingFile& file, std::uint64_t page);

  // ftruncate and fallocate of shared memory; of other files they change nothing here.
  void resize(event::FileId id, std::uint64_t bytes);
  void allocate(event::FileId id, std::uint64_t offset, std::uint64_t bytes, bool punch_hole);

 private:
  struct Key {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::string path;  // where there is no inode number
    auto operator<=>(const Key&) const = default;
  };
  static Key key_of(std::uint64_t device, std::uint64_t inode, std::string_view path);
  std::shared_ptr<virt::BackingFile>& entry(const Key& key, std::string_view path);
  void know_file_systems(const event::Trace& trace);
  // Its type, "ext4"; empty where the recording does not say.
  std::string_view file_system_of(std::uint64_t device) const;
  void measure(const event::Trace& trace);

  const std::vector<event::File>& files_;
  std::map<std::uint64_t, std::string> file_system_;  // by device
  std::map<Key, std::uint64_t> fixed_end_;
  std::map<Key, std::uint64_t> end_;
  std::map<Key, std::shared_ptr<virt::BackingFile>> by_key_;
  std::vector<std::shared_ptr<virt::BackingFile>> by_id_;
  std::map<const virt::BackingFile*, std::vector<bool>> ready_;
  std::map<const virt::BackingFile*, std::string> paths_;
};

}  // namespace ft::sim::replay
