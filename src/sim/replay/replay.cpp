#include "sim/replay/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>

#include "base/text.h"
#include "event/system_names.h"
#include "sim/phys/frame_store.h"
#include "sim/replay/file_table.h"
#include "sim/replay/late_pages.h"

namespace ft::sim::replay {

namespace {

using event::SyscallNumber;

constexpr std::uint64_t kCloneVm = 0x100;
constexpr std::uint64_t kFaultAroundBytes = 64 * kKiB;  // fault_around_bytes: its default

// One address space with what the replay keeps beside it.
struct Space {
  std::unique_ptr<machine::Process> process;
  bool start_known = true;
  bool resident_known = true;
  bool mmap_base_known = true;
  tlb::FlushLog flushes;
  // Held by all that came out of one image by fork: they may share pages.
  std::shared_ptr<const int> family = std::make_shared<const int>(0);
  // The faults served last, for those that lost a race to them.
  struct Served {
    Step step;
    std::uint64_t address = 0;
  };
  static constexpr std::size_t kMostRecent = 4096;
  std::vector<Served> recent;
  std::size_t next_recent = 0;
};

class Replayer {
 public:
  Replayer(const Material& material, Observer& observer, const ReplayOptions& options)
      : material_(material),
        trace_(material.trace),
        observer_(observer),
        threads_(trace_),
        late_(trace_, material.faults, threads_),
        frames_(options.frames ? *options.frames : own_frames_),
        places_memory_(options.places_memory),
        files_(trace_),
        steps_(make_timeline(trace_, material.faults, threads_)),
        done_(steps_.size(), false) {}

  ReplayResult run() {
    result_.contradictions = find_contradictions(trace_, material_.faults);
    for (const event::Snapshot& snapshot : trace_.snapshots) {
      if (begins_process(snapshot)) has_start_.insert_or_assign(snapshot.pid, true);
    }
    for (const event::Syscall& call : trace_.syscalls) {
      const bool execs =
          call.number == SyscallNumber::Execve || call.number == SyscallNumber::Execveat;
      if (execs && !call.failed()) execs_[call.pid].push_back({call.ts, call.ts + call.dur});
    }
    for (std::size_t i = 0; i < steps_.size() && !observer_.done(); ++i) {
      if (!done_[i]) play(i);
    }
    observer_.at_end();
    return std::move(result_);
  }

 private:
  static bool begins_process(const event::Snapshot& snapshot) {
    return snapshot.source == "maps" && (snapshot.moment == "exec" || snapshot.moment == "attach");
  }

  const event::Syscall& call_of(const Step& step) const { return trace_.syscalls[step.index]; }

  void play(std::size_t i) {
    const Step& step = steps_[i];
    done_[i] = true;
    ++result_.steps;
    finish_ends_before(step);
    if (step.stream == Stream::Process) return step.ends ? begin_end(step) : begin_child(step);
    if (step.stream == Stream::Snapshot && begins_process(trace_.snapshots[step.index])) {
      return begin_image(step);
    }
    Space* space = in_exec(step) ? nullptr : space_of(step.pid);
    if (!space) {
      ++result_.steps_without_process;
      return;
    }
    switch (step.stream) {
      case Stream::Call:
        return play_call(i, *space);
      case Stream::Fault:
        return play_fault(step, *space);
      default:
        observer_.at_snapshot(step, scene_of(step, *space));
    }
  }

  // What the kernel writes while it makes a new image is in neither of the two: the snapshot behind
  // it shows the result.
  bool in_exec(const Step& step) const {
    if (step.stream != Stream::Fault) return false;
    const auto found = execs_.find(step.pid);
    return found != execs_.end() &&
           std::ranges::any_of(found->second, [&](const std::pair<Nanoseconds, Nanoseconds>& exec) {
             return step.from >= exec.first && step.from <= exec.second;
           });
  }

  Scene scene_of(const Step& step, Space& space) {
    return {.process = *space.process,
            .pid = step.pid,
            .start_known = space.start_known,
            .resident_known = space.resident_known,
            .mmap_base_known = space.mmap_base_known,
            .forked = space.family.use_count() > 1,
            .flushes = space.flushes.flushes(),
            .files = &files_};
  }

  // --- where processes come from -------------------------------------------------------------

  Space* space_of(event::Pid pid) {
    const auto found = spaces_.find(pid);
    if (found != spaces_.end()) return found->second.get();
    // Before its exec nothing is known, and nothing need be.
    if (pid == 0 || has_start_.contains(pid) || ended_.contains(pid)) return nullptr;
    StartState start;
    start.settings = settings_of(trace_, start.estimated);
    start.resident_known = false;
    start.mmap_base_known = false;
    place_search(pid, 0, start);
    Space* space = adopt(pid, std::move(start));
    space->start_known = false;
    estimate(fmt::format("process {}: what was mapped before its first call is not known", pid));
    return space;
  }

  // Without areas to tell it, the kernel's first answer does.
  void place_search(event::Pid pid, Nanoseconds since, StartState& start) {
    if (start.settings.layout.mmap_base != 0) return;
    for (const event::Syscall& call : trace_.syscalls) {
      if (call.pid != pid || call.ts < since || call.number != SyscallNumber::Mmap) continue;
      if (!chooses_place(call) || call.addr() != 0) continue;
      const std::uint64_t end = static_cast<std::uint64_t>(call.ret) + call.length();
      if (end > start.settings.layout.task_size) return;
      start.settings.layout.mmap_base = page_ceil(end);
      return;
    }
  }

  void begin_image(const Step& step) {
    const event::Snapshot& snapshot = trace_.snapshots[step.index];
    auto start = start_from(material_, snapshot, threads_, files_);
    if (!start) {
      result_.contradictions.push_back(
          {Stream::Snapshot, step.number(), snapshot.ts, start.error().message()});
      has_start_.erase(step.pid);
      spaces_.erase(step.pid);
      return;
    }
    if (!start->mmap_base_known) place_search(step.pid, snapshot.ts, *start);
    Space* space = adopt(step.pid, std::move(*start));
    observer_.at_snapshot(step, scene_of(step, *space));
  }

  Space* adopt(event::Pid pid, StartState start) {
    if (start.settings.layout.mmap_base == 0) {
      start.settings.layout.mmap_base = start.settings.layout.task_size - (1ULL << 27U);
    }
    auto space = std::make_shared<Space>();
    space->resident_known = start.resident_known;
    space->mmap_base_known = start.mmap_base_known;
    space->process = std::make_unique<machine::Process>(start.settings, frames_, committed_);
    for (virt::Vma& area : start.areas) space->process->add_initial_area(std::move(area));
    for (const std::uint64_t address : start.present) {
      space->process->touch(address, fault::Access::Write);
    }
    space->process->set_flush_log(&space->flushes);
    for (std::string& text : start.estimated) estimate(std::move(text));
    Space* kept = space.get();
    spaces_[pid] = std::move(space);
    return kept;
  }

  // fork and its kin: a copy, or with vfork the parent's own until exec.
  void begin_child(const Step& step) {
    const event::Process& child = trace_.processes[step.index];
    const auto parent = spaces_.find(child.parent);
    if (parent == spaces_.end() || spaces_.contains(child.pid)) return;
    ended_.erase(child.pid);  // numbers are used again
    if (shares_memory(child)) {
      spaces_[child.pid] = parent->second;
      return;
    }
    auto space = std::make_shared<Space>();
    space->start_known = parent->second->start_known;
    space->resident_known = parent->second->resident_known;
    space->mmap_base_known = parent->second->mmap_base_known;
    space->process = parent->second->process->fork();
    space->family = parent->second->family;
    parent->second->flushes.clear();
    if (!space->process) return;
    space->process->set_flush_log(&space->flushes);
    spaces_[child.pid] = std::move(space);
  }

  // A process's end is recorded before the kernel takes its memory apart, which lasts a while. What
  // it shared is the others' alone afterwards: a write to such a page that took a new one says that
  // the end was yet to come, one that took none that it had come.
  void begin_end(const Step& step) {
    if (spaces_.contains(step.pid)) ending_.push_back(step);
  }

  void finish_ends(Nanoseconds begun_before) {
    for (const Step& step : ending_) {
      if (step.from > begun_before) continue;
      const auto found = spaces_.find(step.pid);
      if (found == spaces_.end()) continue;
      observer_.process_ends(scene_of(step, *found->second));
      spaces_.erase(found);
      ended_.insert(step.pid);
    }
    std::erase_if(ending_, [&](const Step& step) { return step.from <= begun_before; });
  }

  void finish_ends_before(const Step& step) {
    if (ending_.empty()) return;
    finish_ends(step.from - kLongestEnd);
    if (step.stream != Stream::Fault) return;
    constexpr std::uint32_t kWriteToProtected = event::kFaultProtection | event::kFaultWrite;
    const event::Fault& fault = material_.faults[step.index];
    const bool took_none =
        (fault.error_code & kWriteToProtected) == kWriteToProtected && !fault.has_page;
    if (took_none) finish_ends(step.from);
  }

  bool shares_memory(const event::Process& child) const {
    for (const event::Syscall& call : trace_.syscalls) {
      if (call.pid != child.parent || call.ret != child.pid) continue;
      if (call.number == SyscallNumber::Vfork) return true;
      if (call.number == SyscallNumber::Fork) return false;
      if (call.number == SyscallNumber::Clone) return (call.args[0] & kCloneVm) != 0;
      if (call.number != SyscallNumber::Clone3) continue;
      // Its flags are in memory that is not recorded; but who waits until the child's exec, lent it
      // the memory.
      return child.exec_ts != event::kStillThere && call.ts + call.dur >= child.exec_ts;
    }
    return false;
  }

  // --- calls ---------------------------------------------------------------------------------

  static bool means_something(const event::Syscall& call) {
    if (!call.finished) return false;
    const int error = call.ret < 0 && call.ret >= -4095 ? static_cast<int>(-call.ret) : 0;
    return error != EINTR && error != EFAULT && !event::is_restart_code(error);
  }

  std::optional<std::int64_t> attempt(const Step& step, Space& space) {
    space.flushes.clear();
    observer_.before(step, scene_of(step, space));
    return apply_call(call_of(step), *space.process, files_);
  }

  static bool agree(const event::Syscall& call, std::optional<std::int64_t> model) {
    return !model || *model == call.ret;
  }

  void finish_call(const Step& step, std::optional<std::int64_t> model, unsigned moved,
                   Space& space) {
    const event::Syscall& call = call_of(step);
    CallOutcome outcome{.kind = kind_of(call), .model = model, .moved_before = moved};
    outcome.compared = model.has_value() && means_something(call) && space.start_known;
    outcome.agrees = outcome.compared && agree(call, model);
    if (outcome.compared && !outcome.agrees) note_contradiction(step, *model, space);
    const bool placed = places_memory_ && call.number == SyscallNumber::Mbind;
    if (outcome.kind == CallKind::NotModelled && !placed) {
      estimate(fmt::format("{}: has no part in the model", event::name_of(call.number)));
    }
    observer_.after_call(step, outcome, scene_of(step, space));
  }

  void play_call(std::size_t i, Space& space) {
    const Step& step = steps_[i];
    const event::Syscall& call = call_of(step);
    if (!call.finished || kind_of(call) == CallKind::NoEffect) {
      space.flushes.clear();
      return finish_call(step, std::nullopt, 0, space);
    }
    note_unmapped(step, space);
    std::optional<std::int64_t> model = attempt(step, space);
    unsigned moved = 0;
    if (!agree(call, model) && can_take_back(call) && means_something(call)) {
      take_back(call, *model, *space.process);
      moved = try_others_first(i, space, model);
    }
    finish_call(step, model, moved, space);
    if (!agree(call, model) && can_take_back(call)) {
      take_back(call, *model, *space.process);
      put_right(call, *space.process, files_);
    }
  }

  static bool can_take_back(const event::Syscall& call) {
    return call.number == SyscallNumber::Mmap || call.number == SyscallNumber::Mremap;
  }

  // REQUIRES: steps_[i], a call, has been taken back. Leaves it applied, as does attempt().
  unsigned try_others_first(std::size_t i, Space& space, std::optional<std::int64_t>& model) {
    constexpr std::size_t kMostCandidates = 32;
    const Step step = steps_[i];
    unsigned moved = 0;
    std::size_t seen = 0;
    for (std::size_t j = i + 1; j < steps_.size() && seen < kMostCandidates; ++j) {
      const Step& other = steps_[j];
      if (other.from >= step.to) {
        // Ends rise, beginnings do not: a long call may begin before this one ended.
        if (other.to - step.to > kLongestCall) break;
        continue;
      }
      if (done_[j] || other.stream != Stream::Call || other.pid != step.pid ||
          other.tid == step.tid || kind_of(call_of(other)) != CallKind::Modelled ||
          !call_of(other).finished) {
        continue;
      }
      ++seen;
      const std::optional<std::int64_t> answer = attempt(other, space);
      if (!agree(call_of(other), answer)) {
        if (can_take_back(call_of(other))) take_back(call_of(other), *answer, *space.process);
        continue;
      }
      done_[j] = true;
      ++moved;
      ++result_.steps;
      finish_call(other, answer, 0, space);
      model = attempt(step, space);
      if (agree(call_of(step), model)) return moved;
      take_back(call_of(step), *model, *space.process);
    }
    model = attempt(step, space);
    return moved;
  }

  // munmap of what was never mapped succeeds, in the kernel and in the model; a recording that
  // shows one lacks something.
  void note_unmapped(const Step& step, Space& space) {
    const event::Syscall& call = call_of(step);
    if (call.number != SyscallNumber::Munmap || call.ret != 0 || !space.start_known) return;
    const AddressRange range{call.addr(), call.addr() + page_ceil(call.length())};
    if (range.start >= range.end) return;
    if (space.process->find_area(range.start) || space.process->find_area(range.end - 1)) return;
    for (const virt::Vma& area : space.process->areas()) {
      if (area.range.overlaps(range)) return;
    }
    contradiction(step, fmt::format("munmap of 0x{:x} to 0x{:x}, where nothing was mapped",
                                    range.start, range.end));
  }

  void note_contradiction(const Step& step, std::int64_t model, Space& space) {
    const event::Syscall& call = call_of(step);
    const bool changes =
        call.number == SyscallNumber::Mprotect || call.number == SyscallNumber::Mremap;
    if (!changes || call.failed() || space.process->find_area(call.addr())) return;
    contradiction(step, fmt::format("{} at 0x{:x} succeeded, where nothing was mapped (the model "
                                    "answers {})",
                                    event::name_of(call.number), call.addr(), model));
  }

  // --- faults --------------------------------------------------------------------------------

  static fault::Access access_of(const event::Fault& fault) {
    if ((fault.error_code & event::kFaultWrite) != 0) return fault::Access::Write;
    if ((fault.error_code & event::kFaultInstruction) != 0) return fault::Access::Execute;
    return fault::Access::Read;
  }

  void play_fault(const Step& step, Space& space) {
    const event::Fault& fault = material_.faults[step.index];
    prepare_file(step, fault, space);
    space.flushes.clear();
    observer_.before(step, scene_of(step, space));
    FaultOutcome outcome{.model = space.process->touch(fault.addr, access_of(fault))};
    outcome.verdict = judge(step, fault, outcome.model, space);
    remember(step, fault.addr, space);
    observer_.after_fault(step, outcome, scene_of(step, space));
  }

  FaultVerdict judge(const Step& step, const event::Fault& fault, const fault::Outcome& model,
                     const Space& space) const {
    if (!space.start_known || !space.resident_known) return FaultVerdict::NotCompared;
    if (fault.kind == event::FaultKind::Unfinished) {
      // A signal, or the thread's end: then the fault would have been served.
      if (model.signalled()) return FaultVerdict::Agrees;
      return step_ends_thread(step) ? FaultVerdict::NotCompared : FaultVerdict::Disagrees;
    }
    if (model.kind == fault::Kind::NoFault) {
      return lost_race(step, fault.addr, space) ? FaultVerdict::LostRace : FaultVerdict::Disagrees;
    }
    const bool served = !model.signalled() && model.kind != fault::Kind::OutOfMemory;
    const bool major = fault.kind == event::FaultKind::Major;
    return served && model.faults == 1 && model.major == major ? FaultVerdict::Agrees
                                                               : FaultVerdict::Disagrees;
  }

  bool step_ends_thread(const Step& step) const {
    return std::ranges::any_of(trace_.threads, [&](const event::Thread& thread) {
      return thread.tid == step.tid && thread.end_ts != event::kStillThere &&
             thread.end_ts >= step.from && thread.end_ts - step.from < kLongestCall;
    });
  }

  static bool lost_race(const Step& step, std::uint64_t address, const Space& space) {
    for (const Space::Served& served : space.recent) {
      if (served.step.tid == step.tid) continue;
      if (served.step.from >= step.to || step.from >= served.step.to + kTrapTime) continue;
      if (served.address / kHugePageSize == address / kHugePageSize) return true;
    }
    return false;
  }

  static void remember(const Step& step, std::uint64_t address, Space& space) {
    if (space.recent.size() < Space::kMostRecent) {
      space.recent.push_back({step, address});
      return;
    }
    space.recent[space.next_recent] = {step, address};
    space.next_recent = (space.next_recent + 1) % Space::kMostRecent;
  }

  // Makes the file's pages around the fault be in memory, or not, as the recording shows.
  void prepare_file(const Step& step, const event::Fault& fault, Space& space) {
    const virt::Vma* area = space.process->find_area(fault.addr);
    if (!area || !area->file || (fault.error_code & event::kFaultProtection) != 0) return;
    virt::BackingFile& file = *area->file;
    if (file.kind() != virt::FileKind::Regular) return;
    const std::uint64_t page = area->page_of(fault.addr);
    if (page >= file.pages()) return;
    // The window of do_fault_around: it begins at an aligned page or with the area, and is as long
    // either way.
    const std::uint64_t begin = std::max(fault.addr & ~(kFaultAroundBytes - 1), area->range.start);
    const std::uint64_t table_end = (fault.addr & ~(kHugePageSize - 1)) + kHugePageSize;
    const std::uint64_t end = std::min({begin + kFaultAroundBytes, area->range.end, table_end});
    for (std::uint64_t at = begin; at < end; at += kPageSize) {
      if (at == page_floor(fault.addr)) continue;
      if (late_.faults_after(step.pid, at, fault.ts)) files_.was_late(file, area->page_of(at));
    }
    if (fault.kind == event::FaultKind::Major) {
      files_.was_late(file, page);
    } else {
      files_.was_ready(file, page);
    }
  }

  // --- notes ---------------------------------------------------------------------------------

  void contradiction(const Step& step, std::string what) {
    constexpr std::size_t kMost = 1000;
    if (result_.contradictions.size() >= kMost) return;
    result_.contradictions.push_back({step.stream, step.number(), step.from, std::move(what)});
  }

  void estimate(std::string text) {
    if (std::ranges::find(result_.estimated, text) == result_.estimated.end()) {
      result_.estimated.push_back(std::move(text));
    }
  }

  // A fault is recorded as begun some time after the processor found no entry: the trap, an
  // interrupt or another guest may lie between.
  static constexpr Nanoseconds kTrapTime = 50'000;
  static constexpr Nanoseconds kLongestEnd = 5'000'000;
  static constexpr Nanoseconds kLongestCall = 100'000'000;

  const Material& material_;
  const event::Trace& trace_;
  Observer& observer_;
  ThreadTable threads_;
  LatePages late_;
  phys::FrameStore own_frames_;
  phys::FrameSource& frames_;
  bool places_memory_;
  virt::CommitAccount committed_;
  FileTable files_;
  std::vector<Step> steps_;
  std::vector<bool> done_;
  std::map<event::Pid, bool> has_start_;
  std::vector<Step> ending_;
  std::set<event::Pid> ended_;
  std::map<event::Pid, std::vector<std::pair<Nanoseconds, Nanoseconds>>> execs_;
  std::map<event::Pid, std::shared_ptr<Space>> spaces_;
  ReplayResult result_;
};

}  // namespace

ReplayResult replay(const Material& material, Observer& observer, const ReplayOptions& options) {
  return Replayer(material, observer, options).run();
}

}  // namespace ft::sim::replay
