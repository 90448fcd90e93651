#include "analysis/watch/subsystems.h"

#include <string>

namespace ft::analysis {

report::model::SubsystemsView subsystems_of(const report::model::MemoryMap& map) {
  report::model::SubsystemsView view;
  for (const report::model::MapSubsystem& subsystem : map.subsystems) {
    const report::model::MapFigures& figures = subsystem.figures;
    if (!figures.resident) continue;
    report::model::SubsystemView row;
    row.name = subsystem.name;
    row.resident = *figures.once();
    row.committed = figures.committed;
    row.huge = figures.huge;
    row.swapped = figures.swapped;
    row.arrived = figures.arrived;
    row.faults = figures.faults;
    view.rows.push_back(std::move(row));
  }
  view.evidence = map.jvm;
  view.faults_elsewhere = map.faults_elsewhere;
  return view;
}

}  // namespace ft::analysis
