// firsttouch query: what a script sees of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/fd.h"
#include "recording/writer.h"
#include "run.h"

namespace ft::e2e {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class QueryCommand : public ::testing::Test {
 protected:
  void SetUp() override {
    auto writer = recording::Writer::create(path_).value();
    writer->on_meta("backend", "bpf");
    writer->on_process({.pid = 42, .parent = 1, .executable = "/bin/true", .command = {"true"}});
    writer->on_thread({.tid = 42, .pid = 42, .name = "evil\033[31m"});
    writer->on_syscall({.ts = 10,
                        .dur = 5,
                        .tid = 42,
                        .pid = 42,
                        .number = event::SyscallNumber::Mmap,
                        .args = {0, 8192, 3, 0x22, ~std::uint64_t{0}, 0},
                        .ret = 0x7f0000000000});
    std::vector<event::Fault> faults(50'000);
    for (std::size_t i = 0; i < faults.size(); ++i) {
      faults[i].ts = static_cast<Nanoseconds>(100 + i);
      faults[i].tid = 42;
      faults[i].addr = 0x7f0000000000;
    }
    writer->on_faults(faults);
    ASSERT_TRUE(writer->finish());
  }

  Finished shell(const std::string& command) {
    return run({"/bin/bash", "-c",
                "set -o pipefail; F='" + firsttouch() + "'; R='" + path_ + "'; " + command});
  }

  std::string path_ = scratch("query.ft");
};

TEST_F(QueryCommand, PrintsAsAsked) {
  const Finished table = shell("$F query $R 'SELECT name FROM thread'");
  EXPECT_EQ(table.exit_status(), 0) << table.err;
  EXPECT_THAT(table.out, HasSubstr("evil\\x1b[31m"));
  EXPECT_EQ(shell("$F query $R --format csv 'SELECT count(*) AS n FROM fault'").out,
            "n\r\n50000\r\n");
  EXPECT_EQ(shell("$F query $R --format json 'SELECT name, length FROM syscall'").out,
            "[\n {\"name\": \"mmap\", \"length\": 8192}\n]\n");
}

TEST_F(QueryCommand, AttributesWhatTheQueryAsksFor) {
  const Finished told =
      shell("$F query $R --format csv 'SELECT count(*), count(subsystem) FROM fault'");
  EXPECT_EQ(told.exit_status(), 0) << told.err;
  EXPECT_THAT(told.out, HasSubstr("50000,50000"));
  EXPECT_THAT(shell("$F query $R --format csv 'SELECT pid, start FROM region'").out,
              HasSubstr("42,"));
}

TEST_F(QueryCommand, ReadsTheSqlFromStandardInput) {
  EXPECT_THAT(shell("echo 'SELECT 6*7' | $F query $R").out, HasSubstr("42"));
  EXPECT_THAT(shell("echo 'SELECT 6*7' | $F query $R - --format csv").out, HasSubstr("42"));
}

TEST_F(QueryCommand, TellsTheUsersMistakesFromTheFiles) {
  const Finished wrong_sql = shell("$F query $R 'SELECT nope FROM fault'");
  EXPECT_EQ(wrong_sql.exit_status(), 2);
  EXPECT_EQ(wrong_sql.err, "firsttouch: SQL:1:8: no such column: nope\n");
  EXPECT_EQ(wrong_sql.out, "");
  EXPECT_EQ(shell("$F query $R 'DROP TABLE fault'").exit_status(), 2);
  EXPECT_EQ(shell("$F query $R 'SELECT 1' --format xml").exit_status(), 2);
  EXPECT_EQ(shell("$F query").exit_status(), 2);

  const Finished no_file = shell("$F query $R.absent 'SELECT 1'");
  EXPECT_EQ(no_file.exit_status(), 125);
  EXPECT_THAT(no_file.err, AllOf(HasSubstr("query.ft.absent"), HasSubstr("No such file")));
  const Finished foreign = shell("$F query /bin/true 'SELECT 1'");
  EXPECT_EQ(foreign.exit_status(), 125);
  EXPECT_THAT(foreign.err, HasSubstr("is not a recording of firsttouch"));
}

TEST_F(QueryCommand, EndsQuietlyWhenNobodyReads) {
  const Finished head = shell("$F query $R 'SELECT * FROM fault' | head -n 1");
  EXPECT_EQ(head.exit_status(), 0);
  EXPECT_EQ(head.err, "");
  const Finished full = shell("$F query $R 'SELECT * FROM fault' > /dev/full");
  EXPECT_EQ(full.exit_status(), 125);
  EXPECT_THAT(full.err, HasSubstr("No space left on device"));
}

TEST_F(QueryCommand, StopsAtCtrlC) {
  const Finished stopped = shell(
      "timeout --preserve-status -s INT 0.3 $F query $R 'WITH RECURSIVE n(i) AS (SELECT 1 "
      "UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n'");
  EXPECT_EQ(stopped.exit_status(), 130);
}

TEST_F(QueryCommand, LeavesTheFileAsItIs) {
  const std::string before = read_file(path_).value();
  shell("$F query $R 'SELECT count(*), count(subsystem) FROM fault'");
  EXPECT_TRUE(read_file(path_).value() == before);
}

}  // namespace
}  // namespace ft::e2e
