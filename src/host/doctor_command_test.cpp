// firsttouch doctor as users run it. Skips where the binary is not built.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

namespace ft::host {
namespace {

struct Finished {
  int exit_status = -1;
  std::string output;
};

// Standard output of a shell command.
Finished run(const std::string& command) {
  Finished result;
  FILE* pipe = ::popen(command.c_str(), "r");
  if (!pipe) return result;
  char bytes[4096];
  for (std::size_t got = 0; (got = std::fread(bytes, 1, sizeof bytes, pipe)) != 0;) {
    result.output.append(bytes, got);
  }
  const int status = ::pclose(pipe);
  if (WIFEXITED(status)) result.exit_status = WEXITSTATUS(status);
  return result;
}

const std::string kDoctor = FT_BINARY_DIR "/bin/firsttouch doctor";

class DoctorCommand : public testing::Test {
 protected:
  void SetUp() override {
    if (::access(FT_BINARY_DIR "/bin/firsttouch", X_OK) != 0) {
      GTEST_SKIP() << FT_BINARY_DIR "/bin/firsttouch is not built";
    }
  }
};

// Readable by a user who may not enter the checkout: a copy where everybody may look.
class SharedBinary {
 public:
  SharedBinary() {
    char folder[] = "/tmp/ft-doctor-XXXXXX";
    if (!::mkdtemp(folder)) return;
    folder_ = folder;
    run("chmod 755 " + folder_ + " && cp " FT_BINARY_DIR "/bin/firsttouch " + folder_);
  }
  SharedBinary(const SharedBinary&) = delete;
  SharedBinary& operator=(const SharedBinary&) = delete;
  ~SharedBinary() { run("rm -rf " + folder_); }

  std::string doctor() const { return folder_ + "/firsttouch doctor"; }

 private:
  std::string folder_;
};

TEST_F(DoctorCommand, TextAndJsonAgree) {
  const Finished text = run(kDoctor);
  const Finished json = run(kDoctor + " --format json");
  ASSERT_TRUE(text.exit_status == 0 || text.exit_status == 1) << text.exit_status;
  EXPECT_EQ(json.exit_status, text.exit_status);
  const auto root = nlohmann::json::parse(json.output, nullptr, false);
  ASSERT_TRUE(root.is_object()) << json.output;
  EXPECT_EQ(root["backend"] == "bpf", json.exit_status == 0);
  EXPECT_GT(root["capabilities"].size(), 20U);
  for (const auto& capability : root["capabilities"]) {
    const std::string state = capability.at("state");
    EXPECT_TRUE(state == "works" || state == "degraded" || state == "missing") << state;
    EXPECT_NE(text.output.find(capability.at("name").get<std::string>()), std::string::npos);
    EXPECT_NE(capability.at("why"), "");
    EXPECT_TRUE(capability.at("remedy").is_string());
    EXPECT_NE(capability.at("needed_for"), "");
  }
  const auto& host = root.at("host");
  EXPECT_TRUE(host.at("kernel").is_string());
  EXPECT_TRUE(host.at("memory_bytes").is_number());
  EXPECT_TRUE(host.at("nodes").is_number());
  EXPECT_TRUE(host.at("thp").is_object());
}

TEST_F(DoctorCommand, APipeGetsNoColours) {
  EXPECT_EQ(run(kDoctor).output.find('\x1b'), std::string::npos);
}

TEST_F(DoctorCommand, ATerminalGetsColoursUnlessNotWanted) {
  if (run("command -v script").exit_status != 0) GTEST_SKIP() << "needs script(1)";
  const auto on_terminal = [](const std::string& environment) {
    return run("script -qec 'env " + environment + " TERM=xterm " + kDoctor +
               "' /dev/null < /dev/null");
  };
  EXPECT_NE(on_terminal("-u NO_COLOR").output.find("\x1b[32m"), std::string::npos);
  EXPECT_EQ(on_terminal("NO_COLOR=1").output.find("\x1b[32m"), std::string::npos);
}

TEST_F(DoctorCommand, WorksForAUserWithoutRights) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to become nobody";
  if (run("command -v setpriv").exit_status != 0) GTEST_SKIP() << "needs setpriv(1)";
  const SharedBinary binary;
  const std::string nobody = "setpriv --reuid nobody --regid nogroup --clear-groups ";
  const Finished json = run(nobody + binary.doctor() + " --format json");
  EXPECT_EQ(json.exit_status, 1);
  const auto root = nlohmann::json::parse(json.output, nullptr, false);
  ASSERT_TRUE(root.is_object()) << json.output;
  EXPECT_NE(root["backend"], "bpf");
  EXPECT_FALSE(root["capabilities"].empty());
}

TEST_F(DoctorCommand, WrongUsageIsTwo) {
  EXPECT_EQ(run(kDoctor + " --format yaml 2>/dev/null").exit_status, 2);
  EXPECT_EQ(run(kDoctor + " extra 2>/dev/null").exit_status, 2);
}

TEST_F(DoctorCommand, AFullDiskIsAFailure) {
  EXPECT_EQ(run(kDoctor + " > /dev/full").exit_status, 125);
}

}  // namespace
}  // namespace ft::host
