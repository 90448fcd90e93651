#include "host/capabilities.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstring>

#include "host/test_files.h"

namespace ft::host {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

template <typename Record>
void append(std::string& bytes, const Record& record) {
  bytes.append(reinterpret_cast<const char*>(&record), sizeof record);
}

// BTF of typedefs only, one a name.
std::string btf_of(const std::vector<std::string>& names) {
  std::string strings(1, '\0');
  std::string types;
  for (const std::string& name : names) {
    append(types, static_cast<std::uint32_t>(strings.size()));
    append(types, std::uint32_t{8U << 24U});
    append(types, std::uint32_t{0});
    strings += name;
    strings += '\0';
  }
  std::string btf;
  append(btf, std::uint16_t{0xeb9f});
  append(btf, std::uint16_t{1});
  append(btf, std::uint32_t{24});
  append(btf, std::uint32_t{0});
  append(btf, static_cast<std::uint32_t>(types.size()));
  append(btf, static_cast<std::uint32_t>(types.size()));
  append(btf, static_cast<std::uint32_t>(strings.size()));
  return btf + types + strings;
}

const std::vector<std::string> kAllTracepoints = {"btf_trace_sys_enter",
                                                  "btf_trace_sys_exit",
                                                  "btf_trace_page_fault_user",
                                                  "btf_trace_page_fault_kernel",
                                                  "btf_trace_sched_process_fork",
                                                  "btf_trace_sched_process_exec",
                                                  "btf_trace_sched_process_exit",
                                                  "btf_trace_task_rename",
                                                  "btf_trace_mm_page_alloc",
                                                  "btf_trace_tlb_flush",
                                                  "btf_trace_mmap_lock_start_locking",
                                                  "btf_trace_mmap_lock_acquire_returned",
                                                  "btf_trace_mm_vmscan_direct_reclaim_begin",
                                                  "btf_trace_mm_vmscan_direct_reclaim_end",
                                                  "btf_trace_mm_vmscan_memcg_reclaim_begin",
                                                  "btf_trace_mm_vmscan_memcg_reclaim_end",
                                                  "btf_trace_mm_vmscan_wakeup_kswapd",
                                                  "btf_trace_mm_compaction_try_to_compact_pages",
                                                  "btf_trace_mm_compaction_end",
                                                  "btf_trace_mark_victim"};

// A host on which everything works; tests take something away.
HostProbes good_host() {
  HostProbes probes;
  for (Attempt* attempt :
       {&probes.attempts.load_tracing_program, &probes.attempts.load_raw_program,
        &probes.attempts.create_ring_buffer, &probes.attempts.perf_program,
        &probes.attempts.perf_faults_per_cpu, &probes.attempts.perf_faults_own,
        &probes.attempts.perf_cpu_clock, &probes.attempts.cycles, &probes.attempts.dtlb_misses,
        &probes.attempts.uprobe, &probes.attempts.kprobe, &probes.attempts.trace_child,
        &probes.attempts.seccomp_filter, &probes.attempts.pagemap, &probes.attempts.kpageflags}) {
    attempt->error = 0;
  }
  probes.attempts.pagemap_shows_frames = true;
  probes.tracepoints = BtfTracepoints::make(btf_of(kAllTracepoints));
  probes.effective_caps = ~std::uint64_t{0};
  probes.facts.available_bytes = 8 * kGiB;
  probes.facts.thp.enabled = "madvise";
  probes.facts.cgroup = MemoryCgroup{.version = 2};
  probes.tracefs_readable = probes.kernel_symbols = probes.fault_around_readable = true;
  probes.zoneinfo_readable = probes.pagetypeinfo_readable = true;
  probes.pressure_readable = probes.numa_maps_readable = true;
  probes.jdks = {{"/jdk", "17.0.15", "Debian", "/jdk/lib/server/libjvm.so", {true, true, true}}};
  return probes;
}

const Capability& find(const std::vector<Capability>& capabilities, std::string_view name) {
  const auto it = std::ranges::find(capabilities, name, &Capability::name);
  if (it == capabilities.end()) {
    ADD_FAILURE() << "no capability " << name;
    return capabilities.front();
  }
  return *it;
}

TEST(Btf, FindsTracepointsByTheirTypedefs) {
  const auto tracepoints =
      BtfTracepoints::make(btf_of({"u64", "btf_trace_sys_enter", "other", "btf_trace_tlb_flush"}));
  ASSERT_TRUE(tracepoints) << tracepoints.error().message();
  EXPECT_EQ(tracepoints->size(), 2U);
  EXPECT_EQ(tracepoints->type_id("sys_enter"), 2U);
  EXPECT_EQ(tracepoints->type_id("tlb_flush"), 4U);
  EXPECT_FALSE(tracepoints->has("other"));
}

TEST(Btf, RefusesWhatIsNotBtf) {
  const std::string good = btf_of(kAllTracepoints);
  EXPECT_FALSE(BtfTracepoints::make(""));
  EXPECT_FALSE(
      BtfTracepoints::make("\x7f"
                           "ELF, not BTF, but long enough"));
  for (std::size_t length = 0; length < good.size(); ++length) {
    EXPECT_FALSE(BtfTracepoints::make(std::string_view(good).substr(0, length))) << length;
  }
  std::string unknown_kind = good;
  unknown_kind[24 + 7] = 31;
  const auto tracepoints = BtfTracepoints::make(unknown_kind);
  ASSERT_FALSE(tracepoints);
  EXPECT_EQ(tracepoints.error().what, "BTF: byte 24");
}

TEST(Btf, ReadsThisKernel) {
  const auto btf = read_file("/sys/kernel/btf/vmlinux");
  if (!btf) GTEST_SKIP() << btf.error().message();
  const auto tracepoints = BtfTracepoints::make(*btf);
  ASSERT_TRUE(tracepoints) << tracepoints.error().message();
  EXPECT_TRUE(tracepoints->has("sys_enter"));
  EXPECT_TRUE(tracepoints->has("page_fault_user"));
  EXPECT_FALSE(tracepoints->has("no_such_tracepoint"));
}

TEST(Judge, AGoodHostNeedsNothing) {
  const auto capabilities = judge(good_host());
  for (const Capability& capability : capabilities) {
    EXPECT_EQ(capability.state, CapabilityState::Works) << capability.name << capability.why;
    EXPECT_EQ(capability.remedy, "") << capability.name;
    EXPECT_NE(capability.why, "") << capability.name;
    EXPECT_NE(capability.needed_for, "") << capability.name;
  }
  const BackendChoice choice = choose_backend(capabilities);
  EXPECT_EQ(choice.backend, Backend::Bpf);
  EXPECT_THAT(choice.recording_lacks, IsEmpty());
  EXPECT_EQ(choice.why_not_bpf, "");
}

TEST(Judge, WithoutRightsItIsPtrace) {
  HostProbes probes = good_host();
  probes.effective_uid = 1000;
  probes.effective_caps = 0;
  probes.facts.sysctls = {{"kernel.unprivileged_bpf_disabled", "2"},
                          {"kernel.perf_event_paranoid", "3"}};
  probes.attempts.load_tracing_program = probes.attempts.load_raw_program =
      probes.attempts.create_ring_buffer = probes.attempts.perf_program = {EPERM};
  probes.attempts.perf_faults_per_cpu = {EACCES};
  const auto capabilities = judge(probes);
  const Capability& programs = find(capabilities, "BPF programs");
  EXPECT_EQ(programs.state, CapabilityState::Missing);
  EXPECT_THAT(programs.why, HasSubstr("EPERM"));
  EXPECT_THAT(programs.why, HasSubstr("kernel.unprivileged_bpf_disabled = 2"));
  EXPECT_THAT(find(capabilities, "Rights").remedy, HasSubstr("sudo"));
  const BackendChoice choice = choose_backend(capabilities);
  EXPECT_EQ(choice.backend, Backend::Ptrace);
  EXPECT_THAT(choice.why_not_bpf, HasSubstr("BPF programs"));
  EXPECT_THAT(choice.recording_lacks, Not(IsEmpty()));
}

TEST(Judge, RightsAndARefusalPointAtASecurityModule) {
  HostProbes probes = good_host();
  probes.attempts.load_tracing_program = {EPERM};
  EXPECT_THAT(find(judge(probes), "BPF programs").remedy, HasSubstr("security module"));
  probes.container = "docker";
  EXPECT_THAT(find(judge(probes), "BPF programs").remedy, HasSubstr("seccomp profile"));
}

TEST(Judge, WithoutBtfBpfIsOut) {
  HostProbes probes = good_host();
  probes.tracepoints = fail("/sys/kernel/btf/vmlinux", "No such file or directory");
  probes.attempts.load_tracing_program = {};
  const auto capabilities = judge(probes);
  EXPECT_EQ(find(capabilities, "Kernel type information (BTF)").state, CapabilityState::Missing);
  EXPECT_THAT(find(capabilities, "BPF programs").why, HasSubstr("no BTF"));
  EXPECT_EQ(choose_backend(capabilities).backend, Backend::Ptrace);
}

TEST(Judge, NamesTracepointsThatAreNotThere) {
  HostProbes probes = good_host();
  std::vector<std::string> fewer = kAllTracepoints;
  std::erase(fewer, "btf_trace_tlb_flush");
  probes.tracepoints = BtfTracepoints::make(btf_of(fewer));
  auto capabilities = judge(probes);
  EXPECT_EQ(find(capabilities, "Memory tracepoints").state, CapabilityState::Degraded);
  EXPECT_THAT(find(capabilities, "Memory tracepoints").why, HasSubstr("tlb_flush"));
  EXPECT_EQ(choose_backend(capabilities).backend, Backend::Bpf);
  EXPECT_EQ(choose_backend(capabilities).recording_lacks, std::vector<std::string>{"TLB flushes"});

  std::erase(fewer, "btf_trace_sys_exit");
  probes.tracepoints = BtfTracepoints::make(btf_of(fewer));
  capabilities = judge(probes);
  EXPECT_EQ(find(capabilities, "Tracepoints").state, CapabilityState::Missing);
  EXPECT_EQ(choose_backend(capabilities).backend, Backend::Ptrace);
}

TEST(Judge, WithoutEitherNothingCanBeRecorded) {
  HostProbes probes = good_host();
  probes.attempts.load_tracing_program = {EPERM};
  probes.attempts.trace_child = {EPERM};
  probes.facts.sysctls = {{"kernel.yama.ptrace_scope", "3"}};
  const auto capabilities = judge(probes);
  EXPECT_THAT(find(capabilities, "ptrace with a seccomp filter").why,
              HasSubstr("ptrace_scope = 3"));
  EXPECT_EQ(choose_backend(capabilities).backend, Backend::None);
}

TEST(Judge, YamaAllowsChildrenOnly) {
  HostProbes probes = good_host();
  probes.effective_caps = 0;
  probes.facts.sysctls = {{"kernel.yama.ptrace_scope", "1"}};
  const auto capabilities = judge(probes);
  EXPECT_EQ(find(capabilities, "ptrace with a seccomp filter").state, CapabilityState::Degraded);
}

TEST(Judge, AStrippedJdkIsTold) {
  HostProbes probes = good_host();
  probes.jdks = {{"/jdk", "", "", "/jdk/lib/server/libjvm.so", {false, true, false}}};
  auto capabilities = judge(probes);
  EXPECT_EQ(find(capabilities, "JDK").state, CapabilityState::Degraded);
  EXPECT_THAT(find(capabilities, "JDK").why, HasSubstr("no .symtab"));
  EXPECT_THAT(find(capabilities, "JDK").remedy, HasSubstr("debug symbols"));
  probes.jdks.clear();
  capabilities = judge(probes);
  EXPECT_EQ(find(capabilities, "JDK").state, CapabilityState::Missing);
  EXPECT_EQ(choose_backend(capabilities).backend, Backend::Bpf);
}

TEST(Judge, ALowMemoryLimitIsTold) {
  HostProbes probes = good_host();
  probes.facts.cgroup = MemoryCgroup{.version = 2, .limit = 512 * kMiB, .current = 500 * kMiB};
  const auto capabilities = judge(probes);
  EXPECT_EQ(find(capabilities, "Free memory").state, CapabilityState::Degraded);
  EXPECT_THAT(find(capabilities, "Free memory").why, HasSubstr("control group"));
}

TEST(Judge, NoRemedySwitchesAProtectionOff) {
  HostProbes probes;
  probes.facts.sysctls = {{"kernel.kptr_restrict", "2"}, {"kernel.perf_event_paranoid", "3"}};
  for (const Capability& capability : judge(probes)) {
    for (const std::string_view setting : {"paranoid=", "paranoid =", "setenforce", "sysctl -w",
                                           "lockdown=none", "unprivileged_bpf_disabled"}) {
      EXPECT_THAT(capability.remedy, Not(HasSubstr(std::string(setting)))) << capability.name;
    }
  }
}

TEST(ProbeHost, LooksAtThisHostWithoutChangingIt) {
  const HostFiles files;
  const auto settings_before = read_host_facts(files).sysctls;
  const HostProbes probes = probe_host(files, JdkHints::from_environment());
  const auto capabilities = judge(probes);
  EXPECT_EQ(read_host_facts(files).sysctls, settings_before);
  EXPECT_GT(capabilities.size(), 20U);
  EXPECT_TRUE(probes.attempts.trace_child.tried());
  EXPECT_TRUE(probes.attempts.pagemap.tried());
  for (const Capability& capability : capabilities) {
    EXPECT_NE(capability.why, "") << capability.name;
    if (capability.state != CapabilityState::Works && capability.bpf_needs_it) {
      EXPECT_NE(capability.remedy, "") << capability.name;
    }
  }
}

// The child gives up root for good, looks, and tells by its exit status.
TEST(ProbeHost, WorksForAUserWithoutRights) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
  constexpr uid_t kNobody = 65534;
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (::setresgid(kNobody, kNobody, kNobody) != 0) ::_exit(10);
    if (::setresuid(kNobody, kNobody, kNobody) != 0) ::_exit(11);
    const HostProbes probes = probe_host(HostFiles(), JdkHints{});
    const auto capabilities = judge(probes);
    if (probes.effective_caps != 0 || probes.effective_uid != kNobody) ::_exit(12);
    if (probes.attempts.load_tracing_program.works()) ::_exit(13);
    if (choose_backend(capabilities).backend == Backend::Bpf) ::_exit(14);
    if (find(capabilities, "Rights").state != CapabilityState::Missing) ::_exit(15);
    if (probes.attempts.pagemap_shows_frames) ::_exit(16);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Jdks, FindsEachOnceByItsRealPath) {
  const TempRoot root;
  // Any shared library will do for the section table: this program itself.
  root.make_folder("/usr/lib/jvm/jdk-a/lib/server");
  std::filesystem::copy_file("/proc/self/exe",
                             root.path() + "/usr/lib/jvm/jdk-a/lib/server/libjvm.so");
  root.write("/usr/lib/jvm/jdk-a/release", "IMPLEMENTOR=\"Maker\"\nJAVA_VERSION=\"21.0.1\"\n");
  root.write("/usr/lib/jvm/jdk-a/bin/java", "");
  std::filesystem::create_directory_symlink("jdk-a", root.path() + "/usr/lib/jvm/default");
  root.write("/usr/lib/jvm/broken/lib/server/libjvm.so", "not an ELF file");
  root.make_folder("/usr/lib/jvm/empty");
  root.make_folder("/usr/bin");
  std::filesystem::create_symlink("../lib/jvm/jdk-a/bin/java", root.path() + "/usr/bin/java");

  const auto jdks =
      find_jdks(HostFiles(root.path()), {"/usr/lib/jvm/jdk-a", "relative::/usr/bin:/nonexistent"});
  ASSERT_EQ(jdks.size(), 1U);
  EXPECT_EQ(jdks[0].version, "21.0.1");
  EXPECT_EQ(jdks[0].vendor, "Maker");
  EXPECT_TRUE(jdks[0].home.ends_with("/usr/lib/jvm/jdk-a"));
  EXPECT_TRUE(jdks[0].notes.has_symtab);
}

TEST(Jdks, HostileLibrariesAreRefused) {
  const TempRoot root;
  std::string header(
      "\x7f"
      "ELF\x02\x01\x01",
      7);
  header.resize(64, '\xff');
  root.write("/a", header);
  root.write("/b", "");
  EXPECT_FALSE(read_library_notes(root.path() + "/a"));
  EXPECT_FALSE(read_library_notes(root.path() + "/b"));
  EXPECT_FALSE(read_library_notes(root.path() + "/none"));
  EXPECT_FALSE(read_library_notes(root.path()));
}

}  // namespace
}  // namespace ft::host
