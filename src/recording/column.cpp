#include "recording/column.h"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"

namespace ft::recording {

namespace {

constexpr std::uint8_t kPlaneRepeated = 0;
constexpr std::uint8_t kPlaneRaw = 1;
constexpr std::uint8_t kPlaneZstd = 2;

// Below this a frame's own header eats what it saves.
constexpr std::size_t kSmallestCompressed = 48;

unsigned width_of(std::span<const std::uint64_t> values) {
  std::uint64_t all = 0;
  for (const std::uint64_t value : values) all |= value;
  return static_cast<unsigned>(std::bit_width(all) + 7) / 8;
}

void cut_plane(std::span<const std::uint64_t> values, unsigned shift, std::uint8_t* plane) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    plane[i] = static_cast<std::uint8_t>(values[i] >> shift);
  }
}

void add_plane(const std::uint8_t* plane, unsigned shift, std::span<std::uint64_t> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] |= static_cast<std::uint64_t>(plane[i]) << shift;
  }
}

bool is_repeated(std::span<const std::uint8_t> plane) {
  return std::memcmp(plane.data(), plane.data() + 1, plane.size() - 1) == 0;
}

}  // namespace

ColumnWriter::ColumnWriter(int zstd_level) : level_(zstd_level), context_(ZSTD_createCCtx()) {
  FT_CHECK(context_ != nullptr);
}
ColumnWriter::~ColumnWriter() {
  ZSTD_freeCCtx(context_);
}

void ColumnWriter::number(std::uint64_t value, unsigned byte_count) {
  for (unsigned i = 0; i < byte_count; ++i) bytes_ += static_cast<char>(value >> (8 * i));
}

void ColumnWriter::column(std::span<const std::uint64_t> values) {
  const unsigned width = width_of(values);
  number(width, 1);
  if (width == 0) return;
  plane_.resize(values.size());
  for (unsigned i = 0; i < width; ++i) {
    cut_plane(values, 8 * i, plane_.data());
    plane();
  }
}

void ColumnWriter::plane() {
  if (is_repeated(plane_)) {
    number(kPlaneRepeated, 1);
    number(plane_[0], 1);
    return;
  }
  if (plane_.size() >= kSmallestCompressed) {
    compressed_.resize(ZSTD_compressBound(plane_.size()));
    const std::size_t size = ZSTD_compressCCtx(context_, compressed_.data(), compressed_.size(),
                                               plane_.data(), plane_.size(), level_);
    // A plane that hardly shrinks is not worth the time to expand it.
    if (ZSTD_isError(size) == 0 && size < plane_.size() - plane_.size() / 64) {
      number(kPlaneZstd, 1);
      number(size, 4);
      bytes_.append(compressed_.data(), size);
      return;
    }
  }
  number(kPlaneRaw, 1);
  bytes_.append(reinterpret_cast<const char*>(plane_.data()), plane_.size());
}

ColumnScratch::ColumnScratch() : context_(ZSTD_createDCtx()) {
  FT_CHECK(context_ != nullptr);
}
ColumnScratch::~ColumnScratch() {
  ZSTD_freeDCtx(context_);
}

std::unexpected<Error> ColumnReader::damaged(std::string why) const {
  return fail(fmt::format("byte {}", at_), std::move(why));
}

Result<std::string_view> ColumnReader::take(std::size_t size) {
  if (size > bytes_.size() - at_) {
    return damaged(
        fmt::format("{} more bytes should follow, {} are left", size, bytes_.size() - at_));
  }
  const std::string_view taken = bytes_.substr(at_, size);
  at_ += size;
  return taken;
}

Result<std::uint64_t> ColumnReader::number(unsigned byte_count) {
  const std::string_view taken = FT_TRY(take(byte_count));
  std::uint64_t value = 0;
  for (unsigned i = 0; i < byte_count; ++i) {
    value |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(taken[i])) << (8 * i);
  }
  return value;
}

Result<ColumnReader::Plane> ColumnReader::plane(std::size_t size) {
  const std::uint64_t form = FT_TRY(number(1));
  if (form == kPlaneRepeated) {
    return Plane{PlaneForm::Repeated, static_cast<std::uint8_t>(FT_TRY(number(1))), nullptr};
  }
  if (form == kPlaneRaw) {
    const std::string_view raw = FT_TRY(take(size));
    return Plane{PlaneForm::Bytes, 0, reinterpret_cast<const std::uint8_t*>(raw.data())};
  }
  if (form != kPlaneZstd) return damaged(fmt::format("no such plane form: {}", form));

  const std::uint64_t packed_size = FT_TRY(number(4));
  const std::string_view packed = FT_TRY(take(packed_size));
  scratch_.plane_.resize(size);
  const std::size_t got = ZSTD_decompressDCtx(scratch_.context_, scratch_.plane_.data(), size,
                                              packed.data(), packed.size());
  if (ZSTD_isError(got) != 0) return damaged(ZSTD_getErrorName(got));
  if (got != size) return damaged(fmt::format("a plane of {} bytes has {}", size, got));
  return Plane{PlaneForm::Bytes, 0, scratch_.plane_.data()};
}

Result<void> ColumnReader::column(std::span<std::uint64_t> values) {
  const std::uint64_t width = FT_TRY(number(1));
  if (width > 8) return damaged(fmt::format("a column {} bytes wide", width));
  std::ranges::fill(values, 0);
  if (values.empty() && width != 0) return damaged("a column of no values has planes");
  for (unsigned i = 0; i < width; ++i) {
    const Plane next = FT_TRY(plane(values.size()));
    if (next.form == PlaneForm::Bytes) {
      add_plane(next.bytes, 8 * i, values);
    } else if (next.repeated != 0) {
      const std::uint64_t bits = static_cast<std::uint64_t>(next.repeated) << (8 * i);
      for (std::uint64_t& value : values) value |= bits;
    }
  }
  return {};
}

}  // namespace ft::recording
