// A refresh of `watch` for people: as views of a screen, as one text, or as one line.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "report/model/watch.h"
#include "report/text/styled_line.h"
#include "report/text/text.h"

namespace ft::report::text {

enum class WatchView : std::uint8_t { Overview, Process, Host, Zones, Groups, Remarks };

inline constexpr std::array<std::string_view, 6> kWatchViewNames = {
    "Overview", "Process", "Host", "Zones", "Groups", "Remarks"};

// By what the subsystems of the process are ordered, largest first.
enum class WatchSort : std::uint8_t { Resident, Growth, Faults, Name };

inline constexpr std::array<std::string_view, 4> kWatchSortNames = {"resident", "growth", "faults",
                                                                    "name"};

struct WatchTextOptions {
  std::size_t width = 80;
  WatchSort sort = WatchSort::Resident;
};

std::vector<StyledLine> watch_lines(const model::Watch& watch, WatchView view,
                                    const WatchTextOptions& options);

// "java (4242), 12 threads": what is watched, and whether it is there still.
StyledLine watch_title(const model::Watch& watch);

// All views, one below the other.
std::string render_watch(const model::Watch& watch, const WatchTextOptions& options,
                         const Styler& style);

// For terminals without a screen: a heading and a line for each refresh.
std::string watch_row_heading();
std::string watch_row(const model::Watch& watch);

std::string render_before_after(const model::BeforeAfter& table, const TextOptions& options);

}  // namespace ft::report::text
