// Neighbour is a thread of this process that is busy on another CPU until it is told to stop.
#pragma once

#include <atomic>
#include <functional>
#include <thread>

#include "base/units.h"

namespace ft::calibrate {

class Neighbour {
 public:
  ~Neighbour() { stop(); }

  // Does `work` again and again on that CPU; returns, true, when it has begun.
  bool start(int cpu, std::function<void()> work);
  void stop();

  // Whether it had its CPU nearly all the time since watch().
  void watch();
  bool ran_along();

 private:
  Nanoseconds ran();  // its time on its CPU so far; 0: not known

  std::atomic<bool> stop_ = false;
  std::atomic<bool> running_ = false;
  Nanoseconds watched_from_ = 0;
  Nanoseconds had_run_ = 0;
  std::thread thread_;
};

}  // namespace ft::calibrate
