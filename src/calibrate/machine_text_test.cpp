#include "calibrate/machine_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "sim/profile/machine_file.h"
#include "sim/profile/machines.h"

namespace ft::calibrate {
namespace {

using sim::profile::Cost;
using sim::profile::MachineProfile;
using ::testing::HasSubstr;
using ::testing::Not;

MachineProfile machine() {
  MachineProfile profile = *sim::profile::load_machine("document");
  profile.name = "quotes \" and \\ and caf\xc3\xa9";
  profile.memory_now.reset();
  auto& costs = profile.costs;
  costs = {};
  costs.cost_ns.set(Cost::Syscall, 71.25);
  costs.cost_ns.set(Cost::FaultAnon2m, 95123.4);
  costs.cost_ns.set(Cost::TlbL2Hit, 1.9);
  costs.cost_spread.set(Cost::Syscall, 0.0123);
  costs.recorded_ns.set(Cost::FaultAnon, 480);
  costs.recorded_cold_ns.set(Cost::MmapFile, 9100);
  costs.tlb.l1_entries_4k = 72;
  costs.measured.emplace();
  costs.measured->date = "2026-11-23 04:30 UTC";
  costs.measured->kernel = "6.18.44";
  costs.measured->cpu = "AMD EPYC";
  costs.measured->file = "/usr/lib/jvm/lib/server/libjvm.so";
  costs.measured->noisy = true;
  costs.measured->why = "somebody \"else\"\nworked";
  costs.measured->zeroing_bytes_per_ns = 21.5;
  costs.measured->memory_latency_ns = {{98.54, 160}, {}};
  return profile;
}

TEST(MachineText, IsReadBack) {
  const MachineProfile written = machine();
  const std::string text = machine_text(written, {});
  const auto read = sim::profile::parse_machine(text, "written.toml");
  ASSERT_TRUE(read) << read.error().message() << "\n" << text;
  EXPECT_EQ(read->name, "quotes \" and \\ and caf??");
  EXPECT_EQ(read->description, written.description);
  ASSERT_EQ(read->topology.nodes().size(), written.topology.nodes().size());
  for (std::size_t i = 0; i < read->topology.nodes().size(); ++i) {
    EXPECT_EQ(read->topology.nodes()[i].memory_bytes, written.topology.nodes()[i].memory_bytes);
    EXPECT_EQ(read->topology.nodes()[i].cpus, written.topology.nodes()[i].cpus);
  }
  EXPECT_EQ(read->topology.distance(0, 1), written.topology.distance(0, 1));
  EXPECT_EQ(read->tlb.name, written.tlb.name);
  EXPECT_EQ(read->costs.cost_ns.known(), written.costs.cost_ns.known());
  EXPECT_EQ(read->costs.cost_ns.of(Cost::Syscall), 71.25);
  EXPECT_EQ(read->costs.cost_ns.of(Cost::FaultAnon2m), 95123);  // in whole nanoseconds
  EXPECT_EQ(read->costs.cost_spread.of(Cost::Syscall), 0.012);
  EXPECT_EQ(read->costs.recorded_ns.of(Cost::FaultAnon), 480);
  EXPECT_EQ(read->costs.recorded_cold_ns, written.costs.recorded_cold_ns);
  EXPECT_EQ(read->costs.tlb, written.costs.tlb);
  ASSERT_TRUE(read->costs.measured);
  EXPECT_EQ(read->costs.measured->file, written.costs.measured->file);
  EXPECT_EQ(read->costs.measured->noisy, true);
  EXPECT_EQ(read->costs.measured->why, "somebody \"else\"?worked");
  EXPECT_EQ(read->costs.measured->memory_latency_ns,
            (std::vector<std::vector<double>>{{98.5, 160}, {}}));
}

TEST(MachineText, LeavesOutWhatIsNotKnown) {
  MachineProfile profile = machine();
  profile.costs = {};
  const std::string text = machine_text(profile, {});
  for (const char* section : {"[cost_ns]", "[recorded_ns]", "[recorded_cold_ns]", "[cost_spread]",
                              "[measured_tlb]", "[measured]"}) {
    EXPECT_THAT(text, Not(HasSubstr(section)));
  }
  EXPECT_TRUE(sim::profile::parse_machine(text, "m.toml"));
}

TEST(MachineText, SaysWhyInComments) {
  const std::string reason = std::string(300, 'x') + " caf\xc3\xa9 \x01 \x7f";
  const std::string text = machine_text(machine(), {"fault_hugetlb_2m: no page is free", reason});
  EXPECT_THAT(text, HasSubstr("# Left out:\n# fault_hugetlb_2m: no page is free\n"));
  EXPECT_TRUE(sim::profile::parse_machine(text, "m.toml"));
}

}  // namespace
}  // namespace ft::calibrate
