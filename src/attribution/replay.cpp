#include "attribution/replay.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <tuple>
#include <unordered_map>

#include "base/interval_map.h"
#include "base/text.h"
#include "host/maps.h"

namespace ft::attribution {

namespace {

using event::SyscallNumber;

constexpr std::size_t kMaxCommits = 4096;
constexpr std::size_t kMaxContradictions = 1000;
constexpr std::uint64_t kAddressLimit = std::uint64_t{1} << 57;  // user half, five levels
constexpr std::uint32_t kProtBits = PROT_READ | PROT_WRITE | PROT_EXEC;

struct Piece {
  Nanoseconds from_ts = 0;
  std::uint32_t prot = 0;
  std::uint32_t flags = 0;
  bool committed = false;
  bool guard = false;
  event::FileId file = event::kNoFile;
  std::uint64_t file_delta = 0;
  std::int32_t made_by = -1;
  AreaId area = kNoArea;
};

struct Space {
  event::Pid pid = 0;
  std::uint32_t number = 0;
  IntervalMap<Piece> live;
  IntervalMap<AreaId> holes;  // that failed calls left, with the area they were in
  // A snapshot said what exec or attach found. Without one, a call about something never mapped may
  // well be about what execve mapped, and is no contradiction.
  bool complete = false;
  Nanoseconds exec_ts = event::kStillThere;
  AreaId brk_area = kNoArea;
  std::uint64_t brk_start = 0;
  std::uint64_t brk_end = 0;
};

// The order of steps at the same nanosecond.
enum class StepKind : std::uint8_t { Fork, Exec, Call, Snapshot, Exit };

struct Step {
  Nanoseconds at = 0;
  StepKind kind{};
  std::size_t index = 0;

  bool operator<(const Step& other) const {
    return std::tie(at, kind, index) < std::tie(other.at, other.kind, other.index);
  }
};

bool frees_at_entry(SyscallNumber number) {
  return number == SyscallNumber::Munmap || number == SyscallNumber::Shmdt;
}

class Replayer {
 public:
  Replayer(const event::Trace& trace, CallFacts& facts) : trace_(trace), facts_(facts) {
    result_.areas.emplace_back();
    result_.targets.resize(trace.syscalls.size());
    for (std::size_t i = 0; i < trace.files.size(); ++i) {
      file_by_path_.emplace(trace.files[i].path, static_cast<event::FileId>(i));
    }
  }

  Replay run() {
    for (const Step& step : steps()) apply(step);
    for (auto& [pid, space] : spaces_) close_all(space, event::kStillThere);
    find_extents();
    mark_outlived();
    return std::move(result_);
  }

 private:
  // --- order ------------------------------------------------------------------------------------

  // Threads race for addresses: what munmap frees another thread may be given before munmap
  // returns, and what mmap returns is there only when it returns. So the first takes effect at its
  // start, the second at its end.
  std::vector<Step> steps() const {
    std::vector<Step> steps;
    steps.reserve(trace_.syscalls.size() + 3 * trace_.processes.size() + trace_.snapshots.size());
    std::map<event::Pid, bool> exec_seen;
    for (std::size_t i = 0; i < trace_.syscalls.size(); ++i) {
      const event::Syscall& call = trace_.syscalls[i];
      const bool is_exec =
          call.number == SyscallNumber::Execve || call.number == SyscallNumber::Execveat;
      if (is_exec && call.finished && call.ret == 0) {
        exec_seen[call.pid] = true;
        steps.push_back({call.ts, StepKind::Exec, i});
        continue;
      }
      const Nanoseconds dur = frees_at_entry(call.number) ? 0 : std::max<Nanoseconds>(call.dur, 0);
      steps.push_back({call.ts + dur, StepKind::Call, i});
    }
    for (std::size_t i = 0; i < trace_.processes.size(); ++i) {
      const event::Process& process = trace_.processes[i];
      if (process.parent != 0 && !process.present_at_start) {
        steps.push_back({process.start_ts, StepKind::Fork, i});
      }
      if (process.exec_ts != event::kStillThere && !exec_seen[process.pid]) {
        steps.push_back({process.exec_ts, StepKind::Exec, trace_.syscalls.size() + i});
      }
      if (process.end_ts != event::kStillThere) {
        steps.push_back({process.end_ts, StepKind::Exit, i});
      }
    }
    for (std::size_t i = 0; i < trace_.snapshots.size(); ++i) {
      if (trace_.snapshots[i].source == "maps") {
        steps.push_back({trace_.snapshots[i].ts, StepKind::Snapshot, i});
      }
    }
    std::ranges::sort(steps, std::less<>{});
    return steps;
  }

  void apply(const Step& step) {
    switch (step.kind) {
      case StepKind::Fork:
        return fork(trace_.processes[step.index]);
      case StepKind::Exec: {
        const event::Pid pid = step.index < trace_.syscalls.size()
                                   ? trace_.syscalls[step.index].pid
                                   : trace_.processes[step.index - trace_.syscalls.size()].pid;
        return exec(pid, step.at);
      }
      case StepKind::Call:
        return call(step.index, step.at);
      case StepKind::Snapshot:
        return snapshot(trace_.snapshots[step.index]);
      case StepKind::Exit: {
        const auto it = spaces_.find(trace_.processes[step.index].pid);
        if (it != spaces_.end()) close_all(it->second, step.at);
        return;
      }
    }
  }

  // --- processes --------------------------------------------------------------------------------

  Space& space_of(event::Pid pid) {
    const auto [it, added] = spaces_.try_emplace(pid);
    if (added) {
      it->second.pid = pid;
      it->second.number = ++space_count_;
    }
    return it->second;
  }

  void fork(const event::Process& child) {
    const auto parent = spaces_.find(child.parent);
    if (parent == spaces_.end() || child.parent == child.pid) return;
    if (const auto old = spaces_.find(child.pid); old != spaces_.end()) {
      close_all(old->second, child.start_ts);
      spaces_.erase(old);
    }
    Space copy = parent->second;
    copy.pid = child.pid;
    copy.number = ++space_count_;
    copy.live.update({0, kAddressLimit},
                     [&](AddressRange, Piece& piece) { piece.from_ts = child.start_ts; });
    spaces_.emplace(child.pid, std::move(copy));
  }

  void exec(event::Pid pid, Nanoseconds at) {
    Space& space = space_of(pid);
    close_all(space, at);
    space = Space{};
    space.pid = pid;
    space.number = ++space_count_;
    space.exec_ts = at;
  }

  void close_all(Space& space, Nanoseconds at) {
    if (!space.live.empty()) end_of_space_[space.number] = at;
    space.live.for_each(
        [&](AddressRange range, const Piece& piece) { emit(space.pid, range, piece, at); });
    space.live.clear();
  }

  // --- snapshots --------------------------------------------------------------------------------

  // What exec or attach found mapped and no call has told of. Calls before the snapshot are
  // contained in it, but know more (their stacks), so the snapshot only fills the gaps they left.
  void snapshot(const event::Snapshot& snapshot) {
    const auto vmas = host::parse_maps(snapshot.text);
    if (!vmas) {
      contradict(fmt::format("maps of process {} at \"{}\": {}", snapshot.pid, snapshot.moment,
                             vmas.error().message()));
      return;
    }
    Space& space = space_of(snapshot.pid);
    const bool initial = snapshot.moment == "exec" || snapshot.moment == "attach";
    const Nanoseconds from = snapshot.moment == "exec" && space.exec_ts != event::kStillThere
                                 ? space.exec_ts
                                 : snapshot.ts;
    const host::Vma* before = nullptr;
    AreaId area_before = kNoArea;
    for (const host::Vma& vma : *vmas) {
      if (vma.range.end > kAddressLimit && vma.name != "[vsyscall]") continue;
      if (vma.name == "[stack]") {
        grow_stack(space, vma, from);
      } else if (initial && vma.name != "[vsyscall]") {
        area_before = adopt(space, vma, before, area_before, from);
      }
      before = &vma;
    }
    space.complete = space.complete || initial;
  }

  AreaId adopt(Space& space, const host::Vma& vma, const host::Vma* before, AreaId area_before,
               Nanoseconds from) {
    std::vector<AddressRange> gaps;
    std::uint64_t covered = vma.range.start;
    space.live.for_each_in(vma.range, [&](AddressRange piece, const Piece&) {
      if (piece.start > covered) gaps.push_back({covered, piece.start});
      covered = piece.end;
    });
    if (covered < vma.range.end) gaps.push_back({covered, vma.range.end});
    if (gaps.empty()) return kNoArea;

    // The segments of one file, and the anonymous rest of its last one (.bss), are one area.
    const bool follows = before != nullptr && before->range.end == vma.range.start &&
                         area_before != kNoArea && !result_.areas[area_before].name.empty() &&
                         result_.areas[area_before].name.front() == '/';
    const bool same_file = follows && result_.areas[area_before].name == vma.path();
    const bool bss = follows && vma.name.empty() && !vma.shared && vma.writable &&
                     before->is_file() && before->writable && !before->shared;
    AreaId area = area_before;
    if (!same_file && !bss) {
      area = new_area(AreaOrigin::Snapshot, space, vma.range);
      result_.areas[area].name = vma.path();
      result_.areas[area].file = file_named(vma.path());
      result_.areas[area].prot = prot_of(vma);
      result_.areas[area].flags = vma.shared ? MAP_SHARED : MAP_PRIVATE;
    } else {
      result_.areas[area].born.end = vma.range.end;
    }
    if (vma.name == "[heap]") {
      space.brk_area = area;
      space.brk_start = vma.range.start;
      space.brk_end = vma.range.end;
    }
    Piece piece = piece_of(vma, area, from);
    for (const AddressRange gap : gaps) space.live.assign(gap, piece);
    return area;
  }

  // The kernel grows the main stack on faults, without a call. When is not known: what it grew to
  // is counted from its beginning, so that the faults which grew it find it there.
  void grow_stack(Space& space, const host::Vma& vma, Nanoseconds from) {
    AreaId area = kNoArea;
    std::uint64_t lowest = vma.range.end;
    space.live.for_each_in(vma.range, [&](AddressRange piece, const Piece& value) {
      area = value.area;
      lowest = std::min(lowest, piece.start);
      from = std::min(from, value.from_ts);
    });
    if (area == kNoArea) {
      area = new_area(AreaOrigin::Snapshot, space, vma.range);
      result_.areas[area].name = vma.name;
    } else if (result_.areas[area].name != vma.name) {
      return;
    }
    if (lowest > vma.range.start) {
      space.live.assign({vma.range.start, lowest}, piece_of(vma, area, from));
    }
  }

  Piece piece_of(const host::Vma& vma, AreaId area, Nanoseconds from) const {
    Piece piece;
    piece.from_ts = from;
    piece.prot = prot_of(vma);
    piece.flags = static_cast<std::uint32_t>(vma.shared ? MAP_SHARED : MAP_PRIVATE) |
                  (vma.is_file() ? 0U : static_cast<std::uint32_t>(MAP_ANONYMOUS));
    piece.committed = piece.prot != 0;
    piece.file = file_named(vma.path());
    piece.file_delta = vma.offset - vma.range.start;
    piece.area = area;
    return piece;
  }

  static std::uint32_t prot_of(const host::Vma& vma) {
    return (vma.readable ? PROT_READ : 0U) | (vma.writable ? PROT_WRITE : 0U) |
           (vma.executable ? PROT_EXEC : 0U);
  }

  event::FileId file_named(std::string_view path) const {
    const auto it = file_by_path_.find(std::string(path));
    return it == file_by_path_.end() ? event::kNoFile : it->second;
  }

  // --- calls ------------------------------------------------------------------------------------

  void call(std::size_t index, Nanoseconds at) {
    const event::Syscall& call = trace_.syscalls[index];
    const event::SyscallShape* shape = event::find_shape(call.number);
    if (shape == nullptr) return;
    if (call.failed()) return attempt(index, at);
    Space& space = space_of(call.pid);
    switch (call.number) {
      case SyscallNumber::Mmap:
        return map(space, index, at);
      case SyscallNumber::Munmap:
        return unmap(space, index, at);
      case SyscallNumber::Mprotect:
      case SyscallNumber::PkeyMprotect:
        return protect(space, index, at);
      case SyscallNumber::Mremap:
        return remap(space, index, at);
      case SyscallNumber::Brk:
        return move_break(space, index, at);
      case SyscallNumber::Shmat:
        return attach_shared(space, index, at);
      case SyscallNumber::Shmdt:
        return detach_shared(space, index, at);
      case SyscallNumber::Shmget:
        shared_sizes_[call.ret] = call.length();
        return;
      case SyscallNumber::MapShadowStack:
        return;
      case SyscallNumber::Ftruncate:
      case SyscallNumber::Fallocate:
        result_.targets[index].file = call.file;
        return;
      case SyscallNumber::MemfdCreate:
        return;
      default:
        if (shape->call_class == event::SyscallClass::Memory) aim(space, index, call.addr());
        return;
    }
  }

  // A failed mmap has no effect but perhaps a hole, and its stack tells whose attempt it was.
  void attempt(std::size_t index, Nanoseconds at) {
    const event::Syscall& call = trace_.syscalls[index];
    if (leaves_a_hole(call)) leave_hole(space_of(call.pid), index, at);
    if (call.number == SyscallNumber::Mmap && facts_.of(call).rule != nullptr) {
      Space& space = space_of(call.pid);
      const AreaId area = new_area(AreaOrigin::Attempt, space, {}, index);
      result_.targets[index] = {area, 0, call.file, false};
    } else if (event::find_shape(call.number)->addr >= 0) {
      aim(space_of(call.pid), index, call.addr());
    }
  }

  // Whether a pool has the pages of a mapping is found out when what was at its place is gone
  // already (mm/mmap.c, mmap_region(), 6.1 to 6.18; hugetlbfs_file_mmap()).
  static bool leaves_a_hole(const event::Syscall& call) {
    if (call.number != SyscallNumber::Mmap || !call.finished || call.ret != -ENOMEM) return false;
    constexpr std::uint64_t kNeeded = MAP_FIXED | MAP_HUGETLB;
    return (call.flags() & (kNeeded | MAP_FIXED_NOREPLACE)) == kNeeded;
  }

  // Who then takes small pages instead is still in the area that he meant to commit.
  void leave_hole(Space& space, std::size_t index, Nanoseconds at) {
    const event::Syscall& call = trace_.syscalls[index];
    const auto range = checked_range(index, call.addr(), mapped_length(call));
    if (!range) return;
    const auto [area, single] = area_under(space, *range);
    retire(space, *range, at);
    space.live.erase(*range);
    if (single) space.holes.assign(*range, area);
  }

  // What the kernel makes of the length asked for, up to whole pages of a pool.
  static std::uint64_t mapped_length(const event::Syscall& call) {
    const std::uint64_t length = call.length();
    const std::uint64_t flags = call.flags();
    if ((flags & MAP_HUGETLB) == 0 || length >= kAddressLimit) return length;
    const std::uint64_t shift = (flags >> MAP_HUGE_SHIFT) & MAP_HUGE_MASK;
    const std::uint64_t page = shift == 0 ? kHugePageSize : std::uint64_t{1} << shift;
    return (length + page - 1) & ~(page - 1);
  }

  // The call is about whatever lies at the address now.
  void aim(const Space& space, std::size_t index, std::uint64_t address) {
    const auto [range, piece] = space.live.find(address);
    if (piece != nullptr) {
      result_.targets[index] = {piece->area, address, piece->file, piece->guard};
    }
  }

  std::optional<AddressRange> checked_range(std::size_t index, std::uint64_t start,
                                            std::uint64_t length) {
    if (start % kPageSize != 0 || length == 0 || start >= kAddressLimit ||
        length > kAddressLimit - start) {
      contradict(index, "the kernel cannot have answered so: no such range of addresses",
                 {start, start});
      return std::nullopt;
    }
    return AddressRange::of_size(start, page_ceil(length));
  }

  void map(Space& space, std::size_t index, Nanoseconds at) {
    const event::Syscall& call = trace_.syscalls[index];
    const auto flags = static_cast<std::uint32_t>(call.flags());
    const auto range =
        checked_range(index, static_cast<std::uint64_t>(call.ret), mapped_length(call));
    if (!range) return;

    const bool fixed = (flags & MAP_FIXED) != 0;
    auto [area_below, single] = area_under(space, *range);
    if (fixed && area_below == kNoArea) std::tie(area_below, single) = hole_under(space, *range);
    space.holes.erase(*range);
    if (!fixed && area_below != kNoArea) {
      contradict(index, "mmap was given what is still mapped", *range);
    }
    const StackFacts& facts = facts_.of(call);
    Piece piece;
    piece.from_ts = at;
    piece.prot = static_cast<std::uint32_t>(call.prot()) & kProtBits;
    piece.flags = flags;
    piece.committed = piece.prot != 0;
    piece.guard = facts.rule != nullptr && facts.rule->effect == jvm::RuleEffect::StackGuard;
    piece.file = (flags & MAP_ANONYMOUS) != 0 ? event::kNoFile : call.file;
    piece.file_delta = call.offset() - range->start;
    piece.made_by = static_cast<std::int32_t>(index);
    if (fixed && single) {
      piece.area = area_below;
      Area& area = result_.areas[area_below];
      if (area.commits.size() < kMaxCommits) area.commits.push_back(piece.made_by);
      if (piece.guard && area.tid_inside == 0) area.tid_inside = call.tid;
    } else {
      piece.area = new_area(AreaOrigin::Call, space, *range, index);
      piece.guard = false;
    }
    retire(space, *range, at);
    space.live.assign(*range, piece);
    result_.targets[index] = {piece.area, range->start, piece.file, piece.guard};
  }

  // The area that every byte of the range belongs to: {area, true}. {some area, false} where there
  // are holes or several.
  std::pair<AreaId, bool> area_under(const Space& space, AddressRange range) const {
    AreaId area = kNoArea;
    bool one = true;
    std::uint64_t covered = range.start;
    space.live.for_each_in(range, [&](AddressRange piece, const Piece& value) {
      one = one && piece.start == covered && (area == kNoArea || area == value.area);
      area = value.area;
      covered = piece.end;
    });
    return {area, one && area != kNoArea && covered == range.end};
  }

  // The same for the holes in it.
  static std::pair<AreaId, bool> hole_under(const Space& space, AddressRange range) {
    AreaId area = kNoArea;
    bool one = true;
    std::uint64_t covered = range.start;
    space.holes.for_each_in(range, [&](AddressRange hole, AreaId value) {
      one = one && hole.start == covered && (area == kNoArea || area == value);
      area = value;
      covered = hole.end;
    });
    if (!one || covered != range.end) return {kNoArea, false};
    return {area, area != kNoArea};
  }

  void unmap(Space& space, std::size_t index, Nanoseconds at) {
    const event::Syscall& call = trace_.syscalls[index];
    const auto range = checked_range(index, call.addr(), call.length());
    if (!range) return;
    space.holes.erase(*range);
    aim(space, index, range->start);
    if (area_under(space, *range).first == kNoArea && space.complete) {
      contradict(index, "munmap of what was never mapped", *range);
    }
    retire(space, *range, at);
    space.live.erase(*range);
  }

  void protect(Space& space, std::size_t index, Nanoseconds at) {
    const event::Syscall& call = trace_.syscalls[index];
    if (call.length() == 0) return;
    const auto range = checked_range(index, call.addr(), call.length());
    if (!range) return;
    aim(space, index, range->start);
    const StackFacts& facts = facts_.of(call);
    const bool guard = facts.rule != nullptr && facts.rule->effect == jvm::RuleEffect::StackGuard;
    const std::uint32_t prot = static_cast<std::uint32_t>(call.prot()) & kProtBits;
    std::uint64_t covered = 0;
    space.live.update(*range, [&](AddressRange piece, Piece& value) {
      covered += piece.size();
      Area& area = result_.areas[value.area];
      if (area.first_protect < 0) area.first_protect = static_cast<std::int32_t>(index);
      if (guard && area.tid_inside == 0) area.tid_inside = call.tid;
      if (value.prot == prot && value.guard == (value.guard || guard)) return;
      emit(space.pid, piece, value, at);
      value.from_ts = at;
      value.prot = prot;
      value.guard = value.guard || guard;
      value.committed = value.committed || prot != 0;
    });
    // The kernel refuses a range with holes (ENOMEM); without a snapshot of exec, what execve
    // mapped looks like one.
    if (covered != range->size() && (space.complete || covered != 0)) {
      contradict(index, "mprotect of what was never mapped", *range);
    }
  }

  void remap(Space& space, std::size_t index, Nanoseconds at) {
    const event::Syscall& call = trace_.syscalls[index];
    const std::uint64_t old_length = call.args[1];
    const auto target = checked_range(index, static_cast<std::uint64_t>(call.ret), call.args[2]);
    if (!target) return;
    const auto [source_range, source] = space.live.find(call.addr());
    Piece piece;
    if (source != nullptr) {
      piece = *source;
      piece.file_delta += call.addr() - target->start;
    } else {
      piece.area = new_area(AreaOrigin::Call, space, *target, index);
      piece.prot = PROT_READ | PROT_WRITE;
      piece.committed = true;
      if (space.complete) {
        contradict(index, "mremap of what was never mapped", {call.addr(), call.addr()});
      }
    }
    piece.from_ts = at;
    piece.made_by = static_cast<std::int32_t>(index);
    result_.targets[index] = {piece.area, target->start, piece.file, piece.guard};
    const bool keeps_source = (call.flags() & MREMAP_DONTUNMAP) != 0 || old_length == 0;
    if (!keeps_source && old_length < kAddressLimit && call.addr() < kAddressLimit) {
      const auto old = AddressRange::of_size(call.addr(), page_ceil(old_length));
      if (old.start == target->start) {
        // In place: only the difference changes.
        if (target->end < old.end) {
          retire(space, {target->end, old.end}, at);
          space.live.erase({target->end, old.end});
        } else if (target->end > old.end) {
          retire(space, {old.end, target->end}, at);
          space.live.assign({old.end, target->end}, piece);
        }
        return;
      }
      // Another thread may have been given the source's addresses before mremap returned.
      std::vector<AddressRange> gone;
      space.live.for_each_in(old, [&](AddressRange part, const Piece& value) {
        if (value.from_ts <= call.ts) gone.push_back(part);
      });
      for (const AddressRange part : gone) {
        retire(space, part, at);
        space.live.erase(part);
      }
    }
    retire(space, *target, at);
    space.live.assign(*target, piece);
  }

  // brk(0) and a refused brk both answer where the break is.
  void move_break(Space& space, std::size_t index, Nanoseconds at) {
    const auto end = page_ceil(static_cast<std::uint64_t>(trace_.syscalls[index].ret));
    if (end == 0 || end >= kAddressLimit) return;
    if (space.brk_area == kNoArea) {
      space.brk_area = new_area(AreaOrigin::Brk, space, {end, end}, index);
      space.brk_start = end;
      space.brk_end = end;
    }
    if (end > space.brk_end) {
      const AddressRange grown{space.brk_end, end};
      if (area_under(space, grown).first != kNoArea) {
        contradict(index, "brk grew over what is still mapped", grown);
      }
      Piece piece;
      piece.from_ts = at;
      piece.prot = PROT_READ | PROT_WRITE;
      piece.flags = MAP_PRIVATE | MAP_ANONYMOUS;
      piece.committed = true;
      piece.made_by = static_cast<std::int32_t>(index);
      piece.area = space.brk_area;
      retire(space, grown, at);
      space.live.assign(grown, piece);
    } else if (end < space.brk_end) {
      retire(space, {end, space.brk_end}, at);
      space.live.erase({end, space.brk_end});
    }
    space.brk_end = end;
    result_.targets[index] = {space.brk_area, space.brk_start, event::kNoFile, false};
  }

  // shmat does not say how much it maps: the segment's size is in shmget, by the id.
  void attach_shared(Space& space, std::size_t index, Nanoseconds at) {
    const event::Syscall& call = trace_.syscalls[index];
    const auto known = shared_sizes_.find(static_cast<std::int32_t>(call.args[0]));
    const std::uint64_t length = known == shared_sizes_.end() ? 0 : known->second;
    if (length == 0) return;  // made before the recording: unknown size
    const auto range = checked_range(index, static_cast<std::uint64_t>(call.ret), length);
    if (!range) return;
    Piece piece;
    piece.from_ts = at;
    piece.prot = PROT_READ | ((call.flags() & 010000U) != 0 ? 0U : PROT_WRITE);  // SHM_RDONLY
    piece.flags = MAP_SHARED;
    piece.committed = true;
    piece.made_by = static_cast<std::int32_t>(index);
    piece.area = new_area(AreaOrigin::Call, space, *range, index);
    result_.areas[piece.area].name = "/SYSV";
    retire(space, *range, at);
    space.live.assign(*range, piece);
    result_.targets[index] = {piece.area, range->start, event::kNoFile, false};
  }

  void detach_shared(Space& space, std::size_t index, Nanoseconds at) {
    const auto [range, piece] = space.live.find(trace_.syscalls[index].addr());
    if (piece == nullptr) return;
    aim(space, index, range.start);
    const AddressRange whole = range;
    retire(space, whole, at);
    space.live.erase(whole);
  }

  // --- bookkeeping ------------------------------------------------------------------------------

  AreaId new_area(AreaOrigin origin, const Space& space, AddressRange born,
                  std::optional<std::size_t> index = {}) {
    Area area;
    area.origin = origin;
    area.pid = space.pid;
    area.space = space.number;
    area.born = born;
    if (index) {
      const event::Syscall& call = trace_.syscalls[*index];
      area.made_by = static_cast<std::int32_t>(*index);
      if (call.number == SyscallNumber::Mmap) {
        area.prot = static_cast<std::uint32_t>(call.prot()) & kProtBits;
        area.flags = static_cast<std::uint32_t>(call.flags());
        area.file = (area.flags & MAP_ANONYMOUS) != 0 ? event::kNoFile : call.file;
      }
    }
    result_.areas.push_back(std::move(area));
    return static_cast<AreaId>(result_.areas.size() - 1);
  }

  // Everything mapped in the range ends at `at`.
  void retire(const Space& space, AddressRange range, Nanoseconds at) {
    space.live.for_each_in(
        range, [&](AddressRange piece, const Piece& value) { emit(space.pid, piece, value, at); });
  }

  void emit(event::Pid pid, AddressRange range, const Piece& piece, Nanoseconds to) {
    if (to != event::kStillThere && to <= piece.from_ts) return;  // nobody could have seen it
    result_.boxes.push_back({pid, range, piece.from_ts, to, piece.prot, piece.flags,
                             piece.committed, piece.guard, piece.file, piece.file_delta,
                             piece.made_by, piece.area});
  }

  void find_extents() {
    const auto later = [](Nanoseconds a, Nanoseconds b) {
      if (a == event::kStillThere) return b != event::kStillThere;
      return b != event::kStillThere && a > b;
    };
    std::vector<bool> seen(result_.areas.size(), false);
    for (const Box& box : result_.boxes) {
      Area& area = result_.areas[box.area];
      if (box.pid != area.pid) continue;  // a forked child's copy
      if (!seen[box.area] || later(box.to_ts, area.last_ts)) {
        seen[box.area] = true;
        area.last_ts = box.to_ts;
        area.extent = box.range;
      } else if (box.to_ts == area.last_ts) {
        area.extent = {std::min(area.extent.start, box.range.start),
                       std::max(area.extent.end, box.range.end)};
      }
    }
  }

  void mark_outlived() {
    for (Area& area : result_.areas) {
      const auto end = end_of_space_.find(area.space);
      area.outlived =
          !area.extent.empty() && end != end_of_space_.end() && area.last_ts == end->second;
    }
  }

  void contradict(std::string what) {
    if (result_.contradictions.size() < kMaxContradictions) {
      result_.contradictions.push_back(std::move(what));
    }
  }
  void contradict(std::size_t index, std::string_view what, AddressRange range) {
    contradict(fmt::format("call {}: {}: [{:#x}, {:#x})", index + 1, what, range.start, range.end));
  }

  const event::Trace& trace_;
  CallFacts& facts_;
  Replay result_;
  std::map<event::Pid, Space> spaces_;
  std::unordered_map<std::string, event::FileId> file_by_path_;
  std::unordered_map<std::int64_t, std::uint64_t> shared_sizes_;  // of shmget, by id
  std::unordered_map<std::uint32_t, Nanoseconds> end_of_space_;
  std::uint32_t space_count_ = 0;
};

}  // namespace

Replay replay(const event::Trace& trace, CallFacts& facts) {
  return Replayer(trace, facts).run();
}

}  // namespace ft::attribution
