#include "host/attempts.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/perf_event.h>
#include <linux/ptrace.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>

#include "base/fd.h"
#include "base/units.h"
#include "host/maps.h"

namespace ft::host {

namespace {

// The parts of bpf(2)'s attributes that an attempt fills in. Their layout is ABI; the header that
// has all of it stays with the capture backend.
constexpr int kBpfMapCreate = 0;
constexpr int kBpfProgLoad = 5;
constexpr std::uint32_t kProgRawTracepoint = 17;
constexpr std::uint32_t kProgPerfEvent = 7;
constexpr std::uint32_t kProgTracing = 26;
constexpr std::uint32_t kAttachTraceRawTp = 23;
constexpr std::uint32_t kMapRingBuffer = 27;

struct BpfProgLoad {
  std::uint32_t prog_type = 0;
  std::uint32_t insn_count = 0;
  std::uint64_t insns = 0;
  std::uint64_t license = 0;
  std::uint32_t log_level = 0;
  std::uint32_t log_size = 0;
  std::uint64_t log_buffer = 0;
  std::uint32_t kernel_version = 0;
  std::uint32_t prog_flags = 0;
  std::array<char, 16> prog_name{};
  std::uint32_t prog_ifindex = 0;
  std::uint32_t expected_attach_type = 0;
  std::uint32_t btf_fd = 0;
  std::uint32_t func_info_record_size = 0;
  std::uint64_t func_info = 0;
  std::uint32_t func_info_count = 0;
  std::uint32_t line_info_record_size = 0;
  std::uint64_t line_info = 0;
  std::uint32_t line_info_count = 0;
  std::uint32_t attach_btf_id = 0;
  std::uint32_t attach_prog_fd = 0;
  std::uint32_t padding = 0;
};
static_assert(offsetof(BpfProgLoad, expected_attach_type) == 68);
static_assert(offsetof(BpfProgLoad, attach_btf_id) == 108);

struct BpfMapCreate {
  std::uint32_t map_type = 0;
  std::uint32_t key_size = 0;
  std::uint32_t value_size = 0;
  std::uint32_t max_entries = 0;
};

template <typename Attributes>
int bpf(int command, const Attributes& attributes) {
  return static_cast<int>(::syscall(SYS_bpf, command, &attributes, sizeof attributes));
}

// The shortest program there is: r0 = 0; exit.
Fd load_program(std::uint32_t type, std::uint32_t attach_type, std::uint32_t btf_id) {
  static constexpr std::array<std::uint64_t, 2> kReturnZero = {0x00000000000000b7ULL,
                                                               0x0000000000000095ULL};
  BpfProgLoad load;
  load.prog_type = type;
  load.insn_count = kReturnZero.size();
  load.insns = reinterpret_cast<std::uintptr_t>(kReturnZero.data());
  load.license = reinterpret_cast<std::uintptr_t>("Dual BSD/GPL");
  load.expected_attach_type = attach_type;
  load.attach_btf_id = btf_id;
  return Fd(bpf(kBpfProgLoad, load));
}

Attempt outcome_of(const Fd& fd) {
  return {fd.valid() ? 0 : errno};
}

perf_event_attr event_of(std::uint32_t type, std::uint64_t config) {
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = type;
  attributes.config = config;
  attributes.disabled = 1;
  return attributes;
}

Fd open_event(perf_event_attr attributes, pid_t pid, int cpu) {
  return Fd(static_cast<int>(
      ::syscall(SYS_perf_event_open, &attributes, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
}

Attempt try_ring_buffer() {
  BpfMapCreate create;
  create.map_type = kMapRingBuffer;
  create.max_entries = static_cast<std::uint32_t>(::sysconf(_SC_PAGESIZE));
  return outcome_of(Fd(bpf(kBpfMapCreate, create)));
}

Attempt try_perf_program() {
  const Fd program = load_program(kProgPerfEvent, 0, 0);
  if (!program.valid()) return {errno};
  const Fd event =
      open_event(event_of(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MIN), ::getpid(), -1);
  if (!event.valid()) return {errno};
  return {::ioctl(event.get(), PERF_EVENT_IOC_SET_BPF, program.get()) == 0 ? 0 : errno};
}

Attempt try_cpu_clock() {
  perf_event_attr attributes = event_of(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK);
  attributes.freq = 1;
  attributes.sample_freq = 99;
  attributes.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME;
  return outcome_of(open_event(attributes, -1, 0));
}

Attempt try_dtlb() {
  constexpr std::uint64_t kLoadMisses = PERF_COUNT_HW_CACHE_DTLB |
                                        (PERF_COUNT_HW_CACHE_OP_READ << 8U) |
                                        (PERF_COUNT_HW_CACHE_RESULT_MISS << 16U);
  perf_event_attr attributes = event_of(PERF_TYPE_HW_CACHE, kLoadMisses);
  attributes.exclude_kernel = 1;
  return outcome_of(open_event(attributes, 0, -1));
}

Attempt try_cycles() {
  perf_event_attr attributes = event_of(PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES);
  attributes.exclude_kernel = 1;
  return outcome_of(open_event(attributes, 0, -1));
}

// Never called: a place in this program where a probe can be set without being hit.
[[gnu::noinline, gnu::used]] void place_for_a_probe() {
  asm volatile("nop; nop; nop; nop");
}

// File and offset of a function of this program, by its own maps.
std::optional<Vma> area_of(std::uintptr_t address) {
  const Result<std::string> text = read_file("/proc/self/maps");
  if (!text) return std::nullopt;
  const auto vmas = parse_maps(*text);
  if (!vmas) return std::nullopt;
  for (const Vma& vma : *vmas) {
    if (vma.range.contains(address) && vma.is_file()) return vma;
  }
  return std::nullopt;
}

Attempt try_uprobe(const HostFiles& files) {
  const auto type = files.number("/sys/bus/event_source/devices/uprobe/type");
  if (!type) return {ENOENT};
  const auto address = reinterpret_cast<std::uintptr_t>(&place_for_a_probe);
  const std::optional<Vma> vma = area_of(address);
  if (!vma) return {ENOENT};
  const std::string file(vma->path());
  perf_event_attr attributes = event_of(static_cast<std::uint32_t>(*type), 0);
  attributes.uprobe_path = reinterpret_cast<std::uintptr_t>(file.c_str());
  attributes.probe_offset = address - vma->range.start + vma->offset;
  return outcome_of(open_event(attributes, ::getpid(), -1));
}

Attempt try_kprobe(const HostFiles& files) {
  const auto type = files.number("/sys/bus/event_source/devices/kprobe/type");
  if (!type) return {ENOENT};
  perf_event_attr attributes = event_of(static_cast<std::uint32_t>(*type), 0);
  attributes.kprobe_func = reinterpret_cast<std::uintptr_t>("do_exit");
  return outcome_of(open_event(attributes, ::getpid(), -1));
}

// Runs `attempt` in a child that ends at once, because what it does to a process cannot be undone.
template <typename Try>
Attempt in_child(Try attempt) {
  const pid_t child = ::fork();
  if (child < 0) return {errno};
  if (child == 0) ::_exit(attempt() & 0xff);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return {errno};
  }
  // A filter may answer a forbidden call by killing the caller.
  return {WIFEXITED(status) ? WEXITSTATUS(status) : EPERM};
}

int try_traceme() {
  return ::syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0) == 0 ? 0 : errno;
}

int try_seccomp() {
  sock_filter allow = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
  const sock_fprog program = {1, &allow};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0 ? 0 : errno;
}

Attempt read_entry(const std::string& path, std::uint64_t index, std::uint64_t& entry) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return {errno};
  const ssize_t got =
      ::pread(fd.get(), &entry, sizeof entry, static_cast<off_t>(index * sizeof entry));
  if (got < 0) return {errno};
  return {got == sizeof entry ? 0 : ENODATA};
}

void try_page_maps(const HostFiles& files, Attempts& attempts) {
  constexpr std::uint64_t kFrameBits = (std::uint64_t{1} << 55U) - 1;
  volatile char page_in_use = 1;
  const auto address = reinterpret_cast<std::uintptr_t>(&page_in_use);
  std::uint64_t entry = 0;
  attempts.pagemap = read_entry(files.path("/proc/self/pagemap"), address >> kPageShift, entry);
  attempts.pagemap_shows_frames = attempts.pagemap.works() && (entry & kFrameBits) != 0;
  std::uint64_t flags = 0;
  attempts.kpageflags = read_entry(files.path("/proc/kpageflags"),
                                   attempts.pagemap_shows_frames ? entry & kFrameBits : 1, flags);
}

}  // namespace

Attempts make_attempts(const HostFiles& files, const BtfTracepoints* btf) {
  Attempts attempts;
  if (const auto id = btf ? btf->type_id("sys_enter") : std::nullopt) {
    attempts.load_tracing_program = outcome_of(load_program(kProgTracing, kAttachTraceRawTp, *id));
  }
  attempts.load_raw_program = outcome_of(load_program(kProgRawTracepoint, 0, 0));
  attempts.create_ring_buffer = try_ring_buffer();
  attempts.perf_program = try_perf_program();
  attempts.perf_faults_per_cpu =
      outcome_of(open_event(event_of(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MIN), -1, 0));
  attempts.perf_faults_own =
      outcome_of(open_event(event_of(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MIN), 0, -1));
  attempts.perf_cpu_clock = try_cpu_clock();
  attempts.cycles = try_cycles();
  attempts.dtlb_misses = try_dtlb();
  attempts.uprobe = try_uprobe(files);
  attempts.kprobe = try_kprobe(files);
  attempts.trace_child = in_child(try_traceme);
  attempts.seccomp_filter = in_child(try_seccomp);
  try_page_maps(files, attempts);
  return attempts;
}

}  // namespace ft::host
