#include "sim/whatif/draft.h"

#include <sys/mman.h>

#include <algorithm>

#include "host/maps.h"
#include "sim/replay/timeline.h"

namespace ft::sim::whatif {

namespace {

using event::SyscallNumber;

constexpr std::uint64_t kFixedNoReplace = 0x100000;  // MAP_FIXED_NOREPLACE

event::SyscallNumber number_of(const Call& call) {
  return call.event.number;
}

bool is_mmap(const Call& call) {
  return number_of(call) == SyscallNumber::Mmap && !call.event.failed();
}

}  // namespace

AddressRange Call::range() const {
  if (event.failed()) return {};
  const std::uint64_t start = number_of(*this) == SyscallNumber::Mmap
                                  ? static_cast<std::uint64_t>(event.ret)
                                  : event.addr();
  const std::uint64_t length = event.length();
  if (start == 0 || length > ~std::uint64_t{0} - kPageSize - start) return {};
  return {start, start + page_ceil(length)};
}

Nanoseconds Call::end() const {
  return event.ts + std::max<Nanoseconds>(event.dur, 0);
}

bool Call::reserves() const {
  return is_mmap(*this) && event.prot() == PROT_NONE &&
         (event.flags() & (MAP_ANONYMOUS | MAP_NORESERVE)) == (MAP_ANONYMOUS | MAP_NORESERVE) &&
         (event.flags() & (MAP_FIXED | kFixedNoReplace)) != MAP_FIXED;
}

bool Call::commits() const {
  return is_mmap(*this) && (event.prot() & PROT_WRITE) != 0 &&
         (event.flags() & (MAP_ANONYMOUS | MAP_FIXED)) == (MAP_ANONYMOUS | MAP_FIXED);
}

bool Call::maps_file() const {
  return is_mmap(*this) && (event.flags() & MAP_ANONYMOUS) == 0;
}

Draft::Draft(const replay::Material& material, const Parts& parts) : rest_(material) {
  const event::Trace& trace = material.trace;
  const replay::ThreadTable threads(trace);
  calls_.reserve(trace.syscalls.size());
  for (std::size_t i = 0; i < trace.syscalls.size(); ++i) {
    calls_.push_back({trace.syscalls[i], parts.of_call(i)});
  }
  touches_.reserve(material.faults.size());
  for (const event::Fault& fault : material.faults) {
    const event::Pid pid = threads.process_of(fault.tid, fault.ts);
    touches_.push_back({fault, pid, parts.at(pid, fault.addr, fault.ts)});
  }
  rest_.trace.syscalls.clear();
  rest_.faults.clear();
}

void Draft::add_call(const Call& after, SyscallNumber number, AddressRange range,
                     std::uint64_t argument) {
  event::Syscall call;
  call.ts = after.end();
  call.dur = 0;
  call.tid = after.event.tid;
  call.pid = after.event.pid;
  call.number = number;
  call.stack = after.event.stack;
  call.args = {range.start, range.size(), argument, 0, 0, 0};
  added_calls_.push_back({call, after.owner});
}

void Draft::add_map(const Call& after, AddressRange range, std::uint64_t prot,
                    std::uint64_t flags) {
  add_call(after, SyscallNumber::Mmap, range, prot);
  event::Syscall& call = added_calls_.back().event;
  call.args[3] = flags;
  call.args[4] = ~std::uint64_t{0};  // no file
  call.ret = static_cast<std::int64_t>(range.start);
}

void Draft::add_touches(const Call& after, AddressRange range) {
  for (std::uint64_t at = page_floor(range.start); at < range.end; at += kPageSize) {
    added_touches_.push_back({{.ts = after.end(),
                               .dur = 0,
                               .addr = at,
                               .tid = after.event.tid,
                               .error_code = event::kFaultUser | event::kFaultWrite},
                              after.event.pid,
                              after.owner});
  }
}

void Draft::add_touch(const Touch& like, std::uint64_t address) {
  Touch touch = like;
  touch.event.addr = address;
  added_touches_.push_back(touch);
}

void Draft::drop_calls(const std::vector<std::size_t>& indices) {
  std::vector<bool> dropped(calls_.size());
  for (const std::size_t index : indices) dropped[index] = true;
  std::size_t next = 0;
  std::erase_if(calls_, [&](const Call&) { return dropped[next++]; });
}

void Draft::relocate(event::Pid pid, Nanoseconds since,
                     const std::function<std::uint64_t(std::uint64_t)>& place) {
  const auto move_call = [&](Call& call) {
    event::Syscall& event = call.event;
    if (event.pid != pid || event.ts < since || call.range().empty()) return;
    if (event::find_shape(event.number)->addr != 0) return;
    const std::uint64_t old = event.args[0];
    if (old != 0) event.args[0] = place(old);
    if (event.number == SyscallNumber::Mmap) {
      event.ret = static_cast<std::int64_t>(place(static_cast<std::uint64_t>(event.ret)));
    }
  };
  std::ranges::for_each(calls_, move_call);
  std::ranges::for_each(added_calls_, move_call);
  const auto move_touch = [&](Touch& touch) {
    if (touch.pid == pid && touch.event.ts >= since) touch.event.addr = place(touch.event.addr);
  };
  std::ranges::for_each(touches_, move_touch);
  std::ranges::for_each(added_touches_, move_touch);
}

std::vector<std::uint64_t> Draft::pages_touched(event::Pid pid, AddressRange range,
                                                Nanoseconds since) const {
  std::vector<std::uint64_t> pages;
  for (const Touch& touch : touches_) {
    if (touch.pid != pid || touch.event.ts < since || !range.contains(touch.event.addr)) continue;
    pages.push_back(page_floor(touch.event.addr));
  }
  std::ranges::sort(pages);
  const auto repeated = std::ranges::unique(pages);
  pages.erase(repeated.begin(), repeated.end());
  return pages;
}

std::uint64_t Draft::find_free(event::Pid pid, std::uint64_t size, std::uint64_t alignment,
                               std::uint64_t below, AddressRange own) const {
  std::vector<AddressRange> used;
  for (const Call& call : calls_) {
    if (call.event.pid != pid || number_of(call) != SyscallNumber::Mmap) continue;
    const AddressRange range = call.range();
    if (!range.empty() && !own.contains(range)) used.push_back(range);
  }
  for (const event::Snapshot& snapshot : rest_.trace.snapshots) {
    if (snapshot.pid != pid || snapshot.source != "maps" || snapshot.moment != "exec") continue;
    if (const auto areas = host::parse_maps(snapshot.text)) {
      for (const host::Vma& area : *areas) used.push_back(area.range);
    }
  }
  std::ranges::sort(used, std::ranges::greater{}, &AddressRange::start);
  // From the top down: each used range pushes the candidate below itself where they overlap.
  if (below < size) return 0;
  std::uint64_t start = (below - size) & ~(alignment - 1);
  for (bool moved = true; moved;) {
    moved = false;
    for (const AddressRange& range : used) {
      if (!range.overlaps({start, start + size})) continue;
      if (range.start < size + kHugePageSize) return 0;
      start = (range.start - size) & ~(alignment - 1);
      moved = true;
    }
  }
  return start;
}

replay::Material Draft::finish() && {
  calls_.insert(calls_.end(), added_calls_.begin(), added_calls_.end());
  touches_.insert(touches_.end(), added_touches_.begin(), added_touches_.end());
  std::ranges::stable_sort(calls_, {}, [](const Call& call) { return call.event.ts; });
  std::ranges::stable_sort(touches_, {}, [](const Touch& touch) { return touch.event.ts; });
  for (const Call& call : calls_) rest_.trace.syscalls.push_back(call.event);
  for (const Touch& touch : touches_) rest_.faults.push_back(touch.event);
  return std::move(rest_);
}

}  // namespace ft::sim::whatif
