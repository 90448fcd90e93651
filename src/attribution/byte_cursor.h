// ByteCursor reads DWARF's numbers off a span of bytes that came from anywhere. A read past the end
// gives 0, reads nothing more and is remembered: check ok() once after a group of reads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace ft::attribution {

class ByteCursor {
 public:
  explicit ByteCursor(std::span<const std::byte> bytes, std::size_t position = 0)
      : bytes_(bytes), position_(std::min(position, bytes.size())) {
    ok_ = position <= bytes.size();
  }

  bool ok() const { return ok_; }
  bool at_end() const { return !ok_ || position_ == bytes_.size(); }
  std::size_t position() const { return position_; }
  std::size_t remaining() const { return ok_ ? bytes_.size() - position_ : 0; }

  // Little endian, as the machine is.
  template <typename Integer>
  Integer read() {
    Integer value{};
    if (remaining() < sizeof value) {
      ok_ = false;
      return value;
    }
    std::memcpy(&value, bytes_.data() + position_, sizeof value);
    position_ += sizeof value;
    return value;
  }

  // Bits above the 64th are dropped, as every consumer of DWARF does.
  std::uint64_t uleb() { return leb().value; }

  std::int64_t sleb() {
    Leb leb = this->leb();
    if (leb.negative && leb.bits < 64) leb.value |= ~std::uint64_t{0} << leb.bits;
    return static_cast<std::int64_t>(leb.value);
  }

  void skip(std::uint64_t count) {
    if (count > remaining()) {
      ok_ = false;
    } else {
      position_ += static_cast<std::size_t>(count);
    }
  }

 private:
  struct Leb {
    std::uint64_t value = 0;
    unsigned bits = 0;
    bool negative = false;  // read as signed
  };

  Leb leb() {
    Leb result;
    for (bool more = true; more && ok_;) {
      const auto byte = read<std::uint8_t>();
      if (result.bits < 64) result.value |= std::uint64_t{byte & 0x7fU} << result.bits;
      result.bits = std::min(result.bits + 7, 70U);
      result.negative = (byte & 0x40U) != 0;
      more = (byte & 0x80U) != 0;
    }
    return result;
  }

  std::span<const std::byte> bytes_;
  std::size_t position_;
  bool ok_;
};

}  // namespace ft::attribution
