#include "event/syscall_flags.h"

#include <fmt/format.h>

#include <iterator>

#include "base/check.h"
#include "base/text.h"
#include "event/system_names.h"

namespace ft::event {

namespace {

constexpr unsigned kHugeShift = 26;
constexpr std::uint64_t kHugeMask = std::uint64_t{0x3f} << kHugeShift;

constexpr FlagName kProtBits[] = {
    {"PROT_NONE", 0},
    {"PROT_READ", 1},
    {"PROT_WRITE", 2},
    {"PROT_EXEC", 4},
    {"PROT_SEM", 8},
    {"PROT_GROWSDOWN", 0x1000000},
    {"PROT_GROWSUP", 0x2000000},
};

constexpr FlagName kMapTypes[] = {
    {"MAP_FILE", 0}, {"MAP_SHARED", 1}, {"MAP_PRIVATE", 2}, {"MAP_SHARED_VALIDATE", 3}};
constexpr FlagName kMapBits[] = {
    {"MAP_FIXED", 0x10},        {"MAP_ANONYMOUS", 0x20},
    {"MAP_32BIT", 0x40},        {"MAP_NORESERVE", 0x4000},
    {"MAP_POPULATE", 0x8000},   {"MAP_NONBLOCK", 0x10000},
    {"MAP_GROWSDOWN", 0x100},   {"MAP_DENYWRITE", 0x800},
    {"MAP_EXECUTABLE", 0x1000}, {"MAP_LOCKED", 0x2000},
    {"MAP_STACK", 0x20000},     {"MAP_HUGETLB", 0x40000},
    {"MAP_SYNC", 0x80000},      {"MAP_FIXED_NOREPLACE", 0x100000},
};
constexpr FlagName kMapOnlyRead[] = {
    {"MAP_ANON", 0x20}, {"MAP_DROPPABLE", 8}, {"MAP_ABOVE4G", 0x80}};

constexpr FlagName kMadvice[] = {
    {"MADV_NORMAL", 0},           {"MADV_RANDOM", 1},         {"MADV_SEQUENTIAL", 2},
    {"MADV_WILLNEED", 3},         {"MADV_DONTNEED", 4},       {"MADV_FREE", 8},
    {"MADV_REMOVE", 9},           {"MADV_DONTFORK", 10},      {"MADV_DOFORK", 11},
    {"MADV_MERGEABLE", 12},       {"MADV_UNMERGEABLE", 13},   {"MADV_HUGEPAGE", 14},
    {"MADV_NOHUGEPAGE", 15},      {"MADV_DONTDUMP", 16},      {"MADV_DODUMP", 17},
    {"MADV_WIPEONFORK", 18},      {"MADV_KEEPONFORK", 19},    {"MADV_COLD", 20},
    {"MADV_PAGEOUT", 21},         {"MADV_POPULATE_READ", 22}, {"MADV_POPULATE_WRITE", 23},
    {"MADV_DONTNEED_LOCKED", 24}, {"MADV_COLLAPSE", 25},      {"MADV_HWPOISON", 100},
    {"MADV_SOFT_OFFLINE", 101},
};
constexpr FlagName kMadviceOnlyRead[] = {
    {"MADV_GUARD_INSTALL", 102}, {"MADV_GUARD_REMOVE", 103}, {"POSIX_MADV_DONTNEED", 4}};

constexpr FlagName kMremapBits[] = {
    {"MREMAP_MAYMOVE", 1}, {"MREMAP_FIXED", 2}, {"MREMAP_DONTUNMAP", 4}};
constexpr FlagName kMsyncBits[] = {{"MS_SYNC", 4}, {"MS_ASYNC", 1}, {"MS_INVALIDATE", 2}};
constexpr FlagName kMclBits[] = {{"MCL_CURRENT", 1}, {"MCL_FUTURE", 2}, {"MCL_ONFAULT", 4}};
constexpr FlagName kMlock2Bits[] = {{"MLOCK_ONFAULT", 1}};
constexpr FlagName kFallocBits[] = {
    {"FALLOC_FL_KEEP_SIZE", 1},        {"FALLOC_FL_PUNCH_HOLE", 2},
    {"FALLOC_FL_NO_HIDE_STALE", 4},    {"FALLOC_FL_COLLAPSE_RANGE", 8},
    {"FALLOC_FL_ZERO_RANGE", 0x10},    {"FALLOC_FL_INSERT_RANGE", 0x20},
    {"FALLOC_FL_UNSHARE_RANGE", 0x40},
};
constexpr FlagName kFallocOnlyRead[] = {{"FALLOC_FL_WRITE_ZEROES", 0x80}};
constexpr FlagName kMemfdBits[] = {
    {"MFD_CLOEXEC", 1}, {"MFD_ALLOW_SEALING", 2}, {"MFD_HUGETLB", 4}};
constexpr FlagName kMemfdOnlyRead[] = {{"MFD_NOEXEC_SEAL", 8}, {"MFD_EXEC", 0x10}};

constexpr FlagName kPolicies[] = {{"MPOL_DEFAULT", 0}, {"MPOL_PREFERRED", 1},
                                  {"MPOL_BIND", 2},    {"MPOL_INTERLEAVE", 3},
                                  {"MPOL_LOCAL", 4},   {"MPOL_PREFERRED_MANY", 5}};
constexpr FlagName kPolicyOnlyRead[] = {{"MPOL_WEIGHTED_INTERLEAVE", 6}};
constexpr FlagName kPolicyBits[] = {{"MPOL_F_STATIC_NODES", 0x8000},
                                    {"MPOL_F_RELATIVE_NODES", 0x4000},
                                    {"MPOL_F_NUMA_BALANCING", 0x2000}};
constexpr FlagName kGetPolicyBits[] = {
    {"MPOL_F_NODE", 1}, {"MPOL_F_ADDR", 2}, {"MPOL_F_MEMS_ALLOWED", 4}};
constexpr FlagName kMbindBits[] = {
    {"MPOL_MF_STRICT", 1}, {"MPOL_MF_MOVE", 2}, {"MPOL_MF_MOVE_ALL", 4}};

constexpr FlagName kShmgetBits[] = {
    {"IPC_CREAT", 01000}, {"IPC_EXCL", 02000}, {"SHM_HUGETLB", 04000}, {"SHM_NORESERVE", 010000}};
constexpr FlagName kShmatBits[] = {
    {"SHM_RDONLY", 010000}, {"SHM_RND", 020000}, {"SHM_REMAP", 040000}, {"SHM_EXEC", 0100000}};
constexpr FlagName kShmKeys[] = {{"IPC_PRIVATE", 0}};
constexpr FlagName kUserfaultBits[] = {
    {"O_NONBLOCK", 04000}, {"O_CLOEXEC", 02000000}, {"UFFD_USER_MODE_ONLY", 1}};
constexpr FlagName kSecretBits[] = {{"O_CLOEXEC", 02000000}};
constexpr FlagName kAtBits[] = {{"AT_SYMLINK_NOFOLLOW", 0x100}, {"AT_EMPTY_PATH", 0x1000}};
constexpr FlagName kShadowStackBits[] = {{"SHADOW_STACK_SET_TOKEN", 1}};

constexpr FlagName kCloneBits[] = {
    {"CLONE_VM", 0x100},
    {"CLONE_FS", 0x200},
    {"CLONE_FILES", 0x400},
    {"CLONE_SIGHAND", 0x800},
    {"CLONE_PIDFD", 0x1000},
    {"CLONE_PTRACE", 0x2000},
    {"CLONE_VFORK", 0x4000},
    {"CLONE_PARENT", 0x8000},
    {"CLONE_THREAD", 0x10000},
    {"CLONE_NEWNS", 0x20000},
    {"CLONE_SYSVSEM", 0x40000},
    {"CLONE_SETTLS", 0x80000},
    {"CLONE_PARENT_SETTID", 0x100000},
    {"CLONE_CHILD_CLEARTID", 0x200000},
    {"CLONE_DETACHED", 0x400000},
    {"CLONE_UNTRACED", 0x800000},
    {"CLONE_CHILD_SETTID", 0x1000000},
    {"CLONE_NEWCGROUP", 0x2000000},
    {"CLONE_NEWUTS", 0x4000000},
    {"CLONE_NEWIPC", 0x8000000},
    {"CLONE_NEWUSER", 0x10000000},
    {"CLONE_NEWPID", 0x20000000},
    {"CLONE_NEWNET", 0x40000000},
    {"CLONE_IO", 0x80000000},
    {"CLONE_CLEAR_SIGHAND", 0x100000000},
    {"CLONE_INTO_CGROUP", 0x200000000},
    {"CLONE_NEWTIME", 0x80},
};

constexpr FlagName kPrctlValues[] = {
    {"PR_SET_PDEATHSIG", 1},
    {"PR_GET_PDEATHSIG", 2},
    {"PR_GET_DUMPABLE", 3},
    {"PR_SET_DUMPABLE", 4},
    {"PR_GET_UNALIGN", 5},
    {"PR_SET_UNALIGN", 6},
    {"PR_GET_KEEPCAPS", 7},
    {"PR_SET_KEEPCAPS", 8},
    {"PR_GET_FPEMU", 9},
    {"PR_SET_FPEMU", 10},
    {"PR_GET_FPEXC", 11},
    {"PR_SET_FPEXC", 12},
    {"PR_GET_TIMING", 13},
    {"PR_SET_TIMING", 14},
    {"PR_SET_NAME", 15},
    {"PR_GET_NAME", 16},
    {"PR_GET_ENDIAN", 19},
    {"PR_SET_ENDIAN", 20},
    {"PR_GET_SECCOMP", 21},
    {"PR_SET_SECCOMP", 22},
    {"PR_CAPBSET_READ", 23},
    {"PR_CAPBSET_DROP", 24},
    {"PR_GET_TSC", 25},
    {"PR_SET_TSC", 26},
    {"PR_GET_SECUREBITS", 27},
    {"PR_SET_SECUREBITS", 28},
    {"PR_SET_TIMERSLACK", 29},
    {"PR_GET_TIMERSLACK", 30},
    {"PR_TASK_PERF_EVENTS_DISABLE", 31},
    {"PR_TASK_PERF_EVENTS_ENABLE", 32},
    {"PR_MCE_KILL", 33},
    {"PR_MCE_KILL_GET", 34},
    {"PR_SET_MM", 35},
    {"PR_SET_CHILD_SUBREAPER", 36},
    {"PR_GET_CHILD_SUBREAPER", 37},
    {"PR_SET_NO_NEW_PRIVS", 38},
    {"PR_GET_NO_NEW_PRIVS", 39},
    {"PR_GET_TID_ADDRESS", 40},
    {"PR_SET_THP_DISABLE", 41},
    {"PR_GET_THP_DISABLE", 42},
    {"PR_MPX_ENABLE_MANAGEMENT", 43},
    {"PR_MPX_DISABLE_MANAGEMENT", 44},
    {"PR_SET_FP_MODE", 45},
    {"PR_GET_FP_MODE", 46},
    {"PR_CAP_AMBIENT", 47},
    {"PR_SVE_SET_VL", 50},
    {"PR_SVE_GET_VL", 51},
    {"PR_GET_SPECULATION_CTRL", 52},
    {"PR_SET_SPECULATION_CTRL", 53},
    {"PR_PAC_RESET_KEYS", 54},
    {"PR_SET_TAGGED_ADDR_CTRL", 55},
    {"PR_GET_TAGGED_ADDR_CTRL", 56},
    {"PR_SET_IO_FLUSHER", 57},
    {"PR_GET_IO_FLUSHER", 58},
    {"PR_SET_SYSCALL_USER_DISPATCH", 59},
    {"PR_PAC_SET_ENABLED_KEYS", 60},
    {"PR_PAC_GET_ENABLED_KEYS", 61},
    {"PR_SCHED_CORE", 62},
    {"PR_SME_SET_VL", 63},
    {"PR_SME_GET_VL", 64},
    {"PR_SET_VMA", 0x53564d41},
    {"PR_SET_PTRACER", 0x59616d61},
};
constexpr FlagName kPrctlOnlyRead[] = {{"PR_SET_MDWE", 65},
                                       {"PR_GET_MDWE", 66},
                                       {"PR_SET_MEMORY_MERGE", 67},
                                       {"PR_GET_MEMORY_MERGE", 68}};

// What the second argument of prctl is called, by option; numbers where it has no name.
constexpr FlagName kPrctlSecond[] = {
    {"PR_SET_VMA_ANON_NAME", 0}, {"SUID_DUMP_DISABLE", 0}, {"SUID_DUMP_USER", 1}};

constexpr std::uint64_t kEveryBit = ~std::uint64_t{0};

const FlagTable kMadviceFlags{"MADV_???", {}, kMadvice, kEveryBit, {}, kMadviceOnlyRead};
const FlagTable kMremapFlags{"MREMAP_???", kMremapBits};
const FlagTable kMsyncFlags{"MS_???", kMsyncBits};
const FlagTable kMclFlags{"MCL_???", kMclBits};
const FlagTable kMlock2Flags{"MLOCK_???", kMlock2Bits};
const FlagTable kFallocFlags{"FALLOC_FL_???", kFallocBits, {}, 0, {}, kFallocOnlyRead};
const FlagTable kMemfdFlags{"MFD_???", kMemfdBits, {}, 0, "MFD_HUGE_SHIFT", kMemfdOnlyRead};
const FlagTable kPolicyFlags{"MPOL_???", kPolicyBits,    kPolicies, ~std::uint64_t{0xe000},
                             {},         kPolicyOnlyRead};
const FlagTable kGetPolicyFlags{"MPOL_???", kGetPolicyBits};
const FlagTable kMbindFlags{"MPOL_???", kMbindBits};
const FlagTable kShmgetFlags{"SHM_???", kShmgetBits, {}, 0, "SHM_HUGE_SHIFT", {}, false, true};
const FlagTable kShmatFlags{"SHM_???", kShmatBits};
const FlagTable kUserfaultFlags{"UFFD_???", kUserfaultBits};
const FlagTable kSecretFlags{"O_???", kSecretBits};
const FlagTable kAtFlags{"AT_???", kAtBits};
const FlagTable kShadowStackFlags{"SHADOW_STACK_???", kShadowStackBits};
const FlagTable kShmKeyNames{{}, {}, {}, 0, {}, kShmKeys};

constexpr ArgumentFormat kAddress{ArgumentForm::Address, nullptr};
constexpr ArgumentFormat kHex{ArgumentForm::Hex, nullptr};
constexpr ArgumentFormat kDecimal{ArgumentForm::Decimal, nullptr};
constexpr ArgumentFormat kSigned{ArgumentForm::Signed, nullptr};
constexpr ArgumentFormat kInt{ArgumentForm::Int, nullptr};
constexpr ArgumentFormat kFd{ArgumentForm::Fd, nullptr};
constexpr ArgumentFormat kText{ArgumentForm::Text, nullptr};
constexpr ArgumentFormat kContents{ArgumentForm::Contents, nullptr};

const FlagTable kPrctlSecondNames{{}, {}, {}, 0, {}, kPrctlSecond, true};

constexpr ArgumentFormat flags(const FlagTable& table) {
  return {ArgumentForm::Flags, &table};
}

struct CallFormat {
  SyscallNumber number;
  ArgumentFormats arguments;
};

using enum SyscallNumber;

const CallFormat kCallFormats[] = {
    {Mmap, {kAddress, kDecimal, flags(kProtFlags), flags(kMapFlags), kFd, kHex}},
    {Mprotect, {kAddress, kDecimal, flags(kProtFlags)}},
    {Munmap, {kAddress, kDecimal}},
    {Brk, {kAddress}},
    {Mremap, {kAddress, kDecimal, kDecimal, flags(kMremapFlags), kAddress}},
    {Msync, {kAddress, kDecimal, flags(kMsyncFlags)}},
    {Mincore, {kAddress, kDecimal, kContents}},
    {Madvise, {kAddress, kDecimal, flags(kMadviceFlags)}},
    {Shmget, {flags(kShmKeyNames), kDecimal, flags(kShmgetFlags)}},
    {Shmat, {kInt, kAddress, flags(kShmatFlags)}},
    {Clone, {flags(kCloneFlags), kAddress, kContents, kAddress, kAddress}},
    {Fork, {}},
    {Vfork, {}},
    {Execve, {kText, kContents, kContents}},
    {Exit, {kInt}},
    {Shmdt, {kAddress}},
    {Ftruncate, {kFd, kDecimal}},
    {Mlock, {kAddress, kDecimal}},
    {Munlock, {kAddress, kDecimal}},
    {Mlockall, {flags(kMclFlags)}},
    {Munlockall, {}},
    {Prctl, {flags(kPrctlOptions), {ArgumentForm::Hex, &kPrctlSecondNames}, kHex, kHex, kHex}},
    {RemapFilePages, {kAddress, kDecimal, flags(kProtFlags), kDecimal, flags(kMapFlags)}},
    {ExitGroup, {kInt}},
    {Mbind, {kAddress, kDecimal, flags(kPolicyFlags), kContents, kDecimal, flags(kMbindFlags)}},
    {SetMempolicy, {flags(kPolicyFlags), kContents, kDecimal}},
    {GetMempolicy, {kContents, kContents, kDecimal, kAddress, flags(kGetPolicyFlags)}},
    {MigratePages, {kInt, kDecimal, kContents, kContents}},
    {MovePages, {kInt, kDecimal, kContents, kContents, kContents, flags(kMbindFlags)}},
    {Fallocate, {kFd, flags(kFallocFlags), kSigned, kSigned}},
    {MemfdCreate, {kText, flags(kMemfdFlags)}},
    {Execveat, {kFd, kText, kContents, kContents, flags(kAtFlags)}},
    {Userfaultfd, {flags(kUserfaultFlags)}},
    {Mlock2, {kAddress, kDecimal, flags(kMlock2Flags)}},
    {PkeyMprotect, {kAddress, kDecimal, flags(kProtFlags), kInt}},
    {Clone3, {kContents, kDecimal}},
    {ProcessMadvise, {kFd, kContents, kDecimal, flags(kMadviceFlags), kHex}},
    {MemfdSecret, {flags(kSecretFlags)}},
    {SetMempolicyHomeNode, {kAddress, kDecimal, kDecimal, kHex}},
    {MapShadowStack, {kAddress, kDecimal, flags(kShadowStackFlags)}},
    {Mseal, {kAddress, kDecimal, kHex}},
};

std::string_view name_of_value(std::span<const FlagName> names, std::uint64_t value) {
  for (const FlagName& entry : names) {
    if (entry.value == value) return entry.name;
  }
  return {};
}

std::optional<std::uint64_t> value_of_name(const FlagTable& table, std::string_view name) {
  for (std::span<const FlagName> names : {table.values, table.bits, table.only_read}) {
    for (const FlagName& entry : names) {
      if (entry.name == name) return entry.value;
    }
  }
  if (table.signal_in_low_byte) {
    if (const std::optional<int> signal = signal_number(name)) return *signal;
  }
  return std::nullopt;
}

bool is_name(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    const bool part =
        (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    if (!part) return false;
  }
  return text.front() < '0' || text.front() > '9';
}

// Adds one alternative of "a|b|c" to the value. False where it is neither number nor name.
bool add_part(std::string_view part, const FlagTable& table, FlagValue& sum) {
  if (const std::optional<std::uint64_t> number = read_number(part)) {
    sum.value |= *number;
    return true;
  }
  if (const std::size_t shift = part.find("<<"); shift != std::string_view::npos) {
    const std::optional<std::uint64_t> count = read_number(part.substr(0, shift));
    if (!count || *count > 63 || !part.substr(shift + 2).ends_with("_HUGE_SHIFT")) return false;
    sum.value |= *count << kHugeShift;
    return true;
  }
  if (!is_name(part)) return false;
  if (const std::optional<std::uint64_t> value = value_of_name(table, part))
    sum.value |= *value;
  else
    sum.complete = false;
  return true;
}

void append_separated(std::string& out, bool& first, std::string_view text) {
  if (!first) out += '|';
  first = false;
  out += text;
}

// Appends the names of the bits in `value` and returns the bits that have none.
std::uint64_t append_bits(std::string& out, bool& first, std::uint64_t value,
                          const FlagTable& table) {
  for (const FlagName& entry : table.bits) {
    if (entry.value == 0 || (value & entry.value) != entry.value) continue;
    append_separated(out, first, entry.name);
    value &= ~entry.value;
  }
  return value;
}

}  // namespace

const FlagTable kProtFlags{"PROT_???", kProtBits};
const FlagTable kMapFlags{"MAP_???", kMapBits, kMapTypes, 0xf, "MAP_HUGE_SHIFT", kMapOnlyRead};
const FlagTable kCloneFlags{"CLONE_???", kCloneBits, {}, 0, {}, {}, true};
const FlagTable kPrctlOptions{"PR_???", {}, kPrctlValues, kEveryBit, {}, kPrctlOnlyRead};

const ArgumentFormats& argument_formats(SyscallNumber number) {
  // Numbers are below 512: one step to the format, because importing a log asks for every line.
  static const auto kByNumber = [] {
    std::array<const ArgumentFormats*, 512> by_number{};
    for (const CallFormat& call : kCallFormats) {
      by_number[static_cast<std::size_t>(call.number)] = &call.arguments;
    }
    return by_number;
  }();
  const auto index = static_cast<std::size_t>(number);
  FT_CHECK(index < kByNumber.size() && kByNumber[index]);
  return *kByNumber[index];
}

std::optional<std::uint64_t> read_number(std::string_view text) {
  if (const std::size_t comment = text.find("/*"); comment != std::string_view::npos) {
    text = text.substr(0, comment);
  }
  text = trim(text);
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  std::optional<std::uint64_t> number;
  if (text.starts_with("0x"))
    number = parse_integer<std::uint64_t>(text.substr(2), 16);
  else if (text.size() > 1 && text.starts_with('0'))
    number = parse_integer<std::uint64_t>(text, 8);
  else
    number = parse_integer<std::uint64_t>(text);
  if (number && negative) return std::uint64_t{0} - *number;
  return number;
}

std::optional<FlagValue> read_flags(std::string_view text, const FlagTable& table) {
  FlagValue sum;
  while (true) {
    // A comment may hold '|' of its own: "0x3 /* PROT_READ|PROT_WRITE */".
    std::size_t end = 0;
    while (end < text.size() && text[end] != '|') {
      if (text.substr(end).starts_with("/*")) {
        const std::size_t closing = text.find("*/", end + 2);
        if (closing == std::string_view::npos) return std::nullopt;
        end = closing + 2;
      } else {
        ++end;
      }
    }
    std::string_view part = text.substr(0, end);
    if (const std::size_t comment = part.find("/*"); comment != std::string_view::npos) {
      part = part.substr(0, comment);
    }
    if (!add_part(trim(part), table, sum)) return std::nullopt;
    if (end == text.size()) return sum;
    text.remove_prefix(end + 1);
  }
}

void append_flags(std::string& out, std::uint64_t value, const FlagTable& table) {
  const auto append_unknown = [&](std::uint64_t number) {
    fmt::format_to(std::back_inserter(out), "{:#x} /* {} */", number, table.unknown);
  };
  const auto hex_text = [](std::uint64_t number) {
    return number == 0 ? std::string("0") : hex(number);
  };

  if (table.unknown.empty()) {  // a plain number with a few names
    const std::string_view name = name_of_value(table.only_read, value);
    out += name.empty() ? hex_text(value) : std::string(name);
    return;
  }

  std::uint64_t rest = value;
  bool first = true;
  std::uint64_t huge = 0;
  std::uint64_t permissions = 0;
  std::uint64_t signal = 0;
  if (!table.shift_name.empty()) huge = rest & kHugeMask, rest &= ~kHugeMask;
  if (table.octal_permissions) permissions = rest & 0777, rest &= ~std::uint64_t{0777};
  if (table.signal_in_low_byte) signal = rest & 0xff, rest &= ~std::uint64_t{0xff};

  if (table.value_mask != 0) {
    const std::uint64_t chosen = rest & table.value_mask;
    const std::string_view name = name_of_value(table.values, chosen);
    if (!name.empty())
      out += name;
    else if (chosen == 0)
      out += fmt::format("0 /* {} */", table.unknown);
    else
      append_unknown(chosen);
    first = false;
    rest &= ~table.value_mask;
  }

  rest = append_bits(out, first, rest, table);
  if (rest != 0 && first)
    append_unknown(rest), first = false;
  else if (rest != 0)
    append_separated(out, first, hex(rest));
  if (huge != 0) {
    append_separated(out, first, fmt::format("{}<<{}", huge >> kHugeShift, table.shift_name));
  }
  if (signal != 0) {
    const std::string_view name = signal_name(static_cast<int>(signal));
    append_separated(out, first, name.empty() ? std::to_string(signal) : std::string(name));
  }
  if (permissions != 0) append_separated(out, first, fmt::format("0{:o}", permissions));
  if (first) {
    const std::string_view zero = name_of_value(table.bits, 0);
    out += zero.empty() ? std::string_view("0") : zero;
  }
}

bool returns_address(SyscallNumber number) {
  return number == Mmap || number == Brk || number == Mremap || number == Shmat ||
         number == MapShadowStack;
}

bool returns_descriptor(SyscallNumber number) {
  return number == MemfdCreate || number == MemfdSecret || number == Userfaultfd;
}

}  // namespace ft::event
