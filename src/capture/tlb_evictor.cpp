#include "capture/tlb_evictor.h"

#include <sched.h>
#include <sys/mman.h>

#include <cerrno>
#include <utility>

#include "base/units.h"

namespace ft::capture {

namespace {

// Twice the largest TLB there is (Zen 5: 4,096 entries): what is replaced is not always the oldest.
constexpr std::size_t kPages = 8192;
constexpr std::size_t kBytes = kPages * kPageSize;
constexpr unsigned char kReturn = 0xc3;  // x86-64: ret

// Pages' bytes lie in different lines, lest they all fall into one set of the data cache; never in
// the first, for what checks calls (UBSan) looks at the bytes before a function.
constexpr std::size_t place_in(std::size_t page) {
  constexpr std::size_t kLine = 64;
  return page * kPageSize + (1 + page % (kPageSize / kLine - 1)) * kLine;
}

}  // namespace

Result<TlbEvictor> TlbEvictor::make() {
  void* at = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return fail_errno("memory to evict TLBs with", errno);
  TlbEvictor evictor;
  evictor.pages_ = static_cast<unsigned char*>(at);
  ::madvise(at, kBytes, MADV_NOHUGEPAGE);
  for (std::size_t page = 0; page < kPages; ++page) evictor.pages_[place_in(page)] = kReturn;
#ifdef __x86_64__
  evictor.executable_ = ::mprotect(at, kBytes, PROT_READ | PROT_EXEC) == 0;
#endif
  return evictor;
}

TlbEvictor::TlbEvictor(TlbEvictor&& other) noexcept
    : pages_(std::exchange(other.pages_, nullptr)), executable_(other.executable_) {}

TlbEvictor::~TlbEvictor() {
  if (pages_) ::munmap(pages_, kBytes);
}

void TlbEvictor::use_all_pages() const {
  const volatile unsigned char* bytes = pages_;
  unsigned sum = 0;
  for (std::size_t page = 0; page < kPages; ++page) sum += bytes[place_in(page)];
  static_cast<void>(sum);
  if (!executable_) return;
  for (std::size_t page = 0; page < kPages; ++page) {
    using Function = void (*)();
    reinterpret_cast<Function>(pages_ + place_in(page))();
  }
}

std::size_t TlbEvictor::evict(const std::set<int>& cpus) const {
  cpu_set_t before;
  if (::sched_getaffinity(0, sizeof before, &before) != 0) return 0;
  std::size_t done = 0;
  for (const int cpu : cpus) {
    if (cpu < 0 || cpu >= CPU_SETSIZE) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    if (::sched_setaffinity(0, sizeof one, &one) != 0) continue;
    use_all_pages();
    ++done;
  }
  ::sched_setaffinity(0, sizeof before, &before);
  return done;
}

}  // namespace ft::capture
