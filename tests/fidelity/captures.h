// Real captures kept beside the checkout: strace logs with stacks, and what the same process's NMT,
// -Xlog, maps and smaps said. Tests that read them skip where the folder is absent.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "event/trace.h"
#include "host/maps.h"
#include "host/smaps.h"
#include "jvm/nmt.h"
#include "jvm/xlog.h"

namespace ft::fidelity {

// The folder of captures; empty where it is absent.
std::string captures_dir();

// A log in plain text or gzip, imported whole.
Result<event::Trace> import_capture(const std::string& path);

// One process: everything its files say, as of the moment NMT was asked.
struct Capture {
  event::Trace trace;
  event::Pid pid = 0;
  Nanoseconds nmt_ts = 0;
  jvm::NmtReport nmt;
  std::vector<jvm::XlogRegion> names;
  std::vector<host::Vma> maps;
  std::vector<host::SmapsEntry> smaps;
};

// `stem` is the path without ".sleep.*".
Result<Capture> read_capture(const std::string& stem);

// What execve itself maps is in no log: the program, the loader, vdso, vvar and the main stack. Of
// a later map of the same process it can be told by name, and added as the snapshot a recording
// has.
bool mapped_by_execve(const host::Vma& vma);
void add_exec_snapshot(event::Trace& trace, event::Pid pid, const std::vector<host::Vma>& maps);

// The same trace as if no stack had been taken.
void forget_stacks(event::Trace& trace);

// A bpftrace log of mapping calls with frame-pointer stacks (raw addresses), and the maps of the
// same process near its end. Files are those mapped at the same place in the maps.
Result<event::Trace> import_bpftrace(const std::string& text, const std::vector<host::Vma>& maps);

Result<std::string> read_text(const std::string& path);  // gzip too

// Thread names from "tid comm" lines; a log only has them where the thread was seen to rename
// itself.
void take_thread_names(event::Trace& trace, event::Pid pid, std::string_view tasks);

}  // namespace ft::fidelity
