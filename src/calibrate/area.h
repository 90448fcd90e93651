// Area is a piece of this process's address space that an exercise works on, unmapped at its end
// (with whatever was mapped over it).
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace ft::calibrate {

class Area {
 public:
  Area() = default;
  // Anonymous and private where `flags` do not say otherwise. A failure leaves it empty, with
  // errno. `alignment`: a power of two, at least a page.
  static Area map(std::size_t bytes, int protection, int flags, std::size_t alignment);
  // Private anonymous memory that is never given huge pages.
  static Area small_pages(std::size_t bytes);

  Area(Area&& other) noexcept
      : start_(std::exchange(other.start_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Area& operator=(Area&& other) noexcept {
    if (this != &other) {
      reset();
      start_ = std::exchange(other.start_, nullptr);
      bytes_ = std::exchange(other.bytes_, 0);
    }
    return *this;
  }
  ~Area() { reset(); }

  explicit operator bool() const { return start_ != nullptr; }
  char* data() const { return start_; }
  char* page(std::uint64_t index) const;
  std::size_t bytes() const { return bytes_; }
  void reset();

 private:
  char* start_ = nullptr;
  std::size_t bytes_ = 0;
};

// One access that the compiler keeps.
inline void write_byte(char* at) {
  *static_cast<volatile char*>(at) = 1;
}
inline void read_byte(const char* at) {
  (void)*static_cast<const volatile char*>(at);
}

}  // namespace ft::calibrate
