#include "html_page.h"

#include <optional>
#include <utility>
#include <vector>

#include "analysis/analyse.h"
#include "analysis/difference.h"
#include "narrate.h"
#include "output.h"
#include "recording/reader.h"
#include "report/html/html.h"

namespace ft::app {

namespace {

// What is drawn of one run.
struct Drawn {
  report::model::Report report;
  report::model::Picture picture;
};

Result<Drawn> drawn(const std::string& file, std::size_t top) {
  const auto reader = FT_TRY(recording::Reader::open(file));
  Drawn drawn;
  analysis::AnalyseOptions options;
  options.top = top;
  options.picture = &drawn.picture;
  drawn.report = FT_TRY(analysis::analyse(*reader, options));
  narrate(*reader, drawn.report, drawn.picture);
  return drawn;
}

// All runs of one side, and the one that is drawn.
struct Side {
  std::vector<analysis::NamedReport> runs;
  std::string name;  // of the one that is drawn
  Drawn shown;
};

Result<Side> side_of(std::span<const std::string> files, std::size_t top) {
  Side side;
  if (files.size() == 1) {
    side.name = files.front();
    side.shown = FT_TRY(drawn(side.name, top));
    side.runs.push_back({side.name, side.shown.report});
    return side;
  }
  for (const std::string& file : files) {
    const auto reader = FT_TRY(recording::Reader::open(file));
    side.runs.push_back({file, FT_TRY(analysis::analyse(*reader))});
  }
  // Pictures are large, so that of the others is never made.
  side.name = side.runs[analysis::typical_run(side.runs)].name;
  side.shown = FT_TRY(drawn(side.name, top));
  return side;
}

}  // namespace

Result<void> print_html(std::span<const std::string> before, std::span<const std::string> after,
                        std::size_t top, const std::string& output_path) {
  const Side first = FT_TRY(side_of(before, top));
  std::optional<Side> second;
  if (!after.empty()) second = FT_TRY(side_of(after, top));

  std::vector<report::html::Recorded> recordings = {
      {first.name, first.shown.report, first.shown.picture}};
  std::optional<report::model::Difference> difference;
  if (second) {
    recordings.push_back({second->name, second->shown.report, second->shown.picture});
    difference = analysis::difference_of(first.runs, second->runs);
  }
  Output output = FT_TRY(Output::open(output_path));
  output.write(report::html::render(recordings, difference ? &*difference : nullptr));
  return output.finish();
}

}  // namespace ft::app
