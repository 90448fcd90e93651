// Does the model's time reconcile? A real recording, a machine file with a few round costs: the
// recorded time must be the report's, the predicted one the sum of counts times costs.
#include <gmock/gmock.h>

#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "run.h"

namespace ft::e2e {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr const char* kMachine = R"(
name = "round"
[[node]]
memory = "64G"
cpus = "0-1"
[tlb]
core = "sapphire-rapids"
)";

std::string machine_file(const std::string& costs) {
  const std::string path = scratch("round.toml");
  std::ofstream(path) << kMachine << costs;
  return path;
}

json told(const std::vector<std::string>& command) {
  const Finished done = run(command);
  EXPECT_EQ(done.exit_status(), 0) << done.out << done.err;
  return json::parse(done.out, nullptr, false);
}

const json* part_of(const json& time, const std::string& name) {
  for (const json& part : time["parts"]) {
    if (part["name"] == name) return &part;
  }
  return nullptr;
}

std::int64_t number(const json& value) {
  return value.get<std::int64_t>();
}

// Each part is at most half a nanosecond off, for it is rounded.
void expect_sum_of_parts(const json& time, const char* which) {
  std::int64_t faults = 0;
  std::int64_t calls = 0;
  std::int64_t storage = 0;
  for (const json& part : time["parts"]) {
    if (part[which].is_null()) continue;
    const std::int64_t ns = number(part[which]["ns"]);
    (part["sort"] == "call" ? calls : part["sort"] == "fault" ? faults : storage) += ns;
  }
  const auto rounding = static_cast<double>(time["parts"].size());
  const json& sum = time[which];
  EXPECT_NEAR(static_cast<double>(faults), sum["fault_ns"].get<double>(), rounding);
  EXPECT_NEAR(static_cast<double>(calls), sum["call_ns"].get<double>(), rounding);
  EXPECT_NEAR(static_cast<double>(storage), sum["storage_ns"].get<double>(), rounding);
  EXPECT_NEAR(static_cast<double>(faults + calls + storage + number(sum["wait_ns"]) +
                                  number(sum["outside_ns"])),
              sum["kernel_mm_ns"].get<double>(), rounding)
      << sum.dump(1);
}

class ModelTime : public testing::Test {
 protected:
  void SetUp() override {
    FT_NEEDS_BPF();
    recorded_ = record("time.ft", {target("touch_pages"), "2000"});
    if (recorded_.lost() != 0) GTEST_SKIP() << "events were lost: the machine is too busy";
  }
  Recorded recorded_;
};

TEST_F(ModelTime, RecordedIsWhatTheReportTells) {
  const json report = told({firsttouch(), "report", "--format", "json", scratch("time.ft")});
  const json time = told({firsttouch(), "replay", "--format", "json", scratch("time.ft")})["time"];
  EXPECT_EQ(time["recorded"]["kernel_mm_ns"], report["time"]["kernel_mm_ns"]);
  expect_sum_of_parts(time, "by_costs");
  expect_sum_of_parts(time, "predicted");
  EXPECT_TRUE(time["by_costs"]["complete"]) << time["by_costs"].dump(1);
  // Nothing was changed.
  EXPECT_EQ(time["predicted"], time["by_costs"]);
  EXPECT_EQ(time["costs"]["fault_anon"]["source"], "recording");
  // What the recording's own costs make of it is what it recorded, but for what is rare.
  const auto work_of = [](const json& sum) {
    return static_cast<double>(number(sum["fault_ns"]) + number(sum["call_ns"]));
  };
  const double work = work_of(time["recorded"]);
  EXPECT_NEAR(work_of(time["by_costs"]), work, 0.5 * work);
}

TEST_F(ModelTime, IsCountsTimesTheMachinesCosts) {
  const std::string machine = machine_file("[recorded_ns]\nfault_anon = 1000\npage_table = 300\n");
  const json time = told({firsttouch(), "validate", "--format", "json", "--machine", machine,
                          scratch("time.ft")})["time"];
  expect_sum_of_parts(time, "by_costs");
  const json* anonymous = part_of(time, "anonymous_page");
  ASSERT_NE(anonymous, nullptr);
  const std::int64_t count = number((*anonymous)["by_costs"]["count"]);
  const std::int64_t tables = number((*anonymous)["by_costs"]["operations"]) - count;
  EXPECT_GE(count, 2000);
  EXPECT_GE(tables, 3);
  EXPECT_EQ(number((*anonymous)["by_costs"]["ns"]), 1000 * count + 300 * tables);
  EXPECT_EQ((*anonymous)["recorded"]["count"], count);
  // All else comes from the recording, and that is told.
  EXPECT_EQ(time["costs"]["fault_anon"]["source"], "machine_recorded");
  EXPECT_EQ(time["costs"]["mmap"]["source"], "recording");
  EXPECT_GT(number(time["by_costs"]["ns_by_source_of_cost"]["recording"]), 0);
}

TEST_F(ModelTime, RefusesAMachineWithoutCosts) {
  const Finished refused =
      run({firsttouch(), "validate", "--machine", machine_file(""), scratch("time.ft")});
  EXPECT_EQ(refused.exit_status(), 2);
  EXPECT_THAT(refused.err, HasSubstr("it has no costs"));
}

}  // namespace
}  // namespace ft::e2e
