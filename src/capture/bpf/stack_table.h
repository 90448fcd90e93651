// StackTable numbers the stacks of a recording and tells the sink each one once. Stacks of system
// calls and of samples are numbered in one row, but never share a number: whoever names the frames
// afterwards has to know when a stack was first taken.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "event/sink.h"

namespace ft::capture::bpf {

class StackTable {
 public:
  // Samples of a recording of hours would fill memory with stacks: so many of each side are kept.
  static constexpr std::size_t kMostSampledStacks = 65536;

  explicit StackTable(event::EventSink& sink) : sink_(sink) {}

  // A stack of its own, even where another has the same frames.
  event::StackId add(event::Pid pid, std::span<const std::uint64_t> frames, bool truncated);
  // The number of the stack with these frames, a new one if there is none.
  event::StackId of_call(event::Pid pid, std::span<const std::uint64_t> frames, bool truncated);
  // The same for samples; pid 0: the kernel's. kNoStack once kMostSampledStacks differ.
  event::StackId of_sample(event::Pid pid, std::span<const std::uint64_t> frames, bool truncated);

  // Samples that had to do without their stack.
  std::uint64_t not_kept() const { return not_kept_; }

  struct KernelStack {
    event::StackId id = event::kNoStack;
    std::vector<std::uint64_t> frames;  // innermost first
    bool truncated = false;
  };
  std::span<const KernelStack> kernel_stacks() const { return kernel_stacks_; }

 private:
  using Ids = std::unordered_map<std::string, event::StackId>;

  event::EventSink& sink_;
  Ids of_calls_;
  Ids of_samples_;
  Ids of_kernel_;
  std::vector<KernelStack> kernel_stacks_;
  event::StackId count_ = 0;
  std::uint64_t not_kept_ = 0;
};

}  // namespace ft::capture::bpf
