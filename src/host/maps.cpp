#include "host/maps.h"

namespace ft::host {

namespace {

bool take_right(std::string_view& rest, char letter, bool& has) {
  if (rest.empty() || (rest.front() != letter && rest.front() != '-')) return false;
  has = rest.front() == letter;
  rest.remove_prefix(1);
  return true;
}

bool take_sharing(std::string_view& rest, bool& shared) {
  // 's' and 'p'; old kernels print 'S' for an area that may become shared.
  if (rest.empty() || (rest.front() != 's' && rest.front() != 'S' && rest.front() != 'p')) {
    return false;
  }
  shared = rest.front() != 'p';
  rest.remove_prefix(1);
  return true;
}

template <typename Integer>
bool take_into(std::string_view& rest, Integer& value, int base) {
  const std::optional<Integer> number = take_number<Integer>(rest, base);
  if (number) value = *number;
  return number.has_value();
}

}  // namespace

std::string permissions(const Vma& vma) {
  return {vma.readable ? 'r' : '-', vma.writable ? 'w' : '-', vma.executable ? 'x' : '-',
          vma.shared ? 's' : 'p'};
}

Result<Vma> parse_vma(const LineReader& at, std::string_view line) {
  Vma vma;
  std::string_view rest = line;
  if (!take_into(rest, vma.range.start, 16)) return at.expected_at(rest, "a hexadecimal address");
  if (!take_char(rest, '-')) return at.expected_at(rest, "'-'");
  if (!take_into(rest, vma.range.end, 16)) return at.expected_at(rest, "a hexadecimal address");
  if (vma.range.empty()) return at.fail_at(line, "the area ends before it starts");
  if (!take_char(rest, ' ')) return at.expected_at(rest, "a blank");
  if (!take_right(rest, 'r', vma.readable) || !take_right(rest, 'w', vma.writable) ||
      !take_right(rest, 'x', vma.executable) || !take_sharing(rest, vma.shared)) {
    return at.expected_at(rest, "rights such as rw-p");
  }
  if (!take_char(rest, ' ')) return at.expected_at(rest, "a blank");
  if (!take_into(rest, vma.offset, 16)) return at.expected_at(rest, "a hexadecimal file offset");
  if (!take_char(rest, ' ')) return at.expected_at(rest, "a blank");
  if (!take_into(rest, vma.device_major, 16) || !take_char(rest, ':') ||
      !take_into(rest, vma.device_minor, 16)) {
    return at.expected_at(rest, "a device such as fe:00");
  }
  if (!take_char(rest, ' ')) return at.expected_at(rest, "a blank");
  if (!take_into(rest, vma.inode, 10)) return at.expected_at(rest, "an inode number");
  if (!rest.empty() && rest.front() != ' ') return at.expected_at(rest, "a blank");
  skip_blanks(rest);
  vma.name.assign(rest);
  return vma;
}

Result<std::vector<Vma>> parse_maps(std::string_view text, std::string_view name) {
  std::vector<Vma> vmas;
  LineReader lines(text, name);
  for (std::string_view line; lines.next(line);) {
    vmas.push_back(FT_TRY(parse_vma(lines, line)));
  }
  return vmas;
}

}  // namespace ft::host
