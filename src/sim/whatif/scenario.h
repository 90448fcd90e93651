// Scenario is what a user wants to be otherwise than it was recorded: settings of the host and
// flags of the JVM, each with a name, an allowed form and one thing that it does to a draft.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sim/whatif/draft.h"
#include "sim/whatif/jvm_changes.h"

namespace ft::sim::whatif {

// One key of --set.
struct SettingKind {
  std::string_view key;      // "thp", "thp.<size>"
  std::string_view allowed;  // "always|madvise|never"
  std::string_view meaning;
};
std::span<const SettingKind> setting_kinds();

// One flag of --jvm.
struct JvmFlagKind {
  std::string_view flag;  // "-XX:+AlwaysPreTouch"
  std::string_view meaning;
};
std::span<const JvmFlagKind> jvm_flag_kinds();

class Scenario {
 public:
  // "thp=always". Errors name the key and what is allowed.
  Result<void> set(std::string_view assignment);
  // "-XX:+AlwaysPreTouch"; -XX:-... takes one back.
  Result<void> add_jvm_flag(std::string_view flag);

  bool changes_nothing() const;
  // The JVM itself would make other calls: known by experience, not from the recording.
  bool changes_jvm() const { return initial_heap_ != 0 || huge_pages_ || pretouch_; }
  Result<void> apply(Draft& draft, Notes& notes) const;

 private:
  struct MetaChange {
    std::string key;
    std::string value;
  };
  std::vector<MetaChange> host_;
  std::uint64_t initial_heap_ = 0;  // 0: as recorded
  bool huge_pages_ = false;
  bool pretouch_ = false;
  bool populate_ = false;
};

}  // namespace ft::sim::whatif
