#include "sim/kernel/behaviour.h"

#include <charconv>
#include <compare>
#include <optional>

namespace ft::sim::kernel {

namespace {

struct Release {
  unsigned major = 0;
  unsigned minor = 0;

  auto operator<=>(const Release&) const = default;
};

// "6.18.44-fc": the two numbers in front. Whatever follows must not continue the second.
std::optional<Release> parse_release(std::string_view text) {
  const char* end = text.data() + text.size();
  Release release;
  const auto major = std::from_chars(text.data(), end, release.major);
  if (major.ec != std::errc{} || major.ptr == end || *major.ptr != '.') return std::nullopt;
  const auto minor = std::from_chars(major.ptr + 1, end, release.minor);
  if (minor.ec != std::errc{}) return std::nullopt;
  if (minor.ptr != end && *minor.ptr != '.' && *minor.ptr != '-' && *minor.ptr != '+')
    return std::nullopt;
  return release;
}

HugeAlignment huge_alignment(Release release) {
  if (release < Release{6, 7}) return HugeAlignment::Never;
  return release < Release{6, 12} ? HugeAlignment::AnyLength : HugeAlignment::ExactMultiple;
}

// What holds from which release on, in one table.
Behaviour behaviour_of(Release release) {
  const auto since = [release](unsigned minor) { return release >= Release{6, minor}; };
  Behaviour behaviour;
  behaviour.name = since(18) ? "6.18" : since(12) ? "6.12" : "6.1";
  behaviour.anonymous_huge_alignment = huge_alignment(release);
  behaviour.clean_pages_get_write_back = since(2);
  behaviour.per_vma_lock = since(4);
  behaviour.split_entries_stay_dirty = since(4);
  behaviour.saved_dirty = since(6);
  behaviour.stack_maps_refuse_huge_pages = since(7);
  behaviour.read_only_gives_back_commitment = since(7);
  behaviour.padded_search_takes_upper = since(8);
  behaviour.multi_size_huge_pages = since(8);
  behaviour.populate_passes_holes = !since(9);
  behaviour.seals = since(10);
  behaviour.droppable_maps = since(11);
  behaviour.fixed_unmaps_first = !since(12);
  behaviour.new_area_tries_next_first = !since(12);
  behaviour.fault_around_spares_last_block = since(12);
  behaviour.split_gives_zeros_back = since(12);
  behaviour.guard_pages = since(13);
  behaviour.huge_zero_becomes_huge = since(13);
  behaviour.collapses_read_only_blocks = since(18);
  behaviour.dontneed_frees_tables = since(14);
  behaviour.reuses_part_of_block = since(15);
  behaviour.guard_pages_in_files = since(15);
  behaviour.faulted_joins_unfaulted = since(16);
  behaviour.discards_in_one_gather = since(16);
  behaviour.exact_resident_counts = since(16);
  behaviour.moves_many_areas = since(17);
  behaviour.dontunmap_tidies_source = !since(17);
  behaviour.guards_are_flagged = since(18);
  behaviour.seals_keep_guards_out = since(17);
  behaviour.maps_whole_blocks = since(18);
  return behaviour;
}

}  // namespace

const Behaviour& Behaviour::linux_6_1() {
  static const Behaviour behaviour = behaviour_of({6, 1});
  return behaviour;
}

const Behaviour& Behaviour::linux_6_12() {
  static const Behaviour behaviour = behaviour_of({6, 12});
  return behaviour;
}

const Behaviour& Behaviour::linux_6_18() {
  static const Behaviour behaviour = behaviour_of({6, 18});
  return behaviour;
}

Result<Behaviour> Behaviour::of_release(std::string_view release) {
  const std::optional<Release> parsed = parse_release(release);
  if (!parsed)
    return fail("kernel release '" + std::string(release) + "'", "is not of the form 6.18.44");
  if (*parsed < Release{6, 1})
    return fail("kernel release '" + std::string(release) + "'",
                "the model knows releases from 6.1 on");
  return behaviour_of(*parsed);
}

}  // namespace ft::sim::kernel
