// The report as plain data: every number, name and sentence that a renderer shows comes from here.
// Renderers lay out; they compute nothing that is not here.
//
// Units: bytes, nanoseconds, counts. Times of day are nanoseconds since the recording's start. What
// each figure means, where it comes from and how exact it is: docs/report.md.
//
// A figure that could not be had is empty, never zero, and `missing` says why under the key named
// beside it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "report/model/finding.h"
#include "report/model/working_set.h"

namespace ft::report::model {

// Empty: not known.
template <typename T>
using Known = std::optional<T>;

using Bytes = std::uint64_t;
using Count = std::uint64_t;

// "time.kernel_mm" -> "the ptrace backend does not see page faults"
struct Missing {
  std::string what;
  std::string why;
};

struct Target {
  std::vector<std::string> command;  // argv as the target used it; may hold any bytes
  std::string executable;
  Known<int> exit_status;  // 128+N if signal N ended it
  Known<std::int32_t> pid;
  bool attached = false;  // was running already
  Count processes = 0;
  Count threads = 0;
};

struct Host {
  std::string kernel;
  std::string cpu;
  Known<Count> nodes;
  Known<Bytes> memory_bytes;
  std::map<std::string, std::string> thp;  // "enabled" -> "madvise"
};

struct Phase {
  std::string name;
  Nanoseconds start_ns = 0;
  Known<Nanoseconds> end_ns;  // empty: the recording ended in it
  Known<Nanoseconds> fault_ns;
  Known<Nanoseconds> call_ns;
  Known<Count> faults;
  Count calls = 0;
};

// kernel_mm = user_faults + kernel_faults + calls. All are sums over threads of the time each was
// inside, waiting included, so they can exceed the wall time and the CPU time.
struct KernelMm {
  Nanoseconds total_ns = 0;
  Nanoseconds user_faults_ns = 0;    // taken by the program's own loads and stores
  Nanoseconds kernel_faults_ns = 0;  // taken by the kernel copying to or from the program's memory
  Nanoseconds calls_ns = 0;          // memory system calls, the faults inside them taken off
};

struct Time {
  Known<Nanoseconds> wall_ns;  // exec to exit of the target, without held_ns; "time.wall"
  Known<Nanoseconds> user_ns;  // "time.cpu"
  Known<Nanoseconds> system_ns;
  // The part of the wall time in which no thread ran lies between these; "time.idle".
  Known<Nanoseconds> idle_least_ns;
  Known<Nanoseconds> idle_most_ns;
  Nanoseconds held_ns = 0;    // the target was stopped by us for snapshots
  Known<KernelMm> kernel_mm;  // "time.kernel_mm"
  Known<Nanoseconds>
      calls_gross_ns;  // durations of memory system calls as measured; "syscalls.time"
  Nanoseconds nested_faults_ns = 0;  // faults inside those calls
  std::vector<Phase> phases;
};

struct LossKind {
  std::string kind;
  Count count = 0;
  std::string severity;  // "data loss", "notice", "info"
  std::string meaning;
};

struct Loss {
  Count total = 0;  // of severity "data loss"
  std::vector<LossKind> kinds;
  bool cut_short = false;
};

// One figure known from two independent sources.
struct ReconcileLine {
  std::string what;
  std::int64_t recorded = 0;
  std::int64_t kernel = 0;
  bool agrees = false;
  std::int64_t tolerance = 0;  // |recorded - kernel| <= tolerance was asked for
  std::string unit;            // "bytes", "faults", ""
  std::string note;
  bool comparable = true;  // false: they differ for a reason that is known, which the note says
};

struct SyscallStats {
  std::string name;
  bool memory = true;  // counts towards kernel mm time
  Count count = 0;
  Count errors = 0;
  Count unfinished = 0;
  Known<Nanoseconds> total_ns;  // "syscalls.time"
  Known<Nanoseconds> p50_ns;
  Known<Nanoseconds> p99_ns;
  Known<Nanoseconds> max_ns;
  Bytes bytes = 0;  // lengths of the successful calls; for brk, how far it moved
};

struct LatencyBucket {  // [from, to)
  Nanoseconds from_ns = 0;
  Nanoseconds to_ns = 0;
  Count count = 0;
  Nanoseconds total_ns = 0;
};

struct FaultClass {
  std::string name;  // "anonymous, first write"
  Count count = 0;
  Nanoseconds total_ns = 0;
  Known<Nanoseconds> p50_ns;
};

struct FaultStats {
  Count count = 0;  // minor + major
  Count minor = 0;
  Count major = 0;
  Count huge = 0;         // of count: one 2 MiB page
  Count kernel_mode = 0;  // of count: taken inside the kernel
  Count unfinished = 0;   // not in count: ended in a signal
  Nanoseconds total_ns = 0;
  Nanoseconds p50_ns = 0;
  Nanoseconds p90_ns = 0;
  Nanoseconds p99_ns = 0;
  Nanoseconds p999_ns = 0;
  Nanoseconds max_ns = 0;
  double quantile_error = 0;  // relative, of the p.. figures
  std::vector<LatencyBucket> distribution;
  std::vector<FaultClass> classes;  // disjoint; their counts add up to count
};

struct PageAllocs {
  std::map<int, Count> by_order;  // blocks of 2^order frames
  std::map<int, Count> by_node;
  std::map<std::string, Count> by_context;  // "fault", "syscall", "other"
  Count page_table = 0;
  Bytes bytes = 0;
};

struct TlbFlushes {
  std::map<std::string, Count> by_reason;
  Count full = 0;
  Count ranged = 0;
  Count pages = 0;       // of the ranged
  Count not_needed = 0;  // task switches that found the entries still valid; in nothing above
  Count ipis_sent = 0;   // remote sends: in by_reason, not in full or ranged (the receivers are)
};

struct PageTableLevels {
  Count pte = 0;
  Count pmd = 0;
  Count pud = 0;
};

struct PageTables {
  Known<Bytes> bytes;               // VmPTE at the end; "page_tables.bytes"
  Known<PageTableLevels> by_level;  // predicted from the touched pages; "page_tables.by_level"
};

// A finer part of a subsystem: "arena 3", "profiled".
struct Detail {
  std::string name;
  Bytes reserved_bytes = 0;
  Bytes committed_bytes = 0;
  Known<Bytes> resident_end_bytes;
  Known<Count> faults;
  Known<Nanoseconds> fault_ns;
};

struct Subsystem {
  std::string name;
  Bytes reserved_bytes = 0;  // mapped, whatever its protection
  Bytes committed_bytes = 0;
  Known<Bytes> resident_peak_bytes;  // "subsystems.resident"
  Known<Bytes> resident_end_bytes;
  Known<Bytes> huge_bytes;
  Known<Bytes> swapped_end_bytes;
  // At the end, by NUMA node, as numa_maps has it: with memory of pools, and with pages of files
  // that are in memory. An area that several subsystems share counts for the one it begins with.
  Known<std::map<std::uint32_t, Bytes>> node_bytes;  // "subsystems.nodes"
  Known<Count> faults;                               // "faults"
  Known<Nanoseconds> fault_ns;
  Count major = 0;
  Count huge_faults = 0;
  Count syscalls = 0;             // memory system calls
  Known<Nanoseconds> syscall_ns;  // net of the faults inside them
  std::string evidence;           // by what its regions were recognised, most bytes first
  std::map<std::string, Bytes> evidence_bytes;
  std::string resident_evidence;  // how the resident figures were had
  std::vector<Detail> details;    // by reserved bytes; empty where there is nothing finer
};

// Whose memory the subsystems describe, and the sums over them.
struct Memory {
  Known<std::int32_t> pid;
  std::string name;          // its executable
  Known<Nanoseconds> at_ns;  // the moment of the "end" figures
  std::string moment;        // "end snapshot", "last event"
  Bytes reserved_bytes = 0;
  Bytes committed_bytes = 0;
  Known<Bytes> resident_end_bytes;
  Known<Bytes> resident_peak_bytes;  // of the whole, at one moment: not the sum of the peaks
  std::string resident_evidence;     // "smaps", "faults alone"; empty where not known
  Known<Bytes> vm_size;
  Known<Bytes> vm_rss;
  Known<Bytes> vm_hwm;
  std::string note;
};

struct Unattributed {
  Bytes reserved_bytes = 0;
  Known<Bytes> resident_bytes;
};

// Resident bytes by subsystem at moments of the run, from the faults alone.
struct TimelinePoint {
  Nanoseconds ts = 0;
  std::vector<Bytes> resident;  // in the order of Timeline::subsystems
};
struct Timeline {
  std::vector<std::string> subsystems;
  std::vector<TimelinePoint> points;
};

struct Call {
  Count id = 0;  // as in SQL: 1 for the first
  Nanoseconds ts = 0;
  Known<Nanoseconds> dur_ns;
  std::int32_t tid = 0;
  std::string thread;
  std::string name;
  std::string words;   // "reserve 8.0 GiB at 0x600000000"
  std::string caller;  // innermost frame with a name
  std::string subsystem;
  std::string detail;
  std::string error;  // "ENOMEM"; empty where it succeeded
  std::uint64_t address = 0;
  Bytes length = 0;
};

struct ExpensiveFault {
  Nanoseconds ts = 0;
  Nanoseconds dur_ns = 0;
  std::int32_t tid = 0;
  std::string thread;
  std::uint64_t address = 0;
  std::uint64_t ip = 0;
  std::string words;  // "anonymous, first write"
  std::string subsystem;
};

struct ThreadSummary {
  std::int32_t tid = 0;
  std::int32_t pid = 0;
  std::string name;
  Nanoseconds start_ns = 0;
  Known<Nanoseconds> end_ns;
  Count calls = 0;
  Known<Nanoseconds> call_ns;  // net of nested faults
  Known<Count> faults;
  Known<Nanoseconds> fault_ns;
};

struct Wait {
  Count count = 0;
  Nanoseconds total_ns = 0;
  Nanoseconds max_ns = 0;
};

// A process that the OOM killer picked.
struct OomKill {
  Nanoseconds ts = 0;
  std::int32_t pid = 0;
  std::string name;
  std::string why;                // what was short, by the reclaim that came before
  Known<Bytes> weighed_bytes;     // memory, swap and page tables, as the killer counts them
  Known<std::int32_t> score_adj;  // oom_score_adj
};

// What the kernel counts of tasks that wait for memory (PSI), of the whole host, over the
// recording.
struct MemoryStalls {
  Nanoseconds some_ns = 0;  // at least one waited
  Nanoseconds full_ns = 0;  // and nothing else ran
};

// What shortage of memory cost a subsystem: the part of the waits that lay within faults on its
// memory and calls about it. Of threads that worked side by side all count.
struct ShortageCost {
  std::string subsystem;  // "" for what lay within no fault or call that was recorded
  Nanoseconds direct_reclaim_ns = 0;
  Nanoseconds memcg_reclaim_ns = 0;
  Nanoseconds compaction_ns = 0;
  Count major_faults = 0;          // that read from a disk or from swap
  Nanoseconds major_fault_ns = 0;  // reclaim within them included
};

// What of a subsystem went to swap and came back. Anonymous memory; of tmpfs's nobody says whose.
struct SwapShare {
  std::string subsystem;
  Count out_pages = 0;
  Count in_faults = 0;  // major faults at pages that had been written out
};

// These waits lie inside the times of faults and calls: never add them to kernel mm time.
struct Waits {
  Wait mmap_lock;
  Wait direct_reclaim;
  Wait memcg_reclaim;
  Wait compaction;
  Count reclaimed_pages = 0;
  Count kswapd_wakes = 0;
  Count oom_kills = 0;
  // nullopt: this kernel, or the recorder of that time, has no probe for it.
  Known<Count> swap_ins;           // major faults
  Known<Count> swap_out_pages;     // anonymous memory
  std::vector<SwapShare> swapped;  // their sums; in the order of the subsystems
  Known<Count> thp_collapses;
  Known<Count> migrated_pages;
  std::vector<OomKill> oom_victims;  // oom_kills of them
  // By what it cost; only those that it cost something. The sums are those of the waits above and
  // of the major faults.
  std::vector<ShortageCost> shortage;
};

// One of the things that cost most. They are disjoint parts of kernel mm time.
struct Cost {
  std::string what;  // "first touch of the Java heap"
  std::string how;   // "61,234 faults, 1.80 µs each"
  Nanoseconds ns = 0;
  double share = 0;  // of the kernel mm time (of the calls alone, where faults are not known)
};

// What one part of the kernel took of the target's processor time, estimated from samples.
struct StageTime {
  std::string name;  // "zeroing"
  Count samples = 0;
  Nanoseconds ns = 0;        // samples times what each stands for
  Nanoseconds error_ns = 0;  // ns ± error_ns holds the truth 19 times in 20, as far as chance goes
  double share = 0;          // of the kernel time of the whole it is part of
};

// The kernel time of one subsystem, phase or call, by stage.
struct StagesOf {
  std::string name;
  Count samples = 0;  // in the kernel
  Nanoseconds ns = 0;
  Nanoseconds error_ns = 0;
  std::vector<StageTime> stages;  // largest first; they add up to it
};

struct NamedCount {
  std::string name;
  Count count = 0;
};

// Samples of what the target's threads did while they ran. Waiting threads are not sampled.
struct Samples {
  std::string event;          // "cpu-clock"
  Nanoseconds period_ns = 0;  // asked for, between two samples of a thread
  Nanoseconds each_ns = 0;    // what one stands for: cpu_ns / taken, or the period
  Count taken = 0;            // user + kernel
  Count user = 0;
  Count kernel = 0;
  Count lost = 0;       // taken and not recorded
  Known<Count> missed;  // moments at which none came: interrupts off, or the host took the CPU
  Known<Nanoseconds> cpu_ns;  // processor time of the sampled threads, by the clock itself
  Nanoseconds user_ns = 0;
  Nanoseconds kernel_ns = 0;
  Nanoseconds kernel_error_ns = 0;
  Nanoseconds memory_inside_ns = 0;    // of memory_ns, without the entry code and our probes
  Nanoseconds memory_error_ns = 0;     // of memory_ns
  Nanoseconds memory_ns = 0;           // of kernel_ns: in page faults and memory calls
  std::vector<StageTime> stages;       // of the kernel time, largest first
  std::vector<StagesOf> by_subsystem;  // of the faults and memory calls, by whose memory it was
  std::vector<StagesOf> by_phase;
  std::vector<StagesOf> by_call;         // of Report::calls that have samples; name = their words
  std::vector<NamedCount> unclassified;  // innermost functions that name no stage, most first
};

// Equal stacks of samples are one. What flame graphs are drawn of.
struct SampledStack {
  std::vector<std::string> frames;  // outermost first: the thread, its functions, the kernel's
  std::size_t kernel_from = 0;      // place of the first kernel frame; frames.size(): none
  Count count = 0;
  std::vector<Nanoseconds> at;  // when each was taken, in no order
  std::string stage;            // "user" outside the kernel
};

struct Summary {
  std::vector<Cost> costs;            // largest first
  std::vector<std::string> harmless;  // what looks frightening and is not, with numbers
  std::vector<std::string> warnings;  // loss, cut short, disagreement: shown first
};

struct Report {
  int format = 1;
  std::string tool_version;
  Target target;
  Host host;
  std::string backend;
  Time time;
  Loss loss;
  std::vector<ReconcileLine> reconcile;
  std::vector<SyscallStats> syscalls;  // by total time, then count
  Known<FaultStats> faults;            // "faults"
  Known<PageAllocs> page_allocs;       // "page_allocs"
  Known<TlbFlushes> tlb_flushes;       // "tlb_flushes"
  PageTables page_tables;
  Memory memory;
  std::vector<Subsystem> subsystems;  // every one that has anything, by reserved bytes
  Unattributed unattributed;
  Known<Timeline> timeline;
  std::vector<Call> calls;  // the longest, longest first
  std::vector<ExpensiveFault> expensive_faults;
  std::vector<ThreadSummary> threads;        // by time in memory management
  Known<Waits> waits;                        // "waits"
  Known<MemoryStalls> pressure;              // "pressure"
  Known<Samples> samples;                    // "samples"
  std::vector<SampledStack> sampled_stacks;  // most frequent first
  Known<WorkingSets> working_sets;           // "working_sets"
  Known<Counters> counters;                  // "counters"
  std::vector<std::string> contradictions;   // what the replay of the calls could not make sense of
  Summary summary;
  std::vector<Finding> findings;  // all of them, with their state
  std::vector<Missing> missing;
};

// Why the figure under that key is empty; "not recorded" where nothing more is known.
std::string why_missing(const Report& report, const std::string& key);

// What does not add up within the report: parts against wholes, subsystems against totals, shares
// beyond 100 %. Empty for a sound report.
std::vector<std::string> check(const Report& report);

}  // namespace ft::report::model
