#include "report/html/html.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "report/html/columns.h"
#include "report/html/page.h"
#include "report/json/difference.h"
#include "report/json/json.h"

namespace ft::report::html {
namespace {

std::string page_of(const model::Report& report, const model::Picture& picture,
                    const std::string& name = "a.ft") {
  const Recorded recorded{name, report, picture};
  return render({&recorded, 1});
}

// The data of a page, as its script reads them.
nlohmann::json data_of(const std::string& page) {
  const std::string before = R"(id="data">)";
  const auto from = page.find(before) + before.size();
  return nlohmann::json::parse(page.substr(from, page.find("</script>", from) - from));
}

TEST(Columns, AreVariableLengthNumbersInBase64) {
  // 1, 300 = 0xac 0x02
  EXPECT_EQ(encode_column({1, 300}, Coding::Plain), base64("\x01\xac\x02"));
  // +5, -3 -> zigzag 10, 5
  EXPECT_EQ(encode_column({5, 2}, Coding::Deltas), base64("\x0a\x05"));
  EXPECT_EQ(base64("Man"), "TWFu");
  EXPECT_EQ(base64("Ma"), "TWE=");
  EXPECT_EQ(base64("M"), "TQ==");
  EXPECT_EQ(encode_column({}, Coding::Deltas), "");
  EXPECT_EQ(encode_runs({7, 7, 7, 300}), base64(std::string_view("\x07\x03\xac\x02\x01", 5)));
  EXPECT_EQ(encode_runs({}), "");
}

TEST(Columns, AreRunsWhereThoseAreShorter) {
  Table table(4);
  table.add("same", std::vector<std::int64_t>{4, 4, 4, 4}, Coding::Plain);
  table.add("other", std::vector<std::int64_t>{1, 2, 3, 4}, Coding::Plain);
  table.add("rising", std::vector<std::int64_t>{4, 4, 4, 4}, Coding::Deltas);
  EXPECT_EQ(table.json()["runs"], nlohmann::json::array({"same"}));
  EXPECT_EQ(table.json()["columns"]["same"], base64("\x04\x04"));
  EXPECT_EQ(table.json()["columns"]["other"], base64("\x01\x02\x03\x04"));
}

TEST(Html, ThePageHasItsMarkOnceAndAPolicyThatForbidsTheNetwork) {
  const std::string_view whole = page();
  const auto mark = whole.find(kDataMark);
  ASSERT_NE(mark, std::string_view::npos);
  EXPECT_EQ(whole.find(kDataMark, mark + 1), std::string_view::npos);
  EXPECT_NE(whole.find("default-src 'none'"), std::string_view::npos);
  EXPECT_EQ(whole.find("unsafe"), std::string_view::npos);
}

TEST(Html, HoldsTheReportAsTheJsonRendererWritesIt) {
  model::Report report;
  report.target.command = {"java", "Hello"};
  report.memory.reserved_bytes = 1234;
  const auto data = data_of(page_of(report, {}));
  EXPECT_EQ(data["recordings"][0]["report"], nlohmann::json::parse(json::render(report)));
}

TEST(Html, StringsOfTheTargetCannotEndTheData) {
  model::Report report;
  report.target.command = {"</script><script>alert(1)</script>", "<!--", "\xff\xfe", "\xe2\x80\xae",
                           "'\"&"};
  model::Picture picture;
  picture.files = {"</SCRIPT >", std::string(100'000, 'x')};
  const std::string page = page_of(report, picture, "</script>.ft");
  const auto data = data_of(page);
  EXPECT_EQ(data["recordings"][0]["name"], "</script>.ft");
  EXPECT_EQ(data["recordings"][0]["report"]["target"]["command"][0], report.target.command[0]);
  EXPECT_EQ(data["recordings"][0]["report"]["target"]["command"][3], "\xe2\x80\xae");
  EXPECT_EQ(data["recordings"][0]["picture"]["files"][0], "</SCRIPT >");
  // The page's own two scripts and their ends, and no other.
  std::size_t ends = 0;
  for (std::size_t at = 0; (at = page.find("</script", at)) != std::string::npos; ++at) ++ends;
  EXPECT_EQ(ends, 2U);
  EXPECT_EQ(page.find("\xe2\x80\xae"), std::string::npos) << "bidi controls stay escapes";
}

TEST(Html, TwoRecordingsStandBesideEachOther) {
  const model::Report first;
  const model::Report second;
  const model::Picture picture;
  const Recorded both[] = {{"a", first, picture}, {"b", second, picture}};
  const auto data = data_of(render(both));
  ASSERT_EQ(data["recordings"].size(), 2U);
  EXPECT_EQ(data["recordings"][1]["name"], "b");
}

TEST(Html, HoldsTheDifferenceAsTheJsonRendererWritesIt) {
  const model::Report report;
  const model::Picture picture;
  const Recorded both[] = {{"a", report, picture}, {"b", report, picture}};
  model::Difference difference;
  difference.before = {"</script>", "\xe2\x80\xae"};
  difference.rows.push_back({.group = "start", .figure = "page faults", .change = -5});
  const std::string page = render(both, &difference);
  EXPECT_EQ(data_of(page)["difference"], nlohmann::json::parse(json::render(difference)));
  EXPECT_EQ(page.find("\xe2\x80\xae"), std::string::npos);
  EXPECT_TRUE(data_of(page_of(report, picture))["difference"].is_null());
}

TEST(Html, CellsComeAsColumns) {
  model::Picture picture;
  picture.cells.push_back({.ts = 10,
                           .until = 20,
                           .total_ns = 5,
                           .max_ns = 5,
                           .start = 0x5000,
                           .pages = 1,
                           .faults = 1});
  const auto cells = data_of(page_of({}, picture))["recordings"][0]["picture"]["cells"];
  EXPECT_EQ(cells["rows"], 1);
  EXPECT_EQ(cells["columns"]["until"], base64("\x15")) << "a moment is one more than itself";
  EXPECT_EQ(cells["columns"]["page"], base64("\x0a"));
}

}  // namespace
}  // namespace ft::report::html
