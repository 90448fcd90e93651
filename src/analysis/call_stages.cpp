#include "analysis/call_stages.h"

#include <sys/mman.h>

#include <string_view>

#include "analysis/memory_calls.h"

namespace ft::analysis {

namespace {

using event::Syscall;
using event::SyscallNumber;

// Newer than this host's headers may be.
constexpr std::uint64_t kMadvPopulateRead = 22;
constexpr std::uint64_t kMadvPopulateWrite = 23;
constexpr std::uint64_t kMadvDontneedLocked = 24;
constexpr std::uint64_t kMapFixedNoreplace = 0x100000;

CallStage stage_of_mmap(const Syscall& call) {
  const std::uint64_t flags = call.flags();
  if (call.prot() == PROT_NONE) {
    const bool over = (flags & MAP_FIXED) != 0 && (flags & kMapFixedNoreplace) == 0;
    return over ? CallStage::GiveBack : CallStage::Reserve;
  }
  return (flags & MAP_POPULATE) != 0 ? CallStage::Populate : CallStage::Commit;
}

CallStage stage_of_madvise(const Syscall& call) {
  switch (call.flags()) {
    case MADV_DONTNEED:
    case MADV_FREE:
    case MADV_REMOVE:
    case MADV_PAGEOUT:
    case kMadvDontneedLocked:
      return CallStage::GiveBack;
    case kMadvPopulateRead:
    case kMadvPopulateWrite:
      return CallStage::Populate;
    default:
      return CallStage::Other;
  }
}

struct StageText {
  std::string_view name;
  std::string_view words;
};
constexpr std::array<StageText, kCallStageCount + 1> kStages = {{
    {"reserve", "takes a range of addresses; no memory"},
    {"commit", "allows a range to be used; still no memory"},
    {"populate", "a call that brings the pages itself"},
    {"give back", "returns pages or addresses"},
    {"other", "advice, moves, changed rights"},
    {"touch", "the first access to a page: memory is taken and paid for"},
}};

}  // namespace

CallStage stage_of(const Syscall& call) {
  switch (call.number) {
    case SyscallNumber::Mmap:
      return stage_of_mmap(call);
    case SyscallNumber::Mprotect:
      return call.prot() == PROT_NONE ? CallStage::Other : CallStage::Commit;
    case SyscallNumber::Brk:
      return CallStage::Commit;
    case SyscallNumber::Munmap:
      return CallStage::GiveBack;
    case SyscallNumber::Madvise:
      return stage_of_madvise(call);
    case SyscallNumber::Mlock:
    case SyscallNumber::Mlock2:
      return CallStage::Populate;
    default:
      return CallStage::Other;
  }
}

std::vector<report::model::Stage> sum_stages(std::span<const Syscall> calls,
                                             const MemoryCalls& memory_calls) {
  std::vector<report::model::Stage> stages;
  for (const StageText& text : kStages) {
    report::model::Stage& stage = stages.emplace_back();
    stage.name = text.name;
    stage.words = text.words;
  }
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (!MemoryCalls::is_memory(calls[i])) continue;
    report::model::Stage& stage = stages[static_cast<std::size_t>(stage_of(calls[i]))];
    ++stage.count;
    if (memory_calls.timed()) stage.ns = stage.ns.value_or(0) + memory_calls.net_ns(i);
    if (!calls[i].failed() && calls[i].number != SyscallNumber::Brk) {
      stage.bytes += calls[i].length();
    }
  }
  if (!memory_calls.timed()) return stages;
  for (report::model::Stage& stage : stages) stage.ns = stage.ns.value_or(0);
  stages[kTouchStage].ns.reset();
  return stages;
}

}  // namespace ft::analysis
