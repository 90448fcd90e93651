// FaultCounter counts the page faults of a running process by where they are, in the kernel, from
// its construction to its destruction. A fault costs the process some 0.2 µs more; nothing is
// recorded of it but that it came.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "event/faults_at.h"

namespace ft::capture::bpf {

class FaultCounter {
 public:
  struct Counts {
    std::vector<event::FaultsAt> places;  // by address
    std::uint64_t without_a_place = 0;    // the table was full
  };

  // Fails, in words for the user, where BPF is not allowed, and in a PID namespace: process numbers
  // there are not those that the probes see.
  static Result<FaultCounter> open(pid_t pid);
  FaultCounter(FaultCounter&&) noexcept;
  FaultCounter& operator=(FaultCounter&&) noexcept;
  ~FaultCounter();

  // Those since the last time. A fault in the very moment that its block is read and taken away may
  // be in neither count.
  Result<Counts> take();

 private:
  struct State;
  explicit FaultCounter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ft::capture::bpf
