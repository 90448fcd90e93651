// What an address space may not exceed: the process's resource limits and the host's vm.* settings.
#pragma once

#include <cstdint>

namespace ft::sim::virt {

inline constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};

enum class Overcommit : std::uint8_t {
  Heuristic = 0,
  Always = 1,
  Never = 2
};  // vm.overcommit_memory

struct Limits {
  // Bytes.
  std::uint64_t address_space = kNoLimit;  // RLIMIT_AS
  std::uint64_t data = kNoLimit;           // RLIMIT_DATA
  std::uint64_t stack = 8ULL << 20U;       // RLIMIT_STACK
  std::uint64_t memlock = 8ULL << 20U;     // RLIMIT_MEMLOCK
  bool may_lock = true;                    // CAP_IPC_LOCK
  bool raw_io = true;                      // CAP_SYS_RAWIO: may map below mmap_min_addr
  bool administrator = true;               // CAP_SYS_ADMIN: the admin reserve is not kept from it
  // The larger of vm.mmap_min_addr and CONFIG_LSM_MMAP_MIN_ADDR: hints are raised to it, searches
  // and stacks end there.
  std::uint64_t mmap_min_addr = 65536;
  // vm.mmap_min_addr as set: below it a mapping needs raw_io.
  std::uint64_t dac_mmap_min_addr = 65536;
  std::uint64_t free_huge_pages_2m = 0;  // hugetlb pages that nobody has reserved
  std::uint64_t free_huge_pages_1g = 0;
  unsigned max_map_count = 65530;
  unsigned stack_guard_pages = 256;

  Overcommit overcommit = Overcommit::Heuristic;
  // Pages; what __vm_enough_memory (mm/util.c) weighs a request against.
  std::uint64_t total_ram_pages = 0;
  std::uint64_t total_swap_pages = 0;
  std::uint64_t commit_limit_pages = 0;  // CommitLimit of /proc/meminfo
  std::uint64_t admin_reserve_pages = 2048;
  std::uint64_t user_reserve_pages = 32768;
};

// Where things lie (arch/x86/mm/mmap.c, fs/binfmt_elf.c): random at exec, therefore given.
struct Layout {
  std::uint64_t task_size =
      0x7ffffffff000;  // DEFAULT_MAP_WINDOW: end of what is searched without a hint above it
  std::uint64_t mmap_base = 0;  // top of the top-down search
  // Bottom of the search upwards, when there is no gap below mmap_base: task_size / 3 with the same
  // random offset that mmap_base has. 0: without an offset.
  std::uint64_t mmap_legacy_base = 0;
  std::uint64_t start_data = 0;  // of the image's data segment: counts towards RLIMIT_DATA in brk
  std::uint64_t end_data = 0;
  std::uint64_t start_brk = 0;
  std::uint64_t brk = 0;
  std::uint64_t start_stack = 0;
  unsigned table_levels = 4;  // 4 or 5

  // TASK_SIZE_MAX: the end of what a process may map at all.
  std::uint64_t end() const {
    return table_levels == 5 ? (std::uint64_t{1} << 56U) - 4096 : 0x7ffffffff000;
  }
};

}  // namespace ft::sim::virt
