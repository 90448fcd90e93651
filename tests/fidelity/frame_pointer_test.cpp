// Question: are frame pointers enough? glibc keeps none, so malloc's callers are lost and many
// stacks hold one frame; raw addresses are symbolised from the files on this machine.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <limits>

#include "attribution/owner_history.h"
#include "attribution/score.h"
#include "attribution/symboliser.h"
#include "base/fd.h"
#include "captures.h"

namespace ft::fidelity {
namespace {

class FramePointers : public testing::TestWithParam<const char*> {};

TEST_P(FramePointers, AgreeWithTheJvm) {
  if (captures_dir().empty()) GTEST_SKIP() << "no captures beside this checkout";
  const std::string stem = fmt::format("{}/fp/{}", captures_dir(), GetParam());
  const auto maps_text = read_file(stem + ".sleep.maps");
  const auto log = read_text(stem + ".bpftrace.gz");
  const auto nmt_text = read_file(stem + ".sleep.nmtvm");
  ASSERT_TRUE(maps_text && log && nmt_text);
  const auto maps = host::parse_maps(*maps_text);
  ASSERT_TRUE(maps);
  auto trace = import_bpftrace(*log, *maps);
  ASSERT_TRUE(trace) << trace.error().message();
  const event::Pid pid = trace->syscalls.front().pid;
  add_exec_snapshot(*trace, pid, *maps);

  const auto symbolised = attribution::symbolise(*trace);
  std::size_t named = 0;
  std::size_t in_libjvm = 0;
  for (const event::Stack& stack : trace->stacks) {
    for (const event::Frame& frame : stack.frames) {
      if (!frame.module.ends_with("/libjvm.so")) continue;
      ++in_libjvm;
      named += frame.symbol.empty() ? 0 : 1;
    }
  }
  if (in_libjvm == 0 || named < in_libjvm * 9 / 10) {
    GTEST_SKIP() << "the JDK of the capture is not installed here: " << named << " of " << in_libjvm
                 << " frames named";
  }
  EXPECT_TRUE(symbolised.problems.empty());

  const auto nmt = jvm::parse_nmt(*nmt_text, stem);
  ASSERT_TRUE(nmt) << nmt.error().message();
  const auto history = attribution::OwnerHistory::build(*trace);
  const auto score =
      attribution::score(history, pid, std::numeric_limits<Nanoseconds>::max() / 2, *nmt);
  std::string why;
  for (const std::string& line : score.disagreements) why += line + '\n';
  fmt::print("{:12} frame pointers: outside heap {:.6f}  macro {:.6f}  unknown mapped {:.6f}\n",
             GetParam(), score.agreement_outside_heap(), score.macro_average(),
             score.unknown_mapped_share());
  EXPECT_GE(score.agreement_outside_heap(), 0.995) << why;
  EXPECT_GE(score.macro_average(), 0.995) << why;
  EXPECT_LE(score.unknown_mapped_share(), 0.001);
}

INSTANTIATE_TEST_SUITE_P(Captures, FramePointers,
                         testing::Values("jdk17-g1", "jdk17-par", "jdk25-g1", "jdk25-zgc"),
                         [](const auto& param) {
                           std::string name = param.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace ft::fidelity
