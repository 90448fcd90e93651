#include "jvm/installation.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/text.h"

namespace ft::jvm {

namespace {

// The first number of two digits in the folder's name that stands alone: "java-17-openjdk-amd64",
// "temurin-25-jdk-amd64", "jdk-21.0.2+13"; 8 and 1.8 are one digit and too old to have our names.
int release_in_name(std::string_view folder) {
  for (std::size_t i = 0; i < folder.size();) {
    const std::size_t end = std::min(folder.find_first_not_of("0123456789", i), folder.size());
    if (end - i == 2 && (i == 0 || folder[i - 1] == '-' || folder[i - 1] == 'k')) {
      if (const auto number = parse_integer<int>(folder.substr(i, 2)); number && *number >= 10) {
        return *number;
      }
    }
    i = std::max(end, i + 1);
  }
  return 0;
}

}  // namespace

bool is_libjvm(std::string_view path) {
  return path.ends_with("/libjvm.so") || path == "libjvm.so" ||
         path.ends_with("/libjvm.so (deleted)");
}

std::optional<Installation> installation_of(std::string_view libjvm_path) {
  if (!is_libjvm(libjvm_path)) return std::nullopt;
  Installation found{.libjvm = std::string(libjvm_path), .java_home = {}, .launcher = {}};
  const std::size_t lib = libjvm_path.rfind("/lib/");
  if (lib != libjvm_path.npos) {
    found.java_home = libjvm_path.substr(0, lib);
    const std::size_t slash = found.java_home.rfind('/');
    found.feature_release = release_in_name(
        std::string_view(found.java_home).substr(slash == std::string::npos ? 0 : slash + 1));
  }
  return found;
}

std::optional<Installation> find_installation(std::span<const event::File> files) {
  const auto libjvm =
      std::ranges::find_if(files, [](const event::File& file) { return is_libjvm(file.path); });
  if (libjvm == files.end()) return std::nullopt;
  auto found = installation_of(libjvm->path);
  const std::string launcher = found->java_home + "/bin/java";
  if (std::ranges::any_of(files, [&](const event::File& file) { return file.path == launcher; })) {
    found->launcher = launcher;
  }
  return found;
}

Result<int> feature_release_of(std::string_view release_file_text) {
  constexpr std::string_view kKey = "JAVA_VERSION=\"";
  while (!release_file_text.empty()) {
    std::string_view line = take_until(release_file_text, '\n');
    if (!line.starts_with(kKey)) continue;
    line.remove_prefix(kKey.size());
    const std::size_t end = std::min(line.find_first_not_of("0123456789"), line.size());
    if (const auto number = parse_integer<int>(line.substr(0, end))) return *number;
    return fail("release file", "JAVA_VERSION does not begin with a number");
  }
  return fail("release file", "it has no line JAVA_VERSION");
}

std::string libjvm_of_command(const std::string& command) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  fs::path launcher;
  if (command.find('/') != std::string::npos) {
    launcher = command;
  } else {
    const char* path = std::getenv("PATH");
    for (const std::string_view folder : split(path ? path : "/usr/bin:/bin", ':')) {
      const fs::path candidate = fs::path(folder.empty() ? "." : folder) / command;
      if (::access(candidate.c_str(), X_OK) == 0 && fs::is_regular_file(candidate, ignored)) {
        launcher = candidate;
        break;
      }
    }
  }
  if (launcher.empty()) return {};
  const fs::path real = fs::canonical(launcher, ignored);
  if (ignored) return {};
  const fs::path home = real.parent_path().parent_path();
  for (const char* place : {"lib/server/libjvm.so", "lib/client/libjvm.so",
                            "lib/amd64/server/libjvm.so", "jre/lib/amd64/server/libjvm.so"}) {
    const fs::path libjvm = home / place;
    if (fs::is_regular_file(libjvm, ignored)) return libjvm.string();
  }
  return {};
}

}  // namespace ft::jvm
