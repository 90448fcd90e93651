// Columns of unsigned 64-bit numbers as a chunk keeps them (docs/recording-format.md, "Columns"):
// cut into byte planes, lowest first, each plane one repeated byte, raw, or a zstd frame. Small
// differences leave the upper planes empty, and a plane of pure noise costs one byte a value.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace ft::recording {

// Small differences of either sign become small unsigned numbers. Differences wrap, so any two
// 64-bit values have one.
constexpr std::uint64_t zigzag(std::uint64_t difference) {
  return (difference << 1U) ^ (0 - (difference >> 63U));
}
constexpr std::uint64_t unzigzag(std::uint64_t coded) {
  return (coded >> 1U) ^ (0 - (coded & 1U));
}

// Appends numbers and columns to a buffer of its own. Made once and used for many chunks.
class ColumnWriter {
 public:
  explicit ColumnWriter(int zstd_level);
  ~ColumnWriter();
  ColumnWriter(const ColumnWriter&) = delete;
  ColumnWriter& operator=(const ColumnWriter&) = delete;

  void clear() { bytes_.clear(); }
  void number(std::uint64_t value, unsigned byte_count);  // little-endian
  void column(std::span<const std::uint64_t> values);
  std::string_view bytes() const { return bytes_; }

 private:
  void plane();

  int level_;
  ZSTD_CCtx_s* context_;
  std::string bytes_;
  std::vector<std::uint8_t> plane_;
  std::vector<char> compressed_;
};

// What a ColumnReader works with, kept between chunks.
class ColumnScratch {
 public:
  ColumnScratch();
  ~ColumnScratch();
  ColumnScratch(const ColumnScratch&) = delete;
  ColumnScratch& operator=(const ColumnScratch&) = delete;

 private:
  friend class ColumnReader;
  ZSTD_DCtx_s* context_;
  std::vector<std::uint8_t> plane_;
};

// Takes numbers and columns off the front of `bytes`, which may be anything at all. Memory is
// bounded by what the caller asks for. Errors name the byte.
class ColumnReader {
 public:
  ColumnReader(std::string_view bytes, ColumnScratch& scratch) : bytes_(bytes), scratch_(scratch) {}

  Result<std::uint64_t> number(unsigned byte_count);
  // Fills all of `values`.
  Result<void> column(std::span<std::uint64_t> values);

  std::size_t offset() const { return at_; }
  bool at_end() const { return at_ == bytes_.size(); }
  std::unexpected<Error> damaged(std::string why) const;

 private:
  Result<std::string_view> take(std::size_t size);
  // The next plane: `plane` filled, or `repeated` set where it is one byte over and over.
  enum class PlaneForm : std::uint8_t { Repeated, Bytes };
  struct Plane {
    PlaneForm form;
    std::uint8_t repeated;
    const std::uint8_t* bytes;
  };
  Result<Plane> plane(std::size_t size);

  std::string_view bytes_;
  ColumnScratch& scratch_;
  std::size_t at_ = 0;
};

}  // namespace ft::recording
