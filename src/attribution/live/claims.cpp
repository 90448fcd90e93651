#include "attribution/live/claims.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "attribution/live/glibc_memory.h"
#include "base/units.h"
#include "jvm/threads.h"

namespace ft::attribution {

namespace {

using jvm::Subsystem;

bool is_plain_data(const host::Vma& area) {
  return is_anonymous(area) && area.readable && area.writable && !area.executable;
}

Owner stack_owner(event::Tid tid, bool in_jvm, bool java, const ThreadNames& threads,
                  Evidence evidence) {
  const auto found = threads.find(tid);
  std::string name = found == threads.end() ? std::string() : found->second;
  if (!in_jvm) return {Subsystem::ThreadStacks, evidence, std::move(name)};
  jvm::ThreadKind kind = jvm::kind_of_thread_name(name);
  if (kind == jvm::ThreadKind::Unknown) kind = java ? jvm::ThreadKind::Java : jvm::ThreadKind::Jvm;
  if (java && name == "java") name = "main";
  return {kind == jvm::ThreadKind::Jvm ? Subsystem::JvmThreadStacks : Subsystem::JavaThreadStacks,
          evidence, std::move(name)};
}

// How many pages are looked at in all for malloc's chunks behind something else, and how many
// mappings for the stack of a thread that no list has: in a process of very many mappings the rest
// is told by shape.
constexpr std::uint64_t kMostSteps = 16384;
constexpr std::size_t kMostStackTops = 2048;

// Whether from here on one chunk follows the other up to the end.
bool chunks_reach(std::uint64_t at, std::uint64_t end, const jvm::ReadMemory& memory) {
  while (at < end) {
    const auto size = mmapped_chunk_at(at, end - at, memory);
    if (!size) return false;
    at += *size;
  }
  return true;
}

}  // namespace

std::vector<AddressRange> unclaimed(AddressRange range, const Claims& claims) {
  std::vector<AddressRange> parts;
  std::uint64_t at = range.start;
  claims.for_each_in(range, [&](AddressRange piece, const Claim&) {
    if (piece.start > at) parts.push_back({at, piece.start});
    at = piece.end;
  });
  if (at < range.end) parts.push_back({at, range.end});
  return parts;
}

void claim_hotspot(const jvm::HotSpotMemory& jvm, Claims& claims) {
  for (const jvm::HotSpotRange& range : jvm.ranges) {
    // Archives are mapped into the heap, the class space and the code cache; a heap may be a file.
    const bool owns_files = range.subsystem == Subsystem::JavaHeap ||
                            range.subsystem == Subsystem::CdsArchive ||
                            range.subsystem == Subsystem::CodeCache;
    claims.assign(range.range, {{range.subsystem, Evidence::JvmData, range.detail}, owns_files});
  }
}

void claim_stacks(std::span<const host::Vma> areas, const jvm::HotSpotMemory& jvm, bool in_jvm,
                  const ThreadNames& threads, const jvm::ReadMemory& memory, Claims& claims) {
  std::set<event::Tid> tids;
  for (const auto& [tid, name] : threads) tids.insert(tid);
  std::set<event::Tid> java;
  std::set<event::Tid> known;
  for (const jvm::HotSpotThread& thread : jvm.threads) {
    java.insert(thread.tid);
    known.insert(thread.tid);
    claims.assign(thread.stack,
                  {stack_owner(thread.tid, in_jvm, true, threads, Evidence::JvmData), false});
  }
  const auto claim_block = [&](const PthreadStack& stack) {
    if (known.contains(stack.tid)) return;
    if (stack.tid != 0) known.insert(stack.tid);
    Owner owner = stack_owner(stack.tid, in_jvm, false, threads, Evidence::LibcData);
    if (stack.tid == 0) owner.detail = "of a thread that has ended";
    claims.assign(stack.block, {std::move(owner), false});
  };
  const auto claim_list = [&](std::uint64_t pthread) {
    for (const PthreadStack& stack : pthread_list(pthread, tids, memory)) claim_block(stack);
  };
  if (!jvm.threads.empty()) claim_list(jvm.threads.front().pthread);

  // Stacks without a thread, and those of processes that are no JVM: by what lies at their top.
  // One thread has its stack under a name of its own.
  std::size_t tops = threads.size() < 2 ? kMostStackTops : 0;
  for (const host::Vma& area : areas) {
    if (!is_plain_data(area) || area.range.size() < 4 * kPageSize) continue;
    for (const AddressRange part : unclaimed(area.range, claims)) {
      if (part.end != area.range.end || ++tops > kMostStackTops) continue;
      const auto stack = pthread_below(part.end, tids, memory);
      if (!stack) continue;
      if (known.size() < 2 && stack->tid != 0) claim_list(stack->pthread);
      claim_block(*stack);
    }
  }
}

std::set<std::uint64_t> claim_malloc(std::span<const host::Vma> areas,
                                     const jvm::ReadMemory& memory, Claims& claims) {
  std::unordered_map<std::uint64_t, std::size_t> numbers;  // of arenas
  for (const host::Vma& area : areas) {
    if (!is_plain_data(area)) continue;
    for (const AddressRange part : unclaimed(area.range, claims)) {
      std::uint64_t at = (part.start + kArenaHeapSize - 1) / kArenaHeapSize * kArenaHeapSize;
      for (; at < part.end; at += kArenaHeapSize) {
        const auto heap = arena_heap_at(at, memory);
        if (!heap) continue;
        const std::size_t number =
            numbers.try_emplace(heap->arena, numbers.size() + 1).first->second;
        claims.assign(
            AddressRange::of_size(at, kArenaHeapSize),
            {{Subsystem::CHeap, Evidence::LibcData, fmt::format("arena {}", number)}, false});
      }
    }
  }
  std::uint64_t steps = 0;
  for (const host::Vma& area : areas) {
    if (!is_plain_data(area)) continue;
    for (AddressRange part : unclaimed(area.range, claims)) {
      // Neighbouring chunks make one mapping; so may something else of the JVM's below them.
      std::uint64_t at = part.start;
      for (bool first = true; at < part.end && (first || steps < kMostSteps); ++steps) {
        const auto size = mmapped_chunk_at(at, part.end - at, memory);
        if (size && chunks_reach(at, part.end, memory)) {
          claims.assign({at, part.end},
                        {{Subsystem::CHeap, Evidence::LibcData, std::string(kLargeBlock)}, false});
          break;
        }
        first = false;
        if (size && at == part.start) {
          claims.assign(AddressRange::of_size(at, *size),
                        {{Subsystem::CHeap, Evidence::LibcData, std::string(kLargeBlock)}, false});
          part.start = at += *size;
          first = true;
          continue;
        }
        at += kPageSize;
      }
    }
  }
  std::set<std::uint64_t> arenas;
  for (const auto& [arena, number] : numbers) arenas.insert(arena);
  return arenas;
}

}  // namespace ft::attribution
