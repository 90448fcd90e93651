#include "report/strace/format_call.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "event/syscall_flags.h"
#include "event/system_names.h"
#include "report/strace/escape.h"

namespace ft::report::strace {

namespace {

using event::ArgumentForm;
using event::Syscall;
using event::SyscallNumber;
using event::Trace;

constexpr std::size_t kStringLimit = 32;  // strace's -s
constexpr std::size_t kArrayLimit = 32;   // elements of argv that strace shows
constexpr std::size_t kPathLimit = 4096;

constexpr std::uint64_t kMremapFixed = 3;  // MREMAP_MAYMOVE|MREMAP_FIXED
constexpr std::uint64_t kCloneSetTls = 0x80000;
constexpr std::uint64_t kCloneParentSetTid = 0x100000;
constexpr std::uint64_t kCloneChildTid = 0x1200000;  // CLEARTID and SETTID

template <typename... Arguments>
void append(std::string& out, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  fmt::format_to(std::back_inserter(out), format, std::forward<Arguments>(arguments)...);
}

void append_hex(std::string& out, std::uint64_t value) {
  if (value == 0)
    out += '0';
  else
    append(out, "{:#x}", value);
}

void append_address(std::string& out, std::uint64_t value) {
  if (value == 0)
    out += "NULL";
  else
    append(out, "{:#x}", value);
}

// A pointer to what strace shows instead of it.
void append_pointer(std::string& out, std::uint64_t value) {
  if (value == event::kPointerNotShown)
    out += "...";
  else
    append_address(out, value);
}

// The path of the call's file; empty where it has none.
std::string_view path_of(const Trace& trace, const Syscall& call) {
  const auto index = static_cast<std::size_t>(call.file);
  return call.file >= 0 && index < trace.files.size() ? std::string_view(trace.files[index].path)
                                                      : std::string_view();
}

void append_fd(std::string& out, const Trace& trace, const Syscall& call, std::uint64_t value) {
  const auto fd = static_cast<std::int32_t>(value);
  if (fd == -100)
    out += "AT_FDCWD";
  else
    append(out, "{}", fd);
  const std::string_view path = path_of(trace, call);
  if (!path.empty()) append_decoration(out, path);
}

// A string the call was given. What a memory file is called is known from the file; other strings
// are not recorded.
void append_text(std::string& out, const Trace& trace, const Syscall& call, std::uint64_t value) {
  constexpr std::string_view kMemfd = "/memfd:";
  std::string_view path = path_of(trace, call);
  if (call.number != SyscallNumber::MemfdCreate || !path.starts_with(kMemfd)) {
    return append_pointer(out, value);
  }
  path.remove_prefix(kMemfd.size());
  path = path.substr(0, path.rfind(" (deleted)"));
  append_quoted(out, path, kStringLimit);
}

void append_argument(std::string& out, const Trace& trace, const Syscall& call,
                     event::ArgumentFormat format, std::uint64_t value) {
  switch (format.form) {
    case ArgumentForm::None:
      break;
    case ArgumentForm::Address:
      append_address(out, value);
      break;
    case ArgumentForm::Hex:
      append_hex(out, value);
      break;
    case ArgumentForm::Decimal:
      append(out, "{}", value);
      break;
    case ArgumentForm::Signed:
      append(out, "{}", static_cast<std::int64_t>(value));
      break;
    case ArgumentForm::Int:
      append(out, "{}", static_cast<std::int32_t>(value));
      break;
    case ArgumentForm::Fd:
      append_fd(out, trace, call, value);
      break;
    case ArgumentForm::Flags:
      event::append_flags(out, value, *format.table);
      break;
    case ArgumentForm::Text:
      append_text(out, trace, call, value);
      break;
    case ArgumentForm::Contents:
      if (value == event::kPointerNotShown)
        out += "[...]";
      else
        append_address(out, value);
      break;
  }
}

// clone(2) names its arguments, and leaves out those that its flags do not ask for.
void append_clone(std::string& out, const Syscall& call) {
  const auto& [flags, stack, parent_tid, child_tid, tls, unused] = call.args;
  out += "child_stack=";
  append_address(out, stack);
  out += ", flags=";
  event::append_flags(out, flags, event::kCloneFlags);
  if (flags & kCloneParentSetTid) {
    if (call.finished && call.ret > 0)
      append(out, ", parent_tid=[{}]", call.ret);
    else
      append(out, ", parent_tid={:#x}", parent_tid);
  }
  if (flags & kCloneSetTls) append(out, ", tls={:#x}", tls);
  if (flags & kCloneChildTid) append(out, ", child_tidptr={:#x}", child_tid);
}

void append_execve(std::string& out, const event::Process& process, std::uint64_t environment) {
  append_quoted(out, process.executable, kPathLimit);
  out += ", [";
  const std::size_t shown = std::min(process.command.size(), kArrayLimit);
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0) out += ", ";
    append_quoted(out, process.command[i], kStringLimit);
  }
  if (shown < process.command.size()) out += ", ...";
  out += "], ";
  append_pointer(out, environment);
}

// How strace shows the second argument of a prctl, and whether it shows the rest.
enum class PrctlForm : std::uint8_t {
  NoMore,
  OneNumber,
  OneNumberAndRest,
  Rest,
  Name,
  Signal,
  Vma
};

PrctlForm prctl_form(std::uint64_t option) {
  switch (option) {
    case 1:
      return PrctlForm::Signal;  // PR_SET_PDEATHSIG
    case 3:
    case 7:
    case 13:
    case 21:
    case 27:
    case 30:  // getters that return their answer
    case 31:
    case 32:
      return PrctlForm::NoMore;
    case 8:
    case 14:
    case 29:
    case 36:
      return PrctlForm::OneNumber;
    case 38:
    case 41:
    case 57:
      return PrctlForm::OneNumberAndRest;
    case 15:
    case 16:
      return PrctlForm::Name;
    case 0x53564d41:
      return PrctlForm::Vma;
    default:
      return PrctlForm::Rest;
  }
}

void append_prctl(std::string& out, const Syscall& call) {
  const std::uint64_t option = call.args[0] & 0xffffffffU;
  event::append_flags(out, option, event::kPrctlOptions);
  const std::uint64_t second = call.args[1];
  std::size_t rest_from = 6;
  switch (prctl_form(option)) {
    case PrctlForm::NoMore:
      return;
    case PrctlForm::OneNumber:
      append(out, ", {}", second);
      return;
    case PrctlForm::OneNumberAndRest:
      append(out, ", {}", second);
      rest_from = 2;
      break;
    case PrctlForm::Name:
      out += ", ";
      append_pointer(out, second);
      return;
    case PrctlForm::Signal: {
      const std::string_view name = event::signal_name(static_cast<int>(second & 0xffU));
      out += ", ";
      if (name.empty())
        append(out, "{}", second);
      else
        out += name;
      return;
    }
    case PrctlForm::Vma:
      out += second == 0 ? ", PR_SET_VMA_ANON_NAME, " : ", ";
      if (second != 0) append(out, "{:#x} /* PR_SET_VMA_??? */, ", second);
      append_pointer(out, call.args[2]);
      append(out, ", {}, ", call.args[3]);
      append_pointer(out, call.args[4]);
      return;
    case PrctlForm::Rest:
      rest_from = 1;
      break;
  }
  for (std::size_t i = rest_from; i < 5; ++i) {
    out += ", ";
    if (call.args[i] == event::kPointerNotShown)
      out += "...";
    else
      append_hex(out, call.args[i]);
  }
}

std::size_t argument_count(const Syscall& call, const event::SyscallShape& shape) {
  // The new address is an argument only where it is asked for.
  if (call.number == SyscallNumber::Mremap && (call.args[3] & kMremapFixed) != kMremapFixed) {
    return 4;
  }
  return shape.argument_count;
}

}  // namespace

void append_arguments(std::string& out, const Trace& trace, const Syscall& call,
                      const event::Process* executed) {
  const event::SyscallShape* shape = event::find_shape(call.number);
  if (!shape) {
    append(out, "syscall_{:#x}(", static_cast<unsigned>(call.number));
    return;
  }
  out += shape->name;
  out += '(';
  if (call.number == SyscallNumber::Clone) return append_clone(out, call);
  if (call.number == SyscallNumber::Prctl) return append_prctl(out, call);
  if (call.number == SyscallNumber::Execve && executed) {
    return append_execve(out, *executed, call.args[2]);
  }
  const event::ArgumentFormats& formats = event::argument_formats(call.number);
  const std::size_t count = argument_count(call, *shape);
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) out += ", ";
    append_argument(out, trace, call, formats[i], call.args[i]);
  }
}

void append_result(std::string& out, const Trace& trace, const Syscall& call) {
  if (!call.finished) {
    out += '?';
    return;
  }
  if (call.ret < 0 && call.ret >= -4095) {
    const int number = static_cast<int>(-call.ret);
    out += event::is_restart_code(number) ? "?" : "-1";
    const std::string_view name = event::errno_name(number);
    if (name.empty())
      append(out, " (errno {})", number);
    else
      append(out, " {} ({})", name, event::errno_text(number));
    return;
  }
  if (event::returns_address(call.number)) {
    append_hex(out, static_cast<std::uint64_t>(call.ret));
    return;
  }
  append(out, "{}", call.ret);
  if (!event::returns_descriptor(call.number)) return;
  const std::string_view path = path_of(trace, call);
  if (!path.empty()) append_decoration(out, path);
}

}  // namespace ft::report::strace
