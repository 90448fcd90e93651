// Does a known trace make exactly the report it should, in every format?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "analysis/analyse.h"
#include "base/fd.h"
#include "jvm_start.h"
#include "report/csv/csv.h"
#include "report/json/json.h"
#include "report/text/text.h"

namespace ft::golden {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

report::model::Report report_of(TraceMaker& maker) {
  auto report = analysis::analyse(maker.trace);
  EXPECT_TRUE(report.has_value()) << (report ? "" : report.error().message());
  EXPECT_THAT(report::model::check(*report), IsEmpty());
  return std::move(*report);
}

void expect_golden(const std::string& name, const std::string& text) {
  const std::string path = std::string(FT_SOURCE_DIR "/tests/golden/") + name;
  if (std::getenv("FT_UPDATE_GOLDEN")) {
    std::ofstream(path, std::ios::binary) << text;
    return;
  }
  const auto expected = read_file(path);
  ASSERT_TRUE(expected.has_value()) << expected.error().message();
  EXPECT_EQ(*expected, text) << "FT_UPDATE_GOLDEN=1 accepts the new text";
}

// The version changes with every release, the rest must not.
report::model::Report jvm_start() {
  TraceMaker maker;
  make_jvm_start(maker);
  report::model::Report report = report_of(maker);
  report.tool_version = "0.0.0";
  return report;
}

TEST(Golden, JvmStartAsText) {
  expect_golden("jvm_start.txt", report::text::render(jvm_start()));
}

TEST(Golden, JvmStartAsNarrowColouredText) {
  expect_golden("jvm_start_80_colours.txt",
                report::text::render(jvm_start(), {Styler::Colours::On, 80}));
}

TEST(Golden, JvmStartAsJson) {
  expect_golden("jvm_start.json", report::json::render(jvm_start()));
}

TEST(Golden, JvmStartAsCsv) {
  std::string all;
  for (const std::string_view name : report::csv::kTableNames) {
    all += "# " + std::string(name) + "\n";
    all += report::csv::render(jvm_start(), *report::csv::table_named(name));
  }
  expect_golden("jvm_start.csv", all);
}

}  // namespace
}  // namespace ft::golden
