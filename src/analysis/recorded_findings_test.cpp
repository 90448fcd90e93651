#include "analysis/recorded_findings.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/units.h"

namespace ft::analysis {

namespace {

using report::model::Report;
using report::model::Subsystem;

Report a_report() {
  Report report;
  report.target.command = {"java", "-jar", "app.jar"};
  report.memory.vm_rss = kGiB;
  report.host.memory_bytes = 32 * kGiB;
  Subsystem heap;
  heap.name = "Java heap";
  heap.reserved_bytes = 8 * kGiB;
  heap.resident_end_bytes = 700 * kMiB;
  heap.huge_bytes = 10 * kMiB;
  Subsystem stacks;
  stacks.name = "Java thread stacks";
  stacks.huge_bytes = 4 * kMiB;
  report.subsystems = {heap, stacks};
  return report;
}

event::Trace a_trace() {
  event::Trace trace;
  trace.meta["host.cgroup.version"] = "2";
  trace.meta["host.cgroup.memory_limit_bytes"] = std::to_string(2 * kGiB);
  trace.meta["host.sysctl.vm.max_map_count"] = "65530";
  return trace;
}

TEST(RecordedFacts, TakesWhatARecordingHolds) {
  Subject subject;
  subject.maps.emplace(3);
  subject.maps->back().name = "[vsyscall]";
  const FindingFacts facts = recorded_facts(a_report(), subject, a_trace());
  EXPECT_EQ(facts.resident, kGiB);
  EXPECT_EQ(facts.map_count, 2U);
  EXPECT_EQ(facts.max_map_count, 65530U);
  EXPECT_EQ(facts.heap_reserved, 8 * kGiB);
  EXPECT_EQ(facts.stacks_huge, 4 * kMiB);
  EXPECT_EQ(facts.huge, 14 * kMiB);
  ASSERT_TRUE(facts.cgroup_limit);
  EXPECT_EQ(*facts.cgroup_limit, 2 * kGiB);
  EXPECT_FALSE(facts.heap_swapped);
  EXPECT_FALSE(facts.jvm_words);
  Report swapped = a_report();
  swapped.subsystems[0].swapped_end_bytes = 3 * kMiB;
  EXPECT_EQ(recorded_facts(swapped, subject, a_trace()).heap_swapped, 3 * kMiB);
}

TEST(RecordedFacts, AHeapOnTheWrongNode) {
  event::Trace trace = a_trace();
  trace.meta["host.nodes"] = "2";
  trace.meta["host.node_cpus.0"] = "0-3,8";
  trace.meta["host.node_cpus.1"] = "4-7";
  Subject subject;
  subject.status.emplace();
  subject.status->cpus_allowed = "4-5";
  const BytesByNode heap = {{0, 300 * kMiB}, {1, 400 * kMiB}};
  const auto state = [&](const BytesByNode* by_node) {
    const auto found = find(recorded_facts(a_report(), subject, trace, by_node));
    return std::ranges::find(found, "heap-on-wrong-node", &report::model::Finding::name)->state;
  };
  EXPECT_EQ(state(&heap), report::model::FindingState::Fires);
  EXPECT_EQ(state(nullptr), report::model::FindingState::NotEvaluated);
  subject.status->cpus_allowed = "3-4";
  EXPECT_EQ(state(&heap), report::model::FindingState::Quiet);
  trace.meta.erase("host.node_cpus.0");
  trace.meta.erase("host.node_cpus.1");
  EXPECT_EQ(state(&heap), report::model::FindingState::NotEvaluated);
}

TEST(RecordedFacts, WhatMallocHandsOutIsTheTargetsOnly) {
  event::Trace trace = a_trace();
  trace.meta["target.pid"] = "42";
  trace.meta["target.malloc.used_bytes"] = "1000";
  Subject subject;
  subject.pid = 42;
  EXPECT_EQ(recorded_facts(a_report(), subject, trace).c_heap_used, 1000U);
  subject.pid = 43;
  EXPECT_FALSE(recorded_facts(a_report(), subject, trace).c_heap_used);
}

TEST(RecordedFacts, NothingFromAnEmptyRecording) {
  for (const auto& finding : find(recorded_facts({}, {}, {}))) {
    EXPECT_EQ(finding.state, report::model::FindingState::NotEvaluated) << finding.name;
  }
}

TEST(RecordedFacts, AGroupWithoutALimitIsKnownToHaveNone) {
  event::Trace trace;
  trace.meta["host.cgroup.version"] = "1";
  const FindingFacts facts = recorded_facts({}, {}, trace);
  ASSERT_TRUE(facts.cgroup_limit);
  EXPECT_FALSE(*facts.cgroup_limit);
}

TEST(RecordedFacts, TheRecordersGroupIsNotThatOfAProcessThatWasRunning) {
  event::Trace trace = a_trace();
  trace.meta["target.attached"] = "1";
  EXPECT_FALSE(recorded_facts(a_report(), {}, trace).cgroup_limit);
}

TEST(RecordedFacts, TheReservationOfZgcIsNoMaximum) {
  Report report = a_report();
  report.target.command = {"java", "-XX:+UseZGC", "App"};
  EXPECT_FALSE(recorded_facts(report, {}, a_trace()).heap_reserved);
  report.target.command.push_back("-Xmx1g");
  EXPECT_EQ(recorded_facts(report, {}, a_trace()).heap_reserved, kGiB);
}

}  // namespace

}  // namespace ft::analysis
