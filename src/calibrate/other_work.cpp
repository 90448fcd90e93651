#include "calibrate/other_work.h"

#include <sys/mman.h>

#include <cstring>

#include "base/clock.h"
#include "base/units.h"
#include "calibrate/area.h"

namespace ft::calibrate {

namespace {

constexpr std::uint64_t kLine = 64;
constexpr std::uint64_t kDataBytes = 4 * kMiB;
constexpr std::uint64_t kCodeBytes = kMiB;
constexpr Nanoseconds kTime = 60000;

class OtherWork {
 public:
  OtherWork()
      : data_(Area::map(kDataBytes, PROT_READ | PROT_WRITE, MAP_POPULATE, kPageSize)),
        code_(Area::map(kCodeBytes, PROT_READ | PROT_WRITE, MAP_POPULATE, kPageSize)) {
    // A fork, which one exercise makes, would have each page take a fault afterwards.
    if (data_) ::madvise(data_.data(), data_.bytes(), MADV_DONTFORK);
    if (!code_) return;
    ::madvise(code_.data(), code_.bytes(), MADV_DONTFORK);
    constexpr unsigned char kReturn = 0xc3;
    std::memset(code_.data(), kReturn, code_.bytes());
    // A host may not allow it: then it is data only.
    if (::mprotect(code_.data(), code_.bytes(), PROT_READ | PROT_EXEC) != 0) code_.reset();
  }

  void go_on() {
    const Nanoseconds end = monotonic_now() + kTime;
    do {
      for (unsigned i = 0; i < kAtOnce; ++i) step();
    } while (monotonic_now() < end);
  }

 private:
  static constexpr unsigned kAtOnce = 32;

  std::uint64_t random() {  // xorshift
    state_ ^= state_ << 13U;
    state_ ^= state_ >> 7U;
    state_ ^= state_ << 17U;
    return state_;
  }

  void step() {
    const std::uint64_t number = random();
    if (data_) ++data_.data()[number % (kDataBytes / kLine) * kLine];
    if (!code_) return;
    char* const line = code_.data() + (number >> 32U) % (kCodeBytes / kLine) * kLine;
    reinterpret_cast<void (*)()>(line)();
  }

  Area data_;
  Area code_;
  std::uint64_t state_ = 88172645463325252U;
};

}  // namespace

void other_work() {
  static OtherWork work;
  work.go_on();
}

}  // namespace ft::calibrate
