// The system calls a recording follows, by their x86-64 numbers (arch/x86/entry/syscalls/
// syscall_64.tbl), and which argument means what. One table for every backend, importer and
// printer.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace ft::event {

enum class SyscallNumber : std::uint16_t {
  Mmap = 9,
  Mprotect = 10,
  Munmap = 11,
  Brk = 12,
  Mremap = 25,
  Msync = 26,
  Mincore = 27,
  Madvise = 28,
  Shmget = 29,
  Shmat = 30,
  Clone = 56,
  Fork = 57,
  Vfork = 58,
  Execve = 59,
  Exit = 60,
  Shmdt = 67,
  Ftruncate = 77,
  Mlock = 149,
  Munlock = 150,
  Mlockall = 151,
  Munlockall = 152,
  Prctl = 157,
  RemapFilePages = 216,
  ExitGroup = 231,
  Mbind = 237,
  SetMempolicy = 238,
  GetMempolicy = 239,
  MigratePages = 256,
  MovePages = 279,
  Fallocate = 285,
  MemfdCreate = 319,
  Execveat = 322,
  Userfaultfd = 323,
  Mlock2 = 325,
  PkeyMprotect = 329,
  Clone3 = 435,
  ProcessMadvise = 440,
  MemfdSecret = 447,
  SetMempolicyHomeNode = 450,
  MapShadowStack = 453,
  Mseal = 462,
};

// What a call is for, where a reader has to tell calls that change the address space from the rest.
enum class SyscallClass : std::uint8_t {
  Memory,   // strace's %memory class: counted in kernel mm time
  File,     // sizes the file behind a mapping: memfd_create, ftruncate, fallocate
  Process,  // clone, execve, exit, prctl: lifecycle and names
};

// Position of each meaning among the six arguments; -1 where the call has none.
struct SyscallShape {
  SyscallNumber number;
  std::string_view name;
  SyscallClass call_class;
  std::uint8_t argument_count;
  std::int8_t addr = -1;
  std::int8_t length = -1;
  std::int8_t prot = -1;
  std::int8_t flags = -1;
  std::int8_t fd = -1;
  std::int8_t offset = -1;
};

std::span<const SyscallShape> followed_syscalls();

// nullptr for a call that is not followed.
const SyscallShape* find_shape(SyscallNumber number);
const SyscallShape* find_shape(std::string_view name);

// "mmap"; "syscall_<n>" is never needed: every followed call has a name.
std::string_view name_of(SyscallNumber number);

}  // namespace ft::event
