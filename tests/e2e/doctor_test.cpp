// firsttouch doctor as users run it.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "run.h"

namespace ft::e2e {
namespace {

Finished shell(const std::string& command) {
  return run({"/bin/bash", "-c", command});
}

Finished doctor(const std::string& arguments = "") {
  return shell(firsttouch() + " doctor " + arguments);
}

// Readable by a user who may not enter the checkout: a copy where everybody may look.
class SharedBinary {
 public:
  SharedBinary() {
    char folder[] = "/tmp/ft-doctor-XXXXXX";
    if (!::mkdtemp(folder)) return;
    folder_ = folder;
    shell("chmod 755 " + folder_ + " && cp " + firsttouch() + " " + folder_);
  }
  SharedBinary(const SharedBinary&) = delete;
  SharedBinary& operator=(const SharedBinary&) = delete;
  ~SharedBinary() {
    std::error_code ignored;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
  }

  std::string doctor() const { return folder_ + "/firsttouch doctor"; }

 private:
  std::string folder_;
};

TEST(DoctorCommand, TextAndJsonAgree) {
  const Finished text = doctor();
  const Finished json = doctor("--format json");
  ASSERT_TRUE(text.exit_status() == 0 || text.exit_status() == 1) << text.exit_status();
  EXPECT_EQ(json.exit_status(), text.exit_status());
  const auto root = nlohmann::json::parse(json.out, nullptr, false);
  ASSERT_TRUE(root.is_object()) << json.out;
  EXPECT_EQ(root["backend"] == "bpf", json.exit_status() == 0);
  EXPECT_GT(root["capabilities"].size(), 20U);
  for (const auto& capability : root["capabilities"]) {
    const std::string state = capability.at("state");
    EXPECT_TRUE(state == "works" || state == "degraded" || state == "missing") << state;
    EXPECT_NE(text.out.find(capability.at("name").get<std::string>()), std::string::npos);
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

TEST(DoctorCommand, APipeGetsNoColours) {
  EXPECT_EQ(doctor().out.find('\x1b'), std::string::npos);
}

TEST(DoctorCommand, ATerminalGetsColoursUnlessNotWanted) {
  if (shell("command -v script").exit_status() != 0) GTEST_SKIP() << "needs script(1)";
  const auto on_terminal = [](const std::string& environment) {
    return shell("script -qec 'env " + environment + " TERM=xterm " + firsttouch() +
                 " doctor' /dev/null < /dev/null");
  };
  EXPECT_NE(on_terminal("-u NO_COLOR").out.find("\x1b[32m"), std::string::npos);
  EXPECT_EQ(on_terminal("NO_COLOR=1").out.find("\x1b[32m"), std::string::npos);
}

TEST(DoctorCommand, WorksForAUserWithoutRights) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to become nobody";
  if (shell("command -v setpriv").exit_status() != 0) GTEST_SKIP() << "needs setpriv(1)";
  const SharedBinary binary;
  const std::string nobody = "setpriv --reuid nobody --regid nogroup --clear-groups ";
  const Finished json = shell(nobody + binary.doctor() + " --format json");
  EXPECT_EQ(json.exit_status(), 1);
  const auto root = nlohmann::json::parse(json.out, nullptr, false);
  ASSERT_TRUE(root.is_object()) << json.out;
  EXPECT_NE(root["backend"], "bpf");
  EXPECT_FALSE(root["capabilities"].empty());
}

TEST(DoctorCommand, WrongUsageIsTwo) {
  EXPECT_EQ(doctor("--format yaml").exit_status(), 2);
  EXPECT_EQ(doctor("extra").exit_status(), 2);
}

TEST(DoctorCommand, AFullDiskIsAFailure) {
  EXPECT_EQ(doctor("> /dev/full").exit_status(), 125);
}

}  // namespace
}  // namespace ft::e2e
