// The exercises as a recording sees them: a small process does them, with marks in between, while
// the recorder watches, and what it tells of faults and calls is taken for their time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "calibrate/exercise.h"
#include "event/sink.h"

namespace ft::calibrate {

// A mark is a call of madvise(2) with length 0, which does nothing, and this address.
std::uint64_t mark_of(Key key, bool begin);

struct Mark {
  Key key;
  bool begin = false;
};
// Nothing where the call is no mark.
std::optional<Mark> mark_from(const event::Syscall& call);

// What the watched process does: each exercise once a round, marked.
void run_marked(const std::vector<Exercise>& list, std::size_t rounds);

// RecordedRounds is a sink that keeps, of what a recorder tells, what the exercises are about.
class RecordedRounds : public event::EventSink {
 public:
  void on_meta(std::string_view /*key*/, std::string_view /*value*/) override {}
  void on_process(const event::Process& /*process*/) override {}
  void on_thread(const event::Thread& /*thread*/) override {}
  void on_file(event::FileId /*id*/, const event::File& /*file*/) override {}
  void on_stack(event::StackId /*id*/, const event::Stack& /*stack*/) override {}
  void on_syscall(const event::Syscall& syscall) override;
  void on_faults(std::span<const event::Fault> faults) override;
  void on_page_allocs(std::span<const event::PageAlloc> /*allocs*/) override {}
  void on_tlb_flushes(std::span<const event::TlbFlush> /*flushes*/) override {}
  void on_samples(std::span<const event::Sample> /*samples*/) override {}
  void on_mm_event(const event::MmEvent& /*event*/) override {}
  void on_phase(const event::Phase& /*phase*/) override {}
  void on_snapshot(const event::Snapshot& /*snapshot*/) override {}
  void on_loss(const event::Loss& loss) override;
  bool failed() const override { return false; }

  // Mean times of an operation, by round, without those that took ten times as long as the middle
  // one: somebody else had the CPU meanwhile. A run between two marks in which another number of
  // faults or calls was seen than the exercise makes (by a hundredth and two) is left out.
  std::vector<Round> rounds(const std::vector<Exercise>& list) const;

  std::uint64_t lost() const;  // events that happened and are missing

 private:
  struct Happened {
    Nanoseconds ts = 0;
    Nanoseconds dur = 0;
    event::Tid tid = 0;
  };
  struct Marked {
    Mark mark;
    Happened at;
  };

  std::vector<Happened> faults_;
  std::vector<Happened> calls_;  // without marks
  std::vector<Marked> marks_;
  std::map<std::string, std::uint64_t> lost_;
};

}  // namespace ft::calibrate
