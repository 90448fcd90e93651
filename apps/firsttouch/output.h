// Output is where a command puts its answer: standard output, or a file that appears under its name
// when it is complete, or not at all.
#pragma once

#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace ft::app {

class Output {
 public:
  // An empty path is standard output. A path that names something else than a regular file (a pipe,
  // /dev/null) is written to as it is.
  static Result<Output> open(const std::string& path);
  Output(Output&&) noexcept;
  Output& operator=(Output&&) = delete;
  ~Output();  // a file that was not finished is taken away

  // False once writing makes no more sense: the disk is full, the reader of the pipe is gone.
  bool write(std::string_view text);

  // The file takes its name. A reader of standard output who went away is no error.
  Result<void> finish();

  // Whether it is standard output.
  bool is_stdout() const { return path_.empty(); }

 private:
  Output() = default;

  Fd file_;
  int fd_ = 1;
  std::string path_;
  std::string temporary_;  // empty: written to directly
  int error_ = 0;
};

}  // namespace ft::app
