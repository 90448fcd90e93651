// Any bytes: the importer must neither crash nor take memory out of proportion, and what it tells
// must hang together: ids told before they are used, times not negative. Printed again, the calls
// must be readable: every line that our own printer writes is understood.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "capture/strace/import.h"
#include "event/memory_trace.h"
#include "report/strace/print.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ft;
  const std::string_view log(reinterpret_cast<const char*>(data), size);
  event::MemoryTrace memory;
  const auto summary = capture::strace::import_log(log, "fuzz.log", memory);
  if (!summary) return 0;

  const event::Trace trace = memory.trace().value();
  FT_CHECK(trace.syscalls.size() == summary->calls);
  for (const event::Syscall& call : trace.syscalls) {
    FT_CHECK(event::find_shape(call.number));
    FT_CHECK(call.ts >= 0);
    FT_CHECK(call.tid > 0 && call.pid > 0);
    FT_CHECK(call.stack < static_cast<event::StackId>(trace.stacks.size()));
    FT_CHECK(call.file < static_cast<event::FileId>(trace.files.size()));
  }

  std::string printed;
  report::strace::print(trace, [&](std::string_view text) {
    printed += text;
    return printed.size() < (std::size_t{8} << 20U);
  });
  event::MemoryTrace again;
  const auto second = capture::strace::import_log(printed, "printed.log", again);
  if (!trace.syscalls.empty()) {
    FT_CHECK(second);
    FT_CHECK(second->malformed == 0);
    FT_CHECK(second->calls == summary->calls);
  }
  return 0;
}
