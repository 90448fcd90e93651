// MessageDecoder turns the probes' messages into events: numbers stacks and files, keeps the list
// of processes and threads, and remembers the marks of the JVM's life for its phases.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/units.h"
#include "capture/bpf/messages.h"
#include "capture/bpf/probes.h"
#include "capture/bpf/stack_table.h"
#include "event/sink.h"
#include "event/stack_copy.h"

namespace ft::capture::bpf {

// When things happened in the life of one process; kStillThere: not (yet).
struct ProcessMarks {
  Nanoseconds exec = event::kStillThere;
  Nanoseconds libjvm_mapped = event::kStillThere;
  Nanoseconds vm_init_begin = event::kStillThere;
  Nanoseconds vm_init_end = event::kStillThere;
  Nanoseconds first_gc = event::kStillThere;
  Nanoseconds vm_shutdown = event::kStillThere;
  std::uint64_t exec_faults = 0;  // the leader's fault count at its first exec
  std::string libjvm;
};

class MessageDecoder {
 public:
  struct Hooks {
    std::function<void(event::Pid, Nanoseconds exec)> on_exec;
    std::function<void(event::Pid, const std::string& path)> on_libjvm;
    std::function<void(event::Pid)> on_vm_initialised;
    std::function<void(event::StackCopy)> on_stack_copy;
    std::function<std::int8_t(std::uint64_t pfn)> node_of;
  };

  // `start`: CLOCK_MONOTONIC at ts 0.
  MessageDecoder(Nanoseconds start, PageFrames frames, event::EventSink& sink, Hooks hooks);

  // One message from the ring. A message that is not understood is counted, never trusted.
  void decode(std::span<const std::byte> message);

  // What existed before the recording (-p): its start was not seen.
  void add_process(const event::Process& process, Nanoseconds start_ts);
  void add_thread(const event::Thread& thread);

  // Marks of a process, for its phases; nullptr where it was never seen.
  const ProcessMarks* marks_of(event::Pid pid) const;
  std::optional<Nanoseconds> end_of(event::Pid pid) const;
  // The one process that mapped a libjvm; nullopt where none did, or several.
  std::optional<event::Pid> only_jvm() const;

  std::uint64_t messages_not_understood() const { return not_understood_; }
  std::uint64_t faults() const { return faults_; }
  std::uint64_t samples() const { return samples_; }
  const StackTable& stacks() const { return stacks_; }

 private:
  struct LiveProcess {
    event::Process process;
    int threads = 0;
  };

  Nanoseconds at(std::uint64_t monotonic) const;
  template <typename Message>
  const Message* as(std::span<const std::byte> message);

  void decode_faults(std::span<const std::byte> message);
  void decode_syscall(std::span<const std::byte> message);
  void decode_fork(const ft_fork& message);
  void decode_exec(std::span<const std::byte> message);
  void decode_exit(const ft_exit& message);
  void decode_rename(const ft_rename& message);
  void decode_alloc(const ft_alloc& message);
  void decode_mark(const ft_mark& message);
  void decode_sample(std::span<const std::byte> message);
  void decode_aux_mapper(const ft_aux_mapper& message);

  event::FileId intern_file(const std::string& path, std::uint64_t device, std::uint64_t inode);
  event::PageAlloc block(std::uint64_t page, unsigned order, unsigned migratetype,
                         std::uint32_t gfp) const;

  Nanoseconds start_;
  PageFrames frames_;
  event::EventSink& sink_;
  Hooks hooks_;
  std::map<event::Pid, LiveProcess> processes_;
  std::map<event::Tid, event::Thread> threads_;
  std::map<event::Pid, ProcessMarks> marks_;
  StackTable stacks_;
  std::unordered_map<std::string, event::FileId> file_ids_;
  std::vector<event::Fault> batch_;
  std::uint64_t not_understood_ = 0;
  std::uint64_t faults_ = 0;
  std::uint64_t samples_ = 0;
  int aux_mappers_ = 0;
};

}  // namespace ft::capture::bpf
