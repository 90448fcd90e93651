#include "attribution/code_map.h"

#include <sys/mman.h>

#include <algorithm>
#include <limits>
#include <vector>

namespace ft::attribution {

namespace {

constexpr Nanoseconds kLatest = std::numeric_limits<Nanoseconds>::max() - 1;

}  // namespace

CodeMap::CodeMap(const event::Trace& trace, const Replay& replay) : trace_(trace), replay_(replay) {
  std::map<event::Pid, std::vector<RegionIndex::Entry>> entries;
  for (std::size_t i = 0; i < replay.boxes.size(); ++i) {
    const Box& box = replay.boxes[i];
    if ((box.prot & PROT_EXEC) == 0) continue;
    entries[box.pid].push_back({box.range, box.from_ts, box.to_ts, static_cast<std::uint32_t>(i)});
  }
  for (auto& [pid, of_pid] : entries) {
    std::ranges::sort(of_pid, {}, &RegionIndex::Entry::from_ts);
    indexes_.emplace(pid, RegionIndex(of_pid));
  }
}

const Box* CodeMap::find(event::Pid pid, std::uint64_t address, Nanoseconds ts) const {
  const auto it = indexes_.find(pid);
  if (it == indexes_.end()) return nullptr;
  std::uint32_t found = it->second.find(address, ts);
  if (found == RegionIndex::kNone) found = it->second.find(address, kLatest);
  return found == RegionIndex::kNone ? nullptr : &replay_.boxes[found];
}

const std::string& CodeMap::path_of(const Box& box) const {
  static const std::string kNone;
  const auto file = static_cast<std::size_t>(box.file);
  if (box.file >= 0 && file < trace_.files.size()) return trace_.files[file].path;
  const std::string& name = replay_.areas[box.area].name;
  const bool anonymous = (box.flags & MAP_ANONYMOUS) != 0 && !name.starts_with('[');
  return anonymous ? kNone : name;
}

}  // namespace ft::attribution
