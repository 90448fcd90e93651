// Findings of recordings of real processes.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "base/units.h"
#include "run.h"

namespace ft::e2e {

namespace {

using nlohmann::json;

json finding_of(const std::string& file, const std::string& name) {
  const Finished report = run({firsttouch(), "report", file, "--format", "json"});
  EXPECT_EQ(report.exit_status(), 0) << report.err;
  const json root = json::parse(report.out);
  for (const json& finding : root["findings"]) {
    if (finding["name"] == name) return finding;
  }
  return {};
}

// A thread takes 200 MB in small pieces and gives back all but one in a thousand: the C library
// keeps what lies between.
TEST(RecordedFindings, MemoryThatTheCLibraryHoldsBack) {
  FT_NEEDS_BPF();
  // The program itself: what is first in PATH may be a script that starts forty others.
  constexpr const char* kPython = "/usr/bin/python3";
  if (!std::filesystem::exists(kPython)) GTEST_SKIP() << "needs " << kPython;
  constexpr const char* kProgram =
      "import os, threading\n"
      "def work():\n"
      "    global kept\n"
      "    pieces = [bytearray(1000) for _ in range(200000)]\n"
      "    kept = pieces[::1000]\n"
      "thread = threading.Thread(target=work)\n"
      "thread.start()\n"
      "thread.join()\n"
      "os._exit(0)\n";
  const std::string file = scratch("held.ft");
  const Finished recorded =
      run({firsttouch(), "record", "-o", file, "--", kPython, "-c", kProgram});
  ASSERT_EQ(recorded.exit_status(), 0) << recorded.err;
  const json finding = finding_of(file, "c-library-retained");
  EXPECT_EQ(finding["state"], "fires") << finding;
  EXPECT_GT(finding["numbers"]["resident_bytes"].get<std::uint64_t>(), 190 * kMiB);
  EXPECT_LT(finding["numbers"]["used_bytes"].get<std::uint64_t>(), 20 * kMiB);
}

TEST(RecordedFindings, AJvmIsAskedNothing) {
  FT_NEEDS_BPF();
  const auto jdks = installed_jdks();
  if (jdks.empty()) GTEST_SKIP() << "needs a JDK";
  for (const Jdk& jdk : jdks) {
    SCOPED_TRACE("JDK " + jdk.name);
    const std::string file = scratch("hello.ft");
    const Finished recorded =
        run({firsttouch(), "record", "-o", file, "--", jdk.java(), "-cp", classes(), "Hello"});
    ASSERT_EQ(recorded.exit_status(), 0) << recorded.err;
    for (const char* name : {"c-library-retained", "resident-above-nmt", "heap-swapped"}) {
      EXPECT_EQ(finding_of(file, name)["state"], "quiet") << name;
    }
  }
}

}  // namespace

}  // namespace ft::e2e
