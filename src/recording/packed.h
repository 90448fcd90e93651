// Numbers and byte strings packed one after the other, as the blobs of small tables hold them:
// numbers of seven bits a byte, lowest first, the top bit set on all but the last byte.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ft::recording {

class PackedWriter {
 public:
  void number(std::uint64_t value) {
    while (value >= 0x80) {
      bytes_ += static_cast<char>(value | 0x80);
      value >>= 7U;
    }
    bytes_ += static_cast<char>(value);
  }
  void string(std::string_view text) {
    number(text.size());
    bytes_ += text;
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Takes any bytes; nothing where the next item is damaged or missing.
class PackedReader {
 public:
  explicit PackedReader(std::string_view bytes) : bytes_(bytes) {}

  std::optional<std::uint64_t> number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && at_ < bytes_.size(); shift += 7) {
      const std::uint64_t byte = static_cast<std::uint8_t>(bytes_[at_++]);
      if (shift == 63 && byte > 1) return std::nullopt;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }

  std::optional<std::string_view> string() {
    const std::optional<std::uint64_t> size = number();
    if (!size || *size > bytes_.size() - at_) return std::nullopt;
    const std::string_view text = bytes_.substr(at_, *size);
    at_ += *size;
    return text;
  }

  std::size_t offset() const { return at_; }
  bool at_end() const { return at_ == bytes_.size(); }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
};

}  // namespace ft::recording
