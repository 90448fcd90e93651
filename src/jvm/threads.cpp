#include "jvm/threads.h"

#include <algorithm>
#include <array>

#include "jvm/stack_rules.h"

namespace ft::jvm {

namespace {

// Java threads that HotSpot starts for itself keep their C++ names: they hold a Java thread object
// and run next to no bytecode. "Reference Handler", "Finalizer" and "Common-Cleaner" are Java code.
constexpr std::array<std::string_view, 24> kJvmThreadNames = {
    "C1 CompilerThre", "C2 CompilerThre", "JVMCI",           "GC Thread#",     "G1 ",
    "VM Thread",       "VM Periodic Tas", "Signal Dispatch", "Service Thread", "Monitor Deflati",
    "Sweeper thread",  "Notification Th", "Attach Listener", "ParGC Thread#",  "PS ",
    "ZDriver",         "ZDirector",       "ZStat",           "ZWorker",        "ZUncommitter",
    "ZUnmapper",       "XDriver",         "Shenandoah ",     "StrDedup",
};

}  // namespace

ThreadKind kind_of_thread_name(std::string_view name) {
  if (name.empty()) return ThreadKind::Unknown;
  const bool jvm = std::ranges::any_of(
      kJvmThreadNames, [&](std::string_view prefix) { return name.starts_with(prefix); });
  if (jvm) return ThreadKind::Jvm;
  // A thread that has not named itself yet bears the program's name.
  return name == "java" ? ThreadKind::Unknown : ThreadKind::Java;
}

ThreadKind kind_of_creator(std::span<const event::Frame> frames) {
  bool in_hotspot = false;
  for (const event::Frame& frame : frames) {
    const std::string_view name = function_name(frame.symbol);
    if (name == "JVM_StartThread" || name == "CallJavaMainInNewThread" ||
        name.starts_with("Java_java_lang_Thread_start")) {
      return ThreadKind::Java;
    }
    in_hotspot = in_hotspot || name == "os::create_thread";
  }
  return in_hotspot ? ThreadKind::Jvm : ThreadKind::Unknown;
}

}  // namespace ft::jvm
