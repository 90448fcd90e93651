#include "tee_sink.h"

#include <sys/mman.h>

#include <algorithm>
#include <numeric>

namespace ft::app {

namespace {

// Whether code may appear, move or vanish by it. A recording of hours makes millions of other
// calls, which must not pile up in memory.
bool changes_code(const event::Syscall& call) {
  switch (call.number) {
    case event::SyscallNumber::Mmap:
      return call.file != event::kNoFile || (call.prot() & PROT_EXEC) != 0 ||
             (call.flags() & MAP_FIXED) != 0;
    case event::SyscallNumber::Mprotect:
    case event::SyscallNumber::PkeyMprotect:
      return (call.prot() & PROT_EXEC) != 0;
    case event::SyscallNumber::Munmap:
    case event::SyscallNumber::Mremap:
    case event::SyscallNumber::Execve:
    case event::SyscallNumber::Execveat:
      return true;
    default:
      return false;
  }
}

}  // namespace

void TeeSink::on_meta(std::string_view key, std::string_view value) {
  recording_.on_meta(key, value);
  small_.on_meta(key, value);
}

void TeeSink::on_process(const event::Process& process) {
  recording_.on_process(process);
  small_.on_process(process);
}

void TeeSink::on_thread(const event::Thread& thread) {
  recording_.on_thread(thread);
  small_.on_thread(thread);
}

void TeeSink::on_file(event::FileId id, const event::File& file) {
  recording_.on_file(id, file);
  small_.on_file(id, file);
}

void TeeSink::on_stack(event::StackId id, const event::Stack& stack) {
  recording_.on_stack(id, stack);
  small_.on_stack(id, stack);
}

void TeeSink::on_syscall(const event::Syscall& syscall) {
  ++syscalls_;
  recording_.on_syscall(syscall);
  const bool new_stack = syscall.stack > newest_stack_;
  newest_stack_ = std::max(newest_stack_, syscall.stack);
  if (new_stack || changes_code(syscall)) small_.on_syscall(syscall);
}

void TeeSink::on_faults(std::span<const event::Fault> faults) {
  faults_ += faults.size();
  recording_.on_faults(faults);
}

void TeeSink::on_page_allocs(std::span<const event::PageAlloc> allocs) {
  recording_.on_page_allocs(allocs);
}

void TeeSink::on_tlb_flushes(std::span<const event::TlbFlush> flushes) {
  recording_.on_tlb_flushes(flushes);
}

void TeeSink::on_samples(std::span<const event::Sample> samples) {
  samples_ += samples.size();
  recording_.on_samples(samples);
  for (const event::Sample& sample : samples) {
    if (sample.user_stack <= newest_sampled_) continue;
    newest_sampled_ = sample.user_stack;
    sampled_stacks_.push_back({sample.user_stack, sample.ts});
  }
}

void TeeSink::on_mm_event(const event::MmEvent& event) {
  recording_.on_mm_event(event);
}

void TeeSink::on_phase(const event::Phase& phase) {
  recording_.on_phase(phase);
}

// Only maps tell which file lies where.
void TeeSink::on_snapshot(const event::Snapshot& snapshot) {
  recording_.on_snapshot(snapshot);
  if (snapshot.source == "maps") small_.on_snapshot(snapshot);
}

void TeeSink::on_loss(const event::Loss& loss) {
  recording_.on_loss(loss);
  if (loss.severity == event::LossSeverity::DataLoss) lost_[loss.kind] = loss.count;
}

std::uint64_t TeeSink::lost() const {
  return std::accumulate(lost_.begin(), lost_.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const auto& kind) { return sum + kind.second; });
}

}  // namespace ft::app
