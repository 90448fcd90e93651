// Scanner walks over one line of a log. It never reads past the end: peek() there is '\0'.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace ft::capture::strace {

class Scanner {
 public:
  explicit Scanner(std::string_view line)
      : begin_(line.data()), at_(line.data()), end_(line.data() + line.size()) {}

  bool done() const { return at_ == end_; }
  char peek() const { return at_ == end_ ? '\0' : *at_; }
  char peek_at(std::size_t ahead) const {
    return ahead < static_cast<std::size_t>(end_ - at_) ? at_[ahead] : '\0';
  }
  void advance() { at_ += at_ != end_; }
  // REQUIRES: count characters are left.
  void advance(std::size_t count) { at_ += count; }

  const char* position() const { return at_; }
  void move_to(const char* position) { at_ = position; }
  // 0-based, for messages.
  std::size_t offset() const { return static_cast<std::size_t>(at_ - begin_); }
  std::string_view rest() const { return {at_, static_cast<std::size_t>(end_ - at_)}; }
  std::string_view since(const char* start) const {
    return {start, static_cast<std::size_t>(at_ - start)};
  }

  bool take(char c) {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }

  bool take(std::string_view text) {
    if (!rest().starts_with(text)) return false;
    at_ += text.size();
    return true;
  }

  void skip_blanks() {
    while (at_ != end_ && *at_ == ' ') ++at_;
  }

  // To the next of either character, or to the end.
  void skip_to(char a, char b) {
    for (; end_ - at_ >= 8; at_ += 8) {
      const std::uint64_t eight = load_eight(at_);
      const std::uint64_t found = zero_bytes(eight ^ (kEachByte * static_cast<unsigned char>(a))) |
                                  zero_bytes(eight ^ (kEachByte * static_cast<unsigned char>(b)));
      if (found == 0) continue;
      at_ += std::countr_zero(found) / 8;
      return;
    }
    while (at_ != end_ && *at_ != a && *at_ != b) ++at_;
  }

  static bool is_digit(char c) { return c >= '0' && c <= '9'; }

  // Six decimal digits where exactly six stand, as in nearly every time.
  bool take_six_digits(std::uint64_t& value) {
    if (end_ - at_ < 8 || is_digit(at_[6])) return false;
    // Two zeros in front make it eight digits, the first in the lowest byte.
    std::uint64_t digits = load_eight(at_) << 16U | 0x3030;
    const std::uint64_t high_nibbles = 0xf0 * kEachByte;
    const bool all_digits =
        ((digits & high_nibbles) | ((digits + 0x06 * kEachByte) & high_nibbles) >> 4U) ==
        0x33 * kEachByte;
    if (!all_digits) return false;
    // Neighbours are joined into numbers of two digits, then of four, then of eight.
    digits -= 0x30 * kEachByte;
    digits = digits * 10 + (digits >> 8U);
    constexpr std::uint64_t kPairs = 0x0000'00ff'0000'00ff;
    constexpr std::uint64_t kOuter = 100 | std::uint64_t{1'000'000} << 32U;
    constexpr std::uint64_t kInner = 1 | std::uint64_t{10'000} << 32U;
    value = ((digits & kPairs) * kOuter + (digits >> 16U & kPairs) * kInner) >> 32U;
    at_ += 6;
    return true;
  }

  // Decimal digits; false where there is none or the value does not fit.
  bool take_decimal(std::uint64_t& value) {
    const char* start = at_;
    std::uint64_t sum = 0;
    while (at_ != end_ && is_digit(*at_)) {
      const auto digit = static_cast<std::uint64_t>(*at_ - '0');
      if (at_ - start >= 19 && sum > (UINT64_MAX - digit) / 10) return false;
      sum = sum * 10 + digit;
      ++at_;
    }
    value = sum;
    return at_ != start;
  }

  // Hexadecimal digits without "0x", at most 16 that count.
  bool take_hex(std::uint64_t& value) {
    const char* start = at_;
    std::uint64_t sum = 0;
    while (at_ != end_) {
      const int digit = hex_digit(*at_);
      if (digit < 0) break;
      if (sum >> 60U) return false;
      sum = (sum << 4U) | static_cast<std::uint64_t>(digit);
      ++at_;
    }
    value = sum;
    return at_ != start;
  }

  // -1 where it is none.
  static int hex_digit(char c) { return kHexDigits[static_cast<unsigned char>(c)]; }

 private:
  static constexpr std::uint64_t kEachByte = 0x0101'0101'0101'0101;

  static std::uint64_t load_eight(const char* from) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, from, sizeof eight);
    return eight;
  }
  // The top bit of each byte that is zero; above the lowest of them, of others too.
  static std::uint64_t zero_bytes(std::uint64_t bytes) {
    return (bytes - kEachByte) & ~bytes & 0x80 * kEachByte;
  }

  static constexpr std::array<std::int8_t, 256> kHexDigits = [] {
    std::array<std::int8_t, 256> digits{};
    digits.fill(-1);
    std::int8_t value = 0;
    for (const char c : std::string_view("0123456789abcdef")) {
      digits[static_cast<unsigned char>(c)] = value;
      if (c >= 'a') digits[static_cast<unsigned char>(c - 'a' + 'A')] = value;
      ++value;
    }
    return digits;
  }();

  const char* begin_;
  const char* at_;
  const char* end_;
};

}  // namespace ft::capture::strace
