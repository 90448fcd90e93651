// The VmFlags of smaps: the kernel's own flags of an area as two-letter codes (fs/proc/task_mmu.c
// show_smap_vma_flags).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace ft::host {

// A set of codes. Codes this table does not know (of newer kernels) are remembered as `unknown`.
class VmFlags {
 public:
  // False where the code is not two characters; it is then not added.
  bool add(std::string_view code) {
    if (code.size() != 2) return false;
    const int bit = position(code);
    if (bit < 0)
      unknown_ = true;
    else
      bits_ |= std::uint64_t{1} << static_cast<unsigned>(bit);
    return true;
  }

  void forget_unknown() { unknown_ = false; }
  void remove(std::string_view code) {
    const int bit = position(code);
    if (bit >= 0) bits_ &= ~(std::uint64_t{1} << static_cast<unsigned>(bit));
  }

  // REQUIRES: `code` is one of kCodes; false otherwise.
  bool has(std::string_view code) const {
    const int bit = position(code);
    return bit >= 0 && ((bits_ >> static_cast<unsigned>(bit)) & 1U) != 0;
  }

  bool accounted() const { return has("ac"); }  // counts towards Committed_AS
  bool noreserve() const { return has("nr"); }  // MAP_NORESERVE
  bool hugetlb() const { return has("ht"); }    // from a huge page pool
  bool advised_huge() const { return has("hg"); }
  bool advised_small() const { return has("nh"); }
  bool locked() const { return has("lo"); }
  bool grows_down() const { return has("gd"); }  // a main stack
  bool has_unknown() const { return unknown_; }
  bool empty() const { return bits_ == 0 && !unknown_; }

  bool operator==(const VmFlags&) const = default;

  static constexpr std::array<std::string_view, 46> kCodes = {
      "rd", "wr", "ex", "sh", "mr", "mw", "me", "ms", "gd", "pf", "dw", "lo",
      "io", "sr", "rr", "dc", "de", "lf", "ac", "nr", "ht", "sf", "nl", "ar",
      "wf", "dd", "sd", "mm", "hg", "nh", "mg", "um", "uw", "mt", "bt", "ui",
      "ss", "sl", "dp", "gu", "pk", "mp", "us", "fs", "xp", "uf"};

 private:
  static constexpr unsigned kLetters = 26;

  static constexpr bool is_letter(char c) { return c >= 'a' && c <= 'z'; }

  // Bit of each pair of letters, -1 where it is no code: a text of 50,000 areas asks half a million
  // times.
  static constexpr std::array<std::int8_t, std::size_t{kLetters} * kLetters> make_positions() {
    std::array<std::int8_t, std::size_t{kLetters} * kLetters> positions{};
    positions.fill(-1);
    for (std::size_t bit = 0; bit < kCodes.size(); ++bit) {
      positions[index_of(kCodes[bit])] = static_cast<std::int8_t>(bit);
    }
    return positions;
  }
  static constexpr std::size_t index_of(std::string_view code) {
    return static_cast<std::size_t>(code[0] - 'a') * kLetters +
           static_cast<std::size_t>(code[1] - 'a');
  }
  static int position(std::string_view code);

  std::uint64_t bits_ = 0;
  bool unknown_ = false;
};

inline int VmFlags::position(std::string_view code) {
  static constexpr auto kPositions = make_positions();
  if (code.size() != 2 || !is_letter(code[0]) || !is_letter(code[1])) return -1;
  return kPositions[index_of(code)];
}

}  // namespace ft::host
