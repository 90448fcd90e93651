#include "sim/whatif/limited_frames.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"

namespace ft::sim::whatif {

namespace {

using reclaim::kNoPage;
using reclaim::kRootGroup;

std::uint64_t pages_of(unsigned order) {
  return std::uint64_t{1} << order;
}

Result<std::unique_ptr<phys::Memory>> machine_of(const LimitPlan& plan) {
  if (!plan.machine_bytes) return std::unique_ptr<phys::Memory>();
  const phys::NodeSize node = {.bytes = *plan.machine_bytes, .cpus = plan.cpus};
  return phys::Memory::make(FT_TRY(phys::plain_memory({&node, 1})));
}

}  // namespace

Result<std::unique_ptr<LimitedFrames>> LimitedFrames::make(const LimitPlan& plan) {
  std::unique_ptr<phys::Memory> machine = FT_TRY(machine_of(plan));
  std::unique_ptr<LimitedFrames> frames(new LimitedFrames(plan, std::move(machine)));
  FT_TRY_VOID(frames->take_for_others());
  return frames;
}

LimitedFrames::LimitedFrames(const LimitPlan& plan, std::unique_ptr<phys::Memory> machine)
    : plan_(plan), machine_(std::move(machine)), groups_(plan.version, plan.cpus, plan.rules) {
  if (plan.group_bytes) {
    group_ = groups_.add(kRootGroup, {.max = *plan.group_bytes >> kPageShift});
  }
  if (plan.swap_bytes != 0) {
    swap_.add({.slots = plan.swap_bytes >> kPageShift, .compression = plan.swap_compression});
  }
  reclaimer_.emplace(reclaim::ReclaimSettings{.swappiness = plan.swappiness, .rules = plan.rules},
                     groups_, swap_, static_cast<reclaim::Owner&>(*this), machine_.get());
}

// What the kernel and other processes had, and never give back: not on any list.
Result<void> LimitedFrames::take_for_others() {
  if (!machine_) return {};
  machine_->set_pressure_handler(nullptr);
  for (std::uint64_t taken = 0; taken < plan_.others_bytes >> kPageShift; ++taken) {
    if (take_from_machine(phys::Request::user(0))) continue;
    return fail("--set memory",
                fmt::format("others had {} MiB of the recorded host's memory, which is more than "
                            "there would be",
                            plan_.others_bytes / kMiB));
  }
  machine_->set_pressure_handler(&*reclaimer_);
  return {};
}

std::optional<phys::Pfn> LimitedFrames::take_from_machine(const phys::Request& request) {
  const auto first = machine_->request(request);
  if (!first) return first;
  for (phys::Pfn pfn = *first; pfn < *first + pages_of(request.order); ++pfn) {
    machine_->frames()[pfn] = {.kind = phys::FrameKind::Anonymous,
                               .order = static_cast<std::uint8_t>(request.order)};
  }
  return first;
}

void LimitedFrames::give_to_machine(phys::Pfn frame, unsigned order) {
  if (machine_ && frame != 0) machine_->free(frame, order);
}

phys::Request LimitedFrames::request_for(unsigned order, phys::FrameUse use) const {
  if (use == phys::FrameUse::PageTable) return phys::Request::kernel(order);
  phys::Request request = phys::Request::user(order);
  if (order != 0) {
    // vma_thp_gfp_mask, defrag as it is by default: only advised areas wait.
    request.reclaims = wanted().advised;
    request.wakes_kswapd = false;
    request.spares_reserves = true;
  }
  return request;
}

bool LimitedFrames::charge(unsigned order, phys::FrameUse use) {
  // Whoever read a file first pays for it: here that was somebody before.
  if (group_ == kRootGroup || use == phys::FrameUse::PageCache) return true;
  const bool waits = order == 0 || wanted().advised;
  if (reclaimer_->charge(group_, pages_of(order), {.reclaims = waits, .order = order})) return true;
  if (order != 0) ++huge_refused_;
  return false;
}

LimitedFrames::Block& LimitedFrames::block_at(phys::Pfn first) {
  if (first >= blocks_.size()) blocks_.resize(std::max<std::size_t>(first + 1, blocks_.size() * 2));
  return blocks_[first];
}

phys::MaybeFrame LimitedFrames::allocate(unsigned order, phys::FrameUse use) {
  settle();
  if (use == phys::FrameUse::Hugetlb) return FrameStore::allocate(order, use);
  phys::Pfn machine_frame = 0;
  if (machine_) {
    if (order > phys::kMaxOrder) return std::nullopt;
    const auto got = take_from_machine(request_for(order, use));
    if (!got) {
      if (order != 0) ++huge_refused_;
      return std::nullopt;
    }
    machine_frame = *got;
  }
  if (!charge(order, use)) {
    give_to_machine(machine_frame, order);
    return std::nullopt;
  }
  const phys::MaybeFrame first = FrameStore::allocate(order, use);
  if (!first) {
    if (group_ != kRootGroup && use != phys::FrameUse::PageCache) {
      reclaimer_->uncharge(group_, pages_of(order));
    }
    give_to_machine(machine_frame, order);
    return first;
  }
  Block& block = block_at(*first);
  block = {.state = State::Charged,
           .order = static_cast<std::uint8_t>(order),
           .pid = pid_,
           .machine_frame = machine_frame};
  switch (use) {
    case phys::FrameUse::PageTable:
      table_pages_ += pages_of(order);
      break;
    case phys::FrameUse::PageCache:
      block.state = State::Unsettled;
      unsettled_.push_back(*first);
      break;
    default:
      add_to_lists(*first, reclaim::PageKind::Anonymous);
  }
  note_need();
  return first;
}

void LimitedFrames::add_to_lists(phys::Pfn first, reclaim::PageKind kind) {
  Block& block = blocks_[first];
  const bool file = kind == reclaim::PageKind::File;
  block.state = State::Resident;
  block.page = reclaimer_->add(
      {.frame = block.machine_frame,
       .zone = machine_ ? machine_->zone_of(block.machine_frame).index() : phys::ZoneIndex{0},
       .group = file ? kRootGroup : group_,
       .kind = kind,
       .order = block.order,
       .young = true});
  if (block.page >= frame_of_.size()) frame_of_.resize(block.page + 1);
  frame_of_[block.page] = first;
  if (!file) anonymous_pages_ += pages_of(block.order);
}

void LimitedFrames::settle() {
  while (!unsettled_.empty()) {
    const phys::Pfn first = unsettled_.back();
    unsettled_.pop_back();
    Block& block = blocks_[first];
    if (block.state != State::Unsettled) continue;
    if (frames()[first].kind != phys::FrameKind::Shmem) {
      if (machine_) {
        add_to_lists(first, reclaim::PageKind::File);
      } else {
        block.state = State::Free;
      }
    } else if (charge(block.order, phys::FrameUse::Anonymous)) {
      // Making room for it may have ended its own process.
      if (block.state != State::Unsettled) {
        if (group_ != kRootGroup) reclaimer_->uncharge(group_, pages_of(block.order));
        continue;
      }
      add_to_lists(first, reclaim::PageKind::Shmem);
      note_need();
    } else {
      give_to_machine(block.machine_frame, block.order);
      block.state = State::Free;
    }
  }
}

// Takes a block's charge, machine frame and slot away.
void LimitedFrames::let_go(phys::Pfn first, State after) {
  Block& block = blocks_[first];
  const std::uint64_t pages = pages_of(block.order);
  switch (block.state) {
    case State::Charged:
      if (group_ != kRootGroup) reclaimer_->uncharge(group_, pages);
      table_pages_ -= pages;
      give_to_machine(block.machine_frame, block.order);
      break;
    case State::Unsettled:
      give_to_machine(block.machine_frame, block.order);
      break;
    case State::Resident:
      if (!reclaimer_->lists().page(block.page).file()) anonymous_pages_ -= pages;
      reclaimer_->remove(block.page);
      give_to_machine(block.machine_frame, block.order);
      break;
    case State::Swapped:
      reclaimer_->free_swap({.group = group_, .order = block.order}, block.slot);
      anonymous_pages_ -= pages;
      break;
    case State::None:
    case State::Dropped:
    case State::Free:
      break;
  }
  block.state = after;
  block.page = kNoPage;
}

void LimitedFrames::free(phys::Pfn first, unsigned order) {
  if (first < blocks_.size()) {
    let_go(first, State::None);
    blocks_[first].swapped = false;
  }
  FrameStore::free(first, order);
}

bool LimitedFrames::is_swapped(phys::Pfn first) const {
  return first < blocks_.size() && blocks_[first].swapped;
}

void LimitedFrames::run(std::int32_t pid, const machine::Process& process, Nanoseconds now) {
  settle();
  pid_ = pid;
  now_ = now;
  if (!was_killed(pid)) processes_[pid] = &process;
}

void LimitedFrames::end_process(std::int32_t pid) {
  processes_.erase(pid);
}

void LimitedFrames::set_kernel_bytes(std::uint64_t bytes) {
  const std::uint64_t pages = page_ceil(bytes) >> kPageShift;
  while (kernel_pages_ < pages) {
    if (group_ != kRootGroup && !reclaimer_->charge(group_, 1, {})) break;
    if (machine_) {
      const auto frame = take_from_machine(phys::Request::kernel(0));
      if (frame) kernel_frames_.push_back(*frame);
    }
    ++kernel_pages_;
  }
  while (kernel_pages_ > pages) {
    if (group_ != kRootGroup) reclaimer_->uncharge(group_, 1);
    if (!kernel_frames_.empty()) {
      give_to_machine(kernel_frames_.back(), 0);
      kernel_frames_.pop_back();
    }
    --kernel_pages_;
  }
  note_need();
}

void LimitedFrames::note_need() {
  const std::uint64_t pages = anonymous_pages_ + table_pages_ + kernel_pages_;
  if (pages <= needed_pages_) return;
  needed_pages_ = pages;
  needed_anonymous_ = anonymous_pages_;
  needed_tables_ = table_pages_;
  needed_kernel_ = kernel_pages_;
}

void LimitedFrames::evicted(reclaim::PageId id, const reclaim::Page& page,
                            const reclaim::Evicted& how) {
  Block& block = blocks_[frame_of_[id]];
  FT_CHECK(block.state == State::Resident && block.page == id);
  block.state = how.to_swap ? State::Swapped : State::Dropped;
  block.swapped = how.to_swap;
  block.slot = how.slot;
  block.page = kNoPage;
  give_to_machine(page.frame, page.order);
}

// Swapped pages are still in the process's tables here, so they count among its resident ones.
std::vector<reclaim::OomCandidate> LimitedFrames::processes(reclaim::GroupId /*group*/) {
  std::vector<reclaim::OomCandidate> candidates;
  for (const auto& [pid, process] : processes_) {
    candidates.push_back({.pid = pid,
                          .resident_pages = process->resident().total(),
                          .table_bytes = process->tables().vm_pte_bytes()});
  }
  return candidates;
}

void LimitedFrames::kill(std::int32_t pid, reclaim::GroupId group) {
  const machine::Process& process = *processes_.at(pid);
  const std::uint64_t pages = process.resident().total();
  killed_.push_back(
      {.pid = pid,
       .ts = now_,
       .resident_bytes = pages * kPageSize,
       .points = static_cast<std::int64_t>(pages + process.tables().vm_pte_bytes() / kPageSize),
       .for_group = group != kRootGroup});
  processes_.erase(pid);
  for (phys::Pfn first = 0; first < blocks_.size(); ++first) {
    const Block& block = blocks_[first];
    if (block.pid == pid && (block.state == State::Resident || block.state == State::Swapped ||
                             block.state == State::Unsettled || block.state == State::Charged)) {
      let_go(first, State::Free);
    }
  }
}

bool LimitedFrames::was_killed(std::int32_t pid) const {
  return std::ranges::find(killed_, pid, &Killed::pid) != killed_.end();
}

// Who swaps may go below every watermark for it (PF_MEMALLOC).
void LimitedFrames::compressed_memory(std::uint64_t pages) {
  most_compressed_ = std::max(most_compressed_, pages);
  if (!machine_) return;
  while (compressed_frames_.size() < pages) {
    phys::Request request = phys::Request::user(0);
    request.reclaims = request.wakes_kswapd = false;
    request.high = request.oom_victim = true;
    const auto frame = take_from_machine(request);
    if (!frame) return;
    compressed_frames_.push_back(*frame);
  }
  while (compressed_frames_.size() > pages) {
    give_to_machine(compressed_frames_.back(), 0);
    compressed_frames_.pop_back();
  }
}

void LimitedFrames::tell(LimitFigures& figures) const {
  const reclaim::ReclaimCounts& counts = reclaimer_->counts();
  figures.needed_bytes = needed_pages_ * kPageSize;
  figures.needed_anonymous_bytes = needed_anonymous_ * kPageSize;
  figures.needed_table_bytes = needed_tables_ * kPageSize;
  figures.needed_kernel_bytes = needed_kernel_ * kPageSize;
  figures.peak_bytes = groups_.memory(group_).most * kPageSize;
  figures.swapped_bytes = counts.swapped * kPageSize;
  figures.dropped_bytes = counts.dropped * kPageSize;
  figures.compressed_bytes = most_compressed_ * kPageSize;
  figures.huge_refused = huge_refused_;
  figures.kswapd_wakeups = counts.kswapd_wakeups;
  figures.direct_reclaims = counts.direct_runs;
  figures.limit_reclaims = counts.group_runs;
  figures.killed = killed_;
}

void LimitedFrames::check() const {
  FrameStore::check();
  reclaimer_->check();
  if (machine_) machine_->check();
}

}  // namespace ft::sim::whatif
