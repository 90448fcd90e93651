#include "host/hwloc_topology.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hwloc.h>

#include <filesystem>

#include "base/fd.h"

namespace ft::host {
namespace {

using ::testing::HasSubstr;

std::string xml_of(const char* synthetic) {
  hwloc_topology_t topology = nullptr;
  EXPECT_EQ(hwloc_topology_init(&topology), 0);
  EXPECT_EQ(hwloc_topology_set_synthetic(topology, synthetic), 0);
  EXPECT_EQ(hwloc_topology_load(topology), 0);
  char* buffer = nullptr;
  int length = 0;
  EXPECT_EQ(hwloc_topology_export_xmlbuffer(topology, &buffer, &length, 0), 0);
  std::string xml(buffer);
  hwloc_free_xmlbuffer(topology, buffer);
  hwloc_topology_destroy(topology);
  return xml;
}

TEST(HwlocTopology, ReadsASyntheticDescription) {
  const auto topology = parse_hwloc_synthetic("node:2(memory=8GiB) core:4 pu:2");
  ASSERT_TRUE(topology) << topology.error().message();
  ASSERT_EQ(topology->nodes.size(), 2U);
  EXPECT_EQ(topology->nodes[1].id, 1U);
  EXPECT_EQ(topology->nodes[1].memory_bytes, 8ULL << 30U);
  EXPECT_EQ(topology->nodes[1].cpus, (std::vector<std::uint32_t>{8, 9, 10, 11, 12, 13, 14, 15}));
}

TEST(HwlocTopology, ReadsAnExportedFile) {
  const auto topology = parse_hwloc_xml(xml_of("node:3(memory=4GiB) pu:2"), "machine.xml");
  ASSERT_TRUE(topology) << topology.error().message();
  ASSERT_EQ(topology->nodes.size(), 3U);
  EXPECT_EQ(topology->nodes[2].memory_bytes, 4ULL << 30U);
  EXPECT_EQ(topology->nodes[2].cpus, (std::vector<std::uint32_t>{4, 5}));
}

TEST(HwlocTopology, FindsThisHost) {
  const auto topology = read_host_topology();
  ASSERT_TRUE(topology) << topology.error().message();
  std::size_t cpus = 0;
  for (const HwlocNode& node : topology->nodes) {
    cpus += node.cpus.size();
    const auto folder = "/sys/devices/system/node/node" + std::to_string(node.id);
    if (std::filesystem::exists("/sys/devices/system/node")) {
      EXPECT_TRUE(std::filesystem::exists(folder)) << folder;
    }
  }
  EXPECT_GE(cpus, 1U);
  if (!topology->distances.empty()) {
    EXPECT_EQ(topology->distances[0][0], 10U);
  }
}

TEST(HwlocTopology, ReadsDistances) {
  std::string xml = xml_of("node:2(memory=4GiB) pu:2");
  const std::string matrix =
      R"(<distances2 type="NUMANode" nbobjs="2" kind="5" name="NUMALatency" indexing="os">
           <indexes length="4">0 1 </indexes>
           <u64values length="12">10 21 21 10 </u64values>
         </distances2></topology>)";
  xml.replace(xml.find("</topology>"), std::string("</topology>").size(), matrix);
  const auto topology = parse_hwloc_xml(xml);
  ASSERT_TRUE(topology) << topology.error().message();
  EXPECT_EQ(topology->distances, (std::vector<std::vector<unsigned>>{{10, 21}, {21, 10}}));
}

TEST(HwlocTopology, SaysWhatIsWrongWithXml) {
  const std::string good = xml_of("node:2 pu:2");
  const auto message = [](std::string_view xml) {
    const auto topology = parse_hwloc_xml(xml, "machine.xml");
    return topology ? std::string("no error") : topology.error().message();
  };
  EXPECT_THAT(message(""), HasSubstr("machine.xml: it is no XML of hwloc (export one"));
  EXPECT_THAT(message("hello"), HasSubstr("no XML of hwloc"));
  EXPECT_THAT(message(good.substr(0, good.size() / 2)), HasSubstr("machine.xml: it is cut short"));
  EXPECT_THAT(message("<topology version=\"2.0\"></topology>"), HasSubstr("machine.xml: "));
  EXPECT_THAT(message(std::string_view("<topology\0</topology>", 21)), HasSubstr("not text"));
  EXPECT_THAT(message("<topology><<<<</topology>"), HasSubstr("hwloc does not understand it"));
  EXPECT_THAT(message(std::string(kLargestHwlocXml + 1, ' ')), HasSubstr("too large"));
}

TEST(HwlocTopology, SurvivesACrashOfHwloc) {
  const auto xml = read_file(FT_SOURCE_DIR "/tests/fixtures/fuzz/hwloc_topology/crashes_hwloc.xml");
  ASSERT_TRUE(xml);
  const auto topology = parse_hwloc_xml(*xml, "machine.xml");
  ASSERT_FALSE(topology);
  EXPECT_THAT(topology.error().message(), HasSubstr("machine.xml: hwloc "));
}

TEST(HwlocTopology, SaysWhatIsWrongWithADescription) {
  const auto message = [](std::string_view description) {
    const auto topology = parse_hwloc_synthetic(description);
    return topology ? std::string("no error") : topology.error().message();
  };
  EXPECT_THAT(message("nonsense"), HasSubstr("synthetic topology \"nonsense\": hwloc does not"));
  EXPECT_THAT(message(""), HasSubstr("for example: node:2"));
  EXPECT_THAT(message("node:4000000000 pu:4000000000"), HasSubstr("more than 65536 objects"));
  EXPECT_THAT(message("node:1000 core:1000 pu:1"), HasSubstr("more than 65536 objects"));
}

}  // namespace
}  // namespace ft::host
