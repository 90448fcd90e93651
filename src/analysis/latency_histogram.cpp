#include "analysis/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/check.h"

namespace ft::analysis {

namespace {

constexpr unsigned kSubBits = LatencyHistogram::kSubBits;
constexpr std::uint64_t kSubCount = 1ULL << kSubBits;

// Values below 2 * kSubCount have a bucket each; above, bucket width doubles with every octave.
std::size_t bucket_of(std::uint64_t value) {
  if (value < kSubCount) return value;
  const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - 1 - kSubBits;
  return (shift + 1) * kSubCount + ((value >> shift) - kSubCount);
}

std::uint64_t middle_of(std::size_t bucket) {
  if (bucket < kSubCount) return bucket;
  const unsigned shift = static_cast<unsigned>(bucket / kSubCount) - 1;
  const std::uint64_t low = (bucket % kSubCount + kSubCount) << shift;
  return low + ((1ULL << shift) - 1) / 2;
}

unsigned octave_of(std::uint64_t value) {
  return value == 0 ? 0 : static_cast<unsigned>(std::bit_width(value)) - 1;
}

}  // namespace

void LatencyHistogram::record(Nanoseconds duration) {
  const auto value = static_cast<std::uint64_t>(std::max<Nanoseconds>(duration, 0));
  const auto signed_value = static_cast<Nanoseconds>(value);
  const std::size_t bucket = bucket_of(value);
  if (bucket >= buckets_.size()) [[unlikely]]
    buckets_.resize(bucket + 1);
  ++buckets_[bucket];
  Octave& octave = octaves_[octave_of(value)];
  ++octave.count;
  octave.total += signed_value;
  min_ = count_ == 0 ? signed_value : std::min(min_, signed_value);
  max_ = std::max(max_, signed_value);
  total_ += signed_value;
  ++count_;
}

void LatencyHistogram::merge(const LatencyHistogram& other) {
  if (other.count_ == 0) return;
  if (buckets_.size() < other.buckets_.size()) buckets_.resize(other.buckets_.size());
  for (std::size_t i = 0; i < other.buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  for (std::size_t i = 0; i < octaves_.size(); ++i) {
    octaves_[i].count += other.octaves_[i].count;
    octaves_[i].total += other.octaves_[i].total;
  }
  min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  total_ += other.total_;
  count_ += other.count_;
}

Nanoseconds LatencyHistogram::quantile(double q) const {
  if (count_ == 0) return 0;
  const double exact_rank = std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(count_));
  const std::uint64_t rank =
      std::clamp<std::uint64_t>(static_cast<std::uint64_t>(exact_rank), 1, count_);
  if (rank == count_) return max_;
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    seen += buckets_[bucket];
    if (seen >= rank) {
      return std::clamp(static_cast<Nanoseconds>(middle_of(bucket)), min_, max_);
    }
  }
  return max_;
}

void LatencyHistogram::check() const {
  std::uint64_t in_buckets = 0;
  for (const std::uint64_t bucket : buckets_) in_buckets += bucket;
  std::uint64_t in_octaves = 0;
  Nanoseconds time = 0;
  for (const Octave& octave : octaves_) {
    in_octaves += octave.count;
    time += octave.total;
  }
  FT_CHECK(in_buckets == count_);
  FT_CHECK(in_octaves == count_);
  FT_CHECK(time == total_);
  FT_CHECK(min_ <= max_);
}

}  // namespace ft::analysis
