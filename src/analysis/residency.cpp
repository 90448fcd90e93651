#include "analysis/residency.h"

#include <sys/mman.h>

#include <algorithm>

namespace ft::analysis {

namespace {

constexpr std::size_t kMostPoints = 400;
constexpr std::size_t kLateFaultSteps = 4096;

// 0: of no hugetlb pool. mmap(2) may name the size in the bits from MAP_HUGE_SHIFT on; x86-64 has
// two, and the smaller is what a host gives that was not booted otherwise.
std::uint64_t hugetlb_page_bytes(const attribution::Region* region) {
  constexpr unsigned kSizeShift = 26;
  constexpr unsigned kGiantShift = 30;
  if (!region || !(region->flags & MAP_HUGETLB)) return 0;
  return region->flags >> kSizeShift == kGiantShift ? kGiB : kHugePageSize;
}

}  // namespace

bool is_huge(const event::Fault& fault, const attribution::Region* region) {
  return fault.huge() || hugetlb_page_bytes(region) != 0;
}

bool is_private_anonymous(const attribution::Region& region) {
  return region.file == event::kNoFile && !(region.flags & MAP_SHARED);
}

Residency::Residency(const event::Trace& trace, const attribution::OwnerHistory& owners,
                     event::Pid pid, Nanoseconds end_ts)
    : owners_(owners), pid_(pid), end_ts_(end_ts), changes_(space_changes(trace, pid)) {
  std::erase_if(changes_, [&](const SpaceChange& change) { return change.ts > end_ts; });
  const std::size_t count = std::min<std::size_t>(owners.owners().size(), 32768);
  for (std::size_t owner = 0; owner < std::max<std::size_t>(count, 1); ++owner) {
    const jvm::Subsystem subsystem =
        owner < count ? owners.owners()[owner].subsystem : jvm::Subsystem::Unknown;
    for (const std::size_t page_class : {2 * owner, 2 * owner + 1}) {
      pages_.set_group(static_cast<PageClass>(page_class), static_cast<PageGroup>(subsystem));
    }
  }
}

PageClass Residency::class_of(attribution::OwnerId owner, bool anonymous) const {
  const attribution::OwnerId known = owner < 32768 ? owner : 0;
  return static_cast<PageClass>(2 * known + (anonymous ? 1U : 0U));
}

bool Residency::undone(const event::Fault& fault) const {
  for (std::size_t i = next_change_, steps = 0; i-- > 0 && steps < kLateFaultSteps; ++steps) {
    const SpaceChange& change = changes_[i];
    if (change.ts <= fault.ts) return false;
    const bool takes_away = change.kind != SpaceChange::Kind::Populate;
    if (takes_away && (change.range.empty() || change.range.contains(fault.addr))) return true;
  }
  return false;
}

// Whole pages, mapped without tables of the last level. The kernel has them in HugetlbPages, apart
// from RssAnon and RssFile.
void Residency::touch_hugetlb(AddressRange range, attribution::OwnerId owner) {
  for (std::uint64_t at = range.start; at < range.end && !pages_.exhausted(); at += kHugePageSize) {
    pages_.touch_hugetlb(at, class_of(owner, false));
  }
}

void Residency::on_fault(const event::Fault& fault, const attribution::Region* region) {
  if (fault.ts > end_ts_) return;
  apply_until(fault.ts);
  if (undone(fault)) return;
  const attribution::OwnerId owner = region ? region->owner : 0;
  const bool anonymous = region && is_private_anonymous(*region);
  const bool write = fault.error_code & event::kFaultWrite;
  const bool own_page = write || !anonymous || fault.has_page;
  // A private page written to is anonymous from then on, whatever it was a copy of.
  const bool becomes_anonymous = anonymous || (write && region && !(region->flags & MAP_SHARED));
  const PageClass page_class = class_of(owner, becomes_anonymous);
  if (const std::uint64_t pool_page = hugetlb_page_bytes(region); pool_page != 0) {
    touch_hugetlb(
        AddressRange::of_size(fault.addr & ~(pool_page - 1), pool_page).intersection(region->range),
        owner);
  } else if (fault.huge()) {
    pages_.touch_huge(fault.addr, page_class);
  } else if (anonymous && fault.has_page && fault.page.order > 0 && fault.page.order < 9) {
    const std::uint64_t size = kPageSize << fault.page.order;
    pages_.touch_range(
        AddressRange::of_size(fault.addr & ~(size - 1), size).intersection(region->range),
        page_class, Backing::Own);
  } else {
    pages_.touch(fault.addr, page_class, own_page ? Backing::Own : Backing::Zero);
  }
  if (fault.ts >= next_sample_) sample(fault.ts);
}

void Residency::finish() {
  apply_until(end_ts_);
}

void Residency::apply_until(Nanoseconds ts) {
  while (next_change_ < changes_.size() && changes_[next_change_].ts <= ts) {
    apply(changes_[next_change_++]);
  }
}

void Residency::apply(const SpaceChange& change) {
  switch (change.kind) {
    case SpaceChange::Kind::Unmap:
      pages_.drop(change.range, Drop::Mapping);
      break;
    case SpaceChange::Kind::Discard:
      pages_.drop(change.range, Drop::Contents);
      break;
    case SpaceChange::Kind::Reset:
      pages_.clear();
      break;
    case SpaceChange::Kind::Populate:
      populate(change);
      break;
    case SpaceChange::Kind::Move:
      pages_.drop(AddressRange::of_size(change.to, change.range.size()), Drop::Mapping);
      pages_.move(change.range, change.to);
      break;
  }
  if (change.ts >= next_sample_) sample(change.ts);
}

void Residency::populate(const SpaceChange& change) {
  for (std::uint64_t at = change.range.start; at < change.range.end;) {
    const attribution::Region* region = owners_.region_at(pid_, at, change.ts);
    if (!region || region->range.end <= at) return;
    const bool anonymous = is_private_anonymous(*region);
    const AddressRange part{at, std::min(region->range.end, change.range.end)};
    const bool writes = change.writes && (region->prot & PROT_WRITE);
    const bool zero_pages = anonymous && !writes;
    const bool becomes_anonymous = anonymous || (writes && !(region->flags & MAP_SHARED));
    if (hugetlb_page_bytes(region) != 0) {
      if (region->prot != PROT_NONE) touch_hugetlb(part, region->owner);
    } else if (region->prot != PROT_NONE) {
      pages_.touch_range(part, class_of(region->owner, becomes_anonymous),
                         zero_pages ? Backing::Zero : Backing::Own);
    }
    at = part.end;
  }
}

std::uint64_t Residency::resident_bytes_of(attribution::OwnerId owner) const {
  if (owner >= 32768) return 0;
  return kPageSize * (pages_.resident_of_class(class_of(owner, false)) +
                      pages_.resident_of_class(class_of(owner, true)));
}

std::uint64_t Residency::anonymous_bytes() const {
  std::uint64_t pages = 0;
  const std::size_t count = std::clamp<std::size_t>(owners_.owners().size(), 1, 32768);
  for (attribution::OwnerId owner = 0; owner < count; ++owner) {
    pages += pages_.resident_of_class(class_of(owner, true));
  }
  return pages * kPageSize;
}

void Residency::sample(Nanoseconds ts) {
  Point point{ts, {}};
  for (std::size_t s = 0; s < jvm::kSubsystemCount; ++s) {
    point.resident[s] = pages_.resident_of_group(static_cast<PageGroup>(s)) * kPageSize;
  }
  points_.push_back(point);
  if (points_.size() >= kMostPoints) {
    for (std::size_t i = 1; 2 * i < points_.size(); ++i) points_[i] = points_[2 * i];
    points_.resize((points_.size() + 1) / 2);
    period_ *= 2;
  }
  next_sample_ = ts + period_;
}

report::model::Timeline Residency::timeline() const {
  report::model::Timeline timeline;
  std::vector<std::size_t> shown;
  for (std::size_t s = 0; s < jvm::kSubsystemCount; ++s) {
    const bool any =
        std::ranges::any_of(points_, [&](const Point& p) { return p.resident[s] > 0; });
    if (!any) continue;
    shown.push_back(s);
    timeline.subsystems.emplace_back(jvm::kSubsystemNames[s]);
  }
  for (const Point& point : points_) {
    report::model::TimelinePoint& out = timeline.points.emplace_back();
    out.ts = point.ts;
    for (const std::size_t s : shown) out.resident.push_back(point.resident[s]);
  }
  return timeline;
}

}  // namespace ft::analysis
