// Names that need a look at an area's neighbours: which of G1's side tables is which, the views of
// ZGC's heap, where the CDS archive ends and the class space begins, the segments of the code
// cache.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "attribution/classify.h"

namespace ft::attribution {

// What the boxes of an area show that its first call does not.
struct AreaSight {
  AddressRange archive;  // where a CDS or AOT file was mapped inside
  bool memfd = false;
  bool executable = false;
  event::Tid tid = 0;  // the thread whose stack it is
};

class Namer {
 public:
  // All of them outlive the Namer; `sights` and `owners` have one element an area.
  Namer(const event::Trace& trace, const Replay& replay, CallFacts& facts,
        const std::vector<AreaSight>& sights, std::vector<AreaOwner>& owners)
      : trace_(trace), replay_(replay), facts_(facts), by_area_(sights), owners_(owners) {}

  void run();

  // Archive below, class space above, in one reservation: the border is the archive's last byte
  // rounded up to 16 MiB from the base of what outlived the trims.
  void split_archive(AreaId id, Evidence evidence) const;

  // The segments of the code cache lie in one reservation: profiled, non-nmethods, non-profiled in
  // the order of addresses (17 and 25 alike). A segment begins where a commit continues none.
  void split_code(AreaId id) const;

 private:
  struct AuxProbe {
    Nanoseconds ts = 0;
    event::Tid tid = 0;
    std::uint64_t size = 0;
    std::string name;
  };

  std::vector<AuxProbe> aux_probes() const;
  void name_g1_tables();
  void name_g1_tables_by_order(std::span<const AreaId> ids);
  void name_by_probe(const AuxProbe& probe);
  void name_shenandoah_tables();
  void name_zgc_views();

  const jvm::StackRule* rule_of(const Area& area);
  bool stayed(AreaId id) const;
  std::size_t first_call_after(Nanoseconds ts) const;

  const event::Trace& trace_;
  const Replay& replay_;
  CallFacts& facts_;
  const std::vector<AreaSight>& by_area_;
  std::vector<AreaOwner>& owners_;
};

}  // namespace ft::attribution
