#include "calibrate/derive.h"

#include <algorithm>
#include <array>
#include <optional>

#include "calibrate/series.h"

namespace ft::calibrate {

namespace {

using sim::profile::Cost;
using sim::profile::kCosts;

constexpr std::uint32_t kAround = 16;  // pages of a FileRead that maps around
constexpr unsigned kMostOrder = 9;

std::optional<double> of(const Round& round, Key key) {
  const auto found = round.find(key);
  return found == round.end() ? std::nullopt : std::optional(found->second);
}

std::optional<double> difference(std::optional<double> more, std::optional<double> less) {
  return more && less ? std::optional(*more - *less) : std::nullopt;
}

// What each page takes: the slope over those sizes of a kind that have pages.
std::optional<double> each_of(const Round& round, Kind kind, std::uint32_t least) {
  std::vector<LinePoint> points;
  for (const auto& [key, value] : round) {
    if (key.kind == kind && key.size >= least && !key.cold) {
      points.push_back({.count = static_cast<double>(key.size), .value = value});
    }
  }
  const auto line = line_through(points);
  return line ? std::optional(line->each) : std::nullopt;
}

// Beyond 33 pages everything is flushed at once, however many they are.
constexpr std::uint32_t kFlushedAtOnce = 64;
constexpr std::uint32_t kFlushedByPage = 32;

std::optional<double> flush_of_one(const Round& round) {
  const auto with_page = of(round, {Kind::Mprotect, 1});
  const auto entry = each_of(round, Kind::Mprotect, kFlushedAtOnce);
  return difference(difference(with_page, of(round, {Kind::Mprotect, 0})), entry);
}

std::optional<double> flush_of_each(const Round& round) {
  const auto more =
      difference(of(round, {Kind::Mprotect, kFlushedByPage}), of(round, {Kind::Mprotect, 1}));
  if (!more) return std::nullopt;
  return difference(*more / (kFlushedByPage - 1), each_of(round, Kind::Mprotect, kFlushedAtOnce));
}

std::optional<double> file_page(const Round& round) {
  const auto more =
      difference(of(round, {Kind::FileRead, kAround}), of(round, {Kind::FileRead, 1}));
  return more ? std::optional(*more / (kAround - 1)) : std::nullopt;
}

std::optional<double> value_of(Cost cost, const Round& round) {
  for (unsigned order = 0; order <= kMostOrder; ++order) {
    if (sim::profile::anonymous_fault(order) == cost) {
      return of(round, {Kind::AnonWrite, 1U << order});
    }
  }
  switch (cost) {
    case Cost::Syscall:
      return of(round, {Kind::NullCall});
    case Cost::FaultAnon2mOfTwo:
      return of(round, {Kind::HugeWriteOfTwo, 1U << kMostOrder});
    case Cost::FaultZeroPage:
      return of(round, {Kind::AnonRead});
    case Cost::FaultFile:
      return of(round, {Kind::FileRead, 1});
    case Cost::FaultFilePage:
      return file_page(round);
    case Cost::FaultCow:
      return of(round, {Kind::FileWrite});
    case Cost::FaultCowMapped:
      return of(round, {Kind::FileWriteMapped});
    case Cost::FaultReuse:
      return of(round, {Kind::Reuse});
    case Cost::FaultShmem:
      return of(round, {Kind::ShmemWrite});
    case Cost::FaultHugetlb2m:
      return of(round, {Kind::HugetlbWrite});
    case Cost::PageTable:
      return difference(of(round, {Kind::AnonNewTable}), of(round, {Kind::AnonWrite, 1}));
    case Cost::PopulatePage:
      return each_of(round, Kind::Populate, 1);
    case Cost::Mmap:
      return of(round, {Kind::Mmap});
    case Cost::MmapFile:
      return of(round, {Kind::MmapFile});
    case Cost::Munmap:
      return of(round, {Kind::Munmap, 0});
    case Cost::MunmapPage:
      return each_of(round, Kind::Munmap, 1);
    case Cost::Mprotect:
      return of(round, {Kind::Mprotect, 0});
    case Cost::MprotectPage:
      return each_of(round, Kind::Mprotect, kFlushedAtOnce);
    case Cost::Madvise:
      return of(round, {Kind::MadviseFlag});
    case Cost::MadvisePage:
      return each_of(round, Kind::Dontneed, 1);
    case Cost::Mremap:
      return of(round, {Kind::Mremap});
    case Cost::Brk:
      return of(round, {Kind::Brk});
    case Cost::MunmapHuge:
      return each_of(round, Kind::MunmapHuge, 1);
    case Cost::FlushLocal:
      return flush_of_one(round);
    case Cost::FlushLocalPage:
      return flush_of_each(round);
    case Cost::FlushRemote:
      return difference(of(round, {Kind::MprotectTwoCpus, 1}), of(round, {Kind::Mprotect, 1}));
    default:
      return std::nullopt;  // of the TLB: no exercise
  }
}

}  // namespace

std::vector<Round> cold_rounds(const std::vector<Round>& rounds) {
  std::vector<Round> cold;
  for (const Round& round : rounds) {
    Round& kept = cold.emplace_back();
    for (const auto& [key, ns] : round) {
      if (key.cold) kept[{.kind = key.kind, .size = key.size}] = ns;
    }
  }
  return cold;
}

Derived derive(const std::vector<Round>& rounds) {
  Derived derived;
  for (std::size_t i = 0; i < kCosts; ++i) {
    const auto cost = static_cast<Cost>(i);
    std::vector<double> values;
    for (const Round& round : rounds) {
      if (const auto value = value_of(cost, round)) values.push_back(*value);
    }
    const auto found = estimate(values);
    if (!found) continue;
    if (found->median <= 0) {
      derived.lost_in_noise.push_back(cost);
      continue;
    }
    derived.costs.set(cost, found->median);
    derived.spreads.set(cost, found->spread);
  }
  return derived;
}

}  // namespace ft::calibrate
