#include "sim/tlb/line_feed.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/check.h"

namespace ft::sim::tlb {

namespace {

constexpr std::size_t kPiece = std::size_t{64} << 10U;

}  // namespace

ReadBytes read_from(Fd fd, std::string name) {
  return [fd = std::make_shared<Fd>(std::move(fd)),
          name = std::move(name)](std::span<char> out) -> Result<std::size_t> {
    while (true) {
      const ssize_t count = ::read(fd->get(), out.data(), out.size());
      if (count >= 0) return static_cast<std::size_t>(count);
      if (errno != EINTR) return fail_errno(name, errno);
    }
  };
}

ReadBytes read_from(std::string text) {
  return [text = std::move(text),
          at = std::size_t{0}](std::span<char> out) mutable -> Result<std::size_t> {
    const std::size_t count = std::min(out.size(), text.size() - at);
    std::memcpy(out.data(), text.data() + at, count);
    at += count;
    return count;
  };
}

LineFeed::LineFeed(ReadBytes read, std::string name)
    : read_(std::move(read)), name_(std::move(name)), buffer_(kPiece + kLongestLine + 2) {}

// Moves what is left to the front and reads on behind it. Whether there was more.
Result<bool> LineFeed::refill() {
  if (at_end_) return false;
  std::memmove(buffer_.data(), buffer_.data() + from_, to_ - from_);
  to_ -= from_;
  from_ = 0;
  const std::size_t got = FT_TRY(read_(std::span(buffer_).subspan(to_)));
  at_end_ = got == 0;
  to_ += got;
  return got != 0;
}

Result<std::optional<std::string_view>> LineFeed::next() {
  std::size_t searched = 0;  // bytes of the line without a newline
  while (true) {
    const std::string_view left(buffer_.data() + from_, to_ - from_);
    const std::size_t newline = left.find('\n', searched);
    const std::size_t length = std::min(newline, left.size());
    if (length > kLongestLine + 1) {
      ++number_;
      return fail(fmt::format("{}:{}", name_, number_),
                  fmt::format("the line is longer than {} bytes", kLongestLine));
    }
    if (newline == std::string_view::npos) {
      searched = left.size();
      if (FT_TRY(refill())) continue;
      if (left.empty()) return std::nullopt;
    }
    line_ = std::string_view(buffer_.data() + from_, length);
    from_ += std::min(length + 1, to_ - from_);
    if (line_.ends_with('\r')) line_.remove_suffix(1);
    ++number_;
    return line_;
  }
}

std::unexpected<Error> LineFeed::fail_at(std::string_view where, std::string why,
                                         std::string remedy) const {
  FT_CHECK(where.data() >= line_.data() && where.data() <= line_.data() + line_.size());
  const auto column = static_cast<std::size_t>(where.data() - line_.data()) + 1;
  return fail(fmt::format("{}:{}:{}", name_, number_, column), std::move(why), std::move(remedy));
}

}  // namespace ft::sim::tlb
