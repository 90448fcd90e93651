// The small tables of a recording, read into a Trace.
#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>

#include "recording/column.h"
#include "recording/packed.h"
#include "recording/reader.h"
#include "recording/recording_file.h"

namespace ft::recording {

Result<event::Trace> Reader::trace() {
  event::Trace trace;
  FT_TRY_VOID(read_meta(trace));
  FT_TRY_VOID(read_processes(trace));
  FT_TRY_VOID(read_threads(trace));
  FT_TRY_VOID(read_files(trace));
  FT_TRY_VOID(read_stacks(trace));
  FT_TRY_VOID(read_syscalls(trace));
  FT_TRY_VOID(read_mm_events(trace));
  FT_TRY_VOID(read_phases(trace));
  FT_TRY_VOID(read_snapshots(trace));
  FT_TRY_VOID(read_losses(trace));
  trace.cut_short = trace.meta_or(std::string(kMetaComplete)) != "1";

  std::ranges::stable_sort(trace.processes, {}, &event::Process::start_ts);
  std::ranges::stable_sort(trace.threads, {}, &event::Thread::start_ts);
  std::ranges::stable_sort(trace.syscalls, {}, &event::Syscall::ts);
  std::ranges::stable_sort(trace.mm_events, {}, &event::MmEvent::ts);
  std::ranges::stable_sort(trace.phases, {}, &event::Phase::start_ts);
  std::ranges::stable_sort(trace.snapshots, {}, &event::Snapshot::ts);
  return trace;
}

Result<void> Reader::read_meta(event::Trace& trace) {
  TableRows in = FT_TRY(rows(Table::Meta));
  while (FT_TRY(in.next())) {
    std::string key(FT_TRY(in.text()));
    trace.meta.insert_or_assign(std::move(key), std::string(FT_TRY(in.text())));
  }
  return {};
}

Result<void> Reader::read_processes(event::Trace& trace) {
  TableRows in = FT_TRY(rows(Table::Process));
  while (FT_TRY(in.next())) {
    event::Process process;
    process.pid = FT_TRY(in.number<event::Pid>());
    process.parent = FT_TRY(in.number<event::Pid>());
    process.start_ts = FT_TRY(in.integer());
    process.exec_ts = FT_TRY(in.integer());
    process.end_ts = FT_TRY(in.integer());
    process.wait_status = FT_TRY(in.number<std::int32_t>());
    process.present_at_start = FT_TRY(in.flag());
    process.executable = FT_TRY(in.text());
    PackedReader command(FT_TRY(in.blob()));
    while (!command.at_end()) {
      const std::optional<std::string_view> word = command.string();
      if (!word) {
        return in.damaged_row(fmt::format("its command is damaged at byte {}", command.offset()));
      }
      process.command.emplace_back(*word);
    }
    trace.processes.push_back(std::move(process));
  }
  return {};
}

Result<void> Reader::read_threads(event::Trace& trace) {
  TableRows in = FT_TRY(rows(Table::Thread));
  while (FT_TRY(in.next())) {
    event::Thread thread;
    thread.tid = FT_TRY(in.number<event::Tid>());
    thread.pid = FT_TRY(in.number<event::Pid>());
    thread.start_ts = FT_TRY(in.integer());
    thread.end_ts = FT_TRY(in.integer());
    thread.name = FT_TRY(in.text());
    trace.threads.push_back(std::move(thread));
  }
  return {};
}

Result<void> Reader::read_files(event::Trace& trace) {
  trace.files.resize(file_limit_);
  TableRows in = FT_TRY(rows(Table::File));
  while (FT_TRY(in.next())) {
    if (static_cast<std::size_t>(in.id()) >= file_limit_) return in.damaged_row("is out of order");
    event::File& file = trace.files[static_cast<std::size_t>(in.id())];
    file.path = FT_TRY(in.text());
    file.device = FT_TRY(in.bits());
    file.inode = FT_TRY(in.bits());
  }
  return {};
}

Result<std::vector<std::string>> Reader::read_strings() {
  std::vector<std::string> strings;
  TableRows in = FT_TRY(rows(Table::String));
  while (FT_TRY(in.next())) {
    if (in.id() != static_cast<std::int64_t>(strings.size())) {
      return in.damaged_row("is out of order");
    }
    strings.emplace_back(FT_TRY(in.text()));
  }
  return strings;
}

Result<void> Reader::read_stacks(event::Trace& trace) {
  const std::vector<std::string> strings = FT_TRY(read_strings());
  trace.stacks.resize(stack_limit_);
  // A few strings named by many frames take far more memory than the file.
  std::size_t memory = 0;
  TableRows in = FT_TRY(rows(Table::Stack));
  while (FT_TRY(in.next())) {
    if (static_cast<std::size_t>(in.id()) >= stack_limit_) return in.damaged_row("is out of order");
    event::Stack& stack = trace.stacks[static_cast<std::size_t>(in.id())];
    stack.pid = FT_TRY(in.number<event::Pid>());
    stack.truncated = FT_TRY(in.flag());
    PackedReader frames(FT_TRY(in.blob()));
    const std::optional<std::uint64_t> count = frames.number();
    if (!count || *count > kMaxFrames) return in.damaged_row("its frame count is damaged");
    std::uint64_t address = 0;
    std::uint64_t bias = 0;
    for (std::uint64_t i = 0; i < *count; ++i) {
      const auto address_step = frames.number();
      const auto bias_step = frames.number();
      const auto symbol = frames.number();
      const auto module = frames.number();
      const auto symbol_offset = frames.number();
      const bool whole = address_step && bias_step && symbol && module && symbol_offset;
      if (!whole || *symbol >= strings.size() || *module >= strings.size()) {
        return in.damaged_row(
            fmt::format("frame {} is damaged before byte {}", i, frames.offset()));
      }
      address += unzigzag(*address_step);
      bias += unzigzag(*bias_step);
      memory += sizeof(event::Frame) + strings[*symbol].size() + strings[*module].size();
      if (memory > kMaxAllStackBytes) {
        return in.damaged_row("the stacks up to here take more memory than any recording's");
      }
      stack.frames.push_back({.address = address,
                              .symbol = strings[*symbol],
                              .module = strings[*module],
                              .module_offset = address - bias,
                              .symbol_offset = *symbol_offset});
    }
    if (!frames.at_end()) return in.damaged_row("bytes follow the last frame");
  }
  return {};
}

Result<void> Reader::read_syscalls(event::Trace& trace) {
  std::vector<event::Syscall> calls;
  for (const ChunkInfo& chunk : chunks_) {
    if (chunk.kind != ChunkKind::Syscall) continue;
    FT_TRY_VOID(load(chunk, calls));
    trace.syscalls.insert(trace.syscalls.end(), calls.begin(), calls.end());
  }
  return {};
}

Result<void> Reader::read_mm_events(event::Trace& trace) {
  TableRows in = FT_TRY(rows(Table::MmEvent));
  while (FT_TRY(in.next())) {
    event::MmEvent event;
    event.ts = FT_TRY(in.integer());
    event.dur = FT_TRY(in.integer());
    event.value = FT_TRY(in.bits());
    event.detail = FT_TRY(in.number<std::uint32_t>());
    event.tid = FT_TRY(in.number<event::Tid>());
    event.kind = FT_TRY(in.enumerator(event::MmEventKind::Migration));
    trace.mm_events.push_back(event);
  }
  return {};
}

Result<void> Reader::read_phases(event::Trace& trace) {
  TableRows in = FT_TRY(rows(Table::Phase));
  while (FT_TRY(in.next())) {
    event::Phase phase;
    phase.name = FT_TRY(in.text());
    phase.start_ts = FT_TRY(in.integer());
    phase.end_ts = FT_TRY(in.integer());
    trace.phases.push_back(std::move(phase));
  }
  return {};
}

Result<void> Reader::read_snapshots(event::Trace& trace) {
  std::size_t memory = 0;
  TableRows in = FT_TRY(rows(Table::Snapshot));
  while (FT_TRY(in.next())) {
    event::Snapshot snapshot;
    snapshot.ts = FT_TRY(in.integer());
    snapshot.pid = FT_TRY(in.number<event::Pid>());
    snapshot.moment = FT_TRY(in.text());
    snapshot.source = FT_TRY(in.text());
    const auto size =
        FT_TRY(in.number<std::uint32_t>(0, static_cast<std::int64_t>(kMaxSnapshotBytes)));
    const std::string_view packed = FT_TRY(in.blob());
    memory += size;
    if (memory > kMaxAllSnapshotBytes) {
      return in.damaged_row("the snapshots up to here take more memory than any recording's");
    }
    // The frame states its size too; believing ours alone would allocate for a frame of a few
    // bytes.
    if (ZSTD_getFrameContentSize(packed.data(), packed.size()) != size) {
      return in.damaged_row("its text is not of the size listed");
    }
    snapshot.text.resize(size);
    const std::size_t got =
        ZSTD_decompress(snapshot.text.data(), snapshot.text.size(), packed.data(), packed.size());
    if (ZSTD_isError(got) != 0) return in.damaged_row(ZSTD_getErrorName(got));
    if (got != size) return in.damaged_row("its text is not of the size listed");
    trace.snapshots.push_back(std::move(snapshot));
  }
  return {};
}

Result<void> Reader::read_losses(event::Trace& trace) {
  TableRows in = FT_TRY(rows(Table::Loss));
  while (FT_TRY(in.next())) {
    event::Loss loss;
    loss.kind = FT_TRY(in.text());
    loss.count = FT_TRY(in.bits());
    loss.severity = FT_TRY(in.enumerator(event::LossSeverity::DataLoss));
    loss.meaning = FT_TRY(in.text());
    trace.losses.push_back(std::move(loss));
  }
  return {};
}

}  // namespace ft::recording
