#include "event/syscall_table.h"

#include <algorithm>

namespace ft::event {

namespace {

using enum SyscallNumber;
using enum SyscallClass;

// number, name, class, argument count, then the positions of addr, length, prot, flags, fd, offset.
constexpr std::array kShapes = {
    SyscallShape{Mmap, "mmap", Memory, 6, 0, 1, 2, 3, 4, 5},
    SyscallShape{Mprotect, "mprotect", Memory, 3, 0, 1, 2},
    SyscallShape{Munmap, "munmap", Memory, 2, 0, 1},
    SyscallShape{Brk, "brk", Memory, 1, 0},
    SyscallShape{Mremap, "mremap", Memory, 5, 0, 1, -1, 3},
    SyscallShape{Msync, "msync", Memory, 3, 0, 1, -1, 2},
    SyscallShape{Mincore, "mincore", Memory, 3, 0, 1},
    SyscallShape{Madvise, "madvise", Memory, 3, 0, 1, -1, 2},
    SyscallShape{Shmget, "shmget", File, 3, -1, 1, -1, 2},
    SyscallShape{Shmat, "shmat", Memory, 3, 1, -1, -1, 2},
    SyscallShape{Clone, "clone", Process, 5, -1, -1, -1, 0},
    SyscallShape{Fork, "fork", Process, 0},
    SyscallShape{Vfork, "vfork", Process, 0},
    SyscallShape{Execve, "execve", Process, 3},
    SyscallShape{Exit, "exit", Process, 1},
    SyscallShape{Shmdt, "shmdt", Memory, 1, 0},
    SyscallShape{Ftruncate, "ftruncate", File, 2, -1, 1, -1, -1, 0},
    SyscallShape{Mlock, "mlock", Memory, 2, 0, 1},
    SyscallShape{Munlock, "munlock", Memory, 2, 0, 1},
    SyscallShape{Mlockall, "mlockall", Memory, 1, -1, -1, -1, 0},
    SyscallShape{Munlockall, "munlockall", Memory, 0},
    SyscallShape{Prctl, "prctl", Process, 5, 2, 3},
    SyscallShape{RemapFilePages, "remap_file_pages", Memory, 5, 0, 1, 2, 4, -1, 3},
    SyscallShape{ExitGroup, "exit_group", Process, 1},
    SyscallShape{Mbind, "mbind", Memory, 6, 0, 1, -1, 5},
    SyscallShape{SetMempolicy, "set_mempolicy", Memory, 3},
    SyscallShape{GetMempolicy, "get_mempolicy", Memory, 5, 3, -1, -1, 4},
    SyscallShape{MigratePages, "migrate_pages", Memory, 4},
    SyscallShape{MovePages, "move_pages", Memory, 6, -1, -1, -1, 5},
    SyscallShape{Fallocate, "fallocate", File, 4, -1, 3, -1, 1, 0, 2},
    SyscallShape{MemfdCreate, "memfd_create", File, 2, -1, -1, -1, 1},
    SyscallShape{Execveat, "execveat", Process, 5},
    SyscallShape{Userfaultfd, "userfaultfd", Memory, 1, -1, -1, -1, 0},
    SyscallShape{Mlock2, "mlock2", Memory, 3, 0, 1, -1, 2},
    SyscallShape{PkeyMprotect, "pkey_mprotect", Memory, 4, 0, 1, 2},
    SyscallShape{Clone3, "clone3", Process, 2},
    SyscallShape{ProcessMadvise, "process_madvise", Memory, 5, -1, -1, -1, 3},
    SyscallShape{MemfdSecret, "memfd_secret", File, 1, -1, -1, -1, 0},
    SyscallShape{SetMempolicyHomeNode, "set_mempolicy_home_node", Memory, 4, 0, 1, -1, 3},
    SyscallShape{MapShadowStack, "map_shadow_stack", Memory, 3, 0, 1, -1, 2},
    SyscallShape{Mseal, "mseal", Memory, 3, 0, 1, -1, 2},
};

static_assert(std::ranges::is_sorted(kShapes, {}, &SyscallShape::number));

}  // namespace

std::span<const SyscallShape> followed_syscalls() {
  return kShapes;
}

const SyscallShape* find_shape(SyscallNumber number) {
  const auto it = std::ranges::lower_bound(kShapes, number, {}, &SyscallShape::number);
  return it != kShapes.end() && it->number == number ? &*it : nullptr;
}

const SyscallShape* find_shape(std::string_view name) {
  const auto it = std::ranges::find(kShapes, name, &SyscallShape::name);
  return it != kShapes.end() ? &*it : nullptr;
}

std::string_view name_of(SyscallNumber number) {
  const SyscallShape* shape = find_shape(number);
  return shape ? shape->name : std::string_view("unknown");
}

}  // namespace ft::event
