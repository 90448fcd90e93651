// TomlView reads one table of a TOML file: each key asked for by name, type and range, keys nobody
// asked for told at the end. Every error says "file:line:column", the key and what is allowed.
#pragma once

#ifndef TOML_HEADER_ONLY
#define TOML_HEADER_ONLY 1
#endif
#define TOML_EXCEPTIONS 0
// toml++ 3.3 asserts that "[[" is followed by a key, and after it reports that none is.
#define TOML_ASSERT(expression) static_assert(true)
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ft::sim::profile {

class TomlView {
 public:
  // `path`: of the table, "" or "node[0]". The table outlives the view.
  TomlView(const toml::table& table, std::string file, std::string path)
      : table_(&table), file_(std::move(file)), path_(std::move(path)) {}

  // Nothing where the key is not there.
  Result<std::optional<std::string>> text(std::string_view key);
  Result<std::optional<bool>> flag(std::string_view key);
  Result<std::optional<std::uint64_t>> whole(std::string_view key, std::uint64_t least,
                                             std::uint64_t most);
  Result<std::optional<double>> number(std::string_view key, double least, double most);
  // An integer of bytes, or text such as "16G".
  Result<std::optional<std::uint64_t>> bytes(std::string_view key, std::uint64_t least,
                                             std::uint64_t most);
  Result<std::optional<std::string>> one_of(std::string_view key,
                                            std::span<const std::string_view> allowed);
  Result<std::optional<TomlView>> table(std::string_view key);
  // [[key]], or key = [ {...}, ... ]
  Result<std::vector<TomlView>> tables(std::string_view key);
  const toml::node* node(std::string_view key);

  // An error where a key is there that was never asked for.
  Result<void> nothing_else() const;

  // Each key, for tables whose keys are names of the user's.
  std::vector<std::string> keys() const;

  std::unexpected<Error> wrong(std::string_view key, std::string why,
                               std::string allowed = {}) const;
  std::unexpected<Error> wrong_at(const toml::node& node, std::string_view key, std::string why,
                                  std::string allowed = {}) const;
  std::unexpected<Error> missing(std::string_view key, std::string allowed) const;
  std::string full(std::string_view key) const;  // "node[0].memory"
  const std::string& file() const { return file_; }

 private:
  std::unexpected<Error> wrong_type(const toml::node& node, std::string_view key,
                                    std::string_view wanted) const;

  const toml::table* table_;
  std::string file_;
  std::string path_;
  std::vector<std::string> asked_;
};

// "8G" or 8589934592 as bytes, where it is one.
std::optional<std::uint64_t> bytes_of(const toml::node& node);

}  // namespace ft::sim::profile
