#include "host/content_sample.h"

#include <sys/uio.h>

#include <algorithm>
#include <cstring>

#include "base/units.h"

namespace ft::host {

void HugePageSample::add(AddressRange run) {
  std::uint64_t at = (run.start + kHugePageSize - 1) / kHugePageSize * kHugePageSize;
  for (; at + kHugePageSize <= run.end; at += kHugePageSize) {
    if (seen_++ % step_ != 0) continue;
    if (pages_.size() == 2 * kMost) {
      // Every second of them stays, and from here on half as many come.
      std::size_t kept = 0;
      for (std::size_t i = 0; i < pages_.size(); i += 2) pages_[kept++] = pages_[i];
      pages_.resize(kept);
      step_ *= 2;
      if ((seen_ - 1) % step_ != 0) continue;
    }
    pages_.push_back(at);
  }
}

std::optional<double> HugePageSample::used_share(pid_t pid) const {
  std::vector<std::byte> content(kHugePageSize);
  const std::vector<std::byte> zeroes(kPageSize);
  std::uint64_t looked_at = 0;
  std::uint64_t used = 0;
  const std::size_t step = pages_.size() > kMost ? 2 : 1;
  for (std::size_t i = 0; i < pages_.size(); i += step) {
    const iovec local{content.data(), content.size()};
    const iovec remote{reinterpret_cast<void*>(pages_[i]), content.size()};
    const ssize_t got = ::process_vm_readv(pid, &local, 1, &remote, 1, 0);
    if (got != static_cast<ssize_t>(content.size())) continue;
    for (std::size_t at = 0; at < content.size(); at += kPageSize) {
      ++looked_at;
      if (std::memcmp(content.data() + at, zeroes.data(), kPageSize) != 0) ++used;
    }
  }
  if (looked_at == 0) return std::nullopt;
  return static_cast<double>(used) / static_cast<double>(looked_at);
}

}  // namespace ft::host
