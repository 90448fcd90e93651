#include "html_page.h"

#include <vector>

#include "analysis/analyse.h"
#include "narrate.h"
#include "output.h"
#include "recording/reader.h"
#include "report/html/html.h"

namespace ft::app {

// One page of one recording, or of two laid over each other.
Result<void> print_html(std::span<const std::string> files, std::size_t top,
                        const std::string& output_path) {
  std::vector<report::model::Report> reports(files.size());
  std::vector<report::model::Picture> pictures(files.size());
  std::vector<report::html::Recorded> recordings;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto reader = FT_TRY(recording::Reader::open(files[i]));
    analysis::AnalyseOptions options;
    options.top = top;
    options.picture = &pictures[i];
    reports[i] = FT_TRY(analysis::analyse(*reader, options));
    narrate(*reader, reports[i], pictures[i]);
    recordings.push_back({files[i], reports[i], pictures[i]});
  }
  Output output = FT_TRY(Output::open(output_path));
  output.write(report::html::render(recordings));
  return output.finish();
}

}  // namespace ft::app
