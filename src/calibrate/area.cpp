#include "calibrate/area.h"

#include <sys/mman.h>

#include <cerrno>

#include "base/units.h"

namespace ft::calibrate {

Area Area::map(std::size_t bytes, int protection, int flags, std::size_t alignment) {
  Area area;
  const int kind = (flags & (MAP_SHARED | MAP_PRIVATE)) == 0 ? MAP_PRIVATE : 0;
  if (alignment <= kPageSize || (flags & MAP_HUGETLB) != 0) {
    void* start = ::mmap(nullptr, bytes, protection, flags | kind | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) return area;
    area.start_ = static_cast<char*>(start);
    area.bytes_ = bytes;
    return area;
  }
  // A larger reserve, of which the ends are given back.
  const std::size_t reserve = bytes + alignment;
  void* raw =
      ::mmap(nullptr, reserve, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (raw == MAP_FAILED) return area;
  auto* const begin = static_cast<char*>(raw);
  const std::uintptr_t past = reinterpret_cast<std::uintptr_t>(begin) & (alignment - 1);
  char* const start = past == 0 ? begin : begin + (alignment - past);
  if (start != begin) ::munmap(begin, static_cast<std::size_t>(start - begin));
  const auto tail = static_cast<std::size_t>(begin + reserve - (start + bytes));
  if (tail != 0) ::munmap(start + bytes, tail);
  if (::mmap(start, bytes, protection, flags | kind | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
      MAP_FAILED) {
    const int error = errno;
    ::munmap(start, bytes);
    errno = error;
    return area;
  }
  area.start_ = start;
  area.bytes_ = bytes;
  return area;
}

Area Area::small_pages(std::size_t bytes) {
  Area area = map(bytes, PROT_READ | PROT_WRITE, MAP_NORESERVE, kHugePageSize);
  // Fails where the kernel has no huge pages: then there is nothing to switch off.
  if (area) ::madvise(area.start_, bytes, MADV_NOHUGEPAGE);
  return area;
}

char* Area::page(std::uint64_t index) const {
  return start_ + index * kPageSize;
}

void Area::reset() {
  if (start_) ::munmap(start_, bytes_);
  start_ = nullptr;
  bytes_ = 0;
}

}  // namespace ft::calibrate
