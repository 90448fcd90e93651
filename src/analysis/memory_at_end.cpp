#include "analysis/memory_at_end.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "base/check.h"

namespace ft::analysis {

namespace {

__extension__ using Wide = unsigned __int128;  // bytes times bytes

// The part of one kernel area that one owner has.
struct Part {
  attribution::OwnerId owner = 0;
  std::uint64_t bytes = 0;
  std::uint64_t touched = 0;  // bytes known to be resident by faults
};

std::vector<Part> parts_of(AddressRange area, const std::vector<attribution::Region>& regions,
                           const Residency& residency) {
  std::map<attribution::OwnerId, Part> parts;
  std::uint64_t covered = 0;
  auto it = std::ranges::upper_bound(regions, area.start, {},
                                     [](const attribution::Region& r) { return r.range.start; });
  if (it != regions.begin()) --it;
  for (; it != regions.end() && it->range.start < area.end; ++it) {
    const AddressRange piece = it->range.intersection(area);
    if (piece.empty()) continue;
    Part& part = parts[it->owner];
    part.owner = it->owner;
    part.bytes += piece.size();
    covered += piece.size();
    residency.pages().for_each_resident(
        piece, [&](PageClass, std::uint64_t pages) { part.touched += pages * kPageSize; });
  }
  if (covered < area.size()) {
    parts[0].bytes += area.size() - covered;
  }
  std::vector<Part> out;
  for (const auto& [owner, part] : parts) out.push_back(part);
  return out;
}

// Pages known from faults first; what the kernel counts beyond them by size.
std::vector<std::uint64_t> share_out(std::uint64_t whole, const std::vector<Part>& parts) {
  std::vector<std::uint64_t> touched;
  std::vector<std::uint64_t> rest;
  for (const Part& part : parts) {
    touched.push_back(part.touched);
    rest.push_back(part.bytes - std::min(part.touched, part.bytes));
  }
  return shared_by_touch(whole, touched, rest);
}

void add_smaps(MemoryAtEnd& memory, const Subject& subject,
               const std::vector<attribution::Region>& regions, const Residency& residency) {
  for (const host::SmapsEntry& area : *subject.smaps) {
    const std::uint64_t resident = area.counters.resident();
    const std::uint64_t huge = area.counters.anon_huge_pages + area.counters.shmem_pmd_mapped +
                               area.counters.file_pmd_mapped + area.counters.shared_hugetlb +
                               area.counters.private_hugetlb;
    const std::uint64_t swapped = area.counters.swap;
    if ((resident == 0 && swapped == 0) || area.vma.range.empty()) continue;
    const std::vector<Part> parts = parts_of(area.vma.range, regions, residency);
    if (parts.size() > 1) memory.shared_out += resident;
    const auto resident_shares = share_out(resident, parts);
    // Which of its pages are in swap is not recorded: by size.
    std::vector<std::uint64_t> sizes;
    for (const Part& part : parts) sizes.push_back(part.bytes);
    const auto swapped_shares = shared_by_weight(swapped, sizes, kPageSize);
    const auto huge_shares = shared_by_weight(huge, resident_shares, kPageSize);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      OwnerMemory& owner = memory.by_owner[parts[i].owner];
      owner.resident += resident_shares[i];
      owner.huge += huge_shares[i];
      owner.swapped += swapped_shares[i];
    }
  }
}

}  // namespace

std::vector<std::uint64_t> shared_by_weight(std::uint64_t whole,
                                            const std::vector<std::uint64_t>& weights,
                                            std::uint64_t unit) {
  FT_CHECK(!weights.empty());
  Wide total = 0;
  for (const std::uint64_t weight : weights) total += weight;
  std::vector<std::uint64_t> parts(weights.size());
  std::uint64_t given = 0;
  std::size_t largest = 0;
  for (std::size_t i = 0; total > 0 && i < weights.size(); ++i) {
    const auto exact = static_cast<std::uint64_t>(Wide{whole} * weights[i] / total);
    parts[i] = exact / unit * unit;
    given += parts[i];
    if (weights[i] > weights[largest]) largest = i;
  }
  parts[largest] += whole - given;
  return parts;
}

std::vector<std::uint64_t> shared_by_touch(std::uint64_t whole,
                                           const std::vector<std::uint64_t>& touched,
                                           const std::vector<std::uint64_t>& rest) {
  const std::uint64_t known = std::accumulate(touched.begin(), touched.end(), std::uint64_t{0});
  if (known >= whole) return shared_by_weight(whole, touched, kPageSize);
  std::vector<std::uint64_t> shares = shared_by_weight(whole - known, rest, kPageSize);
  for (std::size_t i = 0; i < shares.size(); ++i) shares[i] += touched[i];
  return shares;
}

MemoryAtEnd memory_at_end(const Subject& subject, const std::vector<attribution::Region>& regions,
                          std::size_t owner_count, const Residency& residency, FaultsSeen faults) {
  MemoryAtEnd memory;
  memory.by_owner.resize(std::max<std::size_t>(owner_count, 1));
  for (const attribution::Region& region : regions) {
    OwnerMemory& owner = memory.by_owner[region.owner];
    owner.reserved += region.range.size();
    if (region.committed) owner.committed += region.range.size();
  }
  if (subject.smaps) {
    memory.source = ResidentSource::Smaps;
    add_smaps(memory, subject, regions, residency);
  } else if (faults == FaultsSeen::Yes && !residency.pages().exhausted()) {
    memory.source = ResidentSource::Faults;
    for (attribution::OwnerId owner = 0; owner < memory.by_owner.size(); ++owner) {
      memory.by_owner[owner].resident = residency.resident_bytes_of(owner);
    }
  }
  return memory;
}

}  // namespace ft::analysis
