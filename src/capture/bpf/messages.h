/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What the probes and the recorder say to each other: the messages in the ring buffer, the shared
 * maps and the counters of what was lost. Fixed-width, read on both sides. Times are
 * bpf_ktime_get_ns(), that is CLOCK_MONOTONIC. */
#pragma once

#ifndef __bpf__
#include <stdint.h>
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;
#endif

enum {
  FT_MAX_FRAMES = 48,
  FT_PATH_BYTES = 1024, /* must be a power of two */
  FT_PATH_COMPONENTS = 24,
  FT_COMM = 16,
  FT_ARGV_BYTES = 4096,
  FT_FAULTS_PER_BATCH = 64, /* must be a power of two */
  FT_STACK_COPY_BYTES = 32768,
  FT_SYSCALL_NUMBERS = 512,
  FT_AUX_NAME = 48,
  FT_KERNEL_FRAMES = 64,
};

enum ft_message_kind {
  FT_FAULTS = 1,
  FT_SYSCALL,
  FT_FORK,
  FT_EXEC,
  FT_EXIT,
  FT_RENAME,
  FT_ALLOC,
  FT_FLUSH,
  FT_MM_EVENT,
  FT_JVM_MARK,
  FT_AUX_MAPPER,
  FT_SAMPLE,
  FT_MESSAGE_KINDS,
};

/* One finished (or abandoned) page fault. 48 bytes: a pretouched heap writes millions. */
struct ft_fault {
  u64 ts;
  u64 addr;
  u64 ip;
  u64 page; /* struct page * of the folded block, 0: none */
  u32 dur;  /* ns, or units of 1024 ns with FT_FAULT_LONG */
  u32 tid;
  u32 gfp;
  u16 error_code;
  u8 flags; /* FT_FAULT_* */
  u8 block; /* order | migratetype << 4 */
};

enum {
  FT_FAULT_MAJOR = 1,
  FT_FAULT_UNFINISHED = 2,
  FT_FAULT_LONG = 4,
};

/* One per CPU, in a mapped array: filled by the fault probes, sent when full or old; what is left
 * at the end the recorder takes from the map. */
struct ft_fault_batch {
  u32 kind; /* FT_FAULTS */
  u32 count;
  u64 unused; /* keeps the faults at a multiple of 16, which the verifier can follow */
  struct ft_fault faults[FT_FAULTS_PER_BATCH];
};

/* A followed thread, in a mapped array indexed by tid modulo its size. `fault` is the fault under
 * way, or the last one, not yet handed on: whether it was major is known only just after its end.
 */
enum ft_slot_state {
  FT_SLOT_IDLE = 0,
  FT_SLOT_FAULTING = 1,
  FT_SLOT_DONE = 2,
};

struct ft_slot {
  u32 tid; /* 0: free */
  u32 pid;
  u8 state;          /* enum ft_slot_state */
  u8 waits_for_exec; /* held before exec: nothing of it is recorded yet */
  u8 in_syscall;
  u8 execs_now; /* the leader's: a thread of the process is inside execve */
  u8 unused[4];
  u64 lock_ts;
  u64 stall_ts;
  u32 stall_detail;
  u32 unused2;
  struct ft_fault fault;
  u64 exec_ts;    /* the leader's: its last exec, 0: none seen */
  u64 unused3[4]; /* one slot = two cache lines */
};

struct ft_header {
  u32 kind;
  u32 tid;
  u64 ts;
};

struct ft_syscall {
  struct ft_header header; /* ts: entry */
  u64 dur;
  s64 ret;
  u64 args[6];
  u32 pid;
  u32 number;
  u64 caller; /* the word at the user stack pointer */
  u64 device; /* of the file behind `fd`; inode 0: none */
  u64 inode;
  u16 frame_count;
  u16 path_bytes; /* components, innermost first, each ended by NUL */
  u16 stack_truncated;
  u16 path_truncated;
  u32 stack_bytes; /* copy of the user stack, with --stacks dwarf */
  u32 unused;
  u64 regs[17]; /* ax dx cx bx si di bp sp r8..r15 ip: DWARF numbers; valid with stack_bytes */
  /* Then the payload: frames (u64); with a path, always FT_MAX_FRAMES of them, and the path; with a
   * stack copy, room for the longest path, and the copy. */
};

struct ft_fork {
  struct ft_header header; /* tid: the parent's thread */
  u32 parent_pid;
  u32 child_tid;
  u32 child_pid;
  u32 unused;
  char comm[FT_COMM];
};

struct ft_exec {
  struct ft_header header; /* tid after the exec */
  u32 pid;
  u32 old_tid;
  u64 faults_before; /* min_flt + maj_flt of the thread: made by the kernel for the exec itself */
  u32 argv_bytes;
  u32 argv_truncated;
  char comm[FT_COMM];
  char filename[256];
  /* then argv, each ended by NUL */
};

struct ft_exit {
  struct ft_header header;
  u32 pid;
  u32 code;   /* as wait(2) gives it */
  u64 faults; /* min_flt + maj_flt of the thread */
  char comm[FT_COMM];
};

struct ft_rename {
  struct ft_header header;
  char comm[FT_COMM];
};

struct ft_alloc {
  struct ft_header header;
  u64 page;
  u32 gfp;
  u8 order;
  u8 migratetype;
  u8 context; /* event::AllocContext */
  u8 unused;
};

struct ft_flush {
  struct ft_header header;
  u64 pages;
  u32 reason;
  u32 unused;
};

struct ft_mm_event {
  struct ft_header header;
  u64 dur;
  u64 value;
  u32 detail;
  u32 event; /* event::MmEventKind */
};

enum ft_jvm_mark {
  FT_VM_INIT_BEGIN = 1,
  FT_VM_INIT_END = 2,
  FT_GC_BEGIN = 3,
  FT_VM_SHUTDOWN = 4,
};

struct ft_mark {
  struct ft_header header;
  u32 pid;
  u32 mark; /* enum ft_jvm_mark */
};

struct ft_aux_mapper {
  struct ft_header header;
  u64 size;
  u64 factor;
  u32 pid;
  u32 unused;
  char name[FT_AUX_NAME];
};

/* What a thread was doing when its clock had run for another period. */
struct ft_sample {
  struct ft_header header;
  u32 pid;
  u16 kernel_frames; /* 0: it was in user mode */
  u16 user_frames;
  /* then the frames, innermost first: the kernel's, the user's */
};

/* Every way to lose something has a counter; the recorder reports each, zero too. */
struct ft_losses {
  u64 ring_full[FT_MESSAGE_KINDS]; /* messages; for FT_FAULTS faults, not batches */
  u64 threads_not_followed;        /* slot taken by another live thread */
  u64 calls_without_entry;         /* sys_exit whose sys_enter was not stored */
  u64 stacks_truncated;
  u64 paths_truncated;
  u64 argv_truncated;
  u64 gup_faults;       /* faults the kernel took on the thread's behalf: no start, no address */
  u64 short_lock_waits; /* mmap_lock taken within the threshold: counted, not listed */
  u64 kernel_stacks_truncated;
  u64 swapped_of_nobody;  /* anonymous folios written to swap that are in no area any more */
  u64 flushes_not_needed; /* task switch that kept its TLB entries */
};

#ifndef __bpf__
static_assert(sizeof(struct ft_fault) == 48, "the ring's unit of cost");
static_assert(sizeof(struct ft_slot) == 128, "two cache lines");
#endif
