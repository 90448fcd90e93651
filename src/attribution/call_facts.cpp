#include "attribution/call_facts.h"

#include <algorithm>
#include <array>

#include "jvm/installation.h"

namespace ft::attribution {

namespace {

// The C library's thin wrappers around the calls we follow: whoever is above one of them asked.
constexpr std::array<std::string_view, 25> kWrappers = {
    "mmap",
    "mmap64",
    "__mmap",
    "__mmap64",
    "__GI___mmap64",
    "__GI_mmap",
    "munmap",
    "__munmap",
    "__GI_munmap",
    "__GI___munmap",
    "mprotect",
    "__mprotect",
    "__GI___mprotect",
    "mremap",
    "__mremap",
    "madvise",
    "__madvise",
    "brk",
    "__brk",
    "__sbrk",
    "sbrk",
    "__default_morecore",
    "__curbrk",
    "syscall",
    "__GI___madvise",
};

bool is_wrapper(const event::Frame& frame) {
  return (is_libc(frame.module) || is_loader(frame.module) || frame.module.empty()) &&
         std::ranges::find(kWrappers, frame.symbol) != kWrappers.end();
}

bool is_malloc_name(std::string_view name) {
  return name == "malloc" || name == "calloc" || name == "realloc" || name == "__libc_malloc" ||
         name == "__libc_calloc" || name == "__libc_realloc" || name == "sysmalloc" ||
         name == "_int_malloc" || name == "__libc_memalign" || name == "posix_memalign" ||
         name == "arena_get2.part.0" || name == "new_heap";
}

}  // namespace

std::string_view base_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == path.npos ? path : path.substr(slash + 1);
}

bool is_libc(std::string_view module) {
  const std::string_view name = base_name(module);
  return name.starts_with("libc.so") || name.starts_with("libc-2.") ||
         name.starts_with("libc.musl") || name.starts_with("ld-musl") ||
         name.starts_with("libpthread");
}

bool is_loader(std::string_view module) {
  const std::string_view name = base_name(module);
  return name.starts_with("ld-linux") || name.starts_with("ld-2.") || name.starts_with("ld.so");
}

CallFacts::CallFacts(const event::Trace& trace)
    : trace_(trace), facts_(trace.stacks.size()), known_(trace.stacks.size(), false) {}

const StackFacts& CallFacts::of(event::StackId id) {
  const auto index = static_cast<std::size_t>(id);
  if (id < 0 || index >= facts_.size()) return none_;
  if (!known_[index]) {
    facts_[index] = read(trace_.stacks[index]);
    known_[index] = true;
  }
  return facts_[index];
}

StackFacts CallFacts::read(const event::Stack& stack) const {
  StackFacts facts;
  std::span<const event::Frame> frames = stack.frames;
  while (!frames.empty() && is_wrapper(frames.front())) frames = frames.subspan(1);

  const auto outside_libc = [](const event::Frame& frame) {
    return !frame.module.empty() && !is_libc(frame.module) && !is_loader(frame.module);
  };
  facts.only_libc = !stack.frames.empty() && std::ranges::none_of(frames, outside_libc);
  facts.through_libjvm = std::ranges::any_of(
      frames, [](const event::Frame& frame) { return jvm::is_libjvm(frame.module); });
  facts.rule = jvm::match_stack(frames);
  facts.direct_buffer = jvm::allocates_direct_buffer(frames);
  facts.file_channel = jvm::maps_file_channel(frames);
  facts.malloc_purpose = jvm::malloc_purpose(frames);
  if (frames.empty()) return facts;

  const event::Frame& caller = frames.front();
  facts.module = caller.module;
  if (is_loader(caller.module)) {
    facts.caller = Caller::Loader;
  } else if (is_libc(caller.module) || (caller.module.empty() && is_malloc_name(caller.symbol))) {
    facts.caller = Caller::Libc;
  } else if (jvm::is_libjvm(caller.module)) {
    facts.caller = Caller::Libjvm;
  } else if (!caller.module.empty()) {
    // A program linked statically, or with an allocator of its own, holds malloc itself.
    facts.caller = is_malloc_name(caller.symbol) ? Caller::Libc : Caller::Other;
  }
  return facts;
}

}  // namespace ft::attribution
