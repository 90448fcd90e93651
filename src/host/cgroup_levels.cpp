#include "host/cgroup_levels.h"

#include <algorithm>

#include "host/cgroup.h"

namespace ft::host {

namespace {

// More nested groups than any host has; a path that is longer is not walked to its end.
constexpr std::size_t kMostLevels = 64;

// Reads the files of one group, and remembers what did not read as it should. A file that is not
// there is no problem: kernels and the root group have fewer.
class LevelReader {
 public:
  LevelReader(const HostFiles& files, std::string folder, CgroupLevel& level)
      : files_(files), folder_(std::move(folder)), level_(level) {}

  std::optional<std::uint64_t> limit(std::string_view name) {
    return parsed<std::optional<std::uint64_t>>(name, parse_memory_limit)
        .value_or(std::optional<std::uint64_t>{});
  }
  std::optional<std::uint64_t> number(std::string_view name) {
    return parsed<std::optional<std::uint64_t>>(name, parse_memory_limit)
        .value_or(std::optional<std::uint64_t>{});
  }
  void add_counters(std::string_view name, NumberTable& into) {
    const auto table = parsed<NumberTable>(name, parse_counters);
    if (!table) return;
    for (const NamedNumber& counter : table->numbers()) into.add(counter.name, counter.value);
  }
  std::optional<Pressure> pressure(std::string_view name) {
    return parsed<Pressure>(name, parse_pressure);
  }

 private:
  template <typename T, typename Parser>
  std::optional<T> parsed(std::string_view name, Parser parse) {
    const std::string file = folder_ + "/" + std::string(name);
    const std::optional<std::string> text = files_.text(file);
    if (!text) return std::nullopt;
    Result<T> value = parse(*text, file);
    if (value) return *std::move(value);
    level_.problems.push_back(value.error());
    return std::nullopt;
  }

  const HostFiles& files_;
  std::string folder_;
  CgroupLevel& level_;
};

void read_version2(LevelReader& reader, CgroupLevel& level) {
  level.limit = reader.limit("memory.max");
  level.high = reader.limit("memory.high");
  level.swap_limit = reader.limit("memory.swap.max");
  level.current = reader.number("memory.current");
  level.peak = reader.number("memory.peak");
  level.swap_current = reader.number("memory.swap.current");
  reader.add_counters("memory.events", level.events);
  reader.add_counters("memory.stat", level.stat);
  level.pressure = reader.pressure("memory.pressure");
}

void read_version1(LevelReader& reader, CgroupLevel& level) {
  level.limit = reader.limit("memory.limit_in_bytes");
  level.swap_limit = reader.limit("memory.memsw.limit_in_bytes");
  level.current = reader.number("memory.usage_in_bytes");
  level.peak = reader.number("memory.max_usage_in_bytes");
  level.swap_current = reader.number("memory.memsw.usage_in_bytes");
  if (const auto failures = reader.number("memory.failcnt")) level.events.add("failcnt", *failures);
  reader.add_counters("memory.oom_control", level.events);
  reader.add_counters("memory.stat", level.stat);
}

// The sum of those that are there; nothing where none is.
std::optional<std::uint64_t> sum_of(const NumberTable& table,
                                    std::initializer_list<std::string_view> names) {
  std::optional<std::uint64_t> sum;
  for (const std::string_view name : names) {
    if (const auto value = table.find(name)) sum = sum.value_or(0) + *value;
  }
  return sum;
}

}  // namespace

Result<CgroupLevels> read_cgroup_levels(const HostFiles& files, const std::string& pid) {
  const MemoryCgroupPlace place = FT_TRY(find_memory_cgroup(files, pid));
  CgroupLevels all;
  all.version = place.version;
  std::string folder = place.folder;
  while (folder.size() >= place.mount_point.size() && all.levels.size() < kMostLevels) {
    CgroupLevel level;
    level.path = folder.substr(place.mount_point.size());
    if (level.path.empty()) level.path = "/";
    LevelReader reader(files, folder, level);
    place.version == 2 ? read_version2(reader, level) : read_version1(reader, level);
    all.levels.push_back(std::move(level));
    const std::size_t slash = folder.rfind('/');
    if (slash == std::string::npos || slash == 0) break;
    folder.resize(slash);
  }
  return all;
}

std::optional<std::uint64_t> reclaimable_bytes(const CgroupLevel& level, unsigned version) {
  // The lists of file pages leave shared memory out, which the kernel could only swap.
  return version == 2 ? sum_of(level.stat, {"active_file", "inactive_file", "slab_reclaimable"})
                      : sum_of(level.stat, {"total_active_file", "total_inactive_file"});
}

std::optional<std::uint64_t> anonymous_bytes(const CgroupLevel& level, unsigned version) {
  return level.stat.find(version == 2 ? "anon" : "total_rss");
}

}  // namespace ft::host
