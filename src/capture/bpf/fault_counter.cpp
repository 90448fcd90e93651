#include "capture/bpf/fault_counter.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "capture/bpf/libbpf_call.h"

using u8 = std::uint8_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
#include "capture/bpf/fault_count.h"
#include "fault_counter.skel.h"

namespace ft::capture::bpf {

namespace {

// include/linux/proc_ns.h, PROC_PID_INIT_INO: the namespace that every other one is below.
constexpr std::uint64_t kFirstPidNamespace = 0xEFFFFFFC;

bool in_first_pid_namespace() {
  struct stat seen{};
  return ::stat("/proc/self/ns/pid", &seen) == 0 && seen.st_ino == kFirstPidNamespace;
}

}  // namespace

struct FaultCounter::State {
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (skeleton) fault_counter__destroy(skeleton);
  }

  int counts() const { return bpf_map__fd(skeleton->maps.fault_counts); }

  fault_counter* skeleton = nullptr;
  std::uint64_t without_a_place_before = 0;
};

FaultCounter::FaultCounter(std::unique_ptr<State> state) : state_(std::move(state)) {}
FaultCounter::FaultCounter(FaultCounter&&) noexcept = default;
FaultCounter& FaultCounter::operator=(FaultCounter&&) noexcept = default;
FaultCounter::~FaultCounter() = default;

Result<FaultCounter> FaultCounter::open(pid_t pid) {
  if (!in_first_pid_namespace()) {
    return fail("counting page faults", "this is a PID namespace: the kernel's probes see others",
                "run it on the host, with the process's number there");
  }
  auto state = std::make_unique<State>();
  keep_libbpf_messages();
  state->skeleton = fault_counter__open();
  if (!state->skeleton) return fail("counting page faults", libbpf_message());
  state->skeleton->rodata->counted_pid = static_cast<u32>(pid);
  const int error = without_memlock_limit([&] { return fault_counter__load(state->skeleton); });
  if (error != 0) {
    return fail("counting page faults",
                fmt::format("{} [{}]", std::strerror(-error), libbpf_message()),
                "needs root; firsttouch doctor says more");
  }
  if (fault_counter__attach(state->skeleton) != 0) {
    return fail_errno("counting page faults", errno, libbpf_message());
  }
  return FaultCounter(std::move(state));
}

Result<FaultCounter::Counts> FaultCounter::take() {
  constexpr u32 kAtOnce = 4096;
  std::vector<u64> blocks(kAtOnce);
  std::vector<ft_fault_count> found(kAtOnce);
  Counts counts;
  u32 position = 0;
  bool first = true;
  for (bool more = true; more;) {
    u32 count = kAtOnce;
    u32 next = 0;
    errno = 0;
    const int error =
        bpf_map_lookup_and_delete_batch(state_->counts(), first ? nullptr : &position, &next,
                                        blocks.data(), found.data(), &count, nullptr);
    // ENOENT: the end was reached, with or without a last few.
    if (error != 0 && errno != ENOENT)
      return fail_errno("reading the counts of page faults", errno);
    for (u32 i = 0; i < count; ++i) counts.places.push_back({found[i].address, found[i].count});
    more = error == 0;
    position = next;
    first = false;
  }
  std::ranges::sort(counts.places, {}, &event::FaultsAt::address);
  const std::uint64_t now =
      __atomic_load_n(&state_->skeleton->bss->without_a_place, __ATOMIC_RELAXED);
  counts.without_a_place = now - std::exchange(state_->without_a_place_before, now);
  return counts;
}

}  // namespace ft::capture::bpf
