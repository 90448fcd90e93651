// The trace for ui.perfetto.dev, decoded by protoc: what it holds is what was recorded.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "base/text.h"
#include "run.h"

namespace ft::e2e {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// The decoded packets, each as protoc prints it.
struct Decoded {
  std::vector<std::string> packets;

  std::size_t count(const std::string& text) const {
    return static_cast<std::size_t>(std::ranges::count_if(packets, [&](const std::string& packet) {
      return packet.find(text) != std::string::npos;
    }));
  }
};

// A number in place of a name: a field that the schema does not have.
bool has_unknown_field(const std::string& line) {
  static const std::regex kNumber(R"(^\s*\d+(:| \{))");
  return std::regex_search(line, kNumber);
}

Decoded decode(const std::string& trace) {
  const char* published = std::getenv("FT_PERFETTO_PROTO");
  const fs::path schema = published
                              ? fs::path(published)
                              : fs::path(FT_SOURCE_DIR) / "tests/fixtures/perfetto/trace.proto";
  const Finished protoc =
      run({"sh", "-c",
           fmt::format("protoc --proto_path='{}' --decode=perfetto.protos.Trace '{}' < '{}'",
                       schema.parent_path().string(), schema.filename().string(), trace)});
  EXPECT_EQ(protoc.exit_status(), 0) << protoc.err;
  Decoded decoded;
  std::istringstream text(protoc.out);
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with("packet {")) decoded.packets.emplace_back();
    EXPECT_FALSE(has_unknown_field(line)) << line;
    if (!decoded.packets.empty()) decoded.packets.back() += line + "\n";
  }
  return decoded;
}

std::string print_perfetto(const std::string& recording) {
  const std::string trace = scratch("trace.pftrace");
  const Finished printed =
      run({firsttouch(), "report", recording, "--format", "perfetto", "-o", trace});
  EXPECT_EQ(printed.exit_status(), 0) << printed.err;
  return trace;
}

class Perfetto : public testing::Test {
 protected:
  void SetUp() override {
    if (run({"protoc", "--version"}).exit_status() != 0) GTEST_SKIP() << "protoc is not installed";
  }
};

TEST_F(Perfetto, HoldsEveryCallAndFaultOfAJvm) {
  FT_NEEDS_BPF();
  const auto jdks = installed_jdks();
  if (jdks.empty()) GTEST_SKIP() << "no JDK under /usr/lib/jvm";
  for (const Jdk& jdk : jdks) {
    const Recorded recorded = record("hello.ft", {jdk.java(), "-cp", classes(), "Hello"});
    const Decoded decoded = decode(print_perfetto(scratch("hello.ft")));
    const std::size_t unfinished = static_cast<std::size_t>(std::ranges::count_if(
        recorded.faults, [](const auto& fault) { return fault.dur == event::kUnknownDuration; }));
    const auto lasting = [](const auto& one) { return one.dur != 0; };
    const std::size_t events = std::ranges::count_if(recorded.trace.mm_events, lasting);
    const auto is_stretch = [](const event::Phase& phase) { return phase.end_ts > phase.start_ts; };
    const std::size_t stretches = std::ranges::count_if(recorded.trace.phases, is_stretch);
    EXPECT_EQ(
        decoded.count("type: TYPE_SLICE_BEGIN"),
        recorded.trace.syscalls.size() + recorded.faults.size() - unfinished + events + stretches);
    EXPECT_EQ(decoded.count("type: TYPE_SLICE_BEGIN"), decoded.count("type: TYPE_SLICE_END"));
    EXPECT_EQ(decoded.count("thread_name:"), recorded.trace.threads.size());
    EXPECT_EQ(decoded.count("process_name:"), recorded.trace.processes.size());
    for (const char* text :
         {"name: \"fault: Java heap\"", "name: \"resident: Java heap\"", "name: \"VmPTE\"",
          "name: \"MemFree\"", "name: \"VM init\"", "terminating_flow_ids:", "UNIT_SIZE_BYTES"}) {
      EXPECT_GT(decoded.count(text), 0U) << text;
    }
  }
}

// Each arrow that ends was begun: by the call that made the area.
TEST_F(Perfetto, ArrowsLeadFromCallToFirstTouch) {
  FT_NEEDS_BPF();
  record("touch.ft", {target("touch_pages")});
  const Decoded decoded = decode(print_perfetto(scratch("touch.ft")));
  const std::regex flow(R"(\bflow_ids: (\d+))");
  const std::regex ending(R"(terminating_flow_ids: (\d+))");
  std::map<std::string, int> begun;
  std::vector<std::string> ended;
  for (const std::string& packet : decoded.packets) {
    for (std::sregex_iterator it(packet.begin(), packet.end(), ending), end; it != end; ++it) {
      ended.push_back((*it)[1]);
    }
    const std::string without = std::regex_replace(packet, ending, "");
    for (std::sregex_iterator it(without.begin(), without.end(), flow), end; it != end; ++it) {
      ++begun[(*it)[1]];
    }
  }
  EXPECT_FALSE(ended.empty());
  for (const std::string& id : ended) EXPECT_EQ(begun[id], 1) << id;
}

TEST_F(Perfetto, TakesAnImportedLogAndHostileNames) {
  const std::string log = scratch("strace.log");
  std::FILE* file = std::fopen(log.c_str(), "w");
  ASSERT_NE(file, nullptr);
  std::fputs(
      "7 1.000000 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_FIXED, 3</tmp/\\377\"</script>>, 0) "
      "= "
      "0x7f0000000000 <0.000010>\n"
      "7 1.000020 prctl(PR_SET_NAME, \"\\342\\200\\256evil\") = 0 <0.000001>\n"
      "7 1.000030 munmap(0x7f0000000000, 4096) = -1 EINVAL (Invalid argument) <0.000005>\n",
      file);
  std::fclose(file);
  const std::string recording = scratch("strace.ft");
  ASSERT_EQ(run({firsttouch(), "import", "strace", log, "-o", recording}).exit_status(), 0);
  const Decoded decoded = decode(print_perfetto(recording));
  EXPECT_GE(decoded.count("type: TYPE_SLICE_BEGIN"), 2U);
  EXPECT_GT(decoded.count("EINVAL"), 0U);
}

}  // namespace
}  // namespace ft::e2e
