#include "report/json/stages.h"

namespace ft::report::json {

namespace {

using namespace model;

Json stage_of(const StageTime& stage) {
  return {{"name", stage.name},
          {"ns", stage.ns},
          {"share", stage.share},
          {"error_ns", stage.error_ns},
          {"samples", stage.samples}};
}

Json part_of(const StagesOf& part) {
  return {{"name", part.name},
          {"ns", part.ns},
          {"error_ns", part.error_ns},
          {"samples", part.samples},
          {"stages", array_of(part.stages, stage_of)}};
}

}  // namespace

Json stages_of(const Report& report) {
  return report.samples ? array_of(report.samples->stages, stage_of) : Json(nullptr);
}

Json samples_of(const Report& report) {
  if (!report.samples) return nullptr;
  const Samples& samples = *report.samples;
  return {{"event", samples.event},
          {"period_ns", samples.period_ns},
          {"each_ns", samples.each_ns},
          {"taken", samples.taken},
          {"user", samples.user},
          {"kernel", samples.kernel},
          {"lost", samples.lost},
          {"missed", or_null(samples.missed)},
          {"cpu_ns", or_null(samples.cpu_ns)},
          {"user_ns", samples.user_ns},
          {"kernel_ns", samples.kernel_ns},
          {"kernel_error_ns", samples.kernel_error_ns},
          {"memory_ns", samples.memory_ns},
          {"memory_inside_ns", samples.memory_inside_ns},
          {"memory_error_ns", samples.memory_error_ns},
          {"by_subsystem", array_of(samples.by_subsystem, part_of)},
          {"by_phase", array_of(samples.by_phase, part_of)},
          {"by_call", array_of(samples.by_call, part_of)},
          {"unclassified", array_of(samples.unclassified, [](const NamedCount& name) {
             return Json{{"name", name.name}, {"samples", name.count}};
           })}};
}

}  // namespace ft::report::json
