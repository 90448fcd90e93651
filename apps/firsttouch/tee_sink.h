// TeeSink passes everything to the recording and keeps what is small in memory as well: enough to
// name the stacks when the target has ended, and to say in one line what came in.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "attribution/symboliser.h"
#include "event/memory_trace.h"
#include "event/sink.h"

namespace ft::app {

class TeeSink : public event::EventSink {
 public:
  TeeSink(event::EventSink& recording, event::EventSink& small)
      : recording_(recording), small_(small) {}

  void on_meta(std::string_view key, std::string_view value) override;
  void on_process(const event::Process& process) override;
  void on_thread(const event::Thread& thread) override;
  void on_file(event::FileId id, const event::File& file) override;
  void on_stack(event::StackId id, const event::Stack& stack) override;
  void on_syscall(const event::Syscall& syscall) override;
  void on_faults(std::span<const event::Fault> faults) override;
  void on_page_allocs(std::span<const event::PageAlloc> allocs) override;
  void on_tlb_flushes(std::span<const event::TlbFlush> flushes) override;
  void on_samples(std::span<const event::Sample> samples) override;
  void on_mm_event(const event::MmEvent& event) override;
  void on_phase(const event::Phase& phase) override;
  void on_snapshot(const event::Snapshot& snapshot) override;
  void on_loss(const event::Loss& loss) override;
  bool failed() const override { return recording_.failed(); }

  std::uint64_t faults() const { return faults_; }
  std::uint64_t syscalls() const { return syscalls_; }
  std::uint64_t samples() const { return samples_; }
  // When each user stack of a sample was first taken.
  std::span<const attribution::StackUse> sampled_stacks() const { return sampled_stacks_; }
  std::uint64_t lost() const;  // events that happened and are missing

 private:
  event::EventSink& recording_;
  event::EventSink& small_;
  std::uint64_t faults_ = 0;
  std::uint64_t syscalls_ = 0;
  std::uint64_t samples_ = 0;
  event::StackId newest_stack_ = event::kNoStack;
  event::StackId newest_sampled_ = event::kNoStack;
  std::vector<attribution::StackUse> sampled_stacks_;
  std::map<std::string, std::uint64_t> lost_;
};

}  // namespace ft::app
