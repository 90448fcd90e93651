// What mprotect takes, by how many present pages it changes: their entries have to be flushed from
// the TLB. Up to 33 pages the kernel flushes page by page, beyond that everything at once
// (tlb_single_page_flush_ceiling, arch/x86/mm/tlb.c).
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#include <atomic>
#include <cerrno>
#include <ctime>
#include <memory>
#include <optional>
#include <thread>

#include "base/clock.h"
#include "base/units.h"
#include "calibrate/area.h"
#include "calibrate/exercise.h"

namespace ft::calibrate {

namespace {

constexpr std::uint64_t kMargin = 16;
constexpr std::uint64_t kFlips = 32;
constexpr double kRunning = 0.9;  // of the time

// A thread of this process that is running on another CPU until it is told to stop.
class Neighbour {
 public:
  // `cpu`: which.
  bool start(int cpu) {
    stop_ = false;
    running_ = false;
    thread_ = std::thread([this, cpu] {
      cpu_set_t set;
      CPU_ZERO(&set);
      CPU_SET(cpu, &set);
      ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
      running_ = true;
      while (!stop_.load(std::memory_order_relaxed)) {
      }
    });
    while (!running_.load()) ::sched_yield();
    return true;
  }
  void stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  // Its time on its CPU so far; 0: not known.
  Nanoseconds ran() {
    clockid_t clock{};
    timespec time{};
    if (::pthread_getcpuclockid(thread_.native_handle(), &clock) != 0) return 0;
    if (::clock_gettime(clock, &time) != 0) return 0;
    return Nanoseconds{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  }
  ~Neighbour() { stop(); }

 private:
  std::atomic<bool> stop_ = false;
  std::atomic<bool> running_ = false;
  std::thread thread_;
};

// Flips between writable and not, of a piece in the middle of an area with `pages` of it present.
Exercise flips(Kind kind, std::uint32_t pages, int neighbour_cpu) {
  const auto area = std::make_shared<Area>();
  const auto neighbour = std::make_shared<Neighbour>();
  const std::uint64_t piece = pages == 0 ? kMargin : pages;
  return {.key = {kind, pages},
          .counts = Counts::Calls,
          .operations = 2 * kFlips,
          .prepare =
              [=] {
                *area = Area::small_pages((piece + 2 * kMargin) * kPageSize);
                if (!*area) return false;
                for (std::uint64_t page = 0; page < pages; ++page) {
                  write_byte(area->page(kMargin + page));
                }
                return kind != Kind::MprotectTwoCpus || neighbour->start(neighbour_cpu);
              },
          .run =
              [=] {
                char* const start = area->page(kMargin);
                const bool together = kind == Kind::MprotectTwoCpus;
                const Nanoseconds begin = together ? monotonic_now() : 0;
                const Nanoseconds neighbour_begin = together ? neighbour->ran() : 0;
                for (std::uint64_t i = 0; i < kFlips; ++i) {
                  if (::mprotect(start, piece * kPageSize, PROT_READ) != 0 ||
                      ::mprotect(start, piece * kPageSize, PROT_READ | PROT_WRITE) != 0) {
                    return false;
                  }
                }
                // Where the neighbour was not running there was nobody to interrupt.
                errno = EBUSY;
                return !together || static_cast<double>(neighbour->ran() - neighbour_begin) >
                                        kRunning * static_cast<double>(monotonic_now() - begin);
              },
          .clean =
              [=] {
                neighbour->stop();
                area->reset();
              }};
}

}  // namespace

void add_flushes(std::optional<int> other_cpu, Exercises& exercises) {
  for (const std::uint32_t pages : {0U, 1U, 32U, 64U, 512U}) {
    exercises.list.push_back(flips(Kind::Mprotect, pages, -1));
  }
  if (!other_cpu) {
    exercises.left_out.emplace_back("flush_remote: this process may run on one CPU only");
    return;
  }
  exercises.list.push_back(flips(Kind::MprotectTwoCpus, 1, *other_cpu));
}

}  // namespace ft::calibrate
