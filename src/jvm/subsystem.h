// The parts of a JVM that own memory, by the names every report, query and JSON key uses. The names
// are a contract with scripts outside the project: extend the list, never rename.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ft::jvm {

enum class Subsystem : std::uint8_t {
  JavaHeap,
  GcCardTable,
  GcBlockOffsetTable,
  GcCardCounts,
  GcMarkBitmap,
  GcOther,
  CodeCache,
  ClassSpace,
  Metaspace,
  CdsArchive,
  JavaThreadStacks,
  JvmThreadStacks,
  CHeap,
  JvmInternal,  // safepoint page, poison page, perf data
  ModuleImage,
  Libraries,
  MainStack,
  Kernel,  // vdso, vvar
  DirectAndMappedBuffers,
  OtherFiles,
  ThreadStacks,  // of processes that are no JVM
  Unknown,
};

inline constexpr std::size_t kSubsystemCount = static_cast<std::size_t>(Subsystem::Unknown) + 1;

inline constexpr std::array<std::string_view, kSubsystemCount> kSubsystemNames = {
    "Java heap",
    "GC card table",
    "GC block offset table",
    "GC card counts",
    "GC mark bitmap",
    "GC other",
    "Code cache",
    "Class space",
    "Metaspace",
    "CDS archive",
    "Java thread stacks",
    "JVM thread stacks",
    "C heap",
    "JVM internal",
    "Module image",
    "Libraries",
    "Main stack",
    "Kernel",
    "Direct and mapped buffers",
    "Other files",
    "Thread stacks",
    "Unknown",
};

constexpr std::string_view name_of(Subsystem subsystem) {
  return kSubsystemNames[static_cast<std::size_t>(subsystem)];
}

constexpr std::optional<Subsystem> subsystem_named(std::string_view name) {
  for (std::size_t i = 0; i < kSubsystemCount; ++i) {
    if (kSubsystemNames[i] == name) return static_cast<Subsystem>(i);
  }
  return std::nullopt;
}

}  // namespace ft::jvm
