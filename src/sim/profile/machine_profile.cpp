#include "sim/profile/machine_profile.h"

#include <array>

#include "base/text.h"

namespace ft::sim::profile {

namespace {

// "6.12.30-amd64" is 6, 12, 30.
std::optional<std::array<unsigned, 3>> numbers_of(std::string_view release) {
  std::array<unsigned, 3> numbers = {};
  const std::string_view digits = release.substr(0, release.find_first_not_of("0123456789."));
  std::size_t at = 0;
  for (const std::string_view part : split(digits, '.')) {
    const auto number = parse_integer<unsigned>(part);
    if (!number || at == numbers.size()) break;
    numbers[at++] = *number;
  }
  return at < 2 ? std::nullopt : std::optional(numbers);
}

}  // namespace

std::string_view name_of(Defrag defrag) {
  switch (defrag) {
    case Defrag::Always:
      return "always";
    case Defrag::Defer:
      return "defer";
    case Defrag::DeferMadvise:
      return "defer+madvise";
    case Defrag::Madvise:
      return "madvise";
    case Defrag::Never:
      return "never";
  }
  return "";
}

phys::AllocatorRules allocator_rules(std::string_view release) {
  using Release = std::array<unsigned, 3>;
  const auto numbers = numbers_of(release);
  if (!numbers) return {};
  const bool stable_6_12 = (*numbers)[0] == 6 && (*numbers)[1] == 12;
  return {.claims_before_stealing =
              *numbers >= Release{6, 15, 0} || (stable_6_12 && (*numbers)[2] >= 26),
          .tunes_cpu_lists = *numbers >= Release{6, 7, 0},
          .large_bursts_stay = *numbers >= Release{6, 16, 0}};
}

Result<phys::MemoryStart> memory_start(const MachineProfile& machine, std::string_view release) {
  if (machine.memory_now) return *machine.memory_now;
  phys::MemoryStart start = FT_TRY(machine.topology.memory_start());
  start.rules = allocator_rules(release);
  start.settings.user_min_free_kbytes = machine.kernel.min_free_kbytes;
  if (machine.kernel.watermark_scale_factor) {
    start.settings.watermark_scale_factor = *machine.kernel.watermark_scale_factor;
  }
  start.settings.huge_pages = machine.kernel.thp != "never";
  return start;
}

}  // namespace ft::sim::profile
