#include "report/folded/folded.h"

#include <gtest/gtest.h>

namespace ft::report::folded {
namespace {

TEST(Folded, ALineAStackOutermostFirst) {
  model::Report report;
  report.samples.emplace();
  report.sampled_stacks = {
      {.frames = {"java", "main", "asm_exc_page_fault", "clear_page_erms"},
       .kernel_from = 2,
       .count = 12,
       .stage = "zeroing"},
      {.frames = {"GC Thread#0", "G1::work(unsigned int)"},
       .kernel_from = 2,
       .count = 1,
       .stage = "user"},
  };
  EXPECT_EQ(render(report).value(),
            "java;main;asm_exc_page_fault_[k];clear_page_erms_[k] 12\n"
            "GC Thread#0;G1::work(unsigned int) 1\n");
}

TEST(Folded, NoNameBreaksALineOrAFrame) {
  model::Report report;
  report.samples.emplace();
  report.sampled_stacks = {
      {.frames = {"a;b\nc\x1b[2J"}, .kernel_from = 1, .count = 1, .stage = "user"}};
  const std::string text = render(report).value();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_EQ(text.find(';'), std::string::npos);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST(Folded, WithoutSamplesSaysWhy) {
  model::Report report;
  report.missing.push_back({"samples", "the ptrace backend takes no samples"});
  const auto text = render(report);
  ASSERT_FALSE(text.has_value());
  EXPECT_NE(text.error().message().find("the ptrace backend takes no samples"), std::string::npos);
}

}  // namespace
}  // namespace ft::report::folded
