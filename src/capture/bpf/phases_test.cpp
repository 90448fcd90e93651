#include "capture/bpf/phases.h"

#include <gmock/gmock.h>

#include <string>

namespace ft::capture::bpf {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> told(const std::vector<event::Phase>& phases) {
  std::vector<std::string> lines;
  for (const event::Phase& phase : phases) {
    lines.push_back(phase.name + " " + std::to_string(phase.start_ts) + "-" +
                    std::to_string(phase.end_ts));
  }
  return lines;
}

ProcessMarks jvm_marks() {
  ProcessMarks marks;
  marks.exec = 10;
  marks.libjvm_mapped = 12;
  marks.vm_init_begin = 15;
  marks.vm_init_end = 20;
  marks.first_gc = 25;
  return marks;
}

TEST(Phases, OfAJvm) {
  EXPECT_THAT(told(phases_of(jvm_marks(), 30)),
              ElementsAre("launcher 10-12", "load libjvm 12-15", "VM init 15-20", "Java 20-30",
                          "first GC 25-25"));
}

TEST(Phases, OfAnythingElse) {
  ProcessMarks marks;
  EXPECT_THAT(told(phases_of(marks, 30)), ElementsAre());
  marks.exec = 3;
  EXPECT_THAT(told(phases_of(marks, 30)), ElementsAre("run 3-30"));
}

TEST(Phases, OfAScriptThatStartsAJvm) {
  ProcessMarks script;
  script.exec = 1;
  EXPECT_THAT(told(phases_around_jvm(script, 40, jvm_marks(), 30)),
              ElementsAre("before the JVM 1-10", "launcher 10-12", "load libjvm 12-15",
                          "VM init 15-20", "Java 20-30", "first GC 25-25", "after the JVM 30-40"));
  EXPECT_EQ(told(phases_around_jvm(script, 30, jvm_marks(), 30)).back(), "first GC 25-25")
      << "a JVM that outlives its script";
}

}  // namespace
}  // namespace ft::capture::bpf
