#include "report/csv/memory_map.h"

#include <fmt/format.h>

#include "base/text.h"
#include "report/csv/rows.h"

namespace ft::report::csv {

namespace {

using namespace model;

constexpr std::string_view kFigures =
    "reserved_bytes,committed_bytes,resident_bytes,mapped_again_bytes,dirty_bytes,huge_bytes,"
    "swap_bytes,shared_bytes,pss_bytes,page_table_bytes,faults,nodes,folios";

// "0:4096 1:8192"
std::string nodes_of(const MapFigures& figures) {
  std::string text;
  for (const NodeBytes& node : figures.nodes) {
    text += fmt::format("{}{}:{}", text.empty() ? "" : " ", node.node, node.bytes);
  }
  return text;
}

// "4096:8192 65536:131072"
std::string folios_of(const MapFigures& figures) {
  std::string text;
  for (const FolioBytes& folio : figures.folios) {
    text += fmt::format("{}{}:{}", text.empty() ? "" : " ", folio.size, folio.bytes);
  }
  return text;
}

}  // namespace

std::string render(const MemoryMap& map, MapTable table) {
  if (table == MapTable::Subsystems) {
    Rows rows(fmt::format("name,regions,{}", kFigures));
    for (const MapSubsystem& s : map.subsystems) {
      const MapFigures& f = s.figures;
      rows.add(s.name, s.regions, f.reserved, f.committed, f.once(), f.mapped_again, f.dirty,
               f.huge, f.swapped, f.shared, f.pss, f.tables, f.faults, nodes_of(f), folios_of(f));
    }
    return rows.take();
  }
  Rows rows(fmt::format("start,end,prot,subsystem,detail,evidence,name,{}", kFigures));
  for (const MapRegion& r : map.regions) {
    const MapFigures& f = r.figures;
    rows.add(hex(r.range.start), hex(r.range.end), r.prot, r.subsystem, r.detail, r.evidence,
             r.name, f.reserved, f.committed, f.once(), f.mapped_again, f.dirty, f.huge, f.swapped,
             f.shared, f.pss, f.tables, f.faults, nodes_of(f), folios_of(f));
  }
  return rows.take();
}

}  // namespace ft::report::csv
