// What tests of the importer need of the machine: a strace that may trace, programs to trace, and
// counts that do not come from our own parser.
#pragma once

#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/text.h"

namespace ft::capture::strace::testing {

// What a shell command prints.
inline std::string output_of(const std::string& command) {
  std::string output;
  FILE* pipe = ::popen(command.c_str(), "r");
  if (!pipe) return output;
  std::array<char, 65536> buffer{};
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    output.append(buffer.data(), got);
  }
  ::pclose(pipe);
  return output;
}

inline bool strace_works() {
  static const bool works = std::system("strace -o /dev/null true >/dev/null 2>&1") == 0;
  return works;
}

inline bool is_executable(const std::string& path) {
  return ::access(path.c_str(), X_OK) == 0;
}

// How often a call starts in a log, by grep: its name behind nothing but a prefix. The prefix of -r
// beside -t holds parentheses of its own.
inline std::uint64_t grep_count(const std::string& path, std::string_view name) {
  const std::string command =
      "grep -acE '^(|[^\"(]*[] ]|[^\"(]*\\(\\+ +[0-9.]+\\) ([^\"(]*[] ])?)" + std::string(name) +
      "\\(' " + path;
  return parse_integer<std::uint64_t>(trim(output_of(command))).value_or(~std::uint64_t{0});
}

// A folder of its own, gone at the end.
class ScratchFolder {
 public:
  ScratchFolder() {
    char name[] = "/tmp/firsttouch-test-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() { (void)!std::system(("rm -rf '" + path_ + "'").c_str()); }

  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace ft::capture::strace::testing
