#include "capture/bpf/stack_table.h"

#include <utility>

namespace ft::capture::bpf {

namespace {

std::string key_of(event::Pid pid, std::span<const std::uint64_t> frames) {
  std::string key(reinterpret_cast<const char*>(&pid), sizeof(pid));
  key.append(reinterpret_cast<const char*>(frames.data()), frames.size_bytes());
  return key;
}

}  // namespace

event::StackId StackTable::add(event::Pid pid, std::span<const std::uint64_t> frames,
                               bool truncated) {
  event::Stack stack;
  stack.pid = pid;
  stack.truncated = truncated;
  for (const std::uint64_t address : frames) stack.frames.push_back({.address = address});
  sink_.on_stack(count_, stack);
  return count_++;
}

event::StackId StackTable::of_call(event::Pid pid, std::span<const std::uint64_t> frames,
                                   bool truncated) {
  const auto [entry, is_new] = of_calls_.try_emplace(key_of(pid, frames), count_);
  if (is_new) add(pid, frames, truncated);
  return entry->second;
}

event::StackId StackTable::of_sample(event::Pid pid, std::span<const std::uint64_t> frames,
                                     bool truncated) {
  Ids& ids = pid == 0 ? of_kernel_ : of_samples_;
  std::string key = key_of(pid, frames);
  if (const auto known = ids.find(key); known != ids.end()) return known->second;
  if (ids.size() >= kMostSampledStacks) {
    ++not_kept_;
    return event::kNoStack;
  }
  const event::StackId id = add(pid, frames, truncated);
  ids.emplace(std::move(key), id);
  if (pid == 0) kernel_stacks_.push_back({id, {frames.begin(), frames.end()}, truncated});
  return id;
}

}  // namespace ft::capture::bpf
