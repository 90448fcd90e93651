#include "capture/bpf/message_decoder.h"

#include <fmt/format.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "jvm/installation.h"

namespace ft::capture::bpf {

namespace {

constexpr std::uint32_t kCommandBytes = FT_COMM;

std::string comm_of(const char (&comm)[kCommandBytes]) {
  return {comm, ::strnlen(comm, kCommandBytes)};
}

std::vector<std::string> split_argv(std::string_view bytes) {
  std::vector<std::string> argv;
  while (!bytes.empty()) argv.emplace_back(take_until(bytes, '\0'));
  return argv;
}

// The probes list a path's names from the file upwards.
std::string path_from(std::string_view components) {
  std::vector<std::string_view> names;
  while (!components.empty()) names.push_back(take_until(components, '\0'));
  std::string path;
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    if (*name == "/" || name->empty()) continue;
    path += '/';
    path += *name;
  }
  if (path.empty()) return "/";
  // Only files without a name in any folder are called so; /proc/PID/maps marks them deleted.
  if (path.starts_with("/memfd:") || path.starts_with("/SYSV")) path += " (deleted)";
  return path;
}

// The kernel's own device numbers to those of stat(2).
std::uint64_t device_of(std::uint64_t kernel_device) {
  constexpr unsigned kMinorBits = 20;
  return ::makedev(static_cast<unsigned>(kernel_device >> kMinorBits),
                   static_cast<unsigned>(kernel_device & ((1U << kMinorBits) - 1)));
}

}  // namespace

MessageDecoder::MessageDecoder(Nanoseconds start, PageFrames frames, event::EventSink& sink,
                               Hooks hooks)
    : start_(start), frames_(frames), sink_(sink), hooks_(std::move(hooks)), stacks_(sink) {
  batch_.reserve(FT_FAULTS_PER_BATCH);
}

Nanoseconds MessageDecoder::at(std::uint64_t monotonic) const {
  return std::max<Nanoseconds>(static_cast<Nanoseconds>(monotonic) - start_, 0);
}

template <typename Message>
const Message* MessageDecoder::as(std::span<const std::byte> message) {
  if (message.size() < sizeof(Message)) {
    ++not_understood_;
    return nullptr;
  }
  return reinterpret_cast<const Message*>(message.data());
}

void MessageDecoder::decode(std::span<const std::byte> message) {
  std::uint32_t kind = 0;
  if (message.size() < 8) {
    ++not_understood_;
    return;
  }
  std::memcpy(&kind, message.data(), sizeof(kind));
  switch (kind) {
    case FT_FAULTS:
      return decode_faults(message);
    case FT_SYSCALL:
      return decode_syscall(message);
    case FT_EXEC:
      return decode_exec(message);
    case FT_FORK:
      if (const auto* fork = as<ft_fork>(message)) decode_fork(*fork);
      return;
    case FT_EXIT:
      if (const auto* exit = as<ft_exit>(message)) decode_exit(*exit);
      return;
    case FT_RENAME:
      if (const auto* rename = as<ft_rename>(message)) decode_rename(*rename);
      return;
    case FT_ALLOC:
      if (const auto* alloc = as<ft_alloc>(message)) decode_alloc(*alloc);
      return;
    case FT_FLUSH:
      if (const auto* flush = as<ft_flush>(message)) {
        const event::TlbFlush event{.ts = at(flush->header.ts),
                                    .pages = flush->pages,
                                    .tid = static_cast<event::Tid>(flush->header.tid),
                                    .reason = static_cast<event::FlushReason>(flush->reason)};
        sink_.on_tlb_flushes({&event, 1});
      }
      return;
    case FT_MM_EVENT:
      if (const auto* mm = as<ft_mm_event>(message)) {
        sink_.on_mm_event({.ts = at(mm->header.ts),
                           .dur = static_cast<Nanoseconds>(mm->dur),
                           .value = mm->value,
                           .detail = mm->detail,
                           .tid = static_cast<event::Tid>(mm->header.tid),
                           .kind = static_cast<event::MmEventKind>(mm->event)});
      }
      return;
    case FT_JVM_MARK:
      if (const auto* mark = as<ft_mark>(message)) decode_mark(*mark);
      return;
    case FT_AUX_MAPPER:
      if (const auto* mapper = as<ft_aux_mapper>(message)) decode_aux_mapper(*mapper);
      return;
    case FT_SAMPLE:
      return decode_sample(message);
    default:
      ++not_understood_;
  }
}

event::PageAlloc MessageDecoder::block(std::uint64_t page, unsigned order, unsigned migratetype,
                                       std::uint32_t gfp) const {
  event::PageAlloc block;
  block.pfn = frames_.pfn_of(page);
  block.gfp = gfp;
  block.order = static_cast<std::uint8_t>(order);
  block.migratetype = static_cast<std::int8_t>(migratetype);
  block.node = hooks_.node_of && frames_.known() ? hooks_.node_of(block.pfn) : std::int8_t{0};
  return block;
}

void MessageDecoder::decode_faults(std::span<const std::byte> message) {
  const auto* batch = reinterpret_cast<const ft_fault_batch*>(message.data());
  const std::size_t header = offsetof(ft_fault_batch, faults);
  if (message.size() < header || batch->count > FT_FAULTS_PER_BATCH ||
      message.size() < header + batch->count * sizeof(ft_fault)) {
    ++not_understood_;
    return;
  }
  batch_.clear();
  for (const ft_fault& raw : std::span(batch->faults, batch->count)) {
    event::Fault fault;
    fault.ts = at(raw.ts);
    fault.addr = raw.addr;
    fault.ip = raw.ip;
    fault.tid = static_cast<event::Tid>(raw.tid);
    fault.error_code = raw.error_code;
    if (raw.flags & FT_FAULT_UNFINISHED) {
      fault.kind = event::FaultKind::Unfinished;
    } else {
      fault.kind = raw.flags & FT_FAULT_MAJOR ? event::FaultKind::Major : event::FaultKind::Minor;
      const unsigned shift = raw.flags & FT_FAULT_LONG ? 10 : 0;
      fault.dur = Nanoseconds{raw.dur} << shift;
    }
    if (raw.page != 0) {
      fault.has_page = true;
      fault.page = block(raw.page, raw.block & 15U, raw.block >> 4U, raw.gfp);
      fault.page.ts = fault.ts;
      fault.page.tid = fault.tid;
      fault.page.context = event::AllocContext::Fault;
    }
    batch_.push_back(fault);
  }
  faults_ += batch_.size();
  sink_.on_faults(batch_);
}

event::FileId MessageDecoder::intern_file(const std::string& path, std::uint64_t device,
                                          std::uint64_t inode) {
  const std::string key = fmt::format("{}:{}:{}", device, inode, path);
  const auto [entry, is_new] =
      file_ids_.try_emplace(key, static_cast<event::FileId>(file_ids_.size()));
  if (is_new) sink_.on_file(entry->second, {.path = path, .device = device, .inode = inode});
  return entry->second;
}

void MessageDecoder::decode_syscall(std::span<const std::byte> message) {
  const auto* raw = as<ft_syscall>(message);
  if (!raw) return;
  std::span<const std::byte> payload = message.subspan(sizeof(ft_syscall));
  const std::size_t frame_bytes = std::size_t{raw->frame_count} * 8;
  constexpr std::size_t kPathAt = std::size_t{FT_MAX_FRAMES} * 8;
  if (raw->frame_count > FT_MAX_FRAMES || payload.size() < frame_bytes ||
      (raw->path_bytes != 0 && payload.size() < kPathAt + raw->path_bytes) ||
      payload.size() < raw->stack_bytes) {
    ++not_understood_;
    return;
  }

  event::Syscall call;
  call.ts = at(raw->header.ts);
  call.dur = static_cast<Nanoseconds>(raw->dur);
  call.tid = static_cast<event::Tid>(raw->header.tid);
  call.pid = static_cast<event::Pid>(raw->pid);
  call.number = static_cast<event::SyscallNumber>(raw->number);
  call.ret = raw->ret;
  std::copy(std::begin(raw->args), std::end(raw->args), call.args.begin());

  if (raw->inode != 0) {
    const std::string path =
        path_from({reinterpret_cast<const char*>(payload.data() + kPathAt), raw->path_bytes});
    call.file = intern_file(path, device_of(raw->device), raw->inode);
    if (call.number == event::SyscallNumber::Mmap && call.ret > 0 && jvm::is_libjvm(path)) {
      ProcessMarks& marks = marks_[call.pid];
      if (marks.libjvm_mapped == event::kStillThere) {
        marks.libjvm_mapped = call.ts;
        marks.libjvm = path;
        if (hooks_.on_libjvm) hooks_.on_libjvm(call.pid, path);
      }
    }
  }

  if (raw->frame_count != 0) {
    // The C library's wrappers keep no frame: their caller is the word at the stack pointer, which
    // a walk along the frame pointers leaves out.
    std::vector<std::uint64_t> frames(raw->frame_count);
    std::memcpy(frames.data(), payload.data(), frame_bytes);
    const bool already_there = frames.size() > 1 && frames[1] == raw->caller;
    if (raw->caller != 0 && !already_there) frames.insert(frames.begin() + 1, raw->caller);
    const bool truncated = raw->stack_truncated != 0;
    if (raw->stack_bytes != 0 && hooks_.on_stack_copy) {
      // Equal frame pointers do not make equal stacks here: each is unwound for itself.
      call.stack = stacks_.add(call.pid, frames, truncated);
      event::StackCopy copy;
      copy.stack = call.stack;
      copy.pid = call.pid;
      copy.ts = call.ts;
      std::copy(std::begin(raw->regs), std::end(raw->regs), copy.registers.begin());
      const auto memory = payload.last(raw->stack_bytes);
      copy.memory.assign(memory.begin(), memory.end());
      hooks_.on_stack_copy(std::move(copy));
    } else {
      call.stack = stacks_.of_call(call.pid, frames, truncated);
    }
  }
  sink_.on_syscall(call);
}

void MessageDecoder::decode_sample(std::span<const std::byte> message) {
  const auto* raw = as<ft_sample>(message);
  if (!raw) return;
  const std::size_t kernel = raw->kernel_frames;
  const std::size_t user = raw->user_frames;
  const std::span<const std::byte> payload = message.subspan(sizeof(ft_sample));
  if (kernel > FT_KERNEL_FRAMES || user > FT_MAX_FRAMES || payload.size() < (kernel + user) * 8) {
    ++not_understood_;
    return;
  }
  std::vector<std::uint64_t> frames(kernel + user);
  if (!frames.empty()) std::memcpy(frames.data(), payload.data(), frames.size() * 8);
  const std::span<const std::uint64_t> all(frames);

  event::Sample sample;
  sample.ts = at(raw->header.ts);
  sample.tid = static_cast<event::Tid>(raw->header.tid);
  if (kernel != 0) {
    sample.kernel_stack = stacks_.of_sample(0, all.first(kernel), kernel == FT_KERNEL_FRAMES);
  }
  if (user != 0) {
    const auto pid = static_cast<event::Pid>(raw->pid);
    sample.user_stack = stacks_.of_sample(pid, all.last(user), user == FT_MAX_FRAMES);
  }
  ++samples_;
  sink_.on_samples({&sample, 1});
}

void MessageDecoder::add_process(const event::Process& process, Nanoseconds start_ts) {
  marks_[process.pid].exec = start_ts;
  processes_[process.pid] = {.process = process, .threads = 0};
  sink_.on_process(process);
}

void MessageDecoder::add_thread(const event::Thread& thread) {
  threads_[thread.tid] = thread;
  ++processes_[thread.pid].threads;
  sink_.on_thread(thread);
}

void MessageDecoder::decode_fork(const ft_fork& message) {
  const auto parent_pid = static_cast<event::Pid>(message.parent_pid);
  const auto child_pid = static_cast<event::Pid>(message.child_pid);
  const Nanoseconds ts = at(message.header.ts);
  if (child_pid != parent_pid) {
    event::Process child;
    child.pid = child_pid;
    child.parent = parent_pid;
    child.start_ts = ts;
    if (const auto parent = processes_.find(parent_pid); parent != processes_.end()) {
      child.executable = parent->second.process.executable;
      child.command = parent->second.process.command;
    }
    processes_[child_pid] = {.process = child, .threads = 0};
    marks_.erase(child_pid);
    sink_.on_process(child);
  }
  add_thread({.tid = static_cast<event::Tid>(message.child_tid),
              .pid = child_pid,
              .start_ts = ts,
              .name = comm_of(message.comm)});
}

void MessageDecoder::decode_exec(std::span<const std::byte> bytes) {
  const auto* message = as<ft_exec>(bytes);
  if (!message) return;
  if (message->argv_bytes > bytes.size() - sizeof(ft_exec)) {
    ++not_understood_;
    return;
  }
  const auto pid = static_cast<event::Pid>(message->pid);
  const auto tid = static_cast<event::Tid>(message->header.tid);
  const Nanoseconds ts = at(message->header.ts);
  auto found = processes_.find(pid);
  if (found == processes_.end()) {  // the target itself: followed before it was anything
    event::Process process;
    process.pid = pid;
    process.start_ts = ts;
    found = processes_.emplace(pid, LiveProcess{process, 0}).first;
  }
  event::Process& process = found->second.process;
  process.exec_ts = ts;
  process.executable.assign(message->filename,
                            ::strnlen(message->filename, sizeof(message->filename)));
  process.command =
      split_argv({reinterpret_cast<const char*>(message) + sizeof(ft_exec), message->argv_bytes});
  sink_.on_process(process);
  if (hooks_.on_exec) hooks_.on_exec(pid, ts);

  // The other threads are gone; the one that called execve has the leader's tid now.
  for (auto& [other_tid, thread] : threads_) {
    if (thread.pid != pid || other_tid == tid || thread.end_ts != event::kStillThere) continue;
    thread.end_ts = ts;
    sink_.on_thread(thread);
  }
  found->second.threads = 1;
  auto [thread, is_new] = threads_.try_emplace(tid);
  if (is_new || thread->second.pid != pid) {
    thread->second = {.tid = tid, .pid = pid, .start_ts = process.start_ts};
  }
  thread->second.end_ts = event::kStillThere;
  thread->second.name = comm_of(message->comm);
  sink_.on_thread(thread->second);

  ProcessMarks& marks = marks_[pid];
  const std::uint64_t first_faults =
      marks.exec == event::kStillThere ? message->faults_before : marks.exec_faults;
  marks = {};
  marks.exec = ts;
  marks.exec_faults = first_faults;
}

void MessageDecoder::decode_exit(const ft_exit& message) {
  const auto tid = static_cast<event::Tid>(message.header.tid);
  const auto pid = static_cast<event::Pid>(message.pid);
  const Nanoseconds ts = at(message.header.ts);
  if (const auto thread = threads_.find(tid);
      thread != threads_.end() && thread->second.end_ts == event::kStillThere) {
    thread->second.end_ts = ts;
    thread->second.name = comm_of(message.comm);
    sink_.on_thread(thread->second);
  }
  const auto process = processes_.find(pid);
  if (process == processes_.end()) return;
  if (tid == pid) process->second.process.wait_status = static_cast<std::int32_t>(message.code);
  if (--process->second.threads > 0) return;
  process->second.process.end_ts = ts;
  sink_.on_process(process->second.process);
}

void MessageDecoder::decode_rename(const ft_rename& message) {
  const auto thread = threads_.find(static_cast<event::Tid>(message.header.tid));
  if (thread == threads_.end()) return;
  thread->second.name = comm_of(message.comm);
  sink_.on_thread(thread->second);
}

void MessageDecoder::decode_alloc(const ft_alloc& message) {
  event::PageAlloc alloc = block(message.page, message.order, message.migratetype, message.gfp);
  alloc.ts = at(message.header.ts);
  alloc.tid = static_cast<event::Tid>(message.header.tid);
  alloc.context = static_cast<event::AllocContext>(message.context);
  sink_.on_page_allocs({&alloc, 1});
}

void MessageDecoder::decode_mark(const ft_mark& message) {
  const auto pid = static_cast<event::Pid>(message.pid);
  const Nanoseconds ts = at(message.header.ts);
  ProcessMarks& marks = marks_[pid];
  switch (message.mark) {
    case FT_VM_INIT_BEGIN:
      marks.vm_init_begin = ts;
      break;
    case FT_VM_INIT_END:
      marks.vm_init_end = ts;
      if (hooks_.on_vm_initialised) hooks_.on_vm_initialised(pid);
      break;
    case FT_GC_BEGIN:
      if (marks.first_gc == event::kStillThere) marks.first_gc = ts;
      break;
    case FT_VM_SHUTDOWN:
      marks.vm_shutdown = ts;
      break;
    default:
      ++not_understood_;
  }
}

void MessageDecoder::decode_aux_mapper(const ft_aux_mapper& message) {
  const std::string name(message.name, ::strnlen(message.name, sizeof(message.name)));
  sink_.on_meta(fmt::format("probe.aux.{}", aux_mappers_++),
                fmt::format("{} {} {} {} {}", at(message.header.ts), message.header.tid,
                            message.size, message.factor, name));
}

const ProcessMarks* MessageDecoder::marks_of(event::Pid pid) const {
  const auto marks = marks_.find(pid);
  return marks == marks_.end() ? nullptr : &marks->second;
}

std::optional<event::Pid> MessageDecoder::only_jvm() const {
  std::optional<event::Pid> found;
  for (const auto& [pid, marks] : marks_) {
    if (marks.libjvm_mapped == event::kStillThere) continue;
    if (found) return std::nullopt;
    found = pid;
  }
  return found;
}

std::optional<Nanoseconds> MessageDecoder::end_of(event::Pid pid) const {
  const auto process = processes_.find(pid);
  if (process == processes_.end() || process->second.process.end_ts == event::kStillThere) {
    return std::nullopt;
  }
  return process->second.process.end_ts;
}

}  // namespace ft::capture::bpf
