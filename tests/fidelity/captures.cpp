#include "captures.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <map>

#include "base/fd.h"
#include "base/text.h"
#include "capture/strace/import.h"
#include "event/memory_trace.h"

namespace ft::fidelity {

namespace {

Result<std::string> read_gzip(const std::string& path) {
  FILE* pipe = ::popen(("zcat '" + path + "'").c_str(), "r");
  if (pipe == nullptr) return fail(path, "zcat cannot be started");
  std::string text;
  std::array<char, 65536> buffer{};
  for (std::size_t got = 0; (got = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    text.append(buffer.data(), got);
  }
  if (::pclose(pipe) != 0) return fail(path, "zcat failed");
  return text;
}

// "1795352450.106529155": nanoseconds since the epoch.
std::optional<Nanoseconds> parse_epoch(std::string_view text) {
  const std::string_view seconds = take_until(text, '.');
  const auto whole = parse_integer<Nanoseconds>(seconds);
  std::string fraction(text.substr(0, 9));
  fraction.resize(9, '0');
  const auto part = parse_integer<Nanoseconds>(fraction);
  if (!whole || !part) return std::nullopt;
  return *whole * 1'000'000'000 + *part;
}

}  // namespace

std::string captures_dir() {
  const std::string dir = FT_SHARED_DIR "/captures";
  return std::filesystem::is_directory(dir) ? dir : std::string();
}

Result<std::string> read_text(const std::string& path) {
  return path.ends_with(".gz") ? read_gzip(path) : read_file(path);
}

Result<event::Trace> import_capture(const std::string& path) {
  const std::string text = FT_TRY(read_text(path));
  event::MemoryTrace sink;
  FT_TRY(capture::strace::import_log(text, path, sink));
  return sink.trace();
}

Result<Capture> read_capture(const std::string& stem) {
  Capture capture;
  capture.trace = FT_TRY(import_capture(stem + ".sleep.stracek.gz"));
  const std::string mark = FT_TRY(read_file(stem + ".sleep.mark"));
  const auto start = parse_integer<Nanoseconds>(capture.trace.meta_or("start_realtime_ns"));
  if (!start) return fail(stem, "the log has no absolute times");
  for (const std::string_view line : split(mark, '\n')) {
    std::string_view rest = line;
    const std::string_view key = take_word(rest);
    const std::string_view value = take_word(rest);
    if (key == "pid") capture.pid = parse_integer<event::Pid>(value).value_or(0);
    if (key == "nmt") capture.nmt_ts = parse_epoch(value).value_or(0) - *start;
  }
  if (capture.pid == 0 || capture.nmt_ts <= 0) return fail(stem, "the mark is not readable");
  const std::string nmt = FT_TRY(read_file(stem + ".sleep.nmtvm"));
  const std::string xlog = FT_TRY(read_file(stem + ".sleep.xlog"));
  const std::string maps = FT_TRY(read_file(stem + ".sleep.maps"));
  const std::string smaps = FT_TRY(read_file(stem + ".sleep.smaps"));
  capture.nmt = FT_TRY(jvm::parse_nmt(nmt, stem + ".sleep.nmtvm"));
  capture.names = FT_TRY(jvm::parse_xlog(xlog, stem + ".sleep.xlog"));
  capture.maps = FT_TRY(host::parse_maps(maps, stem + ".sleep.maps"));
  capture.smaps = FT_TRY(host::parse_smaps(smaps, stem + ".sleep.smaps"));
  const std::string tasks = FT_TRY(read_file(stem + ".sleep.tasks"));
  take_thread_names(capture.trace, capture.pid, tasks);
  return capture;
}

bool mapped_by_execve(const host::Vma& vma) {
  return vma.name.ends_with("/bin/java") || vma.name.find("/ld-linux") != vma.name.npos ||
         vma.name == "[stack]" || vma.name == "[vdso]" || vma.name.starts_with("[vvar");
}

void add_exec_snapshot(event::Trace& trace, event::Pid pid, const std::vector<host::Vma>& maps) {
  event::Snapshot snapshot{
      .ts = 0, .pid = pid, .moment = "exec", .source = "maps", .text = std::string()};
  for (const event::Syscall& call : trace.syscalls) {
    if (call.pid == pid && call.number == event::SyscallNumber::Execve && call.ret == 0) {
      snapshot.ts = call.ts + std::max<Nanoseconds>(call.dur, 0);
    }
  }
  for (const host::Vma& vma : maps) {
    if (!mapped_by_execve(vma)) continue;
    snapshot.text += fmt::format("{:x}-{:x} {} {:08x} {:02x}:{:02x} {} {}\n", vma.range.start,
                                 vma.range.end, host::permissions(vma), vma.offset,
                                 vma.device_major, vma.device_minor, vma.inode, vma.name);
  }
  trace.snapshots.push_back(std::move(snapshot));
}

void forget_stacks(event::Trace& trace) {
  trace.stacks.clear();
  for (event::Syscall& call : trace.syscalls) call.stack = event::kNoStack;
}

namespace {

// One line "E ts tid name args..." starts a call, "R ts tid name ret" ends an mmap or tells a brk;
// lines indented by a tab are the frames of the call before.
class BpftraceReader {
 public:
  explicit BpftraceReader(const std::vector<host::Vma>& maps) : maps_(maps) {}

  Result<event::Trace> read(std::string_view text) {
    for (const std::string_view line : split(text, '\n')) {
      if (line.starts_with("E ") || line.starts_with("R ")) {
        FT_TRY_VOID(call_line(line));
      } else if (line.starts_with('\t') && current_ >= 0) {
        frame_line(line);
      }
    }
    for (event::Syscall& call : trace_.syscalls) call.pid = trace_.syscalls.front().tid;
    for (event::Stack& stack : trace_.stacks) stack.pid = trace_.syscalls.front().tid;
    std::ranges::stable_sort(trace_.syscalls, {}, &event::Syscall::ts);
    return std::move(trace_);
  }

 private:
  Result<void> call_line(std::string_view line) {
    std::string_view rest = line.substr(2);
    const auto ts = parse_integer<Nanoseconds>(take_word(rest));
    const auto tid = parse_integer<event::Tid>(take_word(rest));
    const event::SyscallShape* shape = event::find_shape(take_word(rest));
    if (!ts || !tid || shape == nullptr) return fail(std::string(line), "not a call");
    std::array<std::uint64_t, 6> numbers{};
    for (std::uint64_t& number : numbers) number = parse_number(take_word(rest));

    if (line.front() == 'R' && shape->number == event::SyscallNumber::Mmap) {
      const auto it = pending_.find(*tid);
      if (it == pending_.end()) return {};
      event::Syscall& call = trace_.syscalls[it->second];
      call.ret = static_cast<std::int64_t>(numbers[0]);
      call.dur = *ts - call.ts;
      call.finished = true;
      if (call.fd() >= 0) call.file = file_at(numbers[0]);
      pending_.erase(it);
      return {};
    }
    event::Syscall call;
    call.ts = *ts;
    call.dur = 0;
    call.tid = *tid;
    call.number = shape->number;
    if (shape->number == event::SyscallNumber::Brk) {
      call.ret = static_cast<std::int64_t>(numbers[0]);
      current_ = -1;
    } else {
      call.args = numbers;
      call.stack = static_cast<event::StackId>(trace_.stacks.size());
      current_ = call.stack;
      trace_.stacks.emplace_back();
      // The log has no results but mmap's and brk's: where an mremap went is not known.
      call.finished = shape->number != event::SyscallNumber::Mmap &&
                      shape->number != event::SyscallNumber::Mremap;
      if (shape->number == event::SyscallNumber::Mmap) {
        pending_[*tid] = trace_.syscalls.size();
      }
    }
    trace_.syscalls.push_back(call);
    return {};
  }

  void frame_line(std::string_view line) {
    const auto address = parse_integer<std::uint64_t>(take_word(line), 16);
    if (!address) return;
    event::Frame frame;
    frame.address = *address;
    trace_.stacks[static_cast<std::size_t>(current_)].frames.push_back(std::move(frame));
  }

  static std::uint64_t parse_number(std::string_view text) {
    if (text.starts_with("0x")) return parse_integer<std::uint64_t>(text.substr(2), 16).value_or(0);
    return static_cast<std::uint64_t>(parse_integer<std::int64_t>(text).value_or(0));
  }

  event::FileId file_at(std::uint64_t address) {
    for (const host::Vma& vma : maps_) {
      if (!vma.range.contains(address) || !vma.is_file()) continue;
      for (std::size_t i = 0; i < trace_.files.size(); ++i) {
        if (trace_.files[i].path == vma.name) return static_cast<event::FileId>(i);
      }
      trace_.files.push_back({.path = vma.name});
      return static_cast<event::FileId>(trace_.files.size() - 1);
    }
    return event::kNoFile;
  }

  const std::vector<host::Vma>& maps_;
  event::Trace trace_;
  std::map<event::Tid, std::size_t> pending_;
  event::StackId current_ = -1;
};

}  // namespace

Result<event::Trace> import_bpftrace(const std::string& text, const std::vector<host::Vma>& maps) {
  return BpftraceReader(maps).read(text);
}

void take_thread_names(event::Trace& trace, event::Pid pid, std::string_view tasks) {
  for (const std::string_view line : split(tasks, '\n')) {
    std::string_view rest = line;
    const auto tid = parse_integer<event::Tid>(take_word(rest));
    if (!tid) continue;
    for (event::Thread& thread : trace.threads) {
      if (thread.pid == pid && thread.tid == *tid) thread.name = trim(rest);
    }
  }
}

}  // namespace ft::fidelity
