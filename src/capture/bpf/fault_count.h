/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What the fault counter's kernel side keeps for each place; shared with user space. */
#pragma once

/* Faults are counted by blocks of 64 KiB: few regions of a JVM begin within one. */
#define FT_FAULT_BLOCK_SHIFT 16
#define FT_MOST_FAULT_BLOCKS 65536

struct ft_fault_count {
  unsigned long long address; /* of the block's first fault */
  unsigned long long count;
};
