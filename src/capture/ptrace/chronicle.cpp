#include "capture/ptrace/chronicle.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <string_view>
#include <utility>

#include "base/fd.h"
#include "base/text.h"

namespace ft::capture::ptrace {

namespace {

const std::string kNoName;

std::string link_target(const std::string& path) {
  std::array<char, PATH_MAX> target;
  const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
  return length <= 0 ? std::string() : std::string(target.data(), static_cast<std::size_t>(length));
}

}  // namespace

// Read for every thread that ends: no buffer worth an allocation.
std::string thread_name(event::Tid tid) {
  const Fd fd(::open(fmt::format("/proc/{}/comm", tid).c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 64> bytes;
  const ssize_t got = fd.valid() ? ::read(fd.get(), bytes.data(), bytes.size()) : 0;
  if (got <= 0) return {};
  std::string_view text(bytes.data(), static_cast<std::size_t>(got));
  if (text.ends_with('\n')) text.remove_suffix(1);
  return std::string(text);
}

void Chronicle::process_started(const event::Process& process) {
  event::Process& entry = processes_[process.pid];
  entry = process;
  // Until it executes another, a child runs its parent's program.
  if (const auto parent = processes_.find(process.parent);
      parent != processes_.end() && entry.executable.empty()) {
    entry.executable = parent->second.executable;
    entry.command = parent->second.command;
  }
  sink_.on_process(entry);
}

void Chronicle::executed(event::Pid pid, Nanoseconds ts) {
  event::Process& process = processes_[pid];
  process.pid = pid;
  process.exec_ts = ts;
  process.executable = link_target(fmt::format("/proc/{}/exe", pid));
  process.command.clear();
  if (const Result<std::string> argv = read_file(fmt::format("/proc/{}/cmdline", pid))) {
    std::string_view rest = *argv;
    while (!rest.empty()) process.command.emplace_back(take_until(rest, '\0'));
  }
  sink_.on_process(process);

  // Only the thread that asked for it is left, and has the leader's tid now.
  for (auto& [tid, thread] : threads_) {
    if (thread.pid == pid && tid != pid) thread_ended(tid, ts);
  }
  event::Thread& leader = threads_[pid];
  if (leader.pid != pid) leader = {.tid = pid, .pid = pid, .start_ts = process.start_ts};
  leader.end_ts = event::kStillThere;
  leader.name = thread_name(pid);
  sink_.on_thread(leader);
}

void Chronicle::process_ended(event::Pid pid, Nanoseconds ts, int wait_status) {
  const auto process = processes_.find(pid);
  if (process == processes_.end()) return;
  for (auto& [tid, thread] : threads_) {
    if (thread.pid == pid) thread_ended(tid, ts);
  }
  process->second.end_ts = ts;
  process->second.wait_status = wait_status;
  sink_.on_process(process->second);
}

void Chronicle::thread_started(event::Tid tid, event::Pid pid, Nanoseconds ts,
                               const std::string& name) {
  event::Thread& thread = threads_[tid];
  thread = {.tid = tid, .pid = pid, .start_ts = ts, .name = name};
  sink_.on_thread(thread);
}

void Chronicle::thread_renamed(event::Tid tid, const std::string& name) {
  const auto thread = threads_.find(tid);
  if (thread == threads_.end() || name.empty() || thread->second.name == name) return;
  thread->second.name = name;
  sink_.on_thread(thread->second);
}

void Chronicle::thread_ended(event::Tid tid, Nanoseconds ts) {
  const auto thread = threads_.find(tid);
  if (thread == threads_.end() || thread->second.end_ts != event::kStillThere) return;
  thread->second.end_ts = ts;
  sink_.on_thread(thread->second);
}

const std::string& Chronicle::name_of(event::Tid tid) const {
  const auto thread = threads_.find(tid);
  return thread == threads_.end() ? kNoName : thread->second.name;
}

event::StackId Chronicle::stack(event::Pid pid, const WalkedStack& walked) {
  if (walked.truncated) ++stacks_truncated_;
  if (walked.unreadable) ++stacks_unreadable_;
  std::string key(reinterpret_cast<const char*>(&pid), sizeof pid);
  key.append(reinterpret_cast<const char*>(walked.frames().data()), walked.frames().size_bytes());
  const auto next = static_cast<event::StackId>(stack_ids_.size());
  const auto [entry, is_new] = stack_ids_.try_emplace(std::move(key), next);
  if (is_new) {
    event::Stack stack;
    stack.pid = pid;
    stack.truncated = walked.truncated;
    for (const std::uint64_t address : walked.frames()) {
      stack.frames.push_back({.address = address});
    }
    sink_.on_stack(entry->second, stack);
  }
  return entry->second;
}

event::FileId Chronicle::file(event::Pid pid, int fd) {
  const std::string link = fmt::format("/proc/{}/fd/{}", pid, fd);
  const std::string path = link_target(link);
  struct stat status{};
  if (path.empty() || ::stat(link.c_str(), &status) != 0) return event::kNoFile;
  const auto next = static_cast<event::FileId>(file_ids_.size());
  const auto [entry, is_new] =
      file_ids_.try_emplace(fmt::format("{}:{}:{}", status.st_dev, status.st_ino, path), next);
  if (is_new) {
    paths_.push_back(path);
    sink_.on_file(next, {.path = path, .device = status.st_dev, .inode = status.st_ino});
  }
  return entry->second;
}

const std::string* Chronicle::path_of(event::FileId id) const {
  const auto index = static_cast<std::size_t>(id);
  return id < 0 || index >= paths_.size() ? nullptr : &paths_[index];
}

const event::Process* Chronicle::process(event::Pid pid) const {
  const auto process = processes_.find(pid);
  return process == processes_.end() ? nullptr : &process->second;
}

}  // namespace ft::capture::ptrace
