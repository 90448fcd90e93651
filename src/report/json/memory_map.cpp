#include "report/json/memory_map.h"

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "report/json/findings.h"
#include "report/json/values.h"

namespace ft::report::json {

namespace {

using namespace model;

void put_figures(const MapFigures& figures, bool live, Json& object) {
  object["reserved_bytes"] = figures.reserved;
  object["committed_bytes"] = figures.committed;
  object["resident_bytes"] = or_null(figures.once());
  object["mapped_again_bytes"] = or_null(figures.mapped_again);
  object["dirty_bytes"] = or_null(figures.dirty);
  object["huge_bytes"] = or_null(figures.huge);
  object["swap_bytes"] = or_null(figures.swapped);
  object["shared_bytes"] = or_null(figures.shared);
  object["pss_bytes"] = or_null(figures.pss);
  object["page_table_bytes"] = or_null(figures.tables);
  if (!live) object["faults"] = or_null(figures.faults);
  if (!figures.nodes.empty()) {
    Json nodes = Json::object();
    for (const NodeBytes& node : figures.nodes) nodes[std::to_string(node.node)] = node.bytes;
    object["nodes"] = std::move(nodes);
  }
  if (!figures.folios.empty()) {
    Json folios = Json::object();
    for (const FolioBytes& folio : figures.folios) {
      folios[std::to_string(folio.size)] = folio.bytes;
    }
    object["folios"] = std::move(folios);
  }
}

Json subsystem_of(const MapSubsystem& subsystem, bool live) {
  Json object = {{"name", std::string(subsystem.name)}, {"regions", subsystem.regions}};
  put_figures(subsystem.figures, live, object);
  return object;
}

Json region_of(const MapRegion& region, bool live) {
  Json object = {{"start", hex(region.range.start)},
                 {"end", hex(region.range.end)},
                 {"prot", region.prot},
                 {"subsystem", std::string(region.subsystem)},
                 {"detail", region.detail},
                 {"evidence", std::string(region.evidence)},
                 {"name", region.name}};
  put_figures(region.figures, live, object);
  return object;
}

}  // namespace

std::string render(const MemoryMap& map) {
  Json root;
  root["format"] = 1;
  root["pid"] = map.pid;
  root["taken_at"] = map.taken_at;
  root["source"] = map.live ? "live" : "recording";
  if (!map.moment.empty()) root["moment"] = map.moment;
  root["command"] = map.command;
  root["jvm"] = map.jvm.empty() ? Json(nullptr) : Json(map.jvm);
  root["mappings"] = map.areas;
  Json total = Json::object();
  put_figures(map.total, map.live, total);
  root["total"] = std::move(total);
  root["subsystems"] = Json::array();
  for (const MapSubsystem& subsystem : map.subsystems) {
    root["subsystems"].push_back(subsystem_of(subsystem, map.live));
  }
  root["regions"] = Json::array();
  for (const MapRegion& region : map.regions) {
    root["regions"].push_back(region_of(region, map.live));
  }
  root["c_heap_used_bytes"] = or_null(map.c_heap_used);
  root["c_heap_arenas"] = or_null(map.c_heap_arenas);
  root["huge_used_bytes"] = or_null(map.huge_used);
  if (map.asked) {
    root["asked"] = {{"commands", map.asked->commands},
                     {"nmt_reserved_bytes", or_null(map.asked->nmt_reserved)},
                     {"nmt_committed_bytes", or_null(map.asked->nmt_committed)},
                     {"resident_before_bytes", map.asked->resident_before},
                     {"resident_after_bytes", map.asked->resident_after},
                     {"threads_before", map.asked->threads_before},
                     {"threads_after", map.asked->threads_after}};
  }
  root["reconcile"] = Json::array();
  for (const ReconcileLine& line : map.reconcile) {
    root["reconcile"].push_back({{"what", line.what},
                                 {"recorded", line.recorded},
                                 {"kernel", line.kernel},
                                 {"agrees", line.agrees},
                                 {"tolerance", line.tolerance},
                                 {"unit", line.unit},
                                 {"note", line.note}});
  }
  root["notes"] = map.notes;
  root["findings"] = findings_of(map.findings);
  root["missing"] = Json::array();
  for (const Missing& missing : map.missing) {
    root["missing"].push_back({{"what", missing.what}, {"why", missing.why}});
  }
  constexpr bool kAsciiOnly = true;
  return root.dump(2, ' ', kAsciiOnly, Json::error_handler_t::replace) + "\n";
}

}  // namespace ft::report::json
