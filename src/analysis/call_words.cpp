#include "analysis/call_words.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cstring>

#include "base/text.h"

namespace ft::analysis {

namespace {

using event::Syscall;
using event::SyscallNumber;

std::string_view base_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

const event::File* file_of(const Syscall& call, const event::Trace& trace) {
  const auto index = static_cast<std::size_t>(call.file);
  return call.file >= 0 && index < trace.files.size() ? &trace.files[index] : nullptr;
}

std::string mmap_words(const Syscall& call, const event::Trace& trace) {
  const std::string size = human_bytes(call.length());
  const std::string place = call.failed() ? "" : " at " + hex(static_cast<std::uint64_t>(call.ret));
  const bool fixed = call.flags() & (MAP_FIXED | MAP_FIXED_NOREPLACE);
  if (!(call.flags() & MAP_ANONYMOUS)) {
    const event::File* file = file_of(call, trace);
    return fmt::format("map {} of {}, {}{}{}", size,
                       file ? std::string(base_name(file->path)) : fmt::format("fd {}", call.fd()),
                       rights(call.prot()), call.flags() & MAP_SHARED ? " shared" : "", place);
  }
  if (call.prot() == PROT_NONE)
    return fmt::format("{} {}{}", fixed ? "uncommit" : "reserve", size, place);
  if (call.flags() & MAP_STACK) return fmt::format("map {} for a stack{}", size, place);
  return fmt::format("{} {}, {}{}{}", fixed ? "commit" : "map", size, rights(call.prot()),
                     call.flags() & MAP_POPULATE ? ", filled at once" : "", place);
}

std::string_view advice_words(std::uint64_t advice) {
  switch (advice) {
    case MADV_NORMAL:
      return "expect nothing special of";
    case MADV_RANDOM:
      return "expect random access to";
    case MADV_SEQUENTIAL:
      return "expect sequential access to";
    case MADV_WILLNEED:
      return "read ahead";
    case MADV_DONTNEED:
      return "give back the pages of";
    case MADV_FREE:
      return "let the kernel take back";
    case MADV_REMOVE:
      return "punch a hole in";
    case MADV_DONTFORK:
      return "keep from children";
    case MADV_DOFORK:
      return "let children have";
    case MADV_MERGEABLE:
      return "merge equal pages of";
    case MADV_UNMERGEABLE:
      return "stop merging pages of";
    case MADV_HUGEPAGE:
      return "ask for huge pages in";
    case MADV_NOHUGEPAGE:
      return "refuse huge pages in";
    case MADV_DONTDUMP:
      return "leave out of core dumps";
    case MADV_DODUMP:
      return "put in core dumps";
    case MADV_WIPEONFORK:
      return "have forks see zeroes in";
    case MADV_COLD:
      return "call cold";
    case MADV_PAGEOUT:
      return "page out";
    case 22:
      return "fill for reading";
    case 23:
      return "fill for writing";
    case 25:
      return "make huge pages of";
    default:
      return "";
  }
}

std::string madvise_words(const Syscall& call) {
  const std::string_view words = advice_words(call.flags());
  const std::string size = human_bytes(call.length());
  if (words.empty()) {
    return fmt::format("madvise({}) {} at {}", call.flags(), size, hex(call.addr()));
  }
  return fmt::format("{} {} at {}", words, size, hex(call.addr()));
}

std::string mprotect_words(const Syscall& call) {
  const std::string size = human_bytes(call.length());
  if (call.prot() == PROT_NONE) {
    return fmt::format("forbid access to {} at {}", size, hex(call.addr()));
  }
  return fmt::format("make {} {} at {}", size, rights(call.prot()), hex(call.addr()));
}

std::string brk_words(const Syscall& call) {
  if (call.addr() == 0) return "ask where the heap ends";
  return fmt::format("move the end of the heap to {}", hex(call.addr()));
}

}  // namespace

std::string rights(std::uint64_t prot) {
  std::string text = "---";
  if (prot & PROT_READ) text[0] = 'r';
  if (prot & PROT_WRITE) text[1] = 'w';
  if (prot & PROT_EXEC) text[2] = 'x';
  return text;
}

bool reserves(const Syscall& call) {
  return call.number == SyscallNumber::Mmap && !call.failed() && (call.flags() & MAP_ANONYMOUS) &&
         call.prot() == PROT_NONE;
}

std::string in_words(const Syscall& call, const event::Trace& trace) {
  switch (call.number) {
    case SyscallNumber::Mmap:
      return mmap_words(call, trace);
    case SyscallNumber::Munmap:
      return fmt::format("unmap {} at {}", human_bytes(call.length()), hex(call.addr()));
    case SyscallNumber::Mprotect:
    case SyscallNumber::PkeyMprotect:
      return mprotect_words(call);
    case SyscallNumber::Madvise:
      return madvise_words(call);
    case SyscallNumber::Brk:
      return brk_words(call);
    case SyscallNumber::Mremap:
      return fmt::format("resize {} at {} to {}", human_bytes(call.length()), hex(call.addr()),
                         human_bytes(call.args[2]));
    case SyscallNumber::Mlock:
    case SyscallNumber::Mlock2:
      return fmt::format("lock {} at {} in memory", human_bytes(call.length()), hex(call.addr()));
    case SyscallNumber::Mbind:
      return fmt::format("set the NUMA policy of {} at {}", human_bytes(call.length()),
                         hex(call.addr()));
    default:
      break;
  }
  const event::SyscallShape* shape = event::find_shape(call.number);
  if (!shape) return "a call that is not followed";
  if (shape->addr < 0 || shape->length < 0) return std::string(shape->name);
  return fmt::format("{} {} at {}", shape->name, human_bytes(call.length()), hex(call.addr()));
}

std::string error_name(const Syscall& call) {
  if (!call.finished || !call.failed()) return {};
  const char* name = ::strerrorname_np(static_cast<int>(-call.ret));
  return name ? name : fmt::format("error {}", -call.ret);
}

}  // namespace ft::analysis
