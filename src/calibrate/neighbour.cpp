#include "calibrate/neighbour.h"

#include <pthread.h>
#include <sched.h>

#include <ctime>
#include <utility>

#include "base/clock.h"

namespace ft::calibrate {

bool Neighbour::start(int cpu, std::function<void()> work) {
  stop_ = false;
  running_ = false;
  thread_ = std::thread([this, cpu, work = std::move(work)] {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<std::size_t>(cpu), &set);
    ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
    work();
    running_ = true;
    while (!stop_.load(std::memory_order_relaxed)) work();
  });
  while (!running_.load()) ::sched_yield();
  return true;
}

void Neighbour::stop() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

Nanoseconds Neighbour::ran() {
  clockid_t clock{};
  timespec time{};
  if (::pthread_getcpuclockid(thread_.native_handle(), &clock) != 0) return 0;
  if (::clock_gettime(clock, &time) != 0) return 0;
  return Nanoseconds{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

void Neighbour::watch() {
  watched_from_ = monotonic_now();
  had_run_ = ran();
}

bool Neighbour::ran_along() {
  constexpr double kRunning = 0.9;
  return static_cast<double>(ran() - had_run_) >
         kRunning * static_cast<double>(monotonic_now() - watched_from_);
}

}  // namespace ft::calibrate
