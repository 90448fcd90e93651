#include "sim/whatif/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"
#include "sim/kernel/behaviour.h"

namespace ft::sim::whatif {

namespace {

constexpr std::array<SettingKind, 5> kSettings = {{
    {"thp", "always|madvise|never", "/sys/kernel/mm/transparent_hugepage/enabled"},
    {"thp.<size>", "always|inherit|madvise|never",
     "hugepages-<size>kB/enabled there; <size> is 16kB, 32kB, 64kB ... 2048kB, or 64K, 2M"},
    {"thp.zero_page", "0|1", "use_zero_page there: reads of untouched huge pages share one"},
    {"kernel", "a release as uname -r has it, 6.1 or later",
     "how the kernel behaves; addresses stay the recording's"},
    {"populate", "heap", "MAP_POPULATE in every call that commits Java heap"},
}};

constexpr std::array<JvmFlagKind, 3> kJvmFlags = {{
    {"-Xms<size>", "another initial heap, larger than the recorded one"},
    {"-XX:+UseTransparentHugePages", "commits in huge pages, and advises the kernel to use them"},
    {"-XX:+AlwaysPreTouch", "writes to every page of the heap when it is committed"},
}};

std::string known_settings() {
  std::string text = "allowed: ";
  for (const SettingKind& kind : kSettings) {
    text += fmt::format("{}{}={}", &kind == kSettings.data() ? "" : ", ", kind.key, kind.allowed);
  }
  return text;
}

std::string known_flags() {
  std::string text = "allowed: ";
  for (const JvmFlagKind& kind : kJvmFlags) {
    text += fmt::format("{}{}", &kind == kJvmFlags.data() ? "" : ", ", kind.flag);
  }
  return text;
}

bool is_one_of(std::string_view value, std::string_view allowed) {
  const std::vector<std::string_view> words = split(allowed, '|');
  return std::ranges::find(words, value) != words.end();
}

std::unexpected<Error> refuse(std::string_view key, std::string_view value,
                              std::string_view allowed) {
  return fail(fmt::format("--set {}", key), fmt::format("'{}' is no value of it", value),
              fmt::format("allowed: {}", allowed));
}

// "512m", "4g", "262144"; bytes.
std::optional<std::uint64_t> parse_size(std::string_view text) {
  if (text.empty()) return std::nullopt;
  unsigned shift = 0;
  switch (text.back()) {
    case 'k':
    case 'K':
      shift = 10;
      break;
    case 'm':
    case 'M':
      shift = 20;
      break;
    case 'g':
    case 'G':
      shift = 30;
      break;
    case 't':
    case 'T':
      shift = 40;
      break;
    default:
      break;
  }
  if (shift != 0) text.remove_suffix(1);
  const auto number = parse_integer<std::uint64_t>(text);
  if (!number || *number == 0 || *number > (~std::uint64_t{0} >> shift)) return std::nullopt;
  return *number << shift;
}

// "64kB", "64K", "2M" as the kernel's name for it, "64kB"; nothing where there is no such size.
std::optional<std::string> size_name(std::string_view text) {
  if (text.ends_with("B")) text.remove_suffix(1);
  const auto bytes = parse_size(text);
  for (unsigned order = 2; order <= 9; ++order) {
    if (bytes == kPageSize << order) return fmt::format("{}kB", (kPageSize << order) / kKiB);
  }
  return std::nullopt;
}

}  // namespace

std::span<const SettingKind> setting_kinds() {
  return kSettings;
}
std::span<const JvmFlagKind> jvm_flag_kinds() {
  return kJvmFlags;
}

Result<void> Scenario::set(std::string_view assignment) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos) {
    return fail(fmt::format("--set {}", assignment), "no KEY=VALUE", known_settings());
  }
  const std::string_view key = assignment.substr(0, equals);
  const std::string_view value = assignment.substr(equals + 1);
  if (key == "thp") {
    if (!is_one_of(value, kSettings[0].allowed)) return refuse(key, value, kSettings[0].allowed);
    host_.push_back({"host.thp.enabled", std::string(value)});
  } else if (key == "thp.zero_page") {
    if (!is_one_of(value, kSettings[2].allowed)) return refuse(key, value, kSettings[2].allowed);
    host_.push_back({"host.thp.use_zero_page", std::string(value)});
  } else if (key.starts_with("thp.")) {
    const auto size = size_name(key.substr(4));
    if (!size) {
      return fail(fmt::format("--set {}", key), "there are no transparent pages of that size",
                  "allowed: powers of two from 16kB to 2048kB");
    }
    if (!is_one_of(value, kSettings[1].allowed)) return refuse(key, value, kSettings[1].allowed);
    host_.push_back({"host.thp.size." + *size, std::string(value)});
  } else if (key == "kernel") {
    if (!kernel::Behaviour::of_release(value)) return refuse(key, value, kSettings[3].allowed);
    host_.push_back({"host.kernel", std::string(value)});
  } else if (key == "populate") {
    if (value != "heap") return refuse(key, value, kSettings[4].allowed);
    populate_ = true;
  } else {
    return fail(fmt::format("--set {}", key), "no such key", known_settings());
  }
  return {};
}

Result<void> Scenario::add_jvm_flag(std::string_view flag) {
  const auto named = [&](std::string_view name) {
    return flag.size() == name.size() + 5 && flag.starts_with("-XX:") &&
           (flag[4] == '+' || flag[4] == '-') && flag.substr(5) == name;
  };
  if (named("UseTransparentHugePages")) {
    huge_pages_ = flag[4] == '+';
  } else if (named("AlwaysPreTouch")) {
    pretouch_ = flag[4] == '+';
  } else if (flag.starts_with("-Xms")) {
    const auto bytes = parse_size(flag.substr(4));
    if (!bytes) {
      return fail(fmt::format("--jvm {}", flag), "no size", "allowed: -Xms<size>, as in -Xms1g");
    }
    initial_heap_ = *bytes;
  } else {
    return fail(fmt::format("--jvm {}", flag), "what it changes is not known", known_flags());
  }
  return {};
}

bool Scenario::changes_nothing() const {
  return host_.empty() && initial_heap_ == 0 && !huge_pages_ && !pretouch_ && !populate_;
}

Result<void> Scenario::apply(Draft& draft, Notes& notes) const {
  for (const MetaChange& change : host_) draft.trace().meta[change.key] = change.value;
  if (initial_heap_ != 0) FT_TRY_VOID(set_initial_heap(draft, initial_heap_, notes));
  if (huge_pages_) FT_TRY_VOID(use_transparent_huge_pages(draft, notes));
  if (pretouch_) FT_TRY_VOID(touch_when_committed(draft, huge_pages_, notes));
  if (populate_) FT_TRY_VOID(populate_heap(draft, notes));
  return {};
}

}  // namespace ft::sim::whatif
