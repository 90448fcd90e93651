#include "jvm/installation.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace ft::jvm {
namespace {

TEST(LibjvmOfCommand, OtherCommandsHaveNone) {
  EXPECT_EQ(libjvm_of_command("ls"), "");
  EXPECT_EQ(libjvm_of_command("no-such-command"), "");
  EXPECT_EQ(libjvm_of_command("/no/such/java"), "");
  EXPECT_EQ(libjvm_of_command(""), "");
}

TEST(LibjvmOfCommand, IsFoundByPathAndByFolder) {
  const std::string by_path = libjvm_of_command("java");
  if (by_path.empty()) GTEST_SKIP() << "no java in PATH";
  EXPECT_TRUE(is_libjvm(by_path)) << by_path;
  const std::filesystem::path home = installation_of(by_path).value().java_home;
  EXPECT_EQ(libjvm_of_command(home / "bin/java"), by_path);
}

}  // namespace
}  // namespace ft::jvm
