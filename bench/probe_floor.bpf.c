// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
// The tracepoints that a start passes often, each with a program that does nothing.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define NOTHING_AT(tracepoint)                 \
  SEC("tp_btf/" #tracepoint)                   \
  int nothing_at_##tracepoint(void* context) { \
    return 0;                                  \
  }

NOTHING_AT(page_fault_user)
NOTHING_AT(page_fault_kernel)
NOTHING_AT(count_memcg_events)
NOTHING_AT(mm_page_alloc)
NOTHING_AT(sys_enter)
NOTHING_AT(sys_exit)
NOTHING_AT(tlb_flush)
NOTHING_AT(mmap_lock_start_locking)
NOTHING_AT(mmap_lock_acquire_returned)
