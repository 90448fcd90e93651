#include "analysis/map_builder.h"

#include <algorithm>
#include <tuple>

#include "analysis/memory_at_end.h"
#include "arch/paging.h"
#include "base/units.h"
#include "jvm/subsystem.h"

namespace ft::analysis {

namespace {

namespace model = report::model;

bool accessible(const host::Vma& area) {
  return area.readable || area.writable || area.executable;
}

// Neither known where one is not: an unknown part makes an unknown sum.
void add_known(model::Known<std::uint64_t>& whole, const model::Known<std::uint64_t>& part,
               bool first) {
  if (first)
    whole = part;
  else if (whole && part)
    *whole += *part;
  else
    whole.reset();
}

}  // namespace

void add_figures(model::MapFigures& whole, const model::MapFigures& part, bool first) {
  whole.reserved += part.reserved;
  whole.committed += part.committed;
  add_known(whole.resident, part.resident, first);
  add_known(whole.mapped_again, part.mapped_again, first);
  add_known(whole.dirty, part.dirty, first);
  add_known(whole.huge, part.huge, first);
  add_known(whole.swapped, part.swapped, first);
  add_known(whole.shared, part.shared, first);
  add_known(whole.pss, part.pss, first);
  add_known(whole.tables, part.tables, first);
  add_known(whole.faults, part.faults, first);
  add_known(whole.arrived, part.arrived, first);
  for (const model::NodeBytes& node : part.nodes) {
    auto found = std::ranges::lower_bound(whole.nodes, node.node, {}, &model::NodeBytes::node);
    if (found == whole.nodes.end() || found->node != node.node) {
      found = whole.nodes.insert(found, {node.node, 0});
    }
    found->bytes += node.bytes;
  }
  for (const model::FolioBytes& folio : part.folios) {
    auto found = std::ranges::lower_bound(whole.folios, folio.size, {}, &model::FolioBytes::size);
    if (found == whole.folios.end() || found->size != folio.size) {
      found = whole.folios.insert(found, {folio.size, 0});
    }
    found->bytes += folio.bytes;
  }
}

MapBuilder::MapBuilder(std::span<const host::Vma> areas,
                       std::span<const attribution::OwnedPiece> pieces,
                       std::span<const attribution::Owner> owners)
    : areas_(areas), pieces_(pieces), owners_(owners), walked_(pieces.size()) {
  find_repeated_files();
}

// Files of which two mappings show the same bytes.
void MapBuilder::find_repeated_files() {
  repeated_.assign(areas_.size(), 0);
  std::vector<std::size_t> by_file;
  for (std::size_t i = 0; i < areas_.size(); ++i) {
    if (areas_[i].inode != 0) by_file.push_back(i);
  }
  const auto key = [&](std::size_t i) {
    const host::Vma& area = areas_[i];
    return std::tuple(area.device_major, area.device_minor, area.inode, area.offset);
  };
  std::ranges::sort(by_file, [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
  std::size_t number = 0;
  for (std::size_t i = 1; i < by_file.size(); ++i) {
    const host::Vma& before = areas_[by_file[i - 1]];
    const host::Vma& area = areas_[by_file[i]];
    const bool same = before.inode == area.inode && before.device_major == area.device_major &&
                      before.device_minor == area.device_minor;
    if (!same || area.offset >= before.offset + before.range.size()) continue;
    if (repeated_[by_file[i - 1]] == 0) repeated_[by_file[i - 1]] = ++number;
    repeated_[by_file[i]] = repeated_[by_file[i - 1]];
  }
}

void MapBuilder::on_run(const host::PageRun& run) {
  while (at_ < pieces_.size() && pieces_[at_].range.end <= run.range.start) ++at_;
  for (; at_ < pieces_.size() && pieces_[at_].range.start < run.range.end; ++at_) {
    const AddressRange part = pieces_[at_].range.intersection(run.range);
    if (!part.empty()) add_part(run, part);
    if (pieces_[at_].range.end >= run.range.end) break;
  }
}

void MapBuilder::on_folios(AddressRange range, unsigned order) {
  while (folios_at_ < pieces_.size() && pieces_[folios_at_].range.end <= range.start) ++folios_at_;
  for (; folios_at_ < pieces_.size() && pieces_[folios_at_].range.start < range.end; ++folios_at_) {
    walked_[folios_at_].folios.at(order) += pieces_[folios_at_].range.intersection(range).size();
    if (pieces_[folios_at_].range.end >= range.end) break;
  }
}

void MapBuilder::on_arrived(std::span<const AddressRange> ranges) {
  arrivals_known_ = true;
  std::size_t at = 0;
  for (const AddressRange range : ranges) {
    while (at < pieces_.size() && pieces_[at].range.end <= range.start) ++at;
    for (; at < pieces_.size() && pieces_[at].range.start < range.end; ++at) {
      walked_[at].arrived += pieces_[at].range.intersection(range).size();
      if (pieces_[at].range.end >= range.end) break;
    }
  }
}

std::uint64_t MapBuilder::on_faults(std::span<const event::FaultsAt> faults) {
  faults_known_ = true;
  std::uint64_t nowhere = 0;
  std::size_t at = 0;
  for (const event::FaultsAt& place : faults) {
    while (at < pieces_.size() && pieces_[at].range.end <= place.address) ++at;
    const bool inside = at < pieces_.size() && pieces_[at].range.start <= place.address;
    (inside ? walked_[at].faults : nowhere) += place.count;
  }
  return nowhere;
}

void MapBuilder::forget_folios() {
  for (Walked& walked : walked_) walked.folios.fill(0);
}

void MapBuilder::add_part(const host::PageRun& run, AddressRange part) {
  Walked& walked = walked_[at_];
  const std::size_t area = pieces_[at_].area;
  const bool hugetlb = !counters_.empty() && counters_[area].flags.hugetlb();
  if (run.resident()) {
    walked.resident += part.size();
    if (run.huge) walked.huge += part.size();
  }
  if (run.swapped) walked.swapped += part.size();
  host::PageRun clipped = run;
  clipped.range = part;
  count_tables(clipped, walked, hugetlb);
  if (run.resident() && run.file && repeated_[area] != 0) {
    if (file_runs_.size() == kMostFileRuns) {
      too_many_file_runs_ = true;
      return;
    }
    const std::uint64_t offset = areas_[area].offset + (part.start - areas_[area].range.start);
    file_runs_.push_back({repeated_[area], offset, offset + part.size(), at_});
  }
}

// One table of PTEs for each 2 MiB in which something is mapped, one of PMDs for each 1 GiB, one of
// PUDs for each 512 GiB, charged to the lowest address that needs it. An anonymous huge page keeps
// a table in reserve for the day it is split; huge pages of files and pools do not. That a page is
// of a pool its area tells: the words of pagemap, read where there is no scan, do not.
void MapBuilder::count_tables(const host::PageRun& run, Walked& walked, bool hugetlb) {
  constexpr std::array kSpans = {kHugePageSize, kGiB, 512 * kGiB};
  const bool leaf_is_huge = hugetlb || (run.huge && run.file);
  for (std::size_t level = leaf_is_huge ? 1 : 0; level < kSpans.size(); ++level) {
    const std::uint64_t first = run.range.start / kSpans[level];
    const std::uint64_t last = (run.range.end - 1) / kSpans[level];
    std::uint64_t count = last - first + 1;
    if (last_table_[level] != ~std::uint64_t{0} && last_table_[level] >= first) --count;
    last_table_[level] = last;
    walked.tables += count * kPageSize;
  }
}

// Pages of a file that a mapping at a lower address has shown already. Sorted by file and offset,
// then by piece, which is by address.
void MapBuilder::count_again() {
  std::ranges::sort(file_runs_, [](const FileRun& a, const FileRun& b) {
    return std::tie(a.file, a.offset, a.piece) < std::tie(b.file, b.offset, b.piece);
  });
  std::size_t file = 0;
  std::uint64_t seen = 0;  // of the file, up to here
  for (const FileRun& run : file_runs_) {
    if (run.file != file) {
      file = run.file;
      seen = 0;
    }
    walked_[run.piece].again += std::min(seen, run.end) - std::min(seen, run.offset);
    seen = std::max(seen, run.end);
  }
}

// The shares of a mapping's pieces [first, last) in a figure of the whole mapping.
std::vector<std::uint64_t> MapBuilder::shares(std::uint64_t whole, std::size_t first,
                                              std::size_t last) const {
  if (last - first == 1) return {whole};
  std::vector<std::uint64_t> weights;
  bool any = false;
  for (std::size_t i = first; i < last; ++i) {
    weights.push_back(walked_[i].resident + walked_[i].swapped);
    any = any || weights.back() != 0;
  }
  for (std::size_t i = first; !any && i < last; ++i) {
    weights[i - first] = pieces_[i].range.size();
  }
  return shared_by_weight(whole, weights, kKiB);
}

void MapBuilder::add_counters(std::size_t first, std::size_t last,
                              std::vector<model::MapFigures>& figures) const {
  const host::SmapsCounters& counters = counters_[pieces_[first].area].counters;
  const std::uint64_t huge = counters.anon_huge_pages + counters.shmem_pmd_mapped +
                             counters.file_pmd_mapped + counters.shared_hugetlb +
                             counters.private_hugetlb;
  std::uint64_t walked = 0;
  std::uint64_t walked_huge = 0;
  for (std::size_t i = first; i < last; ++i) {
    walked += walked_[i].resident;
    walked_huge += walked_[i].huge;
  }
  const auto set = [&](model::Known<model::Bytes> model::MapFigures::* figure,
                       std::uint64_t whole) {
    const std::vector<std::uint64_t> parts = shares(whole, first, last);
    for (std::size_t i = 0; i < parts.size(); ++i) figures[i].*figure = parts[i];
  };
  set(&model::MapFigures::dirty, counters.shared_dirty + counters.private_dirty);
  set(&model::MapFigures::shared,
      counters.shared_clean + counters.shared_dirty + counters.shared_hugetlb);
  set(&model::MapFigures::pss, counters.pss);
  set(&model::MapFigures::swapped, counters.swap);
  // The kernel's figures. Where the walk saw the same pages it divides them exactly.
  const bool exact = walk_ == Walk::Scan && last - first > 1;
  if (!exact || walked != counters.resident()) {
    set(&model::MapFigures::resident, counters.resident());
  }
  if (!exact || walked_huge != huge) set(&model::MapFigures::huge, huge);
}

void MapBuilder::add_nodes(std::size_t piece, model::MapFigures& figures) const {
  if (!figures.resident || *figures.resident == 0) return;
  if (only_node_) {
    figures.nodes = {{*only_node_, *figures.resident}};
    return;
  }
  const host::Vma& area = areas_[pieces_[piece].area];
  const auto found = std::ranges::lower_bound(nodes_, area.range.start, {}, &host::NumaArea::start);
  if (found == nodes_.end() || found->start != area.range.start || found->nodes.empty()) return;
  // In proportion, so that the nodes add up to the region's resident bytes: numa_maps was read at
  // another moment, and knows whole mappings only.
  std::vector<std::uint64_t> weights;
  for (const host::NodePages& node : found->nodes) weights.push_back(node.pages);
  const auto shares = shared_by_weight(*figures.resident, weights, kPageSize);
  for (std::size_t i = 0; i < shares.size(); ++i) {
    figures.nodes.push_back({found->nodes[i].node, shares[i]});
  }
  std::ranges::sort(figures.nodes, {}, &model::NodeBytes::node);
}

// Of the pieces [first, last) of one mapping.
std::vector<model::MapFigures> MapBuilder::figures_of(std::size_t first, std::size_t last) const {
  const host::Vma& area = areas_[pieces_[first].area];
  std::vector<model::MapFigures> all(last - first);
  for (std::size_t piece = first; piece < last; ++piece) {
    model::MapFigures& figures = all[piece - first];
    figures.reserved = pieces_[piece].range.size();
    if (accessible(area)) figures.committed = figures.reserved;
    const Walked& walked = walked_[piece];
    if (walk_ == Walk::Scan) {
      figures.resident = walked.resident;
      figures.huge = walked.huge;
    }
    if (walk_ != Walk::None) {
      figures.swapped = walked.swapped;
      figures.tables = walked.tables;
      if (!too_many_file_runs_) figures.mapped_again = walked.again;
    }
    if (arrivals_known_) figures.arrived = walked.arrived;
    if (faults_known_) figures.faults = walked.faults;
    for (std::size_t order = 0; order < walked.folios.size(); ++order) {
      if (walked.folios[order] == 0) continue;
      figures.folios.push_back({kPageSize << order, walked.folios[order]});
    }
  }
  if (!counters_.empty()) add_counters(first, last, all);
  for (std::size_t i = 0; i < all.size(); ++i) add_nodes(first + i, all[i]);
  return all;
}

void MapBuilder::finish(model::MemoryMap& map, RegionsWanted wanted) {
  count_again();
  struct Sum {
    std::uint64_t regions = 0;
    model::MapFigures figures;
  };
  std::array<Sum, jvm::kSubsystemCount> sums;
  map.areas = areas_.size();
  map.total = {};
  map.regions.clear();
  if (wanted == RegionsWanted::Yes) map.regions.reserve(pieces_.size());
  for (std::size_t first = 0; first < pieces_.size();) {
    std::size_t last = first;
    while (last < pieces_.size() && pieces_[last].area == pieces_[first].area) ++last;
    std::vector<model::MapFigures> all = figures_of(first, last);
    for (std::size_t piece = first; piece < last; ++piece) {
      model::MapFigures& figures = all[piece - first];
      const attribution::Owner& owner = owners_[pieces_[piece].owner];
      Sum& sum = sums[static_cast<std::size_t>(owner.subsystem)];
      add_figures(sum.figures, figures, sum.regions++ == 0);
      if (wanted == RegionsWanted::No) continue;
      const host::Vma& area = areas_[pieces_[piece].area];
      map.regions.push_back({.range = pieces_[piece].range,
                             .prot = permissions(area),
                             .subsystem = jvm::name_of(owner.subsystem),
                             .detail = owner.detail,
                             .evidence = attribution::name_of(owner.evidence),
                             .name = area.name,
                             .figures = std::move(figures)});
    }
    first = last;
  }
  map.subsystems.clear();
  for (std::size_t i = 0; i < sums.size(); ++i) {
    if (sums[i].regions == 0) continue;
    add_figures(map.total, sums[i].figures, map.subsystems.empty());
    map.subsystems.push_back(
        {jvm::kSubsystemNames[i], sums[i].regions, std::move(sums[i].figures)});
  }
}

}  // namespace ft::analysis
