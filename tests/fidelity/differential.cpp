#include "differential.h"

namespace ft::differential {

void expect_agreement(const Program& program) {
  const Result<sim::machine::Settings> settings = host_settings("auto");
  if (!settings) GTEST_SKIP() << settings.error().message();
  Runner runner(*settings);
  runner.set_checking(true);
  const Result<Run> run = runner.run_confirmed(program);
  ASSERT_TRUE(run) << run.error().message();
  if (!run->mismatch) return;
  if (!run->disturbed_by.empty())
    GTEST_SKIP() << "the kernel acted of its own accord: " << run->disturbed_by;
  FAIL() << "after " << to_cpp(run->program.instructions[run->mismatch->at]) << "\n"
         << describe(*run->mismatch);
}

}  // namespace ft::differential
