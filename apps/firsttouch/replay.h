// What `replay` prints: figures side by side, and tables of scenarios.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "sim/cost/forecast.h"
#include "sim/tlb/geometry.h"
#include "sim/whatif/prediction.h"

namespace ft::app::what_if {

using sim::whatif::Figures;
using sim::whatif::Prediction;

enum class Unit : std::uint8_t { Count, Bytes, Nanoseconds };

// One line of a table of figures.
struct Row {
  std::string key;                      // "order_9", for programs
  std::string title;                    // "huge pages (order 9)"
  std::optional<std::uint64_t> before;  // nothing: the recording does not tell
  std::uint64_t after = 0;
  Unit unit = Unit::Count;
  bool detail = false;  // part of the line above
  bool estimated = false;
  bool at_least = false;  // `after` is a lower bound
};

// A prediction, and what it would take.
struct Answer {
  Prediction prediction;
  sim::cost::Forecast time;
};

// What was recorded, and what follows from it for times.
struct Before {
  const Figures& figures;
  const sim::cost::Basis& basis;
};

std::vector<Row> rows_of(const Before& before, const Answer& after, const sim::tlb::Geometry& core);

std::string as_text(const Before& before, const Answer& after, const sim::tlb::Geometry& core);
nlohmann::ordered_json as_json(const Before& before, const Answer& after,
                               const sim::tlb::Geometry& core);

// A scenario of a sweep: what was set, and what came of it.
struct SweepLine {
  std::vector<std::string> values;  // in the order of the keys
  Prediction prediction;
  sim::cost::Forecast time;
};
std::string sweep_text(const std::vector<std::string>& keys, const std::vector<SweepLine>& lines);
nlohmann::ordered_json sweep_json(const std::vector<std::string>& keys,
                                  const std::vector<SweepLine>& lines);

}  // namespace ft::app::what_if
