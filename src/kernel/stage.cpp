#include "kernel/stage.h"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>

#include "base/check.h"
#include "base/text.h"
#include "kernel/stage_table.h"

namespace ft::kernel {

namespace {

struct Meaning {
  Stage stage = Stage::Unknown;
  Weight weight = Weight::Helper;
};

// The table, ready to be asked.
class Lookup {
 public:
  Lookup() {
    for (const Names& entry : stage_table()) {
      std::string_view rest = entry.names;
      for (std::string_view name = take_word(rest); !name.empty(); name = take_word(rest)) {
        const Meaning meaning{entry.stage, entry.weight};
        if (name.ends_with('*')) {
          name.remove_suffix(1);
          longest_prefix_ = std::max(longest_prefix_, name.size());
          prefixes_.emplace(name, meaning);
        } else {
          names_.emplace(name, meaning);
        }
      }
    }
  }

  std::optional<Meaning> find(std::string_view name) const {
    if (const auto found = names_.find(name); found != names_.end()) return found->second;
    for (std::size_t size = std::min(name.size(), longest_prefix_); size > 0; --size) {
      const auto found = prefixes_.find(name.substr(0, size));
      if (found != prefixes_.end()) return found->second;
    }
    return std::nullopt;
  }

 private:
  std::unordered_map<std::string_view, Meaning> names_;
  std::unordered_map<std::string_view, Meaning> prefixes_;
  std::size_t longest_prefix_ = 0;
};

const Lookup& lookup() {
  static const Lookup kLookup;
  return kLookup;
}

bool is_fault_entry(std::string_view name) {
  return name == "do_user_addr_fault" || name == "exc_page_fault" || name == "asm_exc_page_fault" ||
         name == "handle_page_fault";
}

}  // namespace

std::string_view name_of(Stage stage) {
  constexpr std::array<std::string_view, kStageCount> kNames = {
      "user",
      "trap entry and exit",
      "area lookup and locking",
      "cgroup charge",
      "page allocation: per-CPU lists",
      "page allocation: buddy",
      "page allocation: slow path",
      "zeroing",
      "copying pages",
      "reverse map and LRU",
      "entries and tables",
      "file mapping and fault-around",
      "mmap: gap, area, tree",
      "unmap and free",
      "mprotect",
      "TLB flush",
      "exec",
      "page cache, files and I/O",
      "scheduling and futex",
      "threads and processes",
      "other system calls",
      "interrupts",
      "virtualisation",
      "recording",
      "unknown",
  };
  const auto index = static_cast<std::size_t>(stage);
  FT_CHECK(index < kNames.size());
  return kNames[index];
}

std::string_view base_name(std::string_view function) {
  // ".isra.0", ".constprop.0", ".part.0", ".cold", ".llvm.123": C has no dots in names.
  if (const auto dot = function.find('.', 1); dot != std::string_view::npos) {
    function = function.substr(0, dot);
  }
  // The padding in front of a function (CONFIG_CALL_PADDING) is a symbol too, and so is its alias
  // for position-independent code.
  for (const std::string_view prefix : {"__pfx_", "__pi_"}) {
    if (function.starts_with(prefix)) function.remove_prefix(prefix.size());
  }
  return function;
}

Classified classify(std::span<const std::string_view> functions) {
  std::optional<Stage> decided;
  std::optional<Stage> helped;
  bool entry = false;
  std::string_view unclassified;
  for (const std::string_view function : functions) {
    const std::string_view name = base_name(function);
    const auto meaning = name.empty() ? std::nullopt : lookup().find(name);
    if (!meaning) {
      if (!decided && unclassified.empty()) unclassified = name;
      continue;
    }
    switch (meaning->weight) {
      case Weight::Overrules:
        return {.stage = meaning->stage, .unclassified = {}};
      case Weight::Decides:
        if (!decided) decided = meaning->stage;
        break;
      case Weight::Helps:
        if (!helped) helped = meaning->stage;
        break;
      case Weight::Entry:
        entry = true;
        break;
      case Weight::Helper:
        break;
    }
  }
  if (decided) return {.stage = *decided, .unclassified = {}};
  if (helped) return {.stage = *helped, .unclassified = {}};
  if (entry && unclassified.empty()) return {.stage = Stage::Trap, .unclassified = {}};
  if (unclassified.empty() && !functions.empty()) unclassified = base_name(functions.front());
  return {.stage = Stage::Unknown, .unclassified = unclassified};
}

InFault in_fault(std::span<const std::string_view> functions) {
  for (std::size_t depth = 0; depth < functions.size(); ++depth) {
    if (is_fault_entry(base_name(functions[depth]))) {
      return depth == 0 ? InFault::Edge : InFault::Inside;
    }
  }
  return InFault::No;
}

std::string_view system_call_of(std::span<const std::string_view> functions) {
  for (const std::string_view function : functions) {
    const std::string_view name = base_name(function);
    for (const std::string_view prefix : {"__x64_sys_", "__do_sys_", "__se_sys_"}) {
      if (name.starts_with(prefix)) return name.substr(prefix.size());
    }
  }
  return {};
}

std::vector<std::string_view> names_in_table() {
  std::vector<std::string_view> names;
  for (const Names& entry : stage_table()) {
    std::string_view rest = entry.names;
    for (std::string_view name = take_word(rest); !name.empty(); name = take_word(rest)) {
      names.push_back(name);
    }
  }
  return names;
}

}  // namespace ft::kernel
