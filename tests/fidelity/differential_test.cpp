// Random programs, and what the harness itself must do.
#include "differential.h"

#include <sys/mman.h>

#include "base/units.h"
#include "live_world.h"

namespace ft::differential {
namespace {

constexpr std::uint64_t kPrograms = 60;
constexpr std::size_t kInstructions = 100;

// Each seed is a test of its own, so that ctest can be asked for one.
class Differential : public testing::TestWithParam<std::uint64_t> {};

TEST_P(Differential, KernelAndModelAgree) {
  const Result<sim::machine::Settings> settings = host_settings("auto");
  if (!settings) GTEST_SKIP() << settings.error().message();
  Runner runner(*settings);
  std::size_t compared = 0;
  for (std::uint64_t number = 0; number < kPrograms; ++number) {
    const Result<differential::Run> run = runner.generate(GetParam(), number, kInstructions);
    ASSERT_TRUE(run) << run.error().message();
    if (run->mismatch && !run->disturbed_by.empty()) continue;
    ASSERT_FALSE(run->mismatch) << "ft-differential --seed " << GetParam() << " --only " << number
                                << " makes this small; after "
                                << to_cpp(run->program.instructions.back()) << "\n"
                                << describe(*run->mismatch);
    ++compared;
  }
  EXPECT_GT(compared, kPrograms / 2);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Differential, testing::Values(1, 2, 3, 4, 5));

Mmap anonymous(std::uint64_t address, std::uint64_t length) {
  return {.addr = address,
          .length = length,
          .prot = PROT_READ | PROT_WRITE,
          .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED};
}

// The processes do nothing by themselves: what is counted is what the program did.
TEST(LiveWorld, CountsOnlyTheProgramsOwnFaults) {
  Result<LiveWorld> world = LiveWorld::start({});
  if (!world) GTEST_SKIP() << world.error().message();
  ASSERT_TRUE(world->run(anonymous(0x10000000, 8 * kPageSize)));
  ASSERT_TRUE(world->run(Touch{.addr = 0x10000000, .access = Access::Write, .pages = 8}));
  ASSERT_TRUE(world->run(Fork{}));
  ASSERT_TRUE(world->run(Touch{.process = 1, .addr = 0x10000000, .access = Access::Write}));
  const Result<WorldState> state = world->state();
  ASSERT_TRUE(state) << state.error().message();
  ASSERT_EQ(state->size(), 2U);
  EXPECT_EQ((*state)[0].minor_faults, 8U);
  EXPECT_EQ((*state)[1].minor_faults, 1U);
  EXPECT_EQ((*state)[0].rss_anonymous, 9 * kPageSize);  // the stub too
}

TEST(LiveWorld, TellsHowAnAccessEnds) {
  Result<LiveWorld> world = LiveWorld::start({.files = {File{.size = kPageSize}}});
  if (!world) GTEST_SKIP() << world.error().message();
  ASSERT_TRUE(world->run(anonymous(0x10000000, kPageSize)));
  Mmap file = anonymous(0x20000000, 2 * kPageSize);
  file.flags = MAP_SHARED | MAP_FIXED;
  file.file = 0;
  ASSERT_TRUE(world->run(file));
  const auto end_of = [&](std::uint64_t address, Access access) {
    const Result<Effect> effect = world->run(Touch{.addr = address, .access = access});
    EXPECT_TRUE(effect);
    return effect ? effect->end : TouchEnd::Done;
  };
  EXPECT_EQ(end_of(0x10000000, Access::Write), TouchEnd::Done);
  EXPECT_EQ(end_of(0x10000000, Access::Execute), TouchEnd::SegvAccessError);
  EXPECT_EQ(end_of(0x10001000, Access::Read), TouchEnd::SegvMapError);
  EXPECT_EQ(end_of(0x20000000, Access::Read), TouchEnd::Done);
  EXPECT_EQ(end_of(0x20001000, Access::Read), TouchEnd::BusError);
}

// What finds nothing when there is something would be worthless: a model of another kernel is one.
TEST(Runner, FindsAWrongModel) {
  Result<sim::machine::Settings> settings = host_settings("auto");
  if (!settings) GTEST_SKIP() << settings.error().message();
  settings->layout.table_levels = 4;
  settings->limits.max_map_count = 8;  // this host allows more
  Runner runner(*settings);
  Program program;
  for (std::uint64_t i = 0; i < 8; ++i)
    program.instructions.push_back(anonymous(0x10000000 + 2 * i * kPageSize, kPageSize));
  const Result<differential::Run> run = runner.run(program);
  ASSERT_TRUE(run) << run.error().message();
  ASSERT_TRUE(run->mismatch);
  EXPECT_EQ(run->mismatch->differences.front().what, "result");
}

TEST(Instruction, PrintsAsTheCppThatMakesIt) {
  EXPECT_EQ(to_cpp(Instruction(Mmap{.addr = 0x1000,
                                    .length = 5,
                                    .prot = PROT_READ | PROT_WRITE,
                                    .flags = MAP_PRIVATE | MAP_FIXED,
                                    .file = kBadFile})),
            "Mmap{.addr = 0x1000, .length = 5, .prot = PROT_READ|PROT_WRITE, "
            ".flags = MAP_PRIVATE|MAP_FIXED, .file = kBadFile}");
  EXPECT_EQ(to_cpp(Instruction(Touch{.process = 2, .addr = 0x2000, .pages = 3})),
            "Touch{.process = 2, .addr = 0x2000, .access = Access::Read, .pages = 3}");
  EXPECT_EQ(to_cpp(Instruction(Fork{})), "Fork{}");
}

}  // namespace
}  // namespace ft::differential
