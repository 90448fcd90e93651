// Finds the JVM in what a process has mapped: libjvm.so, the launcher, the archive, and with them
// the installation. Paths alone are judged; the release file is read, and the file system looked
// at, only where asked for.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "event/event.h"

namespace ft::jvm {

struct Installation {
  std::string libjvm;       // ".../lib/server/libjvm.so"
  std::string java_home;    // the folder above lib/; empty where the path does not tell
  std::string launcher;     // "bin/java" of java_home, if that is mapped; empty otherwise
  int feature_release = 0;  // 17, 25; from the path's own words ("java-17-openjdk"); 0: unknown
};

// Nothing where no libjvm.so is among the paths: the process is not a JVM, or its JVM is linked in.
std::optional<Installation> find_installation(std::span<const event::File> files);
std::optional<Installation> installation_of(std::string_view libjvm_path);

bool is_libjvm(std::string_view path);

// The libjvm.so the command will load, judged by its path alone: "java" looked up in PATH, links
// resolved, then ../lib/server beside it. Empty where that is no JDK's launcher.
std::string libjvm_of_command(const std::string& command);

// JAVA_VERSION="17.0.15" of the text of JAVA_HOME/release: 17. Fails where there is no such line.
Result<int> feature_release_of(std::string_view release_file_text);

}  // namespace ft::jvm
