// For the tests of this folder: fixtures, captures kept beside the checkout, folders that stand in
// for the root of a host.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"

namespace ft::host {

inline std::string read_fixture(const std::string& name) {
  const Result<std::string> text = read_file(FT_SOURCE_DIR "/tests/fixtures/proc/" + name);
  EXPECT_TRUE(text) << name;
  return text ? *text : std::string();
}

// The captures, sorted; empty where the folder is absent.
inline std::vector<std::filesystem::path> captures_ending_in(std::string_view suffix) {
  std::vector<std::filesystem::path> paths;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator it(FT_SHARED_DIR "/captures", error), end;
       !error && it != end; it.increment(error)) {
    if (it->path().native().ends_with(suffix)) paths.push_back(it->path());
  }
  std::ranges::sort(paths);
  return paths;
}

// A folder that goes away with it.
class TempRoot {
 public:
  TempRoot() {
    std::string name = std::filesystem::temp_directory_path() / "ft-host-XXXXXX";
    if (::mkdtemp(name.data())) path_ = name;
    EXPECT_FALSE(path_.empty());
  }
  TempRoot(const TempRoot&) = delete;
  TempRoot& operator=(const TempRoot&) = delete;
  ~TempRoot() {
    std::error_code error;
    if (!path_.empty()) std::filesystem::remove_all(path_, error);
  }

  const std::string& path() const { return path_; }

  // Makes the folders above it too.
  void write(const std::string& below, std::string_view text) const {
    const std::filesystem::path file = path_ + below;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
  }
  void make_folder(const std::string& below) const {
    std::filesystem::create_directories(path_ + below);
  }

 private:
  std::string path_;
};

}  // namespace ft::host
