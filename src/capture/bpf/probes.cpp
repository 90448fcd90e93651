#include "capture/bpf/probes.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "base/fd.h"
#include "base/text.h"
#include "capture/bpf/libbpf_call.h"
#include "event/syscall_table.h"
#include "host/btf.h"

using u8 = std::uint8_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
#include "probes.skel.h"

namespace ft::capture::bpf {

namespace {

constexpr std::size_t kMostSlots = 65536;
constexpr int kSelfTestPages = 16;
constexpr Nanoseconds kLockWaitThreshold = 1000;

std::size_t round_up_to_power_of_two(std::size_t bytes) {
  return std::bit_ceil(bytes);
}

// An array map the recorder reads and writes in place.
template <typename T>
class MappedArray {
 public:
  MappedArray() = default;
  MappedArray(const MappedArray&) = delete;
  MappedArray& operator=(const MappedArray&) = delete;
  ~MappedArray() {
    if (values_) ::munmap(values_, bytes_);
  }

  Result<void> map(int fd, std::size_t count) {
    static_assert(sizeof(T) % 8 == 0, "the kernel pads values to 8 bytes");
    bytes_ = (count * sizeof(T) + kPageSize - 1) / kPageSize * kPageSize;
    void* at = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) return fail_errno("mapping the probes' state", errno);
    values_ = static_cast<T*>(at);
    count_ = count;
    return {};
  }

  std::span<T> values() const { return {values_, count_}; }

 private:
  T* values_ = nullptr;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
};

std::size_t slot_count() {
  const auto text = read_file("/proc/sys/kernel/pid_max");
  const auto pid_max = text ? parse_integer<std::size_t>(trim(*text)) : std::nullopt;
  return std::min(std::bit_ceil(pid_max.value_or(kMostSlots)), kMostSlots);
}

Result<Fd> open_event(perf_event_attr& attr, std::int32_t tid, int cpu) {
  attr.type = PERF_TYPE_SOFTWARE;
  attr.size = sizeof(attr);
  const long fd = ::syscall(SYS_perf_event_open, &attr, tid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
  if (fd < 0) {
    return fail_errno("opening a perf software event", errno,
                      "firsttouch doctor says what is missing");
  }
  return Fd(static_cast<int>(fd));
}

Result<Fd> open_fault_event(std::uint64_t config, int cpu) {
  perf_event_attr attr{};
  attr.config = config;
  attr.sample_period = 1;
  return open_event(attr, -1, cpu);
}

// Bound to a thread, on whatever CPU: its clock stands still while the thread does, so idle CPUs
// and other programs are not interrupted, and what it shows is the thread's own time.
Result<Fd> open_clock(std::int32_t tid, Probes::From from, Nanoseconds period) {
  perf_event_attr attr{};
  attr.config = PERF_COUNT_SW_CPU_CLOCK;
  attr.sample_period = static_cast<u64>(period);
  attr.inherit = 1;
  attr.disabled = from == Probes::From::Exec ? 1 : 0;
  attr.enable_on_exec = attr.disabled;
  return open_event(attr, tid, -1);
}

}  // namespace

struct Probes::State {
  ~State() {
    detach();
    if (ring) ring_buffer__free(ring);
    if (skeleton) probes__destroy(skeleton);
  }

  void detach() {
    for (const int clock : clocks) {
      u64 ran = 0;
      if (::read(clock, &ran, sizeof(ran)) == sizeof(ran)) {
        sampled_time += static_cast<Nanoseconds>(ran);
      }
    }
    clocks.clear();
    for (bpf_link* link : links) bpf_link__destroy(link);
    links.clear();
    if (skeleton) probes__detach(skeleton);
    leave_breakpoints_to_a_child();
    for (bpf_link* link : breakpoints) bpf_link__destroy(link);
    breakpoints.clear();
  }

  // Taking a breakpoint out waits for the kernel's RCU, some 90 ms each, one after the other,
  // whoever closes it last. So that is a child that does nothing else: the recorder need not wait
  // for it.
  void leave_breakpoints_to_a_child() const {
    if (breakpoints.empty()) return;
    if (::fork() != 0) return;
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::close(stream);
    ::_exit(0);
  }

  Result<void> load(const Options& options);
  Result<void> attach();
  Result<void> attach_perf(bpf_program* program, std::uint64_t config);
  bool self_test();
  std::vector<ft_fault> faults_sent();
  ft_slot* slot_of(std::int32_t tid) {
    return &slots.values()[static_cast<std::size_t>(tid) & (slots.values().size() - 1)];
  }
  void reset_counters();

  probes* skeleton = nullptr;
  ring_buffer* ring = nullptr;
  std::size_t ring_bytes = 0;
  MappedArray<ft_slot> slots;
  MappedArray<ft_fault_batch> batches;
  std::vector<bpf_link*> links;
  std::vector<bpf_link*> breakpoints;
  std::vector<int> clocks;  // closed with their links
  Nanoseconds sampled_time = 0;
  std::vector<std::string> missing;
  FaultEnd fault_end = FaultEnd::MemcgCount;
  PageFrames frames;
  const std::function<void(std::span<const std::byte>)>* visit = nullptr;
};

Result<void> Probes::State::load(const Options& options) {
  keep_libbpf_messages();
  skeleton = probes__open();
  if (!skeleton) return fail("opening the BPF programs", libbpf_message());

  const int cpus = libbpf_num_possible_cpus();
  const std::size_t slots_wanted = slot_count();
  ring_bytes = round_up_to_power_of_two(std::max<std::size_t>(options.ring_bytes, kPageSize));
  for (const event::SyscallShape& shape : event::followed_syscalls()) {
    skeleton->rodata->followed[static_cast<std::size_t>(shape.number)] = 1;
  }
  skeleton->rodata->slot_mask = static_cast<u32>(slots_wanted - 1);
  skeleton->rodata->stack_copy_bytes = std::min<u64>(options.stack_copy_bytes, FT_STACK_COPY_BYTES);
  skeleton->rodata->lock_wait_threshold = kLockWaitThreshold;
  bpf_map__set_max_entries(skeleton->maps.ring, static_cast<u32>(ring_bytes));
  bpf_map__set_max_entries(skeleton->maps.slots, static_cast<u32>(slots_wanted));
  bpf_map__set_max_entries(skeleton->maps.fault_batches, static_cast<u32>(cpus));
  bpf_map__set_max_entries(skeleton->maps.stack_scratches,
                           options.stack_copy_bytes ? static_cast<u32>(cpus) : 1);

  // libbpf reads the same file again for itself, but does not tell what is in it.
  const auto btf = read_file("/sys/kernel/btf/vmlinux");
  const auto kernel = btf ? host::BtfTracepoints::make(*btf) : std::unexpected(btf.error());
  if (!kernel) {
    return fail("reading the kernel's type information", kernel.error().message(),
                "a kernel built with CONFIG_DEBUG_INFO_BTF is needed, or --backend ptrace");
  }
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton->obj) {
    std::string_view section = bpf_program__section_name(program);
    constexpr std::string_view kPrefix = "tp_btf/";
    if (!section.starts_with(kPrefix)) continue;
    // A tracepoint this kernel does not have must not keep the other programs from loading.
    section.remove_prefix(kPrefix.size());
    if (kernel->has(section)) continue;
    bpf_program__set_autoload(program, false);
    if (section == "count_memcg_events")
      fault_end = FaultEnd::PerfEvent;
    else
      missing.push_back(fmt::format("{}: this kernel has no such tracepoint", section));
  }
  bpf_program__set_autoload(skeleton->progs.page_alloc, options.page_allocations);
  bpf_program__set_autoload(skeleton->progs.mmap_lock_asked, options.lock_waits);
  bpf_program__set_autoload(skeleton->progs.mmap_lock_got, options.lock_waits);
  bpf_program__set_autoload(skeleton->progs.cpu_sample, options.samples);

  const int error = without_memlock_limit([this] { return probes__load(skeleton); });
  if (error) {
    return fail("loading the BPF programs",
                fmt::format("{} [{}]", std::strerror(-error), libbpf_message()),
                "run as root, or use --backend ptrace; firsttouch doctor says more");
  }
  FT_TRY_VOID(slots.map(bpf_map__fd(skeleton->maps.slots), slots_wanted));
  FT_TRY_VOID(
      batches.map(bpf_map__fd(skeleton->maps.fault_batches), static_cast<std::size_t>(cpus)));
  const auto on_message = [](void* context, void* data, std::size_t size) {
    auto* state = static_cast<State*>(context);
    (*state->visit)({static_cast<const std::byte*>(data), size});
    return 0;
  };
  ring = ring_buffer__new(bpf_map__fd(skeleton->maps.ring), on_message, this, nullptr);
  if (!ring) return fail_errno("mapping the event buffer", errno);
  return {};
}

Result<void> Probes::State::attach_perf(bpf_program* program, std::uint64_t config) {
  for (int cpu = 0; cpu < libbpf_num_possible_cpus(); ++cpu) {
    auto event = open_fault_event(config, cpu);
    if (!event && cpu > 0) continue;  // an offline CPU
    if (!event) return std::unexpected(event.error());
    bpf_link* link = bpf_program__attach_perf_event(program, event->release());
    if (!link) return fail_errno("attaching to page-fault events", errno);
    links.push_back(link);
  }
  return {};
}

Result<void> Probes::State::attach() {
  if (probes__attach(skeleton) != 0) {
    return fail_errno("attaching the probes", errno, libbpf_message());
  }
  FT_TRY_VOID(attach_perf(skeleton->progs.major_fault, PERF_COUNT_SW_PAGE_FAULTS_MAJ));
  if (fault_end == FaultEnd::MemcgCount && self_test()) return {};
  // Memory control groups are switched off, or count otherwise: perf sees the same moment.
  fault_end = FaultEnd::PerfEvent;
  FT_TRY_VOID(attach_perf(skeleton->progs.minor_fault, PERF_COUNT_SW_PAGE_FAULTS_MIN));
  if (self_test()) return {};
  return fail("testing the probes on the recorder itself", "page faults were not seen to end",
              "please report this, with the output of firsttouch doctor");
}

// Takes everything out of the ring.
std::vector<ft_fault> Probes::State::faults_sent() {
  std::vector<ft_fault> faults;
  const std::function<void(std::span<const std::byte>)> take =
      [&faults](std::span<const std::byte> message) {
        ft_fault_batch batch{};
        std::memcpy(&batch, message.data(), std::min(message.size(), sizeof batch));
        if (batch.kind != FT_FAULTS) return;
        const std::uint32_t count = std::min<std::uint32_t>(batch.count, FT_FAULTS_PER_BATCH);
        faults.insert(faults.end(), batch.faults, batch.faults + count);
      };
  visit = &take;
  ring_buffer__consume(ring);
  visit = nullptr;
  return faults;
}

// Touches a few pages itself and looks whether each was seen, start and end. That also tells which
// struct page belongs to which frame, which nothing else does without kernel symbols.
bool Probes::State::self_test() {
  constexpr std::size_t kBytes = kSelfTestPages * kPageSize;
  void* at = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return false;
  ::madvise(at, kBytes, MADV_NOHUGEPAGE);
  auto* bytes = static_cast<volatile char*>(at);

  const auto tid = static_cast<std::int32_t>(::gettid());
  ft_slot* slot = slot_of(tid);
  FT_CHECK(slot->tid == 0);
  reset_counters();
  slot->pid = static_cast<u32>(::getpid());
  slot->state = FT_SLOT_IDLE;
  __atomic_store_n(&slot->tid, static_cast<u32>(tid), __ATOMIC_RELEASE);
  for (std::size_t page = 0; page < kSelfTestPages; ++page) bytes[page * kPageSize] = 1;
  __atomic_store_n(&slot->tid, 0U, __ATOMIC_RELEASE);

  // Every touch but the last was handed on to a batch; where the touches were held up for 50 ms, as
  // on a host that is very busy, batches have been sent off already.
  std::vector<ft_fault> seen = faults_sent();
  for (const ft_fault_batch& batch : batches.values()) {
    seen.insert(seen.end(), batch.faults, batch.faults + batch.count);
  }
  if (slot->state == FT_SLOT_DONE) seen.push_back(slot->fault);
  const auto start = reinterpret_cast<std::uint64_t>(at);
  std::erase_if(seen, [&](const ft_fault& fault) {
    return fault.addr < start || fault.addr >= start + kBytes ||
           (fault.flags & FT_FAULT_UNFINISHED) != 0;
  });
  const bool all_seen = seen.size() == kSelfTestPages;

  const Fd pagemap(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  std::vector<std::pair<std::uint64_t, std::uint64_t>> page_and_pfn;
  for (const ft_fault& fault : seen) {
    std::uint64_t entry = 0;
    const auto offset = static_cast<off_t>(fault.addr / kPageSize * sizeof(entry));
    if (::pread(pagemap.get(), &entry, sizeof(entry), offset) != sizeof(entry)) break;
    const std::uint64_t pfn = entry & ((1ULL << 55U) - 1);
    if (pfn != 0 && fault.page != 0) page_and_pfn.emplace_back(fault.page, pfn);
  }
  frames = {};
  std::ranges::sort(page_and_pfn, {}, [](const auto& pair) { return pair.second; });
  if (page_and_pfn.size() >= 2 && page_and_pfn.back().second != page_and_pfn.front().second) {
    const std::uint64_t size = (page_and_pfn.back().first - page_and_pfn.front().first) /
                               (page_and_pfn.back().second - page_and_pfn.front().second);
    const std::uint64_t base = page_and_pfn.front().first - page_and_pfn.front().second * size;
    const bool consistent = std::ranges::all_of(page_and_pfn, [&](const auto& pair) {
      return size != 0 && base + pair.second * size == pair.first;
    });
    if (consistent) frames = {base, size};
  }

  slot->state = FT_SLOT_IDLE;
  reset_counters();
  ::munmap(at, kBytes);
  return all_seen;
}

void Probes::State::reset_counters() {
  for (ft_fault_batch& batch : batches.values()) batch.count = 0;
  skeleton->bss->losses = {};
}

Probes::Probes() : state_(std::make_unique<State>()) {}
Probes::Probes(Probes&&) noexcept = default;
Probes& Probes::operator=(Probes&&) noexcept = default;
Probes::~Probes() = default;

Result<Probes> Probes::load(const Options& options) {
  Probes probes;
  FT_TRY_VOID(probes.state_->load(options));
  FT_TRY_VOID(probes.state_->attach());
  return probes;
}

std::span<const std::string> Probes::missing() const {
  return state_->missing;
}
bool Probes::watches(std::string_view tracepoint) const {
  return std::ranges::none_of(missing(), [&](std::string_view complaint) {
    return complaint.starts_with(tracepoint) &&
           complaint.substr(tracepoint.size()).starts_with(':');
  });
}
FaultEnd Probes::fault_end() const {
  return state_->fault_end;
}
PageFrames Probes::page_frames() const {
  return state_->frames;
}

void Probes::follow(std::int32_t tid, std::int32_t pid, From from) {
  ft_slot* slot = state_->slot_of(tid);
  if (slot->tid != 0) {  // two threads of a large process share it
    state_->skeleton->bss->losses.threads_not_followed++;
    return;
  }
  *slot = {};
  slot->pid = static_cast<u32>(pid);
  slot->waits_for_exec = from == From::Exec ? 1 : 0;
  __atomic_store_n(&slot->tid, static_cast<u32>(tid), __ATOMIC_RELEASE);
}

Probes::Program Probes::program_since(std::int32_t pid, Nanoseconds exec) const {
  const ft_slot* slot = state_->slot_of(pid);
  // A process that is gone, or followed in no slot: nothing says that it changed.
  if (__atomic_load_n(&slot->tid, __ATOMIC_ACQUIRE) != static_cast<u32>(pid)) return Program::Same;
  // In this order: the probe says when an exec was before it says that it is over.
  const bool changing = __atomic_load_n(&slot->execs_now, __ATOMIC_ACQUIRE) != 0;
  const u64 last = __atomic_load_n(&slot->exec_ts, __ATOMIC_ACQUIRE);
  if (last != 0 && last != static_cast<u64>(exec)) return Program::Another;
  return changing ? Program::Changing : Program::Same;
}

Result<void> Probes::sample(std::int32_t tid, From from, Nanoseconds period) {
  Fd clock = FT_TRY(open_clock(tid, from, period));
  const int fd = clock.get();
  keep_libbpf_messages();
  bpf_link* link = bpf_program__attach_perf_event(state_->skeleton->progs.cpu_sample, fd);
  if (!link) return fail_errno("attaching to a thread's clock", errno, libbpf_message());
  clock.release();  // the link's now
  state_->links.push_back(link);
  state_->clocks.push_back(fd);
  return {};
}

Nanoseconds Probes::sampled_time() const {
  return state_->sampled_time;
}

Result<void> Probes::mark_jvm(JvmMark mark, std::int32_t pid, const std::string& path,
                              std::uint64_t file_offset) {
  const auto& programs = state_->skeleton->progs;
  bpf_program* program = nullptr;
  switch (mark) {
    case JvmMark::VmInitBegin:
      program = programs.vm_init_begin;
      break;
    case JvmMark::VmInitEnd:
      program = programs.vm_init_end;
      break;
    case JvmMark::GcBegin:
      program = programs.gc_begin;
      break;
    case JvmMark::VmShutdown:
      program = programs.vm_shutdown;
      break;
    case JvmMark::AuxMapper:
      program = programs.aux_mapper;
      break;
  }
  keep_libbpf_messages();
  bpf_link* link = bpf_program__attach_uprobe(program, false, pid, path.c_str(), file_offset);
  if (!link) {
    return fail_errno(fmt::format("{}: marking the JVM's phases", path), errno, libbpf_message());
  }
  state_->breakpoints.push_back(link);
  return {};
}

int Probes::wake_fd() const {
  return ring_buffer__epoll_fd(state_->ring);
}

std::size_t Probes::consume(const std::function<void(std::span<const std::byte>)>& visit) {
  state_->visit = &visit;
  const int count = ring_buffer__consume(state_->ring);
  state_->visit = nullptr;
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

void Probes::finish(const std::function<void(std::span<const std::byte>)>& visit) {
  state_->detach();
  while (consume(visit) != 0) {
  }
  for (ft_fault_batch& batch : state_->batches.values()) {
    if (batch.count == 0) continue;
    batch.kind = FT_FAULTS;
    const std::size_t bytes = offsetof(ft_fault_batch, faults) + batch.count * sizeof(ft_fault);
    visit({reinterpret_cast<const std::byte*>(&batch), bytes});
    batch.count = 0;
  }
  ft_fault_batch rest{};
  rest.kind = FT_FAULTS;
  rest.count = 1;
  for (ft_slot& slot : state_->slots.values()) {
    if (slot.tid == 0 || slot.state == FT_SLOT_IDLE || slot.waits_for_exec) continue;
    if (slot.state == FT_SLOT_FAULTING) slot.fault.flags = FT_FAULT_UNFINISHED;
    slot.state = FT_SLOT_IDLE;
    rest.faults[0] = slot.fault;
    visit({reinterpret_cast<const std::byte*>(&rest),
           offsetof(ft_fault_batch, faults) + sizeof(ft_fault)});
  }
}

const ft_losses& Probes::losses() const {
  return state_->skeleton->bss->losses;
}

Probes::Reentered Probes::probes_reentered() const {
  Reentered reentered;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, state_->skeleton->obj) {
    const int fd = bpf_program__fd(program);
    bpf_prog_info info{};
    u32 size = sizeof(info);
    if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) != 0) continue;
    if (info.recursion_misses == 0) continue;
    reentered.count += info.recursion_misses;
    if (!reentered.probes.empty()) reentered.probes += ", ";
    reentered.probes += bpf_program__name(program);
  }
  return reentered;
}

}  // namespace ft::capture::bpf
