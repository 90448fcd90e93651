// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
// The probes: BTF tracepoints, two perf software events and a few uprobes in libjvm. They watch
// followed threads only and hand everything to the recorder through one ring buffer; what does not
// fit is counted, by kind. docs/capture-bpf.md says why each probe is there and what it costs.
#include "kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "messages.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

// Set by the recorder before loading.
const volatile u8 followed[FT_SYSCALL_NUMBERS] = {};
const volatile u32 slot_mask = 0;
const volatile u64 stack_copy_bytes = 0;     // 0: frame pointers only
const volatile u64 lock_wait_threshold = 0;  // ns

struct ft_losses losses = {};

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 16 << 20);  // resized by the recorder
} ring SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 32768);  // resized by the recorder, a power of two
  __type(key, u32);
  __type(value, struct ft_slot);
} slots SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);  // one a CPU
  __type(key, u32);
  __type(value, struct ft_fault_batch);
} fault_batches SEC(".maps");

// A system call under way.
struct call {
  u64 ts;
  u64 number;
  u64 args[6];
};

struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct call);
} calls SEC(".maps");

// Where a message of variable length is put together.
struct scratch {
  struct ft_syscall syscall;
  u8 payload[FT_MAX_FRAMES * 8 + FT_PATH_BYTES + 512];
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, struct scratch);
} scratches SEC(".maps");

struct exec_scratch {
  struct ft_exec exec;
  u8 argv[FT_ARGV_BYTES];
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, struct exec_scratch);
} exec_scratches SEC(".maps");

struct stack_scratch {
  struct scratch message;
  u8 stack[FT_STACK_COPY_BYTES];
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);  // too large for a per-CPU map
  __uint(max_entries, 1);            // one a CPU, with --stacks dwarf
  __type(key, u32);
  __type(value, struct stack_scratch);
} stack_scratches SEC(".maps");

// ---- followed threads ----

static __always_inline struct ft_slot* slot_of(u32 tid) {
  u32 index = tid & slot_mask;
  struct ft_slot* slot = bpf_map_lookup_elem(&slots, &index);

  return slot && slot->tid == tid ? slot : 0;
}

static __always_inline struct ft_slot* current_slot(void) {
  return slot_of((u32)bpf_get_current_pid_tgid());
}

static __always_inline struct ft_slot* recorded_slot(void) {
  struct ft_slot* slot = current_slot();

  return slot && !slot->waits_for_exec ? slot : 0;
}

static __always_inline void lost(u32 kind, u64 count) {
  __sync_fetch_and_add(&losses.ring_full[kind], count);
}

static __always_inline void set_header(struct ft_header* header, u32 kind, u32 tid, u64 ts) {
  header->kind = kind;
  header->tid = tid;
  header->ts = ts;
}

// ---- page faults ----

static __always_inline void send_batch(struct ft_fault_batch* batch, u32 count) {
  u64 bytes =
      __builtin_offsetof(struct ft_fault_batch, faults) + (u64)count * sizeof(struct ft_fault);

  if (bytes > sizeof(*batch)) bytes = sizeof(*batch);
  batch->kind = FT_FAULTS;
  batch->count = count;
  if (bpf_ringbuf_output(&ring, batch, bytes, BPF_RB_NO_WAKEUP)) lost(FT_FAULTS, count);
  batch->count = 0;
}

// Appends the slot's fault to this CPU's batch. Runs with preemption off (tracepoints and perf
// events here do), so that a batch has one writer.
static __always_inline void hand_on(struct ft_slot* slot) {
  u32 cpu = bpf_get_smp_processor_id();
  struct ft_fault_batch* batch = bpf_map_lookup_elem(&fault_batches, &cpu);
  u32 count;

  slot->state = FT_SLOT_IDLE;
  if (!batch) {
    lost(FT_FAULTS, 1);
    return;
  }
  count = batch->count & (FT_FAULTS_PER_BATCH - 1);
  batch->faults[count] = slot->fault;
  count++;
  if (count == FT_FAULTS_PER_BATCH || slot->fault.ts - batch->faults[0].ts > 50000000)
    send_batch(batch, count);
  else
    batch->count = count;
}

static __always_inline int fault_begins(unsigned long address, struct pt_regs* regs,
                                        unsigned long error_code) {
  struct ft_slot* slot = recorded_slot();

  if (!slot) return 0;
  if (slot->state != FT_SLOT_IDLE) {
    // The last one never ended: it went into a signal.
    if (slot->state == FT_SLOT_FAULTING) slot->fault.flags = FT_FAULT_UNFINISHED;
    hand_on(slot);
  }
  slot->fault.addr = address;
  slot->fault.ip = regs->ip;
  slot->fault.tid = slot->tid;
  slot->fault.error_code = error_code;
  slot->fault.flags = 0;
  slot->fault.page = 0;
  slot->state = FT_SLOT_FAULTING;
  slot->fault.ts = bpf_ktime_get_ns();
  return 0;
}

SEC("tp_btf/page_fault_user")
int BPF_PROG(page_fault_user, unsigned long address, struct pt_regs* regs,
             unsigned long error_code) {
  return fault_begins(address, regs, error_code);
}

// A kernel access that may not sleep is refused and fixed up, it is no fault to handle. Reading the
// user's stack, as the probes themselves do, makes such.
SEC("tp_btf/page_fault_kernel")
int BPF_PROG(page_fault_kernel, unsigned long address, struct pt_regs* regs,
             unsigned long error_code) {
  if (bpf_get_current_task_btf()->pagefault_disabled) return 0;
  return fault_begins(address, regs, error_code);
}

static __always_inline int fault_ends(struct ft_slot* slot, u8 flags) {
  u64 dur = bpf_ktime_get_ns() - slot->fault.ts;

  if (dur >> 32) {
    dur >>= 10;
    flags |= FT_FAULT_LONG;
  }
  slot->fault.dur = dur;
  slot->fault.flags = flags;
  slot->state = FT_SLOT_DONE;
  return 0;
}

// handle_mm_fault() counts the fault just before it returns; this is the cheaper of two ways to see
// that moment (mm/memory.c, mm_account_fault(); the tracepoint is there from 6.14 on).
SEC("tp_btf/count_memcg_events")
int BPF_PROG(fault_counted, struct mem_cgroup* memcg, int item, unsigned long count) {
  struct ft_slot* slot;

  if ((u64)item != bpf_core_enum_value(enum vm_event_item, PGFAULT)) return 0;
  slot = recorded_slot();
  if (!slot) return 0;
  if (slot->state != FT_SLOT_FAULTING) {
    __sync_fetch_and_add(&losses.gup_faults, 1);
    return 0;
  }
  return fault_ends(slot, 0);
}

// The other way: perf's minor-faults event, at the same place.
SEC("perf_event")
int minor_fault(struct bpf_perf_event_data* ctx) {
  struct ft_slot* slot = recorded_slot();

  if (!slot || slot->state != FT_SLOT_FAULTING) return 0;
  return fault_ends(slot, 0);
}

SEC("perf_event")
int major_fault(struct bpf_perf_event_data* ctx) {
  struct ft_slot* slot = recorded_slot();

  if (!slot || slot->state == FT_SLOT_IDLE) return 0;
  if (slot->state == FT_SLOT_DONE) {
    slot->fault.flags |= FT_FAULT_MAJOR;
    return 0;
  }
  return fault_ends(slot, FT_FAULT_MAJOR);
}

// ---- page allocations ----

enum { MIGRATE_MOVABLE = 1 };

SEC("tp_btf/mm_page_alloc")
int BPF_PROG(page_alloc, struct page* page, unsigned int order, u32 gfp, int migratetype) {
  struct ft_slot* slot = recorded_slot();
  struct ft_alloc* message;
  u8 faulting;

  if (!slot) return 0;
  faulting = slot->state == FT_SLOT_FAULTING;
  // The block that becomes the faulting page travels with the fault.
  if (faulting && !slot->fault.page && migratetype == MIGRATE_MOVABLE) {
    slot->fault.page = (u64)page;
    slot->fault.gfp = gfp;
    slot->fault.block = order | migratetype << 4;
    return 0;
  }
  message = bpf_ringbuf_reserve(&ring, sizeof(*message), 0);
  if (!message) {
    lost(FT_ALLOC, 1);
    return 0;
  }
  set_header(&message->header, FT_ALLOC, slot->tid, bpf_ktime_get_ns());
  message->page = (u64)page;
  message->gfp = gfp;
  message->order = order;
  message->migratetype = migratetype;
  message->context = faulting ? 1 : slot->in_syscall ? 2 : 0;
  bpf_ringbuf_submit(message, BPF_RB_NO_WAKEUP);
  return 0;
}

// ---- system calls ----

static __always_inline int is_exec(long number) {
  return number == 59 || number == 322;
}

// For whoever looks at the process meanwhile: what it sees may be the old program or the new one.
static __always_inline void set_execs_now(u32 pid, u8 value) {
  struct ft_slot* leader = slot_of(pid);

  if (leader) leader->execs_now = value;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(sys_enter, struct pt_regs* regs, long number) {
  struct ft_slot* slot;
  struct call* call;

  if ((u64)number >= FT_SYSCALL_NUMBERS || !followed[number & (FT_SYSCALL_NUMBERS - 1)]) return 0;
  slot = current_slot();
  if (!slot) return 0;
  // Of a thread held before exec only the exec itself is of interest.
  if (slot->waits_for_exec && !is_exec(number)) return 0;
  if (is_exec(number)) set_execs_now(slot->pid, 1);
  call =
      bpf_task_storage_get(&calls, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (!call) return 0;  // counted at the exit
  call->number = number;
  call->args[0] = regs->di;
  call->args[1] = regs->si;
  call->args[2] = regs->dx;
  call->args[3] = regs->r10;
  call->args[4] = regs->r8;
  call->args[5] = regs->r9;
  slot->in_syscall = 1;
  call->ts = bpf_ktime_get_ns();
  return 0;
}

// A walk from a file up to the root of its mount namespace, a name or a mount a step.
struct path_walk {
  struct dentry* dentry;
  struct mount* mount;
  u8* path;
  u32 used;
  u32 done;
};

static long path_step(u32 step, struct path_walk* walk) {
  struct dentry* dentry = walk->dentry;
  struct mount* mount = walk->mount;
  struct dentry* parent = BPF_CORE_READ(dentry, d_parent);
  struct dentry* mount_root = BPF_CORE_READ(mount, mnt.mnt_root);
  long bytes;

  if (dentry == mount_root) {
    struct mount* above = BPF_CORE_READ(mount, mnt_parent);

    walk->done = above == mount;
    walk->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
    walk->mount = above;
    return walk->done ? 1 : 0;
  }
  if (walk->used > FT_PATH_BYTES - 256) return 1;
  bytes = bpf_probe_read_kernel_str(walk->path + (walk->used & (FT_PATH_BYTES - 1)), 256,
                                    BPF_CORE_READ(dentry, d_name.name));
  if (bytes > 0) walk->used += bytes;
  // The latter: memfd, pipe, a file without a tree.
  walk->done = bytes < 0 || dentry == parent;
  walk->dentry = parent;
  return walk->done ? 1 : 0;
}

// The names from the file upwards, innermost first. Returns the bytes written to `path`. bpf_loop()
// because the verifier takes 25 ms to walk through a loop of that length.
static __always_inline u32 read_path(struct file* file, u8* path, u16* truncated) {
  struct path_walk walk = {};

  walk.dentry = BPF_CORE_READ(file, f_path.dentry);
  walk.mount = (void*)BPF_CORE_READ(file, f_path.mnt) - bpf_core_field_offset(struct mount, mnt);
  walk.path = path;
  bpf_loop(FT_PATH_COMPONENTS, path_step, &walk, 0);
  if (!walk.done) {
    *truncated = 1;
    __sync_fetch_and_add(&losses.paths_truncated, 1);
  }
  return walk.used;
}

static __always_inline struct file* file_of(struct task_struct* task, u32 fd) {
  struct fdtable* table = BPF_CORE_READ(task, files, fdt);
  struct file** files;
  struct file* file = 0;

  if (!table || fd >= BPF_CORE_READ(table, max_fds)) return 0;
  files = BPF_CORE_READ(table, fd);
  bpf_probe_read_kernel(&file, sizeof(file), files + fd);
  return file;
}

// The file descriptor a call is about, -1: none.
static __always_inline s32 fd_of(const struct call* call, s64 ret) {
  switch (call->number) {
    case 9:  // mmap, unless MAP_ANONYMOUS
      return call->args[3] & 0x20 ? -1 : (s32)call->args[4];
    case 77:   // ftruncate
    case 285:  // fallocate
      return (s32)call->args[0];
    case 319:  // memfd_create
    case 447:  // memfd_secret
      return ret >= 0 ? (s32)ret : -1;
  }
  return -1;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs* regs, long ret) {
  u64 now = bpf_ktime_get_ns();
  u64 number = regs->orig_ax;
  struct task_struct* task;
  struct ft_slot* slot;
  struct scratch* scratch;
  struct ft_syscall* message;
  struct file* file;
  struct call* call;
  u32 zero = 0;
  u64 size;
  long bytes;
  s32 fd;

  if (number >= FT_SYSCALL_NUMBERS || !followed[number & (FT_SYSCALL_NUMBERS - 1)]) return 0;
  slot = recorded_slot();
  if (!slot) return 0;
  slot->in_syscall = 0;
  if (is_exec(number) && ret < 0) set_execs_now(slot->pid, 0);
  task = bpf_get_current_task_btf();
  call = bpf_task_storage_get(&calls, task, 0, 0);
  if (!call || !call->ts || call->number != number) {
    // The first return of a new thread from the clone() its parent made is no call of its own.
    if (number != 56 && number != 57 && number != 58 && number != 435)
      __sync_fetch_and_add(&losses.calls_without_entry, 1);
    return 0;
  }

  if (stack_copy_bytes) {
    u32 cpu = bpf_get_smp_processor_id();

    scratch = bpf_map_lookup_elem(&stack_scratches, &cpu);
  } else {
    scratch = bpf_map_lookup_elem(&scratches, &zero);
  }
  if (!scratch) return 0;
  message = &scratch->syscall;
  set_header(&message->header, FT_SYSCALL, slot->tid, call->ts);
  message->dur = now - call->ts;
  call->ts = 0;
  message->ret = ret;
  message->pid = slot->pid;
  message->number = number;
  __builtin_memcpy(message->args, call->args, sizeof(message->args));
  message->inode = 0;
  message->device = 0;
  message->path_bytes = 0;
  message->path_truncated = 0;
  message->stack_truncated = 0;
  message->stack_bytes = 0;
  message->frame_count = 0;
  message->caller = 0;

  size = 0;
  if (!is_exec(number)) {  // after exec the old stack is gone
    bytes = bpf_get_stack(ctx, scratch->payload, FT_MAX_FRAMES * 8, BPF_F_USER_STACK);
    if (bytes > 0) {
      message->frame_count = bytes / 8;
      size = bytes & (FT_MAX_FRAMES * 8 | (FT_MAX_FRAMES * 8 - 1));
    }
    if (message->frame_count == FT_MAX_FRAMES) {
      message->stack_truncated = 1;
      __sync_fetch_and_add(&losses.stacks_truncated, 1);
    }
    bpf_probe_read_user(&message->caller, 8, (void*)regs->sp);
  }

  fd = fd_of(call, ret);
  file = fd >= 0 ? file_of(task, fd) : 0;
  if (file) {
    message->inode = BPF_CORE_READ(file, f_inode, i_ino);
    message->device = BPF_CORE_READ(file, f_inode, i_sb, s_dev);
    message->path_bytes =
        read_path(file, scratch->payload + FT_MAX_FRAMES * 8, &message->path_truncated);
    size = FT_MAX_FRAMES * 8 + message->path_bytes;
  }

  if (size > FT_MAX_FRAMES * 8 + FT_PATH_BYTES + 256)
    size = FT_MAX_FRAMES * 8 + FT_PATH_BYTES + 256;
  if (stack_copy_bytes && message->frame_count) {
    struct stack_scratch* large = (void*)scratch;
    u64 first = 4096 - (regs->sp & 4095);
    u64 at = 0;

    // Page by page: pages of a frame that were never touched are absent, read as zeros, and
    // the stack goes on behind them. Behind the last page that is there it ends.
    for (u32 i = 0; i < FT_STACK_COPY_BYTES / 4096; i++) {
      u64 bytes = i ? 4096 : first;

      if (at > FT_STACK_COPY_BYTES - 4096 || bytes > 4096) break;
      if (!bpf_probe_read_user(large->stack + at, bytes, (void*)(regs->sp + at)))
        message->stack_bytes = at + bytes;
      at += bytes;
    }
    message->regs[0] = regs->ax;
    message->regs[1] = regs->dx;
    message->regs[2] = regs->cx;
    message->regs[3] = regs->bx;
    message->regs[4] = regs->si;
    message->regs[5] = regs->di;
    message->regs[6] = regs->bp;
    message->regs[7] = regs->sp;
    message->regs[8] = regs->r8;
    message->regs[9] = regs->r9;
    message->regs[10] = regs->r10;
    message->regs[11] = regs->r11;
    message->regs[12] = regs->r12;
    message->regs[13] = regs->r13;
    message->regs[14] = regs->r14;
    message->regs[15] = regs->r15;
    message->regs[16] = regs->ip;
    // The payload keeps its full width, so that the copy follows at a fixed place.
    size = sizeof(*scratch) + message->stack_bytes;
    if (size > sizeof(*large)) size = sizeof(*large);
    if (bpf_ringbuf_output(&ring, large, size, BPF_RB_NO_WAKEUP)) lost(FT_SYSCALL, 1);
    return 0;
  }
  if (bpf_ringbuf_output(&ring, message, __builtin_offsetof(struct scratch, payload) + size,
                         BPF_RB_NO_WAKEUP))
    lost(FT_SYSCALL, 1);
  return 0;
}

// ---- processes and threads ----

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct* parent, struct task_struct* child) {
  struct ft_slot* slot = slot_of(parent->pid);
  struct ft_slot* child_slot;
  struct ft_fork* message;
  u32 index;

  if (!slot || slot->waits_for_exec) return 0;
  index = child->pid & slot_mask;
  child_slot = bpf_map_lookup_elem(&slots, &index);
  if (!child_slot) return 0;
  if (child_slot->tid) {
    __sync_fetch_and_add(&losses.threads_not_followed, 1);
    return 0;
  }
  child_slot->pid = child->tgid;
  child_slot->state = FT_SLOT_IDLE;
  child_slot->waits_for_exec = 0;
  child_slot->in_syscall = 0;
  child_slot->execs_now = 0;
  child_slot->exec_ts = 0;
  child_slot->lock_ts = 0;
  child_slot->stall_ts = 0;
  child_slot->tid = child->pid;

  message = bpf_ringbuf_reserve(&ring, sizeof(*message), 0);
  if (!message) {
    lost(FT_FORK, 1);
    return 0;
  }
  set_header(&message->header, FT_FORK, parent->pid, bpf_ktime_get_ns());
  message->parent_pid = parent->tgid;
  message->child_tid = child->pid;
  message->child_pid = child->tgid;
  __builtin_memcpy(message->comm, child->comm, FT_COMM);
  bpf_ringbuf_submit(message, BPF_RB_NO_WAKEUP);
  return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct* task, int old_tid, struct linux_binprm* bprm) {
  struct ft_slot* slot = slot_of(old_tid);
  u32 tid = task->pid;
  struct exec_scratch* scratch;
  struct ft_exec* message;
  unsigned long start, end;
  u32 zero = 0;
  u64 bytes;

  if (!slot) return 0;
  if ((u32)old_tid != tid) {  // a thread other than the leader took over the process
    struct ft_slot* leader;
    u32 index = tid & slot_mask;

    slot->tid = 0;
    leader = bpf_map_lookup_elem(&slots, &index);
    if (!leader) return 0;
    leader->tid = tid;
    leader->pid = task->tgid;
    leader->state = FT_SLOT_IDLE;
    slot = leader;
  }
  slot->waits_for_exec = 0;
  slot->exec_ts = bpf_ktime_get_ns();
  slot->execs_now = 0;

  scratch = bpf_map_lookup_elem(&exec_scratches, &zero);
  if (!scratch) return 0;
  message = &scratch->exec;
  set_header(&message->header, FT_EXEC, tid, slot->exec_ts);
  message->pid = task->tgid;
  message->old_tid = old_tid;
  message->faults_before = task->min_flt + task->maj_flt;
  __builtin_memcpy(message->comm, task->comm, FT_COMM);
  message->filename[0] = 0;
  bpf_probe_read_kernel_str(message->filename, sizeof(message->filename), bprm->filename);
  start = BPF_CORE_READ(task, mm, arg_start);
  end = BPF_CORE_READ(task, mm, arg_end);
  bytes = end - start;
  message->argv_truncated = 0;
  if (bytes > FT_ARGV_BYTES) {
    bytes = FT_ARGV_BYTES;
    message->argv_truncated = 1;
    __sync_fetch_and_add(&losses.argv_truncated, 1);
  }
  if (bpf_probe_read_user(scratch->argv, bytes, (void*)start)) bytes = 0;
  message->argv_bytes = bytes;
  // At once: a child goes on, and its first look at itself is due.
  if (bpf_ringbuf_output(&ring, message, sizeof(*message) + bytes, BPF_RB_FORCE_WAKEUP))
    lost(FT_EXEC, 1);
  return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct* task) {
  struct ft_slot* slot = slot_of(task->pid);
  struct ft_exit* message;

  if (!slot) return 0;
  if (slot->state != FT_SLOT_IDLE) {
    if (slot->state == FT_SLOT_FAULTING) slot->fault.flags = FT_FAULT_UNFINISHED;
    hand_on(slot);
  }
  if (slot->waits_for_exec) {
    slot->tid = 0;
    return 0;
  }
  message = bpf_ringbuf_reserve(&ring, sizeof(*message), 0);
  if (!message) {
    lost(FT_EXIT, 1);
  } else {
    set_header(&message->header, FT_EXIT, task->pid, bpf_ktime_get_ns());
    message->pid = task->tgid;
    message->code = task->exit_code;
    message->faults = task->min_flt + task->maj_flt;
    __builtin_memcpy(message->comm, task->comm, FT_COMM);
    bpf_ringbuf_submit(message, BPF_RB_NO_WAKEUP);
  }
  // Still followed: the last thread's exit tears the address space down, and what that flushes and
  // frees belongs to it. The slot is freed with the task.
  return 0;
}

SEC("tp_btf/sched_process_free")
int BPF_PROG(process_free, struct task_struct* task) {
  struct ft_slot* slot = slot_of(task->pid);

  if (slot) slot->tid = 0;
  return 0;
}

SEC("tp_btf/task_rename")
int BPF_PROG(thread_renamed, struct task_struct* task, const char* comm) {
  struct ft_slot* slot = slot_of(task->pid);
  struct ft_rename* message;

  if (!slot || slot->waits_for_exec) return 0;
  message = bpf_ringbuf_reserve(&ring, sizeof(*message), 0);
  if (!message) {
    lost(FT_RENAME, 1);
    return 0;
  }
  set_header(&message->header, FT_RENAME, task->pid, bpf_ktime_get_ns());
  bpf_probe_read_kernel_str(message->comm, sizeof(message->comm), comm);
  bpf_ringbuf_submit(message, BPF_RB_NO_WAKEUP);
  return 0;
}

// ---- TLB flushes ----

SEC("tp_btf/tlb_flush")
int BPF_PROG(tlb_flushed, int reason, unsigned long pages) {
  struct ft_slot* slot = recorded_slot();
  struct ft_flush* message;

  if (!slot) return 0;
  if (reason == 0 && pages == 0) {
    __sync_fetch_and_add(&losses.flushes_not_needed, 1);
    return 0;
  }
  message = bpf_ringbuf_reserve(&ring, sizeof(*message), 0);
  if (!message) {
    lost(FT_FLUSH, 1);
    return 0;
  }
  set_header(&message->header, FT_FLUSH, slot->tid, bpf_ktime_get_ns());
  message->pages = pages;
  message->reason = reason;
  bpf_ringbuf_submit(message, BPF_RB_NO_WAKEUP);
  return 0;
}

// ---- what else the memory management did to a thread ----

enum {  // event::MmEventKind
  DIRECT_RECLAIM = 0,
  KSWAPD_WAKE = 1,
  COMPACTION = 2,
  OOM_VICTIM = 3,
  MMAP_LOCK_WAIT = 4,
  SWAP_OUT = 6,
  MEMCG_RECLAIM = 7,
  THP_COLLAPSE = 8,
  MIGRATION = 9,
};

static __always_inline int send_mm_event(u32 tid, u32 event, u64 ts, u64 dur, u64 value,
                                         u32 detail) {
  struct ft_mm_event* message = bpf_ringbuf_reserve(&ring, sizeof(*message), 0);

  if (!message) {
    lost(FT_MM_EVENT, 1);
    return 0;
  }
  set_header(&message->header, FT_MM_EVENT, tid, ts);
  message->dur = dur;
  message->value = value;
  message->detail = detail;
  message->event = event;
  bpf_ringbuf_submit(message, BPF_RB_NO_WAKEUP);
  return 0;
}

static __always_inline int stall_begins(u32 detail) {
  struct ft_slot* slot = recorded_slot();

  if (slot) {
    slot->stall_detail = detail;
    slot->stall_ts = bpf_ktime_get_ns();
  }
  return 0;
}

static __always_inline int stall_ends(u32 event, u64 value) {
  struct ft_slot* slot = recorded_slot();
  u64 began;

  if (!slot || !slot->stall_ts) return 0;
  began = slot->stall_ts;
  slot->stall_ts = 0;
  return send_mm_event(slot->tid, event, began, bpf_ktime_get_ns() - began, value,
                       slot->stall_detail);
}

SEC("tp_btf/mm_vmscan_direct_reclaim_begin")
int BPF_PROG(direct_reclaim_begin, int order) {
  return stall_begins(order);
}

SEC("tp_btf/mm_vmscan_direct_reclaim_end")
int BPF_PROG(direct_reclaim_end, unsigned long reclaimed) {
  return stall_ends(DIRECT_RECLAIM, reclaimed);
}

SEC("tp_btf/mm_vmscan_memcg_reclaim_begin")
int BPF_PROG(memcg_reclaim_begin, int order) {
  return stall_begins(order);
}

SEC("tp_btf/mm_vmscan_memcg_reclaim_end")
int BPF_PROG(memcg_reclaim_end, unsigned long reclaimed) {
  return stall_ends(MEMCG_RECLAIM, reclaimed);
}

SEC("tp_btf/mm_compaction_try_to_compact_pages")
int BPF_PROG(compaction_begin, int order) {
  return stall_begins(order);
}

// The status is the fifth argument on every kernel from 6.1 on.
SEC("tp_btf/mm_compaction_end")
int BPF_PROG(compaction_end) {
  return stall_ends(COMPACTION, ctx[4]);
}

SEC("tp_btf/mm_vmscan_wakeup_kswapd")
int BPF_PROG(kswapd_woken, int node, int zone, int order) {
  struct ft_slot* slot = recorded_slot();

  if (!slot) return 0;
  return send_mm_event(slot->tid, KSWAPD_WAKE, bpf_ktime_get_ns(), 0, node, order);
}

// What oom_badness() of mm/oom_kill.c adds up: memory, swap and page tables, in pages. The counters
// are those it reads, not summed over processors either.
static __always_inline u64 weighed_pages(struct task_struct* task) {
  struct mm_struct* mm = BPF_CORE_READ(task, mm);
  struct mm_struct___before_6_2* old = (void*)mm;
  s64 pages;

  if (!mm) return 0;
  pages = (u64)BPF_CORE_READ(mm, pgtables_bytes.counter) / 4096;
  if (bpf_core_type_exists(struct mm_rss_stat)) {
    pages += BPF_CORE_READ(old, rss_stat.count[0].counter);
    pages += BPF_CORE_READ(old, rss_stat.count[1].counter);
    pages += BPF_CORE_READ(old, rss_stat.count[2].counter);
    pages += BPF_CORE_READ(old, rss_stat.count[3].counter);
  } else {
    pages += BPF_CORE_READ(mm, rss_stat[0].count);
    pages += BPF_CORE_READ(mm, rss_stat[1].count);
    pages += BPF_CORE_READ(mm, rss_stat[2].count);
    pages += BPF_CORE_READ(mm, rss_stat[3].count);
  }
  return pages > 0 ? pages : 0;
}

// 6.1 passes the victim's pid, and its memory can be read only where it asked for more itself;
// kernels whose event knows the uid pass the task.
SEC("tp_btf/mark_victim")
int BPF_PROG(oom_victim_chosen) {
  struct task_struct* task = (struct task_struct*)ctx[0];
  struct ft_slot* slot;
  u64 pages = 0;
  s32 adjustment = 0;
  u32 pid;

  if (bpf_core_field_exists(struct trace_event_raw_mark_victim, uid)) {
    pid = BPF_CORE_READ(task, pid);
  } else {
    pid = ctx[0];
    task = bpf_get_current_task_btf();
    if ((u32)BPF_CORE_READ(task, tgid) != pid) task = 0;
  }
  slot = slot_of(pid);
  if (!slot) return 0;
  if (task) {
    pages = weighed_pages(task);
    adjustment = BPF_CORE_READ(task, signal, oom_score_adj);
  }
  return send_mm_event(pid, OOM_VICTIM, bpf_ktime_get_ns(), 0, pages, adjustment);
}

// ---- what is done to a process's pages, by whichever thread ----

// The process's leader, if it is followed.
static __always_inline struct ft_slot* slot_of_mm(struct mm_struct* mm) {
  struct task_struct* owner;

  if (!mm || !bpf_core_field_exists(mm->owner)) return 0;
  owner = BPF_CORE_READ(mm, owner);
  return owner ? slot_of(BPF_CORE_READ(owner, tgid)) : 0;
}

// One of the areas that the page may be mapped in: the index of a page of anonymous memory falls
// into areas of one size and place only, unless processes that forked have moved theirs.
static __always_inline struct vm_area_struct* area_of_anonymous(struct anon_vma* anon,
                                                                unsigned long index) {
  struct rb_node* node = BPF_CORE_READ(anon, rb_root.rb_root.rb_node);

  for (int depth = 0; depth < 40 && node; depth++) {
    struct anon_vma_chain* link = (void*)node - bpf_core_field_offset(struct anon_vma_chain, rb);
    struct vm_area_struct* area = BPF_CORE_READ(link, vma);
    unsigned long first = BPF_CORE_READ(area, vm_pgoff);

    if (index < first) {
      node = BPF_CORE_READ(node, rb_left);
    } else if (index - first >=
               (BPF_CORE_READ(area, vm_end) - BPF_CORE_READ(area, vm_start)) / 4096) {
      node = BPF_CORE_READ(node, rb_right);
    } else {
      return area;
    }
  }
  return 0;
}

#define FLAG_OF(name) (1ULL << bpf_core_enum_value(enum pageflags, name))

// The first word of every page, whatever its type.
static __always_inline u64 page_flags(const void* page) {
  u64 flags = 0;

  bpf_probe_read_kernel(&flags, sizeof(flags), page);
  return flags;
}

static __always_inline u32 pages_of_folio(struct folio* folio, u64 flags) {
  struct folio___before_6_6* old = (void*)folio;

  if (!(flags & FLAG_OF(PG_head))) return 1;
  if (bpf_core_field_exists(old->_folio_order))
    return 1U << (BPF_CORE_READ(old, _folio_order) & 31);
  return 1U << (page_flags((void*)folio + bpf_core_type_size(struct page)) & 31);
}

// A folio of anonymous memory has been handed to swap. It is mapped no more, but still knows the
// areas it was in. One that nobody needs any more (of a huge page that was split, and mapped to the
// zero page instead) is not written, and is in the swap cache no more. Memory of files, tmpfs's
// among them, does not know its areas: whose it was nobody says.
SEC("tp_btf/mm_vmscan_write_folio")
int BPF_PROG(swapped_out, struct folio* folio) {
  u64 mapping = (u64)BPF_CORE_READ(folio, mapping);
  unsigned long index = BPF_CORE_READ(folio, index);
  struct vm_area_struct* area;
  u64 flags = page_flags(folio);
  struct ft_slot* slot;
  u64 address;

  if ((mapping & 3) != 1 || !(flags & FLAG_OF(PG_swapcache))) return 0;
  area = area_of_anonymous((void*)(mapping & ~3ULL), index);
  if (!area) {
    __sync_fetch_and_add(&losses.swapped_of_nobody, 1);
    return 0;
  }
  slot = slot_of_mm(BPF_CORE_READ(area, vm_mm));
  if (!slot || slot->waits_for_exec) return 0;
  address = BPF_CORE_READ(area, vm_start) + (index - BPF_CORE_READ(area, vm_pgoff)) * 4096;
  return send_mm_event(slot->tid, SWAP_OUT, bpf_ktime_get_ns(), 0, address,
                       pages_of_folio(folio, flags));
}

// The third argument is the status (enum scan_result), the first the address space.
SEC("tp_btf/mm_collapse_huge_page")
int BPF_PROG(collapsed, struct mm_struct* mm, int isolated, int status) {
  struct ft_slot* slot = slot_of_mm(mm);

  if (!slot || slot->waits_for_exec) return 0;
  return send_mm_event(slot->tid, THP_COLLAPSE, bpf_ktime_get_ns(), 0, status,
                       status == (int)bpf_core_enum_value(enum scan_result, SCAN_SUCCEED));
}

// In the thread that asked for it or ran into it: mbind, a fault of NUMA balancing, compaction.
SEC("tp_btf/mm_migrate_pages")
int BPF_PROG(pages_migrated, unsigned long succeeded, unsigned long failed) {
  struct ft_slot* slot = recorded_slot();

  if (!slot) return 0;
  return send_mm_event(slot->tid, MIGRATION, bpf_ktime_get_ns(), 0, succeeded, failed);
}

SEC("tp_btf/mmap_lock_start_locking")
int BPF_PROG(mmap_lock_asked) {
  struct ft_slot* slot = recorded_slot();

  if (slot) slot->lock_ts = bpf_ktime_get_ns();
  return 0;
}

// While the event told the memory cgroup by its path, that stood before `write`.
SEC("tp_btf/mmap_lock_acquire_returned")
int BPF_PROG(mmap_lock_got) {
  struct ft_slot* slot = recorded_slot();
  u64 began, dur, write, after;

  if (!slot || !slot->lock_ts) return 0;
  began = slot->lock_ts;
  slot->lock_ts = 0;
  dur = bpf_ktime_get_ns() - began;
  if (dur < lock_wait_threshold) {
    __sync_fetch_and_add(&losses.short_lock_waits, 1);
    return 0;
  }
  write = ctx[1];
  after = ctx[2];
  // Or the compiler makes one load of it, at an offset that the verifier does not take.
  barrier_var(write);
  barrier_var(after);
  if (bpf_core_field_exists(struct trace_event_raw_mmap_lock_acquire_returned,
                            __data_loc_memcg_path)) {
    write = after;
  }
  return send_mm_event(slot->tid, MMAP_LOCK_WAIT, began, dur, (u8)write, 0);
}

// ---- samples ----

// Of its own: a sample may interrupt any other probe.
struct sample_scratch {
  struct ft_sample sample;
  u64 frames[FT_KERNEL_FRAMES + FT_MAX_FRAMES];
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, struct sample_scratch);
} sample_scratches SEC(".maps");

// What bpf_get_stack answered as a size the verifier can follow: compared as it is, and unsigned,
// or the compiler compares another register, which kernels up to 6.12 do not connect with this one.
static __always_inline u64 stack_bytes(long answer, u64 most) {
  u64 bytes = answer;

  barrier_var(bytes);
  if (bytes > most) bytes = 0;  // an error: negative
  barrier_var(bytes);
  return bytes;
}

// perf's cpu-clock, counting in the target's threads only: it runs while the thread does.
SEC("perf_event")
int cpu_sample(struct bpf_perf_event_data* ctx) {
  struct ft_slot* slot = recorded_slot();
  struct sample_scratch* scratch;
  struct ft_sample* message;
  u64 kernel, user, size;
  u32 zero = 0;

  if (!slot) return 0;
  scratch = bpf_map_lookup_elem(&sample_scratches, &zero);
  if (!scratch) return 0;
  message = &scratch->sample;
  set_header(&message->header, FT_SAMPLE, slot->tid, bpf_ktime_get_ns());
  message->pid = slot->pid;
  kernel = stack_bytes(bpf_get_stack(ctx, scratch->frames, FT_KERNEL_FRAMES * 8, 0),
                       FT_KERNEL_FRAMES * 8);
  if (kernel == FT_KERNEL_FRAMES * 8) __sync_fetch_and_add(&losses.kernel_stacks_truncated, 1);
  user = stack_bytes(
      bpf_get_stack(ctx, (u8*)scratch->frames + kernel, FT_MAX_FRAMES * 8, BPF_F_USER_STACK),
      FT_MAX_FRAMES * 8);
  if (user == FT_MAX_FRAMES * 8) __sync_fetch_and_add(&losses.stacks_truncated, 1);
  message->kernel_frames = kernel / 8;
  message->user_frames = user / 8;
  size = sizeof(*message) + kernel + user;
  barrier_var(size);
  if (size > sizeof(*scratch)) size = sizeof(*scratch);
  if (bpf_ringbuf_output(&ring, scratch, size, BPF_RB_NO_WAKEUP)) lost(FT_SAMPLE, 1);
  return 0;
}

// ---- phases of a JVM ----

static __always_inline int jvm_mark(u32 mark) {
  struct ft_slot* slot = recorded_slot();
  struct ft_mark* message;

  if (!slot) return 0;
  message = bpf_ringbuf_reserve(&ring, sizeof(*message), 0);
  if (!message) {
    lost(FT_JVM_MARK, 1);
    return 0;
  }
  set_header(&message->header, FT_JVM_MARK, slot->tid, bpf_ktime_get_ns());
  message->pid = slot->pid;
  message->mark = mark;
  bpf_ringbuf_submit(message, BPF_RB_FORCE_WAKEUP);
  return 0;
}

SEC("uprobe")
int vm_init_begin(struct pt_regs* ctx) {
  return jvm_mark(FT_VM_INIT_BEGIN);
}

SEC("uprobe")
int vm_init_end(struct pt_regs* ctx) {
  return jvm_mark(FT_VM_INIT_END);
}

SEC("uprobe")
int gc_begin(struct pt_regs* ctx) {
  return jvm_mark(FT_GC_BEGIN);
}

SEC("uprobe")
int vm_shutdown(struct pt_regs* ctx) {
  return jvm_mark(FT_VM_SHUTDOWN);
}

// G1CollectedHeap::create_aux_memory_mapper(const char *description, size_t size, size_t factor):
// the only place that knows which of G1's side tables is which (JDK 17 to 25).
SEC("uprobe")
int aux_mapper(struct pt_regs* ctx) {
  struct ft_slot* slot = recorded_slot();
  struct ft_aux_mapper* message;

  if (!slot) return 0;
  message = bpf_ringbuf_reserve(&ring, sizeof(*message), 0);
  if (!message) {
    lost(FT_AUX_MAPPER, 1);
    return 0;
  }
  set_header(&message->header, FT_AUX_MAPPER, slot->tid, bpf_ktime_get_ns());
  message->pid = slot->pid;
  message->size = ctx->si;
  message->factor = ctx->dx;
  message->name[0] = 0;
  bpf_probe_read_user_str(message->name, sizeof(message->name), (void*)ctx->di);
  bpf_ringbuf_submit(message, BPF_RB_NO_WAKEUP);
  return 0;
}
