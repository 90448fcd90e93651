// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
// Counts one process's page faults by where they are. Nothing is sent: whoever wants to know reads
// the counts and takes them away. What finds no place in the table is counted apart.
#include "kernel_types.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "fault_count.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

// include/uapi/linux/bpf.h
enum { FT_MAP_TYPE_HASH = 1, FT_ONLY_IF_NEW = 1, FT_EXISTS = -17 };

// Set before loading.
const volatile u32 counted_pid = 0;

u64 without_a_place = 0;

struct {
  __uint(type, FT_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, FT_MOST_FAULT_BLOCKS);
  __type(key, u64);
  __type(value, struct ft_fault_count);
} fault_counts SEC(".maps");

static __always_inline int count(unsigned long address) {
  struct ft_fault_count first = {.address = address, .count = 1};
  struct ft_fault_count* there;
  u64 block = address >> FT_FAULT_BLOCK_SHIFT;

  if (bpf_get_current_pid_tgid() >> 32 != counted_pid) return 0;
  there = bpf_map_lookup_elem(&fault_counts, &block);
  if (!there) {
    long error = bpf_map_update_elem(&fault_counts, &block, &first, FT_ONLY_IF_NEW);

    if (error == 0) return 0;
    // Another thread was faster, or the table is full.
    there = error == FT_EXISTS ? bpf_map_lookup_elem(&fault_counts, &block) : 0;
    if (!there) {
      __sync_fetch_and_add(&without_a_place, 1);
      return 0;
    }
  }
  __sync_fetch_and_add(&there->count, 1);
  return 0;
}

SEC("tp_btf/page_fault_user")
int BPF_PROG(counted_fault_user, unsigned long address, struct pt_regs* regs,
             unsigned long error_code) {
  return count(address);
}

// As of memory that a system call reads or writes. One that may not sleep is refused, not handled.
SEC("tp_btf/page_fault_kernel")
int BPF_PROG(counted_fault_kernel, unsigned long address, struct pt_regs* regs,
             unsigned long error_code) {
  if (bpf_get_current_task_btf()->pagefault_disabled) return 0;
  return count(address);
}
