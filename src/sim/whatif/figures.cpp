#include "sim/whatif/figures.h"

#include <algorithm>
#include <numeric>

#include "sim/phys/frame_store.h"
#include "sim/virt/entry.h"

namespace ft::sim::whatif {

namespace {

struct KindName {
  std::string_view key;
  std::string_view title;
};

constexpr std::array<KindName, kFaultKinds> kKindNames = {{
    {"none", "page was there already"},
    {"anonymous_zero", "zero page"},
    {"anonymous_page", "anonymous page"},
    {"huge_zero", "huge zero page"},
    {"huge_anonymous", "huge page"},
    {"file_read", "file, read"},
    {"file_copy", "file, private copy"},
    {"file_shared", "file, shared write"},
    {"write_protect", "copy on write"},
    {"write_reuse", "write, page reused"},
    {"hugetlb", "hugetlb page"},
    {"stack_growth", "stack growth"},
    {"segv_unmapped", "signal: not mapped"},
    {"segv_access", "signal: not allowed"},
    {"bus_past_end", "signal: past the end of a file"},
    {"out_of_memory", "out of memory"},
}};

// Counts what it gives out.
class CountingFrames final : public phys::FrameStore {
 public:
  phys::MaybeFrame allocate(unsigned order, phys::FrameUse use) override {
    if (use == phys::FrameUse::Anonymous && order < kMostOrders) ++pages[order];
    if (use == phys::FrameUse::PageTable) ++tables;
    return phys::FrameStore::allocate(order, use);
  }

  std::array<std::uint64_t, kMostOrders> pages{};
  std::uint64_t tables = 0;
};

event::Pid busiest_process(const event::Trace& trace) {
  std::map<event::Pid, std::size_t> calls;
  for (const event::Syscall& call : trace.syscalls) ++calls[call.pid];
  const auto most = std::ranges::max_element(
      calls, {},
      [](const std::pair<const event::Pid, std::size_t>& entry) { return entry.second; });
  return most == calls.end() ? 0 : most->first;
}

class Meter final : public replay::Observer {
 public:
  Meter(const replay::Material& material, const Parts& parts, CountingFrames& frames)
      : material_(material), parts_(parts), frames_(frames), pid_(busiest_process(material.trace)) {
    touched_.reserve(material.faults.size());
  }

  void after_call(const replay::Step& step, const replay::CallOutcome& /*outcome*/,
                  const replay::Scene& scene) override {
    after(step, scene);
  }

  void after_fault(const replay::Step& step, const replay::FaultOutcome& outcome,
                   const replay::Scene& scene) override {
    if (outcome.model.kind != fault::Kind::NoFault) {
      ++figures.faults[static_cast<std::size_t>(outcome.model.kind)];
      if (!outcome.model.signalled() && scene.pid == pid_) ++served_;
    }
    if (scene.pid == pid_) touched_.push_back(material_.faults[step.index].addr >> kPageShift);
    after(step, scene);
  }

  void at_snapshot(const replay::Step& step, const replay::Scene& scene) override {
    const event::Snapshot& snapshot = material_.trace.snapshots[step.index];
    if (snapshot.moment != "exec" || snapshot.source != "maps" || begun_) return;
    // What exec made is given.
    begun_ = scene.pid == pid_;
    frames_.pages = {};
    frames_.tables = 0;
    kernel_before_ = total(scene.process.faults());
    served_ = 0;
  }

  void process_ends(const replay::Scene& scene) override {
    if (scene.pid == pid_ && !measured_) look_at(scene.process);
  }

  void at_end() override {
    figures.pages_by_order = frames_.pages;
    figures.table_pages = frames_.tables;
    if (process_ && !measured_) look_at(*process_);
  }

  Figures figures;

 private:
  static std::uint64_t total(const machine::FaultCounts& counts) {
    return counts.minor + counts.major;
  }

  void after(const replay::Step& step, const replay::Scene& scene) {
    for (const tlb::Flush& flush : scene.flushes) {
      if (flush.kind == tlb::FlushKind::Full) ++figures.flushes_full;
      if (flush.kind != tlb::FlushKind::Ranged) continue;
      ++figures.flushes_ranged;
      figures.flushed_pages += flush.pages;
    }
    if (scene.pid != pid_) return;
    process_ = &scene.process;
    last_ts_ = step.to;
    figures.resident_peak_bytes =
        std::max(figures.resident_peak_bytes, scene.process.resident().total() * kPageSize);
    figures.page_table_peak_bytes =
        std::max(figures.page_table_peak_bytes, scene.process.tables().vm_pte_bytes());
  }

  void look_at(const machine::Process& process) {
    measured_ = true;
    figures.resident = process.resident();
    figures.page_table_bytes = process.tables().vm_pte_bytes();
    figures.mapped_bytes = process.total_pages() * kPageSize;
    const std::uint64_t all = total(process.faults()) - kernel_before_;
    figures.kernel_faults = all - std::min(all, served_);
    look_at_pages(process);
    process_ = nullptr;
  }

  // What is mapped at the end, page by page, and whose it is.
  void look_at_pages(const machine::Process& process) {
    std::ranges::sort(touched_);
    std::array<PartFigures, jvm::kSubsystemCount> by_part{};
    for (const virt::Vma& area : process.areas()) {
      process.page_table().for_each_page(area.range,
                                         [&](std::uint64_t address, const virt::PageView& page) {
                                           if (page.present && !is_zero(page))
                                             count_page(address, page, by_part);
                                         });
    }
    for (std::size_t i = 0; i < by_part.size(); ++i) {
      if (by_part[i].resident_bytes == 0) continue;
      by_part[i].part = static_cast<jvm::Subsystem>(i);
      figures.parts.push_back(by_part[i]);
    }
    std::ranges::stable_sort(figures.parts, std::ranges::greater{}, &PartFigures::resident_bytes);
  }

  // The shared page of zeroes counts nowhere.
  bool is_zero(const virt::PageView& page) const {
    return frames_.frames()[virt::frame_of(page.entry)].kind == phys::FrameKind::Zero;
  }

  // Each page of a huge one is told by itself.
  void count_page(std::uint64_t address, const virt::PageView& page,
                  std::array<PartFigures, jvm::kSubsystemCount>& by_part) {
    PartFigures& part = by_part[static_cast<std::size_t>(owner_of(address))];
    part.resident_bytes += kPageSize;
    const std::uint64_t size = std::uint64_t{1} << page.shift;
    if (address % size == 0) ++figures.translations[(page.shift - kPageShift) / 9];
    if (page.shift > kPageShift) part.huge_bytes += kPageSize;
    const bool was_touched = std::ranges::binary_search(touched_, address >> kPageShift);
    if (!page.file && !was_touched) part.bloat_bytes += kPageSize;
  }

  // Neighbours mostly belong together: asked once for each 64 KiB of what is alike.
  jvm::Subsystem owner_of(std::uint64_t address) {
    if (address >> kPageShift != last_page_ + 1 || address % (16 * kPageSize) == 0) {
      last_owner_ = parts_.at(pid_, address, last_ts_);
    }
    last_page_ = address >> kPageShift;
    return last_owner_;
  }

  const replay::Material& material_;
  const Parts& parts_;
  CountingFrames& frames_;
  event::Pid pid_;
  const machine::Process* process_ = nullptr;
  Nanoseconds last_ts_ = 0;
  bool begun_ = false;
  bool measured_ = false;
  std::uint64_t served_ = 0;
  std::uint64_t kernel_before_ = 0;
  std::vector<std::uint64_t> touched_;  // page numbers
  std::uint64_t last_page_ = 0;
  jvm::Subsystem last_owner_ = jvm::Subsystem::Unknown;
};

}  // namespace

std::string_view name_of(fault::Kind kind) {
  return kKindNames[static_cast<std::size_t>(kind)].key;
}
std::string_view title_of(fault::Kind kind) {
  return kKindNames[static_cast<std::size_t>(kind)].title;
}

std::uint64_t Figures::fault_count() const {
  return std::accumulate(faults.begin(), faults.end(), std::uint64_t{0});
}

std::uint64_t Figures::bloat_bytes() const {
  std::uint64_t bytes = 0;
  for (const PartFigures& part : parts) bytes += part.bloat_bytes;
  return bytes;
}

std::uint64_t tlb_reach(const Figures& figures, const tlb::Geometry& core) {
  std::uint64_t covered = 0;
  for (const tlb::PageSize size : tlb::kAllPageSizes) {
    const std::uint64_t used = figures.translations[tlb::index_of(size)] * tlb::bytes_of(size);
    covered = std::max(covered, std::min(used, tlb::reach(core.l2, size)));
  }
  return covered;
}

Figures measure(const replay::Material& material, const Parts& parts) {
  CountingFrames frames;
  Meter meter(material, parts, frames);
  replay::ReplayResult result = replay::replay(material, meter, {.frames = &frames});
  meter.figures.estimated = std::move(result.estimated);
  return std::move(meter.figures);
}

}  // namespace ft::sim::whatif
