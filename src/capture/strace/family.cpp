#include "capture/strace/family.h"

#include <algorithm>
#include <utility>

namespace ft::capture::strace {

Task* Family::find(event::Tid tid) {
  if (last_ && last_->thread.tid == tid && last_->alive) return last_;
  const auto it = tasks_.find(tid);
  if (it == tasks_.end() || !it->second->alive) return nullptr;
  return last_ = it->second.get();
}

Task& Family::task(event::Tid tid, Nanoseconds ts, FirstLine first_line) {
  if (Task* known = find(tid)) return *known;
  return add(tid, home_of_new(tid, ts, first_line), ts);
}

event::Pid Family::home_of_new(event::Tid tid, Nanoseconds ts, FirstLine first_line) {
  if (first_pid_ == 0) {
    const event::Pid pid = found_process(tid, 0, ts);
    Household& home = homes_[pid];
    // A log begins with the program's start, unless strace says that it attached to it.
    home.process.present_at_start = first_line == FirstLine::Attached;
    if (first_line != FirstLine::Attached) home.process.exec_ts = ts;
    sink_.on_process(home.process);
    return pid;
  }
  // A thread shows up while clones are under way: the oldest made it. Where two made one each at
  // the same moment they are most likely threads of the same process.
  if (!cloning_.empty()) {
    Task& parent = *tasks_.at(cloning_.front());
    const bool shares = parent.shares_process;
    const event::Pid parent_pid = parent.thread.pid;
    end_clone(parent);
    return shares ? parent_pid : found_process(tid, parent_pid, ts);
  }
  ++assumed_;
  if (first_line == FirstLine::FreshImage) {
    const event::Pid pid = found_process(tid, first_pid_, ts);
    homes_[pid].process.exec_ts = ts;
    sink_.on_process(homes_[pid].process);
    return pid;
  }
  return homes_[first_pid_].living > 0 || !last_ ? first_pid_ : last_->thread.pid;
}

event::Pid Family::found_process(event::Tid pid, event::Pid parent, Nanoseconds ts) {
  if (first_pid_ == 0) first_pid_ = pid;
  ++process_count_;
  Household& home = homes_[pid];
  home = {};
  home.process.pid = pid;
  home.process.parent = parent;
  home.process.start_ts = ts;
  if (const auto it = homes_.find(parent); parent != 0 && it != homes_.end()) {
    // It runs its parent's program until it says otherwise.
    home.process.executable = it->second.process.executable;
    home.process.command = it->second.process.command;
  }
  sink_.on_process(home.process);
  return pid;
}

Task& Family::add(event::Tid tid, event::Pid pid, Nanoseconds ts) {
  std::unique_ptr<Task>& slot = tasks_[tid];
  if (!slot)
    slot = std::make_unique<Task>();
  else
    *slot = {};
  slot->thread.tid = tid;
  slot->thread.pid = pid;
  slot->thread.start_ts = ts;
  ++homes_[pid].living;
  ++alive_;
  ++threads_;
  sink_.on_thread(slot->thread);
  return *(last_ = slot.get());
}

void Family::cloned(const Task& parent, event::Tid child, bool shares_process, Nanoseconds ts) {
  if (child <= 0 || find(child)) return;
  const event::Pid parent_pid = parent.thread.pid;
  const event::Pid pid = shares_process ? parent_pid : found_process(child, parent_pid, ts);
  add(child, pid, ts);
}

void Family::begin_clone(Task& parent, bool shares_process) {
  parent.shares_process = shares_process;
  if (!std::exchange(parent.cloning, true)) cloning_.push_back(parent.thread.tid);
}

void Family::end_clone(Task& parent) {
  if (!std::exchange(parent.cloning, false)) return;
  std::erase(cloning_, parent.thread.tid);
}

void Family::executed(Task& task, Nanoseconds ts, std::string executable,
                      std::vector<std::string> command) {
  if (task.thread.pid != task.thread.tid) {
    // A thread that executes a program becomes the leader first (superseded()). This one kept its
    // number: it was taken for a thread and is a process.
    Household& old_home = homes_[task.thread.pid];
    if (old_home.living > 0) --old_home.living;
    task.thread.pid = found_process(task.thread.tid, task.thread.pid, task.thread.start_ts);
    ++homes_[task.thread.pid].living;
    sink_.on_thread(task.thread);
  }
  Household& home = homes_[task.thread.pid];
  home.process.exec_ts = ts;
  if (!executable.empty()) home.process.executable = std::move(executable);
  if (!command.empty()) home.process.command = std::move(command);
  sink_.on_process(home.process);
}

void Family::superseded(Task& leader, event::Tid by, Nanoseconds ts) {
  Task* other = find(by);
  if (!other || other == &leader) return;
  leader.in_call = std::exchange(other->in_call, false);
  leader.call_ts = other->call_ts;
  leader.unfinished.swap(other->unfinished);
  exited(*other, ts, 0);
}

void Family::exited(Task& task, Nanoseconds ts, std::int32_t wait_status) {
  if (!task.alive) return;
  end_clone(task);
  task.alive = false;
  --alive_;
  task.thread.end_ts = ts;
  sink_.on_thread(task.thread);
  Household& home = homes_[task.thread.pid];
  if (home.living > 0) --home.living;
  if (task.thread.tid == task.thread.pid || home.living == 0) end_process(home, ts, wait_status);
}

void Family::end_process(Household& home, Nanoseconds ts, std::int32_t wait_status) {
  home.process.end_ts = ts;
  home.process.wait_status = wait_status;
  sink_.on_process(home.process);
}

void Family::renamed(Task& task, std::string name) {
  if (task.thread.name == name) return;
  task.thread.name = std::move(name);
  sink_.on_thread(task.thread);
}

Task* Family::only_live_task() {
  if (alive_ != 1) return nullptr;
  if (last_ && last_->alive) return last_;
  for (const auto& [tid, task] : tasks_) {
    if (task->alive) return task.get();
  }
  return nullptr;
}

std::vector<Task*> Family::unfinished_tasks() {
  std::vector<Task*> inside;
  for (const auto& [tid, task] : tasks_) {
    if (task->alive && task->in_call) inside.push_back(task.get());
  }
  std::ranges::sort(inside, [](const Task* a, const Task* b) {
    return std::pair(a->call_ts, a->thread.tid) < std::pair(b->call_ts, b->thread.tid);
  });
  return inside;
}

event::Pid Family::parent_of(event::Pid pid) const {
  const auto it = homes_.find(pid);
  return it == homes_.end() ? 0 : it->second.process.parent;
}

const event::Process* Family::first_process() const {
  const auto it = homes_.find(first_pid_);
  return it == homes_.end() ? nullptr : &it->second.process;
}

}  // namespace ft::capture::strace
