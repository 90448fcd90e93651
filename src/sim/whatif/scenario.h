// Scenario is what a user wants to be otherwise than it was recorded, and what that does to a
// draft: settings of the host, another machine, flags of the JVM.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sim/whatif/draft.h"
#include "sim/whatif/jvm_changes.h"
#include "sim/whatif/memory_plan.h"
#include "sim/whatif/settings.h"
#include "sim/whatif/wishes.h"

namespace ft::sim::whatif {

// One flag of --jvm.
struct JvmFlagKind {
  std::string_view flag;  // "-XX:+AlwaysPreTouch"
  std::string_view meaning;
};
std::span<const JvmFlagKind> jvm_flag_kinds();

class Scenario {
 public:
  // "thp=always". Errors name the key and what is allowed.
  Result<void> set(std::string_view assignment) { return apply_setting(assignment, wishes_); }
  // "-XX:+AlwaysPreTouch"; -XX:-... takes one back.
  Result<void> add_jvm_flag(std::string_view flag);
  // Its settings hold where no key says otherwise.
  void use_machine(std::shared_ptr<const profile::MachineProfile> machine) {
    wishes_.machine = std::move(machine);
  }

  const Wishes& wishes() const { return wishes_; }
  // The JVM itself would make other calls: known by experience, not from the recording.
  bool changes_jvm() const { return wishes_.change_jvm(); }
  Result<void> apply(Draft& draft, Notes& notes) const;
  // The physical memory it takes place in; nothing where frames need only be counted. `recorded`:
  // the trace as it was. Errors: nodes that the machine does not have, and what the machine has to
  // be for the model.
  Result<std::optional<MemoryPlan>> memory(const event::Trace& recorded, Notes& notes) const;

 private:
  bool says_pools() const;
  void take_pools(event::Trace& trace) const;

  Wishes wishes_;
};

}  // namespace ft::sim::whatif
