// What the kernel itself allocates for a process and charges to its group: stacks of threads, and
// the objects behind threads and areas. Page tables are counted elsewhere, exactly.
#pragma once

#include <cstdint>

namespace ft::sim::whatif {

// Bytes of one object, with the pointer to its group that the kernel keeps beside each (struct
// obj_cgroup *). Sizes differ by release and configuration.
//
// Source: /proc/slabinfo of 6.18.44 on x86-64 (task_struct 5888, pid 192, vm_area_struct 192,
// anon_vma 104, anon_vma_chain 64); the sums were found again by memory.kmem.usage_in_bytes of a
// group with 0 to 200 threads and 0 to 2000 areas.
struct KernelObjects {
  std::uint64_t thread = 16384 + (5888 + 8) + (192 + 8);  // its stack, task_struct and pid
  std::uint64_t area = 192 + 8;                           // vm_area_struct
  std::uint64_t anonymous_area = (104 + 8) + (64 + 8);    // anon_vma and its link, once touched
  // mm_struct, the top level page table, open files: what is left of a process with nothing else.
  std::uint64_t process = 20480;
};

}  // namespace ft::sim::whatif
