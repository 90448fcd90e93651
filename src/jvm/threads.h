// Which threads of a JVM run Java code and which are the JVM's own, by name and by who made them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "event/event.h"

namespace ft::jvm {

enum class ThreadKind : std::uint8_t {
  Unknown,
  Java,  // runs bytecode: the main thread, java.lang.Thread
  Jvm,   // collector, compiler, VM thread, watcher, signal dispatcher ...
};

// `name` is what the kernel keeps of it, at most 15 bytes ("C2 CompilerThre").
ThreadKind kind_of_thread_name(std::string_view name);

// From the stack that made the thread (the mmap of its stack, or clone3).
ThreadKind kind_of_creator(std::span<const event::Frame> frames);

}  // namespace ft::jvm
