// How each argument of a followed call is written in strace's notation: which are addresses, sizes,
// descriptors, and which are flags with names of their own. One table for who reads that notation
// (capture/strace) and who prints it (report/strace), so that the two cannot drift apart.
//
// Source of names, values and order: strace 6.1 on x86-64 and the kernel's uapi headers.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "event/syscall_table.h"

namespace ft::event {

// An argument whose value is not known because the log showed what it points to instead (a
// structure, an array, a string). No valid pointer has this value.
inline constexpr std::uint64_t kPointerNotShown = ~std::uint64_t{0};

struct FlagName {
  std::string_view name;
  std::uint64_t value;
};

// The names of one kind of flags. A value is read as: the part under `value_mask` is one of
// `values`, all other bits are `bits`, and where there is a `shift_name`, six bits from 26 up hold
// the logarithm of a huge page size.
struct FlagTable {
  std::string_view unknown;  // what strace puts beside a number it has no name for: "MAP_???"
  std::span<const FlagName> bits{};  // in the order strace prints them
  std::span<const FlagName> values{};
  std::uint64_t value_mask = 0;
  std::string_view shift_name{};          // "MAP_HUGE_SHIFT"
  std::span<const FlagName> only_read{};  // newer kernels' names and aliases, never printed
  bool signal_in_low_byte = false;        // clone's flags
  bool octal_permissions = false;         // shmget's
};

extern const FlagTable kProtFlags;
extern const FlagTable kMapFlags;
extern const FlagTable kCloneFlags;
extern const FlagTable kPrctlOptions;

enum class ArgumentForm : std::uint8_t {
  None,      // the call has no such argument
  Address,   // NULL or 0x...
  Hex,       // 0 or 0x..., or by name where there is a `table`
  Decimal,   // unsigned
  Signed,    // 64 bits
  Int,       // signed 32 bits
  Fd,        // a descriptor, with -y followed by <path>
  Flags,     // by `table`
  Text,      // pointer to a string, shown as the string
  Contents,  // pointer to anything else, shown as what it points to
};

struct ArgumentFormat {
  ArgumentForm form = ArgumentForm::None;
  const FlagTable* table = nullptr;
};

using ArgumentFormats = std::array<ArgumentFormat, 6>;

// REQUIRES: the call is followed (find_shape() knows it).
const ArgumentFormats& argument_formats(SyscallNumber number);

struct FlagValue {
  std::uint64_t value = 0;
  bool complete = true;  // false: a name was not known, its bits are missing from the value
};

// Reads "PROT_READ|PROT_WRITE", "0x3", "0x3 /* PROT_READ|PROT_WRITE */", "0xf /* MAP_???
// */|MAP_FIXED", "MAP_HUGETLB|21<<MAP_HUGE_SHIFT". Nothing where it is not of that form.
std::optional<FlagValue> read_flags(std::string_view text, const FlagTable& table);

// A number as strace writes them: decimal, 0x hex, 0 octal, with a sign; a comment after it is
// ignored. Negative numbers wrap.
std::optional<std::uint64_t> read_number(std::string_view text);

// Writes a value the way strace 6.1 does.
void append_flags(std::string& out, std::uint64_t value, const FlagTable& table);

// Results that strace prints in hexadecimal: addresses.
bool returns_address(SyscallNumber number);

// Results that are descriptors: memfd_create and its like.
bool returns_descriptor(SyscallNumber number);

}  // namespace ft::event
