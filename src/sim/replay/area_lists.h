// The areas of a process as /proc/PID/maps shows them, and how the model's differ.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "host/maps.h"
#include "sim/virt/vma.h"

namespace ft::sim::replay {

struct AreaDifference {
  std::vector<std::string> missing;  // in /proc, not in the model: lines of maps
  std::vector<std::string> extra;    // the other way round
  bool compared = false;

  bool none() const { return compared && missing.empty() && extra.empty(); }
  bool untouched() const { return !compared; }
  std::size_t count() const { return missing.size() + extra.size(); }
};

class AreaList {
 public:
  // Without [vsyscall], which is no area.
  static Result<AreaList> parse(std::string_view maps);

  std::size_t size() const { return areas_.size(); }

  // Compared are range, rights, shared or private, and the offset of files. Names are not: the
  // kernel makes them from what the area is.
  AreaDifference compare(const std::vector<virt::Vma>& model) const;

 private:
  std::vector<host::Vma> areas_;
};

// A line as /proc/PID/maps prints it, without device and inode.
std::string maps_line(const virt::Vma& area);

}  // namespace ft::sim::replay
