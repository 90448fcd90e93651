#include "host/host_files.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "base/fd.h"
#include "base/text.h"
#include "base/units.h"
#include "host/line_reader.h"

namespace ft::host {

Result<std::string> HostFiles::read(std::string_view below) const {
  return read_file(path(below), 64 * kMiB);
}

std::optional<std::string> HostFiles::text(std::string_view below) const {
  const Result<std::string> content = read(below);
  if (!content) return std::nullopt;
  return std::string(trim(*content));
}

std::optional<std::uint64_t> HostFiles::number(std::string_view below) const {
  const std::optional<std::string> content = text(below);
  return content ? parse_integer<std::uint64_t>(*content) : std::nullopt;
}

std::optional<std::string> HostFiles::choice(std::string_view below) const {
  std::optional<std::string> content = text(below);
  if (!content) return std::nullopt;
  const std::size_t open = content->find('[');
  const std::size_t close = content->find(']', open == std::string::npos ? 0 : open);
  if (open == std::string::npos || close == std::string::npos) return content;
  return content->substr(open + 1, close - open - 1);
}

bool HostFiles::exists(std::string_view below) const {
  return ::access(path(below).c_str(), F_OK) == 0;
}

std::vector<std::string> HostFiles::names_in(std::string_view below) const {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path(below).c_str()), ::closedir);
  if (!folder) return names;
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::ranges::sort(names);
  return names;
}

namespace {

// Takes "3" or "0-3" off the front, and the comma behind it where more follows.
struct ListPart {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
};
std::optional<ListPart> take_part(std::string_view& list) {
  const auto first = take_number<std::uint32_t>(list);
  if (!first) return std::nullopt;
  ListPart part{*first, *first};
  if (take_char(list, '-')) {
    const auto end = take_number<std::uint32_t>(list);
    if (!end || *end < *first) return std::nullopt;
    part.last = *end;
  }
  if (!list.empty() && (!take_char(list, ',') || list.empty())) return std::nullopt;
  return part;
}

}  // namespace

std::optional<std::vector<std::uint32_t>> numbers_of_list(std::string_view list) {
  constexpr std::uint64_t kMost = 65'536;
  std::vector<std::uint32_t> numbers;
  list = trim(list);
  while (!list.empty()) {
    const auto part = take_part(list);
    if (!part || numbers.size() + part->last - part->first + 1 > kMost) return std::nullopt;
    for (std::uint64_t n = part->first; n <= part->last; ++n) {
      numbers.push_back(static_cast<std::uint32_t>(n));
    }
  }
  return numbers;
}

std::optional<std::uint64_t> count_of_list(std::string_view list) {
  std::uint64_t count = 0;
  list = trim(list);
  while (!list.empty()) {
    const auto part = take_part(list);
    if (!part) return std::nullopt;
    count += std::uint64_t{part->last} - part->first + 1;
  }
  return count;
}

}  // namespace ft::host
