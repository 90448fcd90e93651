// Does a known trace make exactly the report it should, in every format?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "analysis/analyse.h"
#include "base/fd.h"
#include "base/text.h"
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

// No byte of it may reach a terminal: escape, newline, bidi override, C1 control, broken UTF-8.
constexpr const char* kHostile = "\x1b[2Jq\"'\n\t,\u202egnp.exe\u009b31m\xff\xc3(";

TraceMaker hostile_trace() {
  TraceMaker maker;
  make_jvm_start(maker);
  event::Process java;
  java.pid = 4242;
  java.exec_ts = 1'000'000;
  java.end_ts = 42'200'000;
  java.executable = kHostile;
  java.command = {kHostile, std::string(100 * kKiB, 'A'), "=cmd|' /C calc'!A0"};
  maker.trace.on_process(java);
  maker.trace.on_thread(
      {.tid = 4243, .pid = 4242, .start_ts = 2'000'000, .end_ts = 42'100'000, .name = kHostile});
  maker.trace.on_file(0, {std::string("/tmp/") + kHostile, 1, 2});
  maker.trace.on_meta("host.kernel", kHostile);
  maker.trace.on_loss({kHostile, 3, event::LossSeverity::DataLoss, kHostile});
  maker.trace.on_phase({kHostile, 100, 200});
  return maker;
}

// Bytes below 0x20 but newline, DEL, and everything that is no well-formed, harmless UTF-8.
bool is_harmless(std::string_view text) {
  std::string without_newlines(text);
  std::erase(without_newlines, '\n');
  return printable(without_newlines) == without_newlines;
}

TEST(Hostile, TextShowsNoControlCharacters) {
  TraceMaker maker = hostile_trace();
  const std::string text = report::text::render(report_of(maker));
  EXPECT_TRUE(is_harmless(text));
  EXPECT_THAT(text, HasSubstr("\\x1b[2Jq"));
  EXPECT_LT(text.size(), 64 * kKiB);  // the huge argument is cut
}

TEST(Hostile, CsvShowsNoControlCharactersAndNoFormulas) {
  TraceMaker maker = hostile_trace();
  maker.trace.on_thread(
      {.tid = 4242, .pid = 4242, .end_ts = 42'200'000, .name = "=HYPERLINK(\"x\",\"y\")"});
  const std::string csv = report::csv::render(report_of(maker), report::csv::Table::Threads);
  EXPECT_TRUE(is_harmless(csv));
  EXPECT_THAT(csv, HasSubstr("\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""));
}

TEST(Hostile, JsonIsAsciiAndReadsBack) {
  TraceMaker maker = hostile_trace();
  const std::string text = report::json::render(report_of(maker));
  EXPECT_TRUE(
      std::ranges::all_of(text, [](char c) { return c == '\n' || (c >= 0x20 && c < 0x7f); }));
  const nlohmann::json json = nlohmann::json::parse(text);
  EXPECT_EQ(json["target"]["command"][1].get<std::string>().size(), 100 * kKiB);
  const auto first = json["target"]["command"][0].get<std::string>();
  EXPECT_EQ(first.substr(0, 5), "\x1b[2Jq");
  EXPECT_EQ(json["loss"]["total"], 3);
}

TEST(Hostile, LossIsSaidFirstAndLoud) {
  TraceMaker maker = hostile_trace();
  const report::model::Report report = report_of(maker);
  EXPECT_THAT(report.summary.warnings, Not(IsEmpty()));
  const std::string text = report::text::render(report);
  EXPECT_LT(text.find("3 events were lost"), text.find("Where the time went"));
}

TEST(Hostile, AllAddressesAndLengthsAreSurvived) {
  TraceMaker maker;
  make_jvm_start(maker);
  maker.tid = 4243;
  const std::uint64_t extremes[] = {0,
                                    1,
                                    4095,
                                    1ULL << 47U,
                                    1ULL << 57U,
                                    1ULL << 62U,
                                    ~std::uint64_t{0},
                                    ~std::uint64_t{0} - 4095};
  Nanoseconds ts = 40'000'000;
  for (const std::uint64_t addr : extremes) {
    maker.fault(ts, 1, addr, event::kFaultUser, 0);
    maker.fault(ts + 1, 1, addr, event::kFaultUser | event::kFaultWrite, 9);
    for (const std::uint64_t length : extremes) {
      for (const auto number : {event::SyscallNumber::Munmap, event::SyscallNumber::Madvise,
                                event::SyscallNumber::Mremap, event::SyscallNumber::Mlock,
                                event::SyscallNumber::Mmap, event::SyscallNumber::Brk}) {
        maker.call(ts += 10, 1, number, {addr, length, length, 0x8022, 0, 0},
                   static_cast<std::int64_t>(addr & ~(1ULL << 63U)));
        maker.put_call();
      }
    }
  }
  const report::model::Report report = report_of(maker);
  EXPECT_FALSE(report::text::render(report).empty());
  EXPECT_FALSE(report::json::render(report).empty());
}

TEST(Sparse, AnEmptyTraceIsToldAsSuch) {
  TraceMaker maker;
  const report::model::Report report = report_of(maker);
  EXPECT_EQ(report::model::why_missing(report, "target"), "the recording has no process");
  EXPECT_FALSE(report.faults.has_value());
  EXPECT_FALSE(report.time.kernel_mm.has_value());
  const nlohmann::json json = nlohmann::json::parse(report::json::render(report));
  for (const char* name : {"mmap", "munmap", "mprotect", "madvise", "brk", "mremap"}) {
    EXPECT_EQ(json["syscalls"][name]["count"], 0) << name;
  }
  EXPECT_TRUE(json["faults"]["count"].is_null());
  EXPECT_THAT(report::text::render(report), HasSubstr("(command not known)"));
}

TEST(Sparse, AnImportedLogSaysWhatItCannotKnow) {
  TraceMaker maker;
  make_imported_log(maker);
  const report::model::Report report = report_of(maker);
  expect_golden("imported.txt", report::text::render(report));
  const nlohmann::json json = nlohmann::json::parse(report::json::render(report));
  EXPECT_EQ(json["syscalls"]["mmap"]["count"], 1);
  EXPECT_TRUE(json["syscalls"]["mmap"]["total_ns"].is_null());
  EXPECT_TRUE(json["time"]["kernel_mm_ns"].is_null());
  EXPECT_TRUE(json["page_tables"]["bytes"].is_null());
  EXPECT_TRUE(json["tlb_flushes"]["full"].is_null());
  for (const auto& row : json["subsystems"]) {
    EXPECT_TRUE(row["resident_end_bytes"].is_null());
    EXPECT_TRUE(row["faults"].is_null());
  }
  std::vector<std::string> missing;
  for (const auto& entry : json["missing"]) missing.push_back(entry["what"]);
  EXPECT_THAT(missing, ::testing::IsSupersetOf({"faults", "time.kernel_mm", "subsystems.resident",
                                                "syscalls.time", "tlb_flushes", "page_allocs"}));
}

// Counts of the fixture, so that the golden files do not merely repeat what the code says.
TEST(Golden, TheFixturesFiguresAreRight) {
  const report::model::Report report = jvm_start();
  ASSERT_TRUE(report.faults.has_value());
  EXPECT_EQ(report.faults->count, 110U);
  EXPECT_EQ(report.faults->major, 1U);
  EXPECT_EQ(report.faults->huge, 1U);
  EXPECT_EQ(report.faults->kernel_mode, 1U);
  EXPECT_EQ(report.faults->unfinished, 1U);
  EXPECT_EQ(report.time.wall_ns, 40'000'000);
  EXPECT_EQ(report.time.nested_faults_ns, 2'000);
  ASSERT_TRUE(report.time.kernel_mm.has_value());
  // brk 1.5 + 2.5, mmap 9 + 2.1 + 1.9 + 2.4 + 3 + 1.2 + 1.7 + 4, munmap 25, mincore 12 - 2 µs
  EXPECT_EQ(report.time.kernel_mm->calls_ns, 64'300);
  EXPECT_EQ(report.page_allocs->page_table, 7U);
  EXPECT_EQ(report.page_allocs->by_order.at(9), 1U);
  EXPECT_EQ(report.tlb_flushes->full, 2U);
  EXPECT_EQ(report.tlb_flushes->ranged, 1U);
  EXPECT_EQ(report.tlb_flushes->ipis_sent, 1U);
  EXPECT_EQ(report.tlb_flushes->not_needed, 1U);
  for (const auto& line : report.reconcile) EXPECT_TRUE(line.agrees) << line.what;
  const auto heap =
      std::ranges::find(report.subsystems, "Java heap", &report::model::Subsystem::name);
  ASSERT_NE(heap, report.subsystems.end());
  EXPECT_EQ(heap->reserved_bytes, 8 * kGiB);
  EXPECT_EQ(heap->committed_bytes, 256 * kMiB);
  EXPECT_EQ(heap->huge_bytes, 2 * kMiB);
  EXPECT_EQ(heap->faults, 92U);
  // The peak had two pages of the buffer that was unmapped, and not yet the heap's last one.
  EXPECT_EQ(report.memory.resident_peak_bytes.value(),
            report.memory.resident_end_bytes.value() + kPageSize);
}

}  // namespace
}  // namespace ft::golden
