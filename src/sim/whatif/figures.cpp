#include "sim/whatif/figures.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <set>

#include "sim/cost/work_meter.h"
#include "sim/phys/frame_store.h"
#include "sim/virt/entry.h"
#include "sim/whatif/simulated_memory.h"

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
  explicit CountingFrames(BlockTally& tally) : tally_(tally) {}

  phys::MaybeFrame allocate(unsigned order, phys::FrameUse use) override {
    const phys::MaybeFrame first = phys::FrameStore::allocate(order, use);
    tally_.count(order, use, static_cast<bool>(first));
    return first;
  }

 private:
  BlockTally& tally_;
};

class Meter final : public replay::Observer {
 public:
  // `memory`: where `frames` is a simulated one.
  Meter(const replay::Material& material, const Parts& parts, phys::FrameSource& frames,
        BlockTally& tally, SimulatedMemory* memory)
      : material_(material),
        parts_(parts),
        frames_(frames),
        tally_(tally),
        memory_(memory),
        work_(material, tally.anonymous),
        pid_(busiest_process(material.trace)) {
    touched_.reserve(material.faults.size());
    if (!memory_) return;
    for (const phys::Node& node : memory_->memory().nodes()) figures.nodes.push_back({node.id});
  }

  void before(const replay::Step& step, const replay::Scene& scene) override {
    if (memory_) memory_->run(scene.pid, step.tid);
    work_.before(step, scene);
  }

  void after_call(const replay::Step& step, const replay::CallOutcome& outcome,
                  const replay::Scene& scene) override {
    work_.after_call(step, outcome, scene);
    if (memory_) memory_->follow(material_.trace.syscalls[step.index]);
    after(step, scene);
  }

  void after_fault(const replay::Step& step, const replay::FaultOutcome& outcome,
                   const replay::Scene& scene) override {
    work_.after_fault(step, outcome, scene);
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
    tally_ = {};
    if (memory_) memory_->start_counting();
    kernel_before_ = total(scene.process.faults());
    served_ = 0;
  }

  void process_ends(const replay::Scene& scene) override {
    if (scene.pid == pid_ && !measured_) look_at(scene.process);
    if (memory_) memory_->end_process(scene.pid);
  }

  void at_end() override {
    figures.pages_by_order = tally_.anonymous;
    figures.table_pages = tally_.tables;
    figures.time = work_.take();
    if (process_ && !measured_) look_at(*process_);
    if (memory_) look_at_memory();
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

  void look_at_memory() {
    figures.blocks_refused =
        std::accumulate(tally_.refused.begin() + 1, tally_.refused.end(), std::uint64_t{0});
    for (NodeFigures& node : figures.nodes) node.requests = memory_->numa(node.node);
    for (const auto& zone : memory_->memory().zones()) {
      const auto node = std::ranges::find(figures.nodes, zone->node(), &NodeFigures::node);
      node->free_bytes += (zone->free_pages() + zone->pages_on_cpu_lists()) * kPageSize;
    }
  }

  // What is mapped at the end, page by page, and whose it is.
  void look_at_pages(const machine::Process& process) {
    std::ranges::sort(touched_);
    std::array<PartFigures, jvm::kSubsystemCount> by_part{};
    const auto count = [&](std::uint64_t address, const virt::PageView& page) {
      if (page.present && !is_zero(page)) count_page(address, page, by_part);
    };
    for (const virt::Vma& area : process.areas()) {
      if (area.file && area.file->page_shift() == kGiantShift) {
        for (std::uint64_t at = area.range.start; at < area.range.end; at += kPageSize) {
          count(at, process.page_table().view(at));
        }
      } else {
        process.page_table().for_each_page(area.range, count);
      }
    }
    for (std::size_t i = 0; i < by_part.size(); ++i) {
      if (by_part[i].resident_bytes == 0 && by_part[i].hugetlb_bytes == 0) continue;
      by_part[i].part = static_cast<jvm::Subsystem>(i);
      figures.parts.push_back(by_part[i]);
    }
    std::ranges::stable_sort(figures.parts, std::ranges::greater{}, &PartFigures::resident_bytes);
  }

  phys::Frame frame_of(const virt::PageView& page) const {
    return frames_.frames()[virt::frame_of(page.entry)];
  }

  // The shared page of zeroes counts nowhere.
  bool is_zero(const virt::PageView& page) const {
    return frame_of(page).kind == phys::FrameKind::Zero;
  }

  // Each page of a huge one is told by itself.
  void count_page(std::uint64_t address, const virt::PageView& page,
                  std::array<PartFigures, jvm::kSubsystemCount>& by_part) {
    PartFigures& part = by_part[static_cast<std::size_t>(owner_of(address))];
    const std::uint64_t size = std::uint64_t{1} << page.shift;
    if (address % size == 0) ++figures.translations[(page.shift - kPageShift) / 9];
    if (memory_) count_place(page, part);
    if (frame_of(page).kind == phys::FrameKind::Hugetlb) {
      part.hugetlb_bytes += kPageSize;
      figures.hugetlb_bytes += kPageSize;
      return;
    }
    part.resident_bytes += kPageSize;
    if (page.shift > kPageShift) part.huge_bytes += kPageSize;
    const bool was_touched = std::ranges::binary_search(touched_, address >> kPageShift);
    if (!page.file && !was_touched) part.bloat_bytes += kPageSize;
  }

  void count_place(const virt::PageView& page, PartFigures& part) {
    const phys::NodeId id = memory_->memory().zone_of(virt::frame_of(page.entry)).node();
    const auto node = std::ranges::find(figures.nodes, id, &NodeFigures::node);
    node->resident_bytes += kPageSize;
    part.node_bytes.resize(figures.nodes.size());
    part.node_bytes[static_cast<std::size_t>(node - figures.nodes.begin())] += kPageSize;
  }

  // Neighbours mostly belong together: asked once for each 64 KiB of what is alike.
  jvm::Subsystem owner_of(std::uint64_t address) {
    if (address >> kPageShift != last_page_ + 1 || address % (16 * kPageSize) == 0) {
      last_owner_ = parts_.at(pid_, address, last_ts_);
    }
    last_page_ = address >> kPageShift;
    return last_owner_;
  }

  static constexpr unsigned kGiantShift = 30;  // of 1 GiB

  const replay::Material& material_;
  const Parts& parts_;
  phys::FrameSource& frames_;
  BlockTally& tally_;
  SimulatedMemory* memory_;
  cost::WorkMeter work_;
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

event::Pid busiest_process(const event::Trace& trace) {
  std::map<event::Pid, std::size_t> calls;
  for (const event::Syscall& call : trace.syscalls) ++calls[call.pid];
  const auto most = std::ranges::max_element(
      calls, {},
      [](const std::pair<const event::Pid, std::size_t>& entry) { return entry.second; });
  return most == calls.end() ? 0 : most->first;
}

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

namespace {

void note(std::vector<std::string>& notes, const std::set<std::string>& more) {
  for (const std::string& text : more) {
    if (std::ranges::find(notes, text) == notes.end()) notes.push_back(text);
  }
}

}  // namespace

Figures measure(const replay::Material& material, const Parts& parts) {
  BlockTally tally;
  CountingFrames frames(tally);
  Meter meter(material, parts, frames, tally, nullptr);
  replay::ReplayResult result = replay::replay(material, meter, {.frames = &frames});
  meter.figures.estimated = std::move(result.estimated);
  return std::move(meter.figures);
}

Result<Figures> measure(const replay::Material& material, const Parts& parts,
                        const MemoryPlan& plan) {
  BlockTally tally;
  const std::unique_ptr<SimulatedMemory> memory =
      FT_TRY(SimulatedMemory::make(plan, material.trace, tally));
  Meter meter(material, parts, memory->memory(), tally, memory.get());
  replay::ReplayResult result =
      replay::replay(material, meter, {.frames = &memory->memory(), .places_memory = true});
  meter.figures.estimated = std::move(result.estimated);
  note(meter.figures.estimated, memory->notes());
  return std::move(meter.figures);
}

cost::Recorded recorded_work(const replay::Material& material) {
  BlockTally tally;
  CountingFrames frames(tally);
  cost::WorkMeter meter(material, tally.anonymous);
  replay::replay(material, meter, {.frames = &frames});
  return meter.take();
}

}  // namespace ft::sim::whatif
