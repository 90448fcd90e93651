/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The few kernel types the probes read, by field name only: libbpf relocates each access against
 * the running kernel's BTF (preserve_access_index), so offsets and further members do not matter
 * and the build needs no BTF of the build host. */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef int s32;
typedef long long s64;

/* What <bpf/bpf_helper_defs.h> expects to find. */
typedef u8 __u8;
typedef u16 __u16;
typedef u32 __u32;
typedef u64 __u64;
typedef short __s16;
typedef s32 __s32;
typedef s64 __s64;
typedef u16 __be16;
typedef u32 __be32;
typedef u32 __wsum;

/* include/uapi/linux/bpf.h */
enum {
  BPF_MAP_TYPE_ARRAY = 2,
  BPF_MAP_TYPE_PERCPU_ARRAY = 6,
  BPF_MAP_TYPE_RINGBUF = 27,
  BPF_MAP_TYPE_TASK_STORAGE = 29,
};
enum {
  BPF_F_NO_PREALLOC = 1,
  BPF_F_MMAPABLE = 1 << 10,
  BPF_LOCAL_STORAGE_GET_F_CREATE = 1,
  BPF_F_USER_STACK = 1 << 8,
  BPF_RB_NO_WAKEUP = 1,
  BPF_RB_FORCE_WAKEUP = 2,
  BPF_RB_AVAIL_DATA = 0,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct pt_regs {
  unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8;
  unsigned long ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};

struct super_block {
  u32 s_dev;
};

struct inode {
  unsigned long i_ino;
  struct super_block* i_sb;
};

struct qstr {
  const unsigned char* name;
};

struct dentry {
  struct dentry* d_parent;
  struct qstr d_name;
};

struct vfsmount {
  struct dentry* mnt_root;
};

struct mount {
  struct mount* mnt_parent;
  struct dentry* mnt_mountpoint;
  struct vfsmount mnt;
};

struct path {
  struct vfsmount* mnt;
  struct dentry* dentry;
};

struct file {
  struct path f_path;
  struct inode* f_inode;
};

struct fdtable {
  unsigned int max_fds;
  struct file** fd;
};

struct files_struct {
  struct fdtable* fdt;
};

struct atomic64 {
  s64 counter;
};

struct percpu_counter {
  s64 count;
};

struct task_struct;

struct mm_struct {
  struct task_struct* owner; /* with CONFIG_MEMCG */
  unsigned long arg_start;
  unsigned long arg_end;
  struct atomic64 pgtables_bytes;
  struct percpu_counter rss_stat[4];
};

/* Before Linux 6.2. What follows ___ is no part of a type's name in BTF. */
struct mm_rss_stat {
  struct atomic64 count[4];
};
struct mm_struct___before_6_2 {
  struct mm_rss_stat rss_stat;
};

struct signal_struct {
  short oom_score_adj;
};

struct task_struct {
  int pid;
  int tgid;
  int exit_code;
  int pagefault_disabled;
  unsigned long min_flt;
  unsigned long maj_flt;
  struct mm_struct* mm;
  struct signal_struct* signal;
  struct files_struct* files;
  struct task_struct* group_leader;
  char comm[16];
};

struct linux_binprm {
  const char* filename;
};

struct page {
  unsigned long flags;
};

struct folio {
  void* mapping;
  unsigned long index;
};
/* Before Linux 6.6; later the order is the lowest byte of the second page's flags. */
struct folio___before_6_6 {
  u8 _folio_order;
};

struct rb_node {
  struct rb_node* rb_right;
  struct rb_node* rb_left;
};

struct rb_root {
  struct rb_node* rb_node;
};

struct rb_root_cached {
  struct rb_root rb_root;
};

struct vm_area_struct {
  unsigned long vm_start;
  unsigned long vm_end;
  unsigned long vm_pgoff;
  struct mm_struct* vm_mm;
};

struct anon_vma {
  struct rb_root_cached rb_root;
};

struct anon_vma_chain {
  struct vm_area_struct* vma;
  struct rb_node rb;
};

/* include/linux/page-flags.h and mm/khugepaged.c: the values are relocated. */
enum pageflags {
  PG_head = 1,
  PG_swapcache = 2,
};
enum scan_result {
  SCAN_SUCCEED = 1,
};

/* Later kernels' event has more fields, and the tracepoint another argument. */
struct trace_event_raw_mark_victim {
  u32 uid;
};

/* Where it has this field, the tracepoint has the path as an argument too. */
struct trace_event_raw_mmap_lock_acquire_returned {
  u32 __data_loc_memcg_path;
};

struct mem_cgroup;

/* include/linux/vm_event_item.h: the value is relocated. */
enum vm_event_item {
  PGFAULT = 1,
};

#pragma clang attribute pop

/* include/uapi/linux/bpf_perf_event.h */
struct bpf_perf_event_data {
  struct pt_regs regs;
  u64 sample_period;
  u64 addr;
};
