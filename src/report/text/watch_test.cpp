#include "report/text/watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "report/csv/watch.h"
#include "report/json/watch.h"
#include "report/text/table.h"

namespace ft::report::text {

namespace {

using namespace model;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kHostile = "evil\x1b[2J\n\xff name";

SubsystemView part(std::string name, Bytes resident, double growth) {
  SubsystemView row;
  row.name = std::move(name);
  row.resident = resident;
  row.growth_per_second = growth;
  return row;
}

Watch a_watch() {
  Watch watch;
  watch.host = {.total = 8 * kGiB, .free = kGiB, .available = 2 * kGiB, .page_cache = kGiB};
  watch.rates = {{"faults", {{"pgfault", "page faults", false, 12, 3, 1.5}, {"odd", "not here"}}}};
  ZoneView zone{.node = 0, .name = "Normal", .managed = kGiB, .free = kMiB};
  zone.free_blocks = {1, 2};
  zone.fragmentation = {-1, 0.5};
  zone.unusable = {0, 0.25};
  watch.zones = {zone};
  watch.process.emplace();
  watch.process->pid = 42;
  watch.process->name = kHostile;
  watch.process->resident = 300 * kMiB;
  watch.process->subsystems.emplace();
  watch.process->subsystems->rows = {part("Java heap", kMiB, 5), part("Metaspace", kGiB, 1)};
  watch.cgroups.emplace();
  watch.cgroups->version = 2;
  CgroupView group;
  group.path = kHostile + std::string(200, 'x');
  group.current = kGiB;
  watch.cgroups->levels = {group};
  watch.next = {{"kswapd", Nearness::Now, 0, "kswapd is at work."}};
  Finding finding;
  finding.name = "heap-swapped";
  finding.state = FindingState::Fires;
  finding.words = "Pages of the heap are in swap.";
  watch.findings = {finding, {.name = "quiet-one", .state = FindingState::Quiet}};
  watch.missing = {{"process.map_count", kHostile}};
  return watch;
}

std::string plain(const std::vector<StyledLine>& lines) {
  std::string text;
  for (const StyledLine& line : lines) {
    text += with_codes(line, Styler(Styler::Colours::Off)) + "\n";
  }
  return text;
}

std::string shown(WatchView view, WatchSort sort = WatchSort::Resident) {
  return plain(watch_lines(a_watch(), view, {.width = 80, .sort = sort}));
}

TEST(WatchText, NoLineIsWiderThanTheScreen) {
  for (const std::size_t width : {40U, 80U, 200U}) {
    for (std::size_t view = 0; view < kWatchViewNames.size(); ++view) {
      for (const StyledLine& line :
           watch_lines(a_watch(), static_cast<WatchView>(view), {.width = width})) {
        // Tables of figures need their columns; narrower screens cut them.
        if (width >= 80) {
          EXPECT_LE(shown_width(line), width) << plain({line});
        }
      }
    }
  }
}

TEST(WatchText, NothingFromOutsideReachesTheTerminalAsItIs) {
  const std::string all = render_watch(a_watch(), {}, Styler(Styler::Colours::Off));
  EXPECT_THAT(all, Not(HasSubstr("\x1b")));
  EXPECT_THAT(all, Not(HasSubstr("\xff")));
  EXPECT_THAT(all, HasSubstr("evil\\x1b[2J"));
}

TEST(WatchText, AnEmptyRefreshHasEveryView) {
  for (std::size_t view = 0; view < kWatchViewNames.size(); ++view) {
    watch_lines({}, static_cast<WatchView>(view), {});
  }
  EXPECT_THAT(watch_row({}), HasSubstr("-"));
  EXPECT_THAT(render_watch({}, {}, Styler(Styler::Colours::Off)), HasSubstr("free -"));
}

TEST(WatchText, SortsSubsystems) {
  const auto heap_first = [](const std::string& text) {
    return text.find("Java heap") < text.find("Metaspace");
  };
  EXPECT_FALSE(heap_first(shown(WatchView::Process, WatchSort::Resident)));
  EXPECT_TRUE(heap_first(shown(WatchView::Process, WatchSort::Growth)));
  EXPECT_TRUE(heap_first(shown(WatchView::Process, WatchSort::Name)));
}

TEST(WatchText, ACounterThisKernelDoesNotHaveIsLeftOut) {
  const std::string text = shown(WatchView::Host);
  EXPECT_THAT(text, HasSubstr("pgfault"));
  EXPECT_THAT(text, Not(HasSubstr("odd")));
}

TEST(WatchText, RemarksHoldWhatFiresAndWhatIsMissing) {
  const std::string text = shown(WatchView::Remarks);
  EXPECT_THAT(text, HasSubstr("! kswapd is at work."));
  EXPECT_THAT(text, HasSubstr("(heap-swapped)"));
  EXPECT_THAT(text, Not(HasSubstr("quiet-one")));
  EXPECT_THAT(text, HasSubstr("process.map_count"));
}

TEST(WatchText, WrapsAtBlanksAndCutsWhatHasNone) {
  const auto lines = wrapped_lines("one two three " + std::string(50, 'x'), 20, {"  - ", {}});
  for (const StyledLine& line : lines) EXPECT_LE(shown_width(line), 20U);
  EXPECT_EQ(plain({lines.front()}), "  - one two three\n");
  EXPECT_EQ(wrapped_lines("", 20, {"- ", {}}).size(), 1U);
}

TEST(WatchJson, SaysWhatIsNotKnownAsNull) {
  const std::string json = json::render(a_watch(), json::Layout::Line);
  EXPECT_EQ(std::ranges::count(json, '\n'), 1);
  EXPECT_THAT(json, HasSubstr(R"("swap_free_bytes":null)"));
  EXPECT_THAT(json, HasSubstr(R"("state":"quiet")"));
  EXPECT_THAT(json, Not(HasSubstr("\xff")));
}

TEST(WatchCsv, HeadingAndRowsHaveTheSameColumns) {
  constexpr std::array<std::string_view, 3> kParts = {"Java heap", "Metaspace", "C heap"};
  const std::string heading = csv::watch_heading(a_watch(), kParts);
  const std::string row = csv::watch_row(a_watch(), kParts);
  EXPECT_EQ(std::ranges::count(heading, ','), std::ranges::count(row, ','));
  EXPECT_THAT(heading, HasSubstr("java_heap_resident_bytes"));
  // Resident bytes of each, then faults a second, which are not known here.
  EXPECT_TRUE(row.ends_with("1048576,1073741824,0,,,\n")) << row;
  EXPECT_TRUE(
      heading.ends_with(",c_heap_resident_bytes,java_heap_faults_per_second,"
                        "metaspace_faults_per_second,c_heap_faults_per_second\n"));
  model::Watch counted = a_watch();
  counted.process->subsystems->rows.front().faults_per_second = 12;
  const std::string name = counted.process->subsystems->rows.front().name;
  EXPECT_TRUE(csv::watch_row(counted, std::array<std::string_view, 1>{name}).ends_with(",12.000\n"))
      << csv::watch_row(counted, kParts);
  EXPECT_EQ(std::ranges::count(csv::watch_row({}, kParts), ','),
            std::ranges::count(csv::watch_heading({}, kParts), ','));
}

TEST(BeforeAfterText, ShowsChangesWithTheirSign) {
  BeforeAfter table;
  table.command = {"java", kHostile};
  table.rows = {
      {"mem_free", "free memory", "bytes", 3 * kMiB, kMiB, -2 * static_cast<std::int64_t>(kMiB)},
      {"pgfault", "page faults", "events", 1, 1001, 1000}};
  const std::string text = render_before_after(table, {});
  EXPECT_THAT(text, HasSubstr("-2.0 MiB"));
  EXPECT_THAT(text, HasSubstr("+1,000"));
  EXPECT_THAT(text, Not(HasSubstr("\xff")));
}

}  // namespace

}  // namespace ft::report::text
