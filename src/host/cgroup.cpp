#include "host/cgroup.h"

#include <algorithm>

#include "host/line_reader.h"

namespace ft::host {

namespace {

// Version 1 prints the largest multiple of the page size below 2^63 for "no limit"; nobody sets a
// limit of 4 EiB.
constexpr std::uint64_t kNoLimitFrom = std::uint64_t{1} << 62U;

std::string unescape_mount(std::string_view escaped) {
  std::string path;
  while (!escaped.empty()) {
    if (escaped.size() >= 4 && escaped[0] == '\\') {
      const auto code = parse_integer<std::uint8_t>(escaped.substr(1, 3), 8);
      if (code && *code != 0) {
        path += static_cast<char>(*code);
        escaped.remove_prefix(4);
        continue;
      }
    }
    path += escaped.front();
    escaped.remove_prefix(1);
  }
  return path;
}

bool has_word(std::string_view list, std::string_view word) {
  const std::vector<std::string_view> words = split(list, ',');
  return std::ranges::find(words, word) != words.end();
}

std::string folder_below(const Mount& mount, std::string_view path) {
  // Inside a container the mount may show only a part of the hierarchy.
  if (mount.root != "/") {
    if (!path.starts_with(mount.root)) return mount.mount_point;
    path.remove_prefix(mount.root.size());
  }
  while (path.ends_with('/')) path.remove_suffix(1);
  // A process outside of our cgroup namespace has a path such as "/../x", which the mount does not
  // show.
  if (path.find("/..") != std::string_view::npos) return mount.mount_point;
  return mount.mount_point + std::string(path);
}

std::optional<std::uint64_t> read_limit(const HostFiles& files, const std::string& file) {
  const std::optional<std::string> text = files.text(file);
  if (!text) return std::nullopt;
  const auto limit = parse_memory_limit(*text, file);
  return limit ? *limit : std::nullopt;
}

std::optional<std::uint64_t> tightest(const HostFiles& files, const MemoryCgroupPlace& place,
                                      std::string_view file) {
  std::optional<std::uint64_t> least;
  std::string folder = place.folder;
  while (folder.size() >= place.mount_point.size()) {
    const auto limit = read_limit(files, folder + "/" + std::string(file));
    if (limit && (!least || *limit < *least)) least = limit;
    const std::size_t slash = folder.rfind('/');
    if (slash == std::string::npos || slash == 0) break;
    folder.resize(slash);
  }
  return least;
}

void add_counters(const HostFiles& files, const std::string& file, NumberTable& into) {
  const std::optional<std::string> text = files.text(file);
  if (!text) return;
  const auto counters = parse_counters(*text, file);
  if (!counters) return;
  for (const NamedNumber& counter : counters->numbers()) into.add(counter.name, counter.value);
}

}  // namespace

Result<std::vector<CgroupMembership>> parse_cgroup(std::string_view text, std::string_view name) {
  std::vector<CgroupMembership> memberships;
  LineReader lines(text, name);
  for (std::string_view line; lines.next(line);) {
    CgroupMembership membership;
    std::string_view rest = line;
    const auto hierarchy = take_number<std::uint32_t>(rest);
    if (!hierarchy) return lines.expected_at(rest, "a hierarchy's number");
    membership.hierarchy = *hierarchy;
    if (!take_char(rest, ':')) return lines.expected_at(rest, "':'");
    const std::size_t colon = rest.find(':');
    if (colon == std::string_view::npos) return lines.expected_at(rest, "controllers and ':'");
    for (const std::string_view controller : split(rest.substr(0, colon), ',')) {
      if (!controller.empty()) membership.controllers.emplace_back(controller);
    }
    membership.path.assign(rest.substr(colon + 1));
    memberships.push_back(std::move(membership));
  }
  return memberships;
}

Result<std::vector<Mount>> parse_mountinfo(std::string_view text, std::string_view name) {
  std::vector<Mount> mounts;
  LineReader lines(text, name);
  for (std::string_view line; lines.next(line);) {
    // id parent major:minor root mount-point options [optional...] - type source super-options
    std::string_view rest = line;
    Mount mount;
    for (int skipped = 0; skipped < 2; ++skipped) take_word(rest);
    std::string_view device = take_word(rest);
    const auto major = take_number<std::uint32_t>(device);
    const bool two = major && take_char(device, ':');
    const auto minor = parse_integer<std::uint32_t>(device);
    if (two && minor) {
      mount.device_major = *major;
      mount.device_minor = *minor;
    }
    mount.root = unescape_mount(take_word(rest));
    mount.mount_point = unescape_mount(take_word(rest));
    if (mount.mount_point.empty()) return lines.expected_at(rest, "a mount point");
    std::string_view word = take_word(rest);
    while (!word.empty() && word != "-") word = take_word(rest);
    mount.fs_type.assign(take_word(rest));
    if (mount.fs_type.empty()) return lines.expected_at(rest, "- and the file system's type");
    take_word(rest);
    mount.super_options.assign(take_word(rest));
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

Result<std::optional<std::uint64_t>> parse_memory_limit(std::string_view text,
                                                        std::string_view name) {
  LineReader lines(text, name);
  const std::string_view value = trim(lines.take_all());
  if (value == "max") return std::optional<std::uint64_t>{};
  const auto bytes = parse_integer<std::uint64_t>(value);
  if (!bytes) return lines.expected_at(value, "max or a number of bytes");
  if (*bytes >= kNoLimitFrom) return std::optional<std::uint64_t>{};
  return std::optional<std::uint64_t>{*bytes};
}

Result<MemoryCgroupPlace> find_memory_cgroup(const HostFiles& files, const std::string& pid) {
  const std::string cgroup_file = "/proc/" + pid + "/cgroup";
  const std::string membership_text = FT_TRY(files.read(cgroup_file));
  const auto memberships = FT_TRY(parse_cgroup(membership_text, cgroup_file));
  const std::string mount_text = FT_TRY(files.read("/proc/self/mountinfo"));
  const auto mounts = FT_TRY(parse_mountinfo(mount_text, "/proc/self/mountinfo"));

  const auto v1 = std::ranges::find_if(memberships, [](const CgroupMembership& membership) {
    return std::ranges::find(membership.controllers, "memory") != membership.controllers.end();
  });
  const auto v2 = std::ranges::find(memberships, 0U, &CgroupMembership::hierarchy);
  for (const Mount& mount : mounts) {
    if (v1 != memberships.end() && mount.fs_type == "cgroup" &&
        has_word(mount.super_options, "memory")) {
      return MemoryCgroupPlace{1, mount.mount_point, folder_below(mount, v1->path)};
    }
    if (v1 == memberships.end() && v2 != memberships.end() && mount.fs_type == "cgroup2") {
      return MemoryCgroupPlace{2, mount.mount_point, folder_below(mount, v2->path)};
    }
  }
  return fail(cgroup_file, "no memory controller is mounted");
}

Result<MemoryCgroup> read_memory_cgroup(const HostFiles& files, const std::string& pid) {
  const MemoryCgroupPlace place = FT_TRY(find_memory_cgroup(files, pid));
  MemoryCgroup cgroup;
  cgroup.version = place.version;
  cgroup.folder = place.folder;
  const auto file = [&](std::string_view name) { return place.folder + "/" + std::string(name); };
  if (place.version == 2) {
    cgroup.limit = tightest(files, place, "memory.max");
    cgroup.high = tightest(files, place, "memory.high");
    cgroup.swap_limit = read_limit(files, file("memory.swap.max"));
    cgroup.current = files.number(file("memory.current"));
    cgroup.peak = files.number(file("memory.peak"));
    add_counters(files, file("memory.events"), cgroup.events);
  } else {
    cgroup.limit = tightest(files, place, "memory.limit_in_bytes");
    cgroup.swap_limit = read_limit(files, file("memory.memsw.limit_in_bytes"));
    cgroup.current = files.number(file("memory.usage_in_bytes"));
    cgroup.peak = files.number(file("memory.max_usage_in_bytes"));
    if (const auto failures = files.number(file("memory.failcnt"))) {
      cgroup.events.add("failcnt", *failures);
    }
    add_counters(files, file("memory.oom_control"), cgroup.events);
  }
  return cgroup;
}

}  // namespace ft::host
