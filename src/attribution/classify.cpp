#include "attribution/classify.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "attribution/naming.h"
#include "attribution/shapes.h"
#include "base/text.h"
#include "jvm/installation.h"
#include "jvm/threads.h"

namespace ft::attribution {

namespace {

using event::SyscallNumber;
using jvm::RuleEffect;
using jvm::Subsystem;

bool is_archive(std::string_view path) {
  return path.ends_with(".jsa") || path.ends_with(".aot") || path.ends_with(".jsa (deleted)");
}

class Classifier {
 public:
  Classifier(const event::Trace& trace, const Replay& replay, CallFacts& facts)
      : trace_(trace), replay_(replay), facts_(facts), owners_(replay.areas.size()) {}

  std::vector<AreaOwner> run() {
    look_at_boxes();
    look_at_threads();
    look_at_clones();
    for (AreaId id = 1; id < replay_.areas.size(); ++id) owners_[id] = first_look(id);
    name_arenas();
    Namer namer(trace_, replay_, facts_, by_area_, owners_);
    namer.run();
    guess_the_rest(namer);
    return std::move(owners_);
  }

 private:
  // --- facts gathered once ----------------------------------------------------------------------

  void look_at_boxes() {
    by_area_.resize(replay_.areas.size());
    for (const Box& box : replay_.boxes) {
      AreaSight& sight = by_area_[box.area];
      sight.executable = sight.executable || (box.prot & PROT_EXEC) != 0;
      if (box.file == event::kNoFile) continue;
      const std::string& path = path_of(box.file);
      if (is_archive(path)) {
        if (!sight.archive.empty()) {
          sight.archive = {std::min(sight.archive.start, box.range.start),
                           std::max(sight.archive.end, box.range.end)};
        } else {
          sight.archive = box.range;
        }
      }
      sight.memfd = sight.memfd || path.find("memfd:") != path.npos;
      if (jvm::is_libjvm(path)) jvm_spaces_.insert(replay_.areas[box.area].space);
      if (jvm::is_libjvm(path)) jvm_pids_.insert(box.pid);
    }
    // Without exec or file facts (an import of a filtered log) the stacks still name libjvm.
    for (const Area& area : replay_.areas) {
      if (area.made_by < 0) continue;
      const StackFacts& facts = facts_of(area);
      if (facts.through_libjvm || facts.rule != nullptr) jvm_spaces_.insert(area.space);
    }
  }

  void look_at_threads() {
    for (const event::Thread& thread : trace_.threads) {
      thread_names_[{thread.pid, thread.tid}] = thread.name;
    }
  }

  // Which thread got which stack: clone by the thread that mapped it, next after the mmap.
  void look_at_clones() {
    std::unordered_map<event::Tid, AreaId> pending;
    for (std::size_t i = 0; i < trace_.syscalls.size(); ++i) {
      const event::Syscall& call = trace_.syscalls[i];
      if (call.failed()) continue;
      if (call.number == SyscallNumber::Mmap && (call.flags() & MAP_STACK) != 0) {
        pending[call.tid] = replay_.targets[i].area;
      } else if (call.number == SyscallNumber::Clone3 || call.number == SyscallNumber::Clone) {
        const auto it = pending.find(call.tid);
        if (it == pending.end()) continue;
        by_area_[it->second].tid = static_cast<event::Tid>(call.ret);
        pending.erase(it);
      }
    }
  }

  // --- the ladder -------------------------------------------------------------------------------

  AreaOwner first_look(AreaId id) {
    const Area& area = replay_.areas[id];
    switch (area.origin) {
      case AreaOrigin::Nothing:
        return {};
      case AreaOrigin::Brk:
        return own(Subsystem::CHeap, Evidence::ProcName, "brk");
      case AreaOrigin::Snapshot:
        return by_proc_name(id);
      case AreaOrigin::Attempt:
        return by_rule(*facts_of(area).rule);
      case AreaOrigin::Call:
        break;
    }
    const StackFacts& facts = facts_of(area);
    if (!area.name.empty())
      return own(Subsystem::OtherFiles, Evidence::File, "System V shared memory");
    if ((area.flags & MAP_ANONYMOUS) == 0) return by_file(id, facts);
    if ((area.flags & MAP_STACK) != 0) return by_thread(id);
    if (facts.caller == Caller::Loader) {
      return own(Subsystem::Libraries, Evidence::Stack, "loader");
    }
    if (facts.caller == Caller::Libc) return by_malloc(id, facts);
    if (facts.rule != nullptr) return by_rule(*facts.rule);
    if (facts.caller == Caller::Libjvm && facts.direct_buffer) {
      return own(Subsystem::DirectAndMappedBuffers, Evidence::Stack, "direct");
    }
    return {};
  }

  AreaOwner by_proc_name(AreaId id) {
    const Area& area = replay_.areas[id];
    if (area.name == "[heap]") return own(Subsystem::CHeap, Evidence::ProcName, "brk");
    if (area.name == "[stack]") return own(Subsystem::MainStack, Evidence::ProcName);
    if (area.name == "[vdso]" || area.name.starts_with("[vvar") || area.name == "[uprobes]" ||
        area.name == "[vsyscall]") {
      return own(Subsystem::Kernel, Evidence::ProcName,
                 std::string_view(area.name).substr(1, area.name.size() - 2));
    }
    if (area.name.starts_with("[anon: glibc: malloc") ||
        area.name.starts_with("[anon:glibc: malloc")) {
      return own(Subsystem::CHeap, Evidence::ProcName, "malloc");
    }
    if (area.name.starts_with('/') && !is_archive(area.name)) {
      return {owner_of_file(area.name, by_area_[id].executable), {}, false};
    }
    return {};
  }

  AreaOwner by_file(AreaId id, const StackFacts& facts) {
    const Area& area = replay_.areas[id];
    const std::string& path = path_of(area.file);
    const bool archive = is_archive(path);
    const bool memfd = path.find("memfd:") != path.npos;
    if ((archive || memfd) && facts.rule != nullptr &&
        facts.rule->effect != RuleEffect::StackGuard) {
      return by_rule(*facts.rule);
    }
    if (archive) return own(Subsystem::CdsArchive, Evidence::File, base_name(path));
    if (facts.file_channel) {
      return own(Subsystem::DirectAndMappedBuffers, Evidence::Stack, base_name(path));
    }
    return {owner_of_file(path, by_area_[id].executable), {}, false};
  }

  // glibc gives its own stacks a guard page (mmap PROT_NONE, then mprotect); HotSpot asks it for
  // none where the thread runs Java code, and carves guard zones itself.
  AreaOwner by_thread(AreaId id) {
    const Area& area = replay_.areas[id];
    const AreaSight& sight = by_area_[id];
    const event::Tid tid = area.tid_inside != 0 ? area.tid_inside : sight.tid;
    std::string name = thread_name(tid, area);
    if (!in_jvm(area)) return own(Subsystem::ThreadStacks, Evidence::ThreadStack, name);

    jvm::ThreadKind kind = jvm::kind_of_thread_name(name);
    if (kind == jvm::ThreadKind::Unknown) kind = jvm::kind_of_creator(frames_of(area));
    const bool glibc_guard = area.prot == PROT_NONE;
    if (kind == jvm::ThreadKind::Unknown) {
      kind = glibc_guard ? jvm::ThreadKind::Jvm : jvm::ThreadKind::Java;
    }
    if (is_main_java_thread(area) || (kind == jvm::ThreadKind::Java && name == "java")) {
      name = "main";
    }
    return own(
        kind == jvm::ThreadKind::Jvm ? Subsystem::JvmThreadStacks : Subsystem::JavaThreadStacks,
        Evidence::ThreadStack, name);
  }

  std::span<const event::Frame> frames_of(const Area& area) const {
    if (area.made_by < 0) return {};
    const event::StackId stack = call_of(area).stack;
    if (stack < 0 || static_cast<std::size_t>(stack) >= trace_.stacks.size()) return {};
    return trace_.stacks[static_cast<std::size_t>(stack)].frames;
  }

  bool is_main_java_thread(const Area& area) const {
    return std::ranges::any_of(frames_of(area), [](const event::Frame& frame) {
      return frame.symbol.starts_with("CallJavaMainInNewThread");
    });
  }

  std::string thread_name(event::Tid tid, const Area& area) const {
    const auto it = thread_names_.find({area.pid, tid});
    return it == thread_names_.end() ? std::string() : it->second;
  }

  AreaOwner by_malloc(AreaId id, const StackFacts& facts) {
    const Area& area = replay_.areas[id];
    if (looks_like_arena_reserve(area)) {
      // At some heap sizes a side table is as large as an arena; only malloc is called from libc.
      return own(Subsystem::CHeap, Evidence::ArenaShape, "arena");
    }
    if (facts.direct_buffer)
      return own(Subsystem::DirectAndMappedBuffers, Evidence::Stack, "direct");
    return own(Subsystem::CHeap, Evidence::Stack, facts.malloc_purpose);
  }

  static AreaOwner by_rule(const jvm::StackRule& rule) {
    switch (rule.effect) {
      case RuleEffect::Own:
      case RuleEffect::CdsHeapObjects:
      case RuleEffect::InheritElseOwn: {
        AreaOwner owner = own(rule.subsystem, Evidence::Stack, rule.detail);
        owner.owns_files = true;
        return owner;
      }
      case RuleEffect::CdsAndClassSpace: {
        AreaOwner owner = own(Subsystem::CdsArchive, Evidence::Stack);
        owner.owns_files = true;
        return owner;
      }
      case RuleEffect::G1SideTable:
        return own(Subsystem::GcOther, Evidence::Stack, "side table");
      case RuleEffect::Inherit:
      case RuleEffect::StackGuard:
        return {};  // nothing was reserved there: by shape, if at all
    }
    return {};
  }

  // --- naming among neighbours ------------------------------------------------------------------

  // Arenas are numbered per process in the order malloc made them; reservations that glibc gave
  // back whole, because they were not aligned, are attempts.
  void name_arenas() {
    std::map<std::uint32_t, int> count;
    for (AreaId id = 1; id < replay_.areas.size(); ++id) {
      const Area& area = replay_.areas[id];
      Owner& owner = owners_[id].owner;
      if (owner.subsystem == Subsystem::Unknown && has_arena_shape(area, trace_)) {
        owner = {Subsystem::CHeap, Evidence::ArenaShape, "arena"};
      }
      if (owner.evidence != Evidence::ArenaShape) continue;
      owner.detail = is_arena_extent(area.extent) ? fmt::format("arena {}", ++count[area.space])
                                                  : std::string("arena, given back");
    }
  }

  // --- without stacks ---------------------------------------------------------------------------

  void guess_the_rest(const Namer& namer) {
    const ShapeSight sight = make_shape_sight(trace_, replay_, owners_);
    for (AreaId id = 1; id < replay_.areas.size(); ++id) {
      if (owners_[id].owner.subsystem != Subsystem::Unknown) continue;
      const Area& area = replay_.areas[id];
      const AreaSight& seen = by_area_[id];
      if (in_jvm(area) && seen.archive.start >= area.extent.start && !seen.archive.empty() &&
          seen.archive.start - area.extent.start <= kPageSize && area.file == event::kNoFile &&
          area.origin == AreaOrigin::Call) {
        namer.split_archive(id, Evidence::Size);
        continue;
      }
      owners_[id] = owner_by_shape(sight, id, facts_of(area), in_jvm(area));
      if (owners_[id].owner.subsystem == Subsystem::CodeCache && owners_[id].owner.detail.empty()) {
        namer.split_code(id);
      }
    }
    find_missing_heaps(sight, owners_);
    name_tables_by_size(sight, owners_);
  }

  // --- helpers ----------------------------------------------------------------------------------

  static AreaOwner own(Subsystem subsystem, Evidence evidence, std::string_view detail = {}) {
    return {{subsystem, evidence, std::string(detail)}, {}, false};
  }

  bool in_jvm(const Area& area) const {
    return jvm_spaces_.contains(area.space) || jvm_pids_.contains(area.pid);
  }

  const StackFacts& facts_of(const Area& area) {
    return area.made_by < 0 ? facts_.of(event::kNoStack) : facts_.of(call_of(area));
  }

  // REQUIRES: area.made_by >= 0.
  const event::Syscall& call_of(const Area& area) const {
    return trace_.syscalls[static_cast<std::size_t>(area.made_by)];
  }

  const std::string& path_of(event::FileId id) const {
    static const std::string kNone;
    const auto index = static_cast<std::size_t>(id);
    return id >= 0 && index < trace_.files.size() ? trace_.files[index].path : kNone;
  }

  const event::Trace& trace_;
  const Replay& replay_;
  CallFacts& facts_;
  std::vector<AreaOwner> owners_;
  std::vector<AreaSight> by_area_;
  std::set<std::uint32_t> jvm_spaces_;
  std::set<event::Pid> jvm_pids_;
  std::map<std::pair<event::Pid, event::Tid>, std::string> thread_names_;
};

}  // namespace

Owner owner_of_file(std::string_view path, bool executable) {
  const auto owned = [](Subsystem subsystem, std::string_view detail) {
    return Owner{subsystem, Evidence::File, std::string(detail)};
  };
  constexpr std::string_view kDeleted = " (deleted)";
  if (path.ends_with(kDeleted)) path.remove_suffix(kDeleted.size());
  if (path.empty()) return {};
  const std::string_view name = base_name(path);
  if (is_archive(path)) return owned(Subsystem::CdsArchive, name);
  if (path.ends_with("/lib/modules")) return owned(Subsystem::ModuleImage, "");
  if (path.find("/hsperfdata_") != path.npos) return owned(Subsystem::JvmInternal, "perf data");
  if (name.ends_with(".so") || name.find(".so.") != name.npos || executable) {
    return owned(Subsystem::Libraries, name);
  }
  return owned(Subsystem::OtherFiles, name);
}

std::vector<AreaOwner> classify(const event::Trace& trace, const Replay& replay, CallFacts& facts) {
  return Classifier(trace, replay, facts).run();
}

}  // namespace ft::attribution
