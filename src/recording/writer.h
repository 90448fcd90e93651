// Writer is the sink that keeps what it is told in a recording (docs/recording-format.md).
//
// Callers only copy events into buffers; a thread of its own encodes and writes them, at the latest
// 200 ms later (events of a chunk that does not fill, after a second); what is left at the end
// finish() writes itself. What was written stays readable when the recorder is killed. Buffers are
// bounded: a caller that is far ahead waits, and nothing is dropped. Calls from several threads are
// fine.
//
//   create()      the file is there, empty but valid
//   on_*()        fill it
//   finish()      marks it complete; or abandon() removes it. Without either the destructor keeps
//                 what came and leaves it marked as cut short.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "event/sink.h"
#include "recording/output_file.h"

namespace ft::recording {

// What the encoding thread gives way to.
enum class Pace : std::uint8_t {
  SparesTarget,  // a program is being recorded on this machine
  Plain,         // nothing else: somebody waits for the file
};

class Writer : public event::EventSink {
 public:
  // Replaces a regular file of that name. The file belongs to `owner`, where one is given.
  static Result<std::unique_ptr<Writer>> create(const std::string& path,
                                                std::optional<FileOwner> owner = {},
                                                Pace pace = Pace::SparesTarget);
  ~Writer() override;

  // The first thing that went wrong since create(), if anything did: the file then holds what came
  // before it and says that it was cut short. Later events are ignored.
  Result<void> finish();
  void abandon();

  bool failed() const override;
  // Why; nothing while all is well.
  std::optional<Error> error() const;

  void on_meta(std::string_view key, std::string_view value) override;
  void on_process(const event::Process& process) override;
  void on_thread(const event::Thread& thread) override;
  void on_file(event::FileId id, const event::File& file) override;
  void on_stack(event::StackId id, const event::Stack& stack) override;
  void on_syscall(const event::Syscall& syscall) override;
  void on_syscalls(std::span<const event::Syscall> syscalls) override;
  void on_faults(std::span<const event::Fault> faults) override;
  void on_page_allocs(std::span<const event::PageAlloc> allocs) override;
  void on_tlb_flushes(std::span<const event::TlbFlush> flushes) override;
  void on_samples(std::span<const event::Sample> samples) override;
  void on_mm_event(const event::MmEvent& event) override;
  void on_phase(const event::Phase& phase) override;
  void on_snapshot(const event::Snapshot& snapshot) override;
  void on_loss(const event::Loss& loss) override;

 private:
  struct State;
  explicit Writer(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace ft::recording
