// HostFiles reads /proc and /sys below a root of the caller's choice: "" for this host, a folder of
// fixtures in tests.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ft::host {

class HostFiles {
 public:
  explicit HostFiles(std::string root = "") : root_(std::move(root)) {}

  const std::string& root() const { return root_; }
  std::string path(std::string_view below) const { return root_ + std::string(below); }

  // The whole file, 64 MiB at most.
  Result<std::string> read(std::string_view below) const;

  // The file without blanks around; nothing where it cannot be read.
  std::optional<std::string> text(std::string_view below) const;
  std::optional<std::uint64_t> number(std::string_view below) const;

  // Of a file such as "always [madvise] never": the word in brackets, or the whole text where none
  // is.
  std::optional<std::string> choice(std::string_view below) const;

  bool exists(std::string_view below) const;

  // Names in a folder, sorted, without . and ..; empty where it cannot be read.
  std::vector<std::string> names_in(std::string_view below) const;

 private:
  std::string root_;
};

// The numbers of a list such as "0-3,8", ascending as the kernel writes them. Nothing where it is
// malformed or names more than 65,536.
std::optional<std::vector<std::uint32_t>> numbers_of_list(std::string_view list);

// How many numbers a list such as "0-3,8" names. Nothing where it is malformed.
std::optional<std::uint64_t> count_of_list(std::string_view list);

}  // namespace ft::host
