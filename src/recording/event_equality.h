// Equality of events, for tests of what must come back exactly as it went in.
#pragma once

#include <tuple>

#include "event/event.h"
#include "event/trace.h"

namespace ft::event {

inline auto fields(const PageAlloc& a) {
  return std::tie(a.ts, a.pfn, a.gfp, a.tid, a.order, a.migratetype, a.node, a.context);
}
inline bool operator==(const PageAlloc& a, const PageAlloc& b) {
  return fields(a) == fields(b);
}

inline bool operator==(const Fault& a, const Fault& b) {
  const auto fields = [](const Fault& f) {
    return std::tie(f.ts, f.dur, f.addr, f.ip, f.tid, f.error_code, f.kind, f.has_page, f.page);
  };
  return fields(a) == fields(b);
}

inline bool operator==(const TlbFlush& a, const TlbFlush& b) {
  return std::tie(a.ts, a.pages, a.tid, a.reason) == std::tie(b.ts, b.pages, b.tid, b.reason);
}

inline bool operator==(const Sample& a, const Sample& b) {
  return std::tie(a.ts, a.tid, a.kernel_stack, a.user_stack) ==
         std::tie(b.ts, b.tid, b.kernel_stack, b.user_stack);
}

inline bool operator==(const Syscall& a, const Syscall& b) {
  const auto fields = [](const Syscall& s) {
    return std::tie(s.ts, s.dur, s.tid, s.pid, s.number, s.finished, s.stack, s.file, s.args,
                    s.ret);
  };
  return fields(a) == fields(b);
}

inline bool operator==(const MmEvent& a, const MmEvent& b) {
  return std::tie(a.ts, a.dur, a.value, a.detail, a.tid, a.kind) ==
         std::tie(b.ts, b.dur, b.value, b.detail, b.tid, b.kind);
}

inline bool operator==(const Process& a, const Process& b) {
  const auto fields = [](const Process& p) {
    return std::tie(p.pid, p.parent, p.start_ts, p.exec_ts, p.end_ts, p.wait_status,
                    p.present_at_start, p.executable, p.command);
  };
  return fields(a) == fields(b);
}

inline bool operator==(const Thread& a, const Thread& b) {
  return std::tie(a.tid, a.pid, a.start_ts, a.end_ts, a.name) ==
         std::tie(b.tid, b.pid, b.start_ts, b.end_ts, b.name);
}

inline bool operator==(const File& a, const File& b) {
  return std::tie(a.path, a.device, a.inode) == std::tie(b.path, b.device, b.inode);
}

inline bool operator==(const Frame& a, const Frame& b) {
  return std::tie(a.address, a.symbol, a.module, a.module_offset, a.symbol_offset) ==
         std::tie(b.address, b.symbol, b.module, b.module_offset, b.symbol_offset);
}

inline bool operator==(const Stack& a, const Stack& b) {
  return std::tie(a.pid, a.truncated, a.frames) == std::tie(b.pid, b.truncated, b.frames);
}

inline bool operator==(const Phase& a, const Phase& b) {
  return std::tie(a.name, a.start_ts, a.end_ts) == std::tie(b.name, b.start_ts, b.end_ts);
}

inline bool operator==(const Snapshot& a, const Snapshot& b) {
  return std::tie(a.ts, a.pid, a.moment, a.source, a.text) ==
         std::tie(b.ts, b.pid, b.moment, b.source, b.text);
}

inline bool operator==(const Loss& a, const Loss& b) {
  return std::tie(a.kind, a.count, a.severity, a.meaning) ==
         std::tie(b.kind, b.count, b.severity, b.meaning);
}

}  // namespace ft::event
