// LineFeed gives the lines of a text that is read a piece at a time, from a file, a pipe or memory.
// It holds one piece and one line, however long the text is.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace ft::sim::tlb {

// Fills as much of the buffer as it likes. The bytes put there; 0 at the end.
using ReadBytes = std::function<Result<std::size_t>(std::span<char>)>;

ReadBytes read_from(Fd fd, std::string name);
ReadBytes read_from(std::string text);

class LineFeed {
 public:
  static constexpr std::size_t kLongestLine = 4096;

  // `name` is what errors call the text.
  LineFeed(ReadBytes read, std::string name);

  // The next line without its end (LF or CR LF); nothing at the end of the text. Valid until the
  // next call. Fails where a line is longer than kLongestLine, or the text cannot be read.
  Result<std::optional<std::string_view>> next();

  // An error at `where`, which is part of the line given last: "name:line:column".
  std::unexpected<Error> fail_at(std::string_view where, std::string why,
                                 std::string remedy = {}) const;

 private:
  Result<bool> refill();

  ReadBytes read_;
  std::string name_;
  std::vector<char> buffer_;
  std::size_t from_ = 0;  // what is left of the buffer: [from_, to_)
  std::size_t to_ = 0;
  bool at_end_ = false;
  std::size_t number_ = 0;  // of the line given last, from 1
  std::string_view line_;
};

}  // namespace ft::sim::tlb
