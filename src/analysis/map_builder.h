// MapBuilder adds a memory map up: mappings cut into pieces of one owner each, the pages that the
// page-table walk found, and the kernel's own counters of each mapping. It reads nothing itself.
//
// Where the kernel counts for a mapping that has several owners, present, huge and swapped pages
// are told apart by the walk; what the walk does not tell (dirty, shared, pss) is shared out by
// them.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "attribution/live/live_owners.h"
#include "event/faults_at.h"
#include "host/folio_scan.h"
#include "host/maps.h"
#include "host/numa_maps.h"
#include "host/page_scan.h"
#include "host/smaps.h"
#include "report/model/memory_map.h"

namespace ft::analysis {

enum class RegionsWanted : std::uint8_t { No, Yes };

class MapBuilder {
 public:
  // All three outlive the builder; pieces cover areas exactly, in their order.
  MapBuilder(std::span<const host::Vma> areas, std::span<const attribution::OwnedPiece> pieces,
             std::span<const attribution::Owner> owners);

  // Runs in the order of addresses.
  void on_run(const host::PageRun& run);

  // What is resident and was not at the look before, in the order of addresses.
  void on_arrived(std::span<const AddressRange> ranges);

  // The faults that came since the look before, in the order of addresses. Returns how many of them
  // are in no piece: in memory that is no more.
  std::uint64_t on_faults(std::span<const event::FaultsAt> faults);

  // Parts of resident pages in folios of one order, in the order of addresses.
  void on_folios(AddressRange range, unsigned order);
  // They turned out not to be told.
  void forget_folios();

  // Whether the walk tells huge pages and leaves out the zero page, and whether it came at all.
  enum class Walk : std::uint8_t { None, Words, Scan };
  void set_walk(Walk walk) { walk_ = walk; }

  // The kernel's counters, one element an area; optional. They outlive the builder.
  void set_counters(std::span<const host::SmapsEntry> counters) { counters_ = counters; }
  // Of numa_maps, by start address; or one node that holds everything.
  void set_nodes(std::span<const host::NumaArea> nodes) { nodes_ = nodes; }
  void set_only_node(std::uint32_t node) { only_node_ = node; }

  // Fills subsystems, total, areas and, where wanted, regions.
  void finish(report::model::MemoryMap& map, RegionsWanted wanted);

 private:
  // What the walk found of one piece; bytes.
  struct Walked {
    std::uint64_t resident = 0;
    std::uint64_t swapped = 0;
    std::uint64_t huge = 0;
    std::uint64_t tables = 0;
    std::uint64_t again = 0;
    std::uint64_t arrived = 0;
    std::uint64_t faults = 0;                                // a count
    std::array<std::uint64_t, host::kFolioOrders> folios{};  // by order
  };
  // A run of a file's pages in a mapping whose part of the file another one maps too.
  struct FileRun {
    std::size_t file = 0;
    std::uint64_t offset = 0;
    std::uint64_t end = 0;
    std::size_t piece = 0;
  };
  static constexpr std::size_t kMostFileRuns = 2'000'000;

  void find_repeated_files();
  void count_tables(const host::PageRun& run, Walked& walked, bool hugetlb);
  void count_again();
  void add_part(const host::PageRun& run, AddressRange part);
  std::vector<report::model::MapFigures> figures_of(std::size_t first, std::size_t last) const;
  void add_counters(std::size_t first, std::size_t last,
                    std::vector<report::model::MapFigures>& figures) const;
  void add_nodes(std::size_t piece, report::model::MapFigures& figures) const;
  std::vector<std::uint64_t> shares(std::uint64_t whole, std::size_t first, std::size_t last) const;

  std::span<const host::Vma> areas_;
  std::span<const attribution::OwnedPiece> pieces_;
  std::span<const attribution::Owner> owners_;
  std::span<const host::SmapsEntry> counters_;
  std::span<const host::NumaArea> nodes_;
  std::optional<std::uint32_t> only_node_;
  Walk walk_ = Walk::None;

  std::vector<Walked> walked_;
  bool arrivals_known_ = false;
  bool faults_known_ = false;
  std::size_t at_ = 0;         // the piece of the last run
  std::size_t folios_at_ = 0;  // and of the last folios
  // The last tables counted, by the address they begin at; ~0: none yet.
  std::array<std::uint64_t, 3> last_table_{~std::uint64_t{0}, ~std::uint64_t{0}, ~std::uint64_t{0}};
  std::vector<std::size_t> repeated_;  // by area: number of its file, 0: mapped once
  std::vector<FileRun> file_runs_;
  bool too_many_file_runs_ = false;
};

// Adds `part` to `whole`; what is not known of one is not known of the sum.
void add_figures(report::model::MapFigures& whole, const report::model::MapFigures& part,
                 bool first);

}  // namespace ft::analysis
