#include "sim/whatif/memory_limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/check.h"
#include "base/text.h"
#include "host/number_table.h"
#include "sim/kernel/behaviour.h"
#include "sim/virt/entry.h"
#include "sim/virt/vma_set.h"
#include "sim/whatif/figures.h"
#include "sim/whatif/kernel_objects.h"
#include "sim/whatif/limited_frames.h"

namespace ft::sim::whatif {

namespace {

std::uint64_t number_of(const event::Trace& trace, const std::string& key,
                        std::uint64_t otherwise) {
  return parse_integer<std::uint64_t>(trace.meta_or(key)).value_or(otherwise);
}

reclaim::ReclaimRules rules_of(const event::Trace& trace) {
  const auto behaviour = kernel::Behaviour::of_release(trace.meta_or("host.kernel"));
  if (!behaviour || behaviour->name == "6.18") return reclaim::ReclaimRules::linux_6_18();
  return behaviour->name == "6.12" ? reclaim::ReclaimRules::linux_6_12()
                                   : reclaim::ReclaimRules::linux_6_1();
}

// What of the recorded host's memory was neither free nor a page of a file nor a cache of the
// kernel: others keep it, whatever happens. Empty where no snapshot says.
std::optional<std::uint64_t> kept_by_others(const event::Trace& trace) {
  for (const event::Snapshot& snapshot : trace.snapshots) {
    if (snapshot.pid != 0 || snapshot.source != "meminfo") continue;
    const auto numbers = host::parse_meminfo(snapshot.text);
    if (!numbers) return std::nullopt;
    const auto total = numbers->find("MemTotal");
    const auto free = numbers->find("MemFree");
    if (!total || !free) return std::nullopt;
    const std::uint64_t given_back = *free + numbers->value_or("Active(file)", 0) +
                                     numbers->value_or("Inactive(file)", 0) +
                                     numbers->value_or("SReclaimable", 0);
    return *total - std::min(*total, given_back);
  }
  return std::nullopt;
}

// How many threads of the trace live, but for those that were there before the target's exec: their
// stacks were charged to whoever started it.
class ThreadCount {
 public:
  explicit ThreadCount(const event::Trace& trace) {
    for (const event::Thread& thread : trace.threads) {
      if (thread.tid == thread.pid && is_target(trace, thread.pid)) continue;
      begins_.push_back(thread.start_ts);
      if (thread.end_ts != event::kStillThere) ends_.push_back(thread.end_ts);
    }
    std::ranges::sort(begins_);
    std::ranges::sort(ends_);
  }

  std::uint64_t at(Nanoseconds now) const {
    const auto begun = std::ranges::upper_bound(begins_, now) - begins_.begin();
    const auto ended = std::ranges::upper_bound(ends_, now) - ends_.begin();
    return begun > ended ? static_cast<std::uint64_t>(begun - ended) : 0;
  }

 private:
  static bool is_target(const event::Trace& trace, event::Pid pid) {
    return !trace.processes.empty() && trace.processes.front().pid == pid;
  }

  std::vector<Nanoseconds> begins_;
  std::vector<Nanoseconds> ends_;
};

// Follows a replay that takes its frames from LimitedFrames, until the process is killed.
class LimitObserver final : public replay::Observer {
 public:
  LimitObserver(const replay::Material& material, const Parts& parts, LimitedFrames& frames)
      : parts_(parts),
        frames_(frames),
        threads_(material.trace),
        pid_(busiest_process(material.trace)) {}

  void before(const replay::Step& step, const replay::Scene& scene) override {
    frames_.run(scene.pid, scene.process, step.from);
    now_ = step.to;
  }

  void after_call(const replay::Step& step, const replay::CallOutcome& /*outcome*/,
                  const replay::Scene& scene) override {
    count_objects(scene);
    after(step, scene);
  }

  void after_fault(const replay::Step& step, const replay::FaultOutcome& /*outcome*/,
                   const replay::Scene& scene) override {
    constexpr unsigned kSeldom = 64;
    if (++faults_ % kSeldom == 0) count_objects(scene);
    after(step, scene);
  }

  void process_ends(const replay::Scene& scene) override {
    if (scene.pid == pid_ && !looked_) look_at(scene.process);
    frames_.end_process(scene.pid);
    objects_.erase(scene.pid);
  }

  void at_end() override {
    if (process_ != nullptr && !looked_) look_at(*process_);
  }

  bool done() const override { return frames_.was_killed(pid_); }

  std::vector<LimitPart> take_parts() { return std::move(found_); }

 private:
  void after(const replay::Step& /*step*/, const replay::Scene& scene) {
    if (scene.pid == pid_) process_ = &scene.process;
  }

  // Objects of the kernel for this process, and stacks for all threads.
  void count_objects(const replay::Scene& scene) {
    const virt::VmaSet& areas = scene.process.space().areas();
    std::uint64_t touched = 0;
    for (std::size_t i = 0; i < areas.size(); ++i) {
      if (areas[i].anon_vma.id != 0) ++touched;
    }
    objects_[scene.pid] =
        sizes_.process + areas.size() * sizes_.area + touched * sizes_.anonymous_area;
    std::uint64_t bytes = threads_.at(now_) * sizes_.thread;
    for (const auto& [pid, of_process] : objects_) bytes += of_process;
    frames_.set_kernel_bytes(bytes);
  }

  // Of each part what is in memory and what is in swap. When the process was killed its pages are
  // gone; what it had is told all the same.
  void look_at(const machine::Process& process) {
    looked_ = true;
    std::array<LimitPart, jvm::kSubsystemCount> by_part{};
    const virt::VmaSet& areas = process.space().areas();
    for (std::size_t i = 0; i < areas.size(); ++i) {
      process.page_table().for_each_page(areas[i].range,
                                         [&](std::uint64_t address, const virt::PageView& page) {
                                           if (page.present) count_page(address, page, by_part);
                                         });
    }
    for (std::size_t i = 0; i < by_part.size(); ++i) {
      by_part[i].part = static_cast<jvm::Subsystem>(i);
      if (by_part[i].resident_bytes + by_part[i].swapped_bytes != 0) found_.push_back(by_part[i]);
    }
    std::ranges::stable_sort(found_, std::ranges::greater{}, [](const LimitPart& part) {
      return part.resident_bytes + part.swapped_bytes;
    });
    process_ = nullptr;
  }

  void count_page(std::uint64_t address, const virt::PageView& page,
                  std::array<LimitPart, jvm::kSubsystemCount>& by_part) {
    const phys::Pfn pfn = virt::frame_of(page.entry);
    const phys::Frame& frame = frames_.frames()[pfn];
    if (frame.kind != phys::FrameKind::Anonymous && frame.kind != phys::FrameKind::Shmem) return;
    LimitPart& part = by_part[static_cast<std::size_t>(parts_.at(pid_, address, now_))];
    const bool swapped = frames_.is_swapped(phys::head_of(pfn, frame.order));
    (swapped ? part.swapped_bytes : part.resident_bytes) += kPageSize;
  }

  const Parts& parts_;
  LimitedFrames& frames_;
  ThreadCount threads_;
  event::Pid pid_;
  Nanoseconds now_ = 0;
  unsigned faults_ = 0;
  KernelObjects sizes_;
  std::map<event::Pid, std::uint64_t> objects_;  // bytes, by process
  const machine::Process* process_ = nullptr;
  bool looked_ = false;
  std::vector<LimitPart> found_;
};

// The command's name of a process: the last thread name of its first thread.
std::string name_of_process(const event::Trace& trace, event::Pid pid) {
  for (const event::Process& process : trace.processes) {
    if (process.pid != pid || process.executable.empty()) continue;
    const std::size_t slash = process.executable.rfind('/');
    return process.executable.substr(slash == std::string::npos ? 0 : slash + 1);
  }
  return {};
}

Result<LimitFigures> run(const replay::Material& material, const Parts& parts,
                         const LimitPlan& plan) {
  const std::unique_ptr<LimitedFrames> frames = FT_TRY(LimitedFrames::make(plan));
  LimitObserver observer(material, parts, *frames);
  LimitFigures figures;
  figures.plan = plan;
  replay::replay(material, observer, {.frames = frames.get()});
  frames->tell(figures);
  figures.parts = observer.take_parts();
  for (Killed& killed : figures.killed) killed.name = name_of_process(material.trace, killed.pid);
  const event::Pid target = busiest_process(material.trace);
  if (frames->was_killed(target)) {
    figures.verdict = Verdict::Killed;
  } else if (figures.swapped_bytes + figures.dropped_bytes != 0) {
    figures.verdict = Verdict::Reclaims;
  }
  return figures;
}

void add_notes(LimitFigures& figures) {
  const LimitPlan& plan = figures.plan;
  figures.notes.emplace_back(
      "all but what is told of less memory is as if there were enough of it");
  figures.notes.emplace_back(
      "kernel stacks and objects of threads and areas are counted by their sizes in 6.18 "
      "(docs/model-reclaim.md); anonymous pages and page tables are exact");
  if (plan.group_bytes) {
    figures.notes.emplace_back(
        "pages of files are taken to be cached, and paid for by others, as they were when this was "
        "recorded; where they are not, the group pays, and gets them back when it is short");
  }
  if (plan.group_bytes || plan.machine_bytes) {
    figures.notes.emplace_back(
        "the JVM is taken to make the calls it made: with less memory it would choose another heap "
        "or collector by itself, unless -Xmx, -Xms and the collector are given");
  }
  if (plan.machine_bytes) {
    figures.notes.emplace_back(
        "of all processes only the recorded ones can be killed here; kswapd runs to its end each "
        "time it is woken, so that direct reclaim is a lower bound");
  }
  if (figures.swapped_bytes + figures.dropped_bytes != 0) {
    figures.notes.emplace_back(
        "which pages are used again after their first touch is not recorded: pages leave in the "
        "order of their first touches, and how many would have been read back is not known");
  }
}

}  // namespace

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::Fits:
      return "fits";
    case Verdict::Reclaims:
      return "reclaims";
    case Verdict::Killed:
      break;
  }
  return "killed";
}

Result<LimitPlan> limit_plan(const LimitWishes& wishes, const event::Trace& changed, Notes& notes) {
  LimitPlan plan;
  plan.rules = rules_of(changed);
  constexpr std::uint64_t kMostCpus = 8192;
  plan.cpus = std::clamp<std::uint64_t>(number_of(changed, "host.cpus", 1), 1, kMostCpus);
  plan.machine_bytes = wishes.machine;
  plan.group_bytes = wishes.group;
  plan.version = changed.meta_or("host.cgroup.version") == "1" ? reclaim::CgroupVersion::One
                                                               : reclaim::CgroupVersion::Two;
  plan.swap_bytes = wishes.swap.value_or(number_of(changed, "host.swap_bytes", 0));
  plan.swap_compression = wishes.swap_compression;
  plan.swappiness = wishes.swappiness.value_or(static_cast<unsigned>(std::min<std::uint64_t>(
      number_of(changed, "host.sysctl.vm.swappiness", 60), reclaim::kMostSwappiness)));
  if (wishes.machine) {
    const auto kept = kept_by_others(changed);
    plan.others_bytes = kept.value_or(0);
    notes.push_back(
        kept ? fmt::format("others keep {} of the machine, as when this was recorded; their pages "
                           "of files are taken to be gone",
                           human_bytes(*kept))
             : std::string("what others have of the machine is not recorded: taken as nothing"));
  }
  FT_TRY(LimitedFrames::make(plan));
  return plan;
}

LimitFigures measure_limits(const replay::Material& material, const Parts& parts,
                            const LimitPlan& plan) {
  LimitPlan without = plan;
  without.machine_bytes.reset();
  without.group_bytes.reset();
  without.swap_bytes = 0;
  // limit_plan made sure that both can be made.
  const Result<LimitFigures> needed = run(material, parts, without);
  Result<LimitFigures> figures = run(material, parts, plan);
  FT_CHECK(needed && figures);
  figures->needed_bytes = needed->needed_bytes;
  figures->needed_anonymous_bytes = needed->needed_anonymous_bytes;
  figures->needed_table_bytes = needed->needed_table_bytes;
  figures->needed_kernel_bytes = needed->needed_kernel_bytes;
  add_notes(*figures);
  return std::move(*figures);
}

}  // namespace ft::sim::whatif
