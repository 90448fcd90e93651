#include "host/hwloc_topology.h"

#include <fcntl.h>
#include <hwloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <limits>
#include <memory>
#include <optional>
#include <span>

#include "base/check.h"
#include "base/fd.h"

#ifdef __has_feature
#define FT_HAS_FEATURE(feature) __has_feature(feature)
#else
#define FT_HAS_FEATURE(feature) 0
#endif

namespace ft::host {

namespace {

constexpr std::string_view kXmlRemedy = "export one with lstopo --of xml FILE";
constexpr std::string_view kSyntheticRemedy = "for example: node:2(memory=8GiB) core:8 pu:1";
// Beyond these a description is a mistake, and hwloc would take minutes and gigabytes over it.
constexpr std::uint64_t kMostSyntheticObjects = 65536;
constexpr unsigned kMostNumber = 65536;

struct Destroy {
  void operator()(hwloc_topology* topology) const { hwloc_topology_destroy(topology); }
};
using Handle = std::unique_ptr<hwloc_topology, Destroy>;

Handle make_handle() {
  hwloc_topology_t topology = nullptr;
  FT_CHECK(hwloc_topology_init(&topology) == 0);
  hwloc_topology_set_cache_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_NONE);
  return Handle(topology);
}

std::vector<std::uint32_t> members_of(hwloc_const_bitmap_t set) {
  std::vector<std::uint32_t> members;
  // The loop would not end on an infinite set, which hwloc allows.
  for (int i = hwloc_bitmap_first(set); i >= 0 && static_cast<unsigned>(i) < kMostNumber;
       i = hwloc_bitmap_next(set, i)) {
    members.push_back(static_cast<std::uint32_t>(i));
  }
  return members;
}

struct ReleaseDistances {
  hwloc_topology* topology;
  void operator()(hwloc_distances_s* distances) const {
    hwloc_distances_release(topology, distances);
  }
};

// By node, in the order of `nodes`; empty where there is none, or not for every node.
std::vector<std::vector<unsigned>> distances_of(hwloc_topology* topology,
                                                const std::vector<HwlocNode>& nodes) {
  unsigned count = 1;
  hwloc_distances_s* found = nullptr;
  if (hwloc_distances_get_by_type(topology, HWLOC_OBJ_NUMANODE, &count, &found,
                                  HWLOC_DISTANCES_KIND_FROM_OS | HWLOC_DISTANCES_KIND_MEANS_LATENCY,
                                  0) != 0 ||
      count == 0 || found == nullptr) {
    return {};
  }
  const std::unique_ptr<hwloc_distances_s, ReleaseDistances> matrix(found, {topology});
  const auto column_of = [&](std::uint32_t id) -> std::optional<unsigned> {
    for (unsigned i = 0; i < matrix->nbobjs; ++i) {
      if (matrix->objs[i] != nullptr && matrix->objs[i]->os_index == id) return i;
    }
    return std::nullopt;
  };
  std::vector<std::vector<unsigned>> distances;
  for (const HwlocNode& from : nodes) {
    std::vector<unsigned>& row = distances.emplace_back();
    for (const HwlocNode& to : nodes) {
      const auto i = column_of(from.id);
      const auto j = column_of(to.id);
      if (!i || !j) return {};
      const hwloc_uint64_t value = matrix->values[*i * matrix->nbobjs + *j];
      row.push_back(static_cast<unsigned>(
          std::min<hwloc_uint64_t>(value, std::numeric_limits<unsigned>::max())));
    }
  }
  return distances;
}

Result<HwlocTopology> read(hwloc_topology* topology, std::string_view name) {
  HwlocTopology result;
  for (hwloc_obj_t object = nullptr;
       (object = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, object)) != nullptr;) {
    if (object->os_index >= kMostNumber) {
      return fail(std::string(name), "a NUMA node without a number");
    }
    HwlocNode& node = result.nodes.emplace_back();
    node.id = object->os_index;
    node.memory_bytes = object->attr->numanode.local_memory;
    if (object->cpuset != nullptr) node.cpus = members_of(object->cpuset);
  }
  if (result.nodes.empty()) return fail(std::string(name), "it has no NUMA node");
  std::ranges::sort(result.nodes, {}, &HwlocNode::id);
  result.distances = distances_of(topology, result.nodes);
  return result;
}

// The product of the numbers behind the colons, which is how many objects hwloc would make.
std::uint64_t synthetic_objects(std::string_view description) {
  std::uint64_t objects = 1;
  for (std::size_t i = 0; i < description.size() && objects <= kMostSyntheticObjects; ++i) {
    const bool begins = i == 0 || description[i - 1] == ':' || description[i - 1] == ' ';
    if (!begins || description[i] < '0' || description[i] > '9') continue;
    std::uint64_t number = 0;
    while (i < description.size() && description[i] >= '0' && description[i] <= '9' &&
           number <= kMostSyntheticObjects) {
      number = number * 10 + static_cast<std::uint64_t>(description[i++] - '0');
    }
    objects *= std::max<std::uint64_t>(number, 1);
  }
  return objects;
}

// ---- in a child
// ---------------------------------------------------------------------------------- hwloc 2.9
// crashes on some files that it did not write itself, so that it reads outside input in a process
// that may: the child sends the numbers alone, a word each.

void send(std::vector<std::uint64_t>& words, const HwlocTopology& topology) {
  words.push_back(topology.nodes.size());
  for (const HwlocNode& node : topology.nodes) {
    words.insert(words.end(), {node.id, node.memory_bytes, node.cpus.size()});
    words.insert(words.end(), node.cpus.begin(), node.cpus.end());
  }
  for (const auto& row : topology.distances) words.insert(words.end(), row.begin(), row.end());
}

// The other way round; nothing where words are missing or left over.
std::optional<HwlocTopology> receive(std::span<const std::uint64_t> words) {
  bool enough = true;
  const auto next = [&]() -> std::uint64_t {
    if (words.empty()) {
      enough = false;
      return 0;
    }
    const std::uint64_t word = words.front();
    words = words.subspan(1);
    return word;
  };
  HwlocTopology topology;
  const std::uint64_t nodes = next();
  for (std::uint64_t i = 0; i < nodes && enough; ++i) {
    HwlocNode& node = topology.nodes.emplace_back();
    node.id = static_cast<std::uint32_t>(next());
    node.memory_bytes = next();
    for (std::uint64_t cpus = next(); cpus != 0 && enough; --cpus) {
      node.cpus.push_back(static_cast<std::uint32_t>(next()));
    }
  }
  if (enough && !words.empty()) {
    if (words.size() != nodes * nodes) return std::nullopt;
    for (std::uint64_t i = 0; i < nodes; ++i) {
      auto& row = topology.distances.emplace_back();
      for (std::uint64_t j = 0; j < nodes; ++j) row.push_back(static_cast<unsigned>(next()));
    }
  }
  return enough ? std::optional(std::move(topology)) : std::nullopt;
}

enum ChildStatus : int { kRead = 0, kNotUnderstood = 1, kNoNode = 2 };

// Returns what became of it; what it writes is all that anyone sees of the child.
template <typename SetUp>
int child_main(int out, SetUp set_up) {
  constexpr rlim_t kMostSeconds = 10;
  constexpr rlim_t kMostBytes = rlim_t{4} << 30U;
  const rlimit no_core = {0, 0};
  const rlimit time = {kMostSeconds, kMostSeconds};
  const rlimit memory = {kMostBytes, kMostBytes};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::setrlimit(RLIMIT_CPU, &time);
  // AddressSanitizer's own memory would not fit.
#if !defined(__SANITIZE_ADDRESS__) && !FT_HAS_FEATURE(address_sanitizer)
  ::setrlimit(RLIMIT_DATA, &memory);
#else
  static_cast<void>(memory);
#endif
  for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL}) ::signal(signal, SIG_DFL);
  if (const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC); null >= 0) ::dup2(null, 2);

  const Handle topology = make_handle();
  if (set_up(topology.get()) != 0 || hwloc_topology_load(topology.get()) != 0)
    return kNotUnderstood;
  const auto result = read(topology.get(), "");
  if (!result) return kNoNode;
  std::vector<std::uint64_t> words;
  send(words, *result);
  std::string_view bytes(reinterpret_cast<const char*>(words.data()),
                         words.size() * sizeof(std::uint64_t));
  while (!bytes.empty()) {
    const ssize_t written = ::write(out, bytes.data(), bytes.size());
    if (written <= 0) return kNotUnderstood;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return kRead;
}

// `set_up` tells hwloc where the topology is: 0 where that went well.
template <typename SetUp>
Result<HwlocTopology> read_in_child(const std::string& name, std::string_view remedy,
                                    SetUp set_up) {
  std::array<int, 2> ends = {-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(name, errno);
  Fd in(ends[0]);
  Fd out(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return fail_errno(name, errno);
  if (child == 0) ::_exit(child_main(out.get(), set_up));
  out = Fd();

  std::vector<std::uint64_t> words(std::size_t{4} * kMostNumber);
  const std::size_t room = words.size() * sizeof(std::uint64_t);
  std::size_t filled = 0;
  while (filled < room) {
    const ssize_t got =
        ::read(in.get(), reinterpret_cast<char*>(words.data()) + filled, room - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    filled += static_cast<std::size_t>(got);
  }
  in.reset();  // a child with more to say ends here
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status)) return fail(name, "hwloc crashed over it", std::string(remedy));
  if (WEXITSTATUS(status) == kNoNode) {
    return fail(name, "it has no NUMA node with a number", std::string(remedy));
  }
  words.resize(filled / sizeof(std::uint64_t));
  auto topology = receive(words);
  if (WEXITSTATUS(status) != kRead || !topology) {
    return fail(name, "hwloc does not understand it", std::string(remedy));
  }
  return std::move(*topology);
}

}  // namespace

Result<HwlocTopology> read_host_topology() {
  const Handle topology = make_handle();
  if (hwloc_topology_load(topology.get()) != 0) {
    return fail("topology of this host", "hwloc does not find it");
  }
  return read(topology.get(), "topology of this host");
}

Result<HwlocTopology> parse_hwloc_xml(std::string_view xml, std::string_view name) {
  const auto broken = [&](std::string why) {
    return fail(std::string(name), std::move(why), std::string(kXmlRemedy));
  };
  if (xml.size() > kLargestHwlocXml) return broken("too large for a topology");
  if (xml.find('\0') != std::string_view::npos) return broken("it is not text");
  // Parsers of hwloc are made for what hwloc wrote: leave out what cannot be that.
  const auto last = xml.find_last_not_of(" \t\r\n");
  if (xml.find("<topology") == std::string_view::npos || last == std::string_view::npos) {
    return broken("it is no XML of hwloc");
  }
  if (!xml.substr(0, last + 1).ends_with("</topology>")) return broken("it is cut short");

  const std::string text(xml);  // ends in a zero byte, which counts
  return read_in_child(std::string(name), kXmlRemedy, [&](hwloc_topology* topology) {
    return hwloc_topology_set_xmlbuffer(topology, text.c_str(), static_cast<int>(text.size()) + 1);
  });
}

Result<HwlocTopology> parse_hwloc_synthetic(std::string_view description) {
  const std::string name = "synthetic topology \"" + std::string(description.substr(0, 80)) + "\"";
  if (description.find('\0') != std::string_view::npos || description.size() > 4096) {
    return fail(name, "it is no description of a machine", std::string(kSyntheticRemedy));
  }
  if (synthetic_objects(description) > kMostSyntheticObjects) {
    return fail(name, "it describes more than 65536 objects", std::string(kSyntheticRemedy));
  }
  const std::string text(description);
  return read_in_child(name, kSyntheticRemedy, [&](hwloc_topology* topology) {
    return hwloc_topology_set_synthetic(topology, text.c_str());
  });
}

}  // namespace ft::host
