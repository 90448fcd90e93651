// The keys of --set: each has a name, an allowed form, and one function that puts its value into
// the wishes. A new key is a row of the table in settings.cpp.
#pragma once

#include <span>
#include <string_view>

#include "base/result.h"
#include "sim/whatif/wishes.h"

namespace ft::sim::whatif {

// One key of --set.
struct SettingKind {
  std::string_view key;      // "thp", "thp.<size>"
  std::string_view allowed;  // "always|madvise|never"
  std::string_view meaning;
};
std::span<const SettingKind> setting_kinds();

// "thp=always". Errors name the key and what is allowed.
Result<void> apply_setting(std::string_view assignment, Wishes& wishes);

}  // namespace ft::sim::whatif
