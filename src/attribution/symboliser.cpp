#include "attribution/symboliser.h"

#include <sys/mman.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <unordered_map>

#include "attribution/elf_symbols.h"
#include "attribution/region_index.h"
#include "attribution/replay.h"

namespace ft::attribution {

namespace {

constexpr Nanoseconds kLatest = std::numeric_limits<Nanoseconds>::max() - 1;

// One file's symbols, and the names already demangled.
struct Module {
  std::optional<ElfSymbols> symbols;
  std::unordered_map<std::uint64_t, std::string> demangled;  // by start of the symbol
};

// What of every process is executable, when: boxes in address x time.
class CodeMap {
 public:
  explicit CodeMap(const Replay& replay) : replay_(replay) {
    std::map<event::Pid, std::vector<RegionIndex::Entry>> entries;
    for (std::size_t i = 0; i < replay.boxes.size(); ++i) {
      const Box& box = replay.boxes[i];
      if ((box.prot & PROT_EXEC) == 0) continue;
      entries[box.pid].push_back(
          {box.range, box.from_ts, box.to_ts, static_cast<std::uint32_t>(i)});
    }
    for (auto& [pid, of_pid] : entries) {
      std::ranges::sort(of_pid, {}, &RegionIndex::Entry::from_ts);
      indexes_.emplace(pid, RegionIndex(of_pid));
    }
  }

  const Box* find(event::Pid pid, std::uint64_t address, Nanoseconds ts) const {
    const auto it = indexes_.find(pid);
    if (it == indexes_.end()) return nullptr;
    const std::uint32_t found = it->second.find(address, ts);
    return found == RegionIndex::kNone ? nullptr : &replay_.boxes[found];
  }

 private:
  const Replay& replay_;
  std::map<event::Pid, RegionIndex> indexes_;
};

class Worker {
 public:
  Worker(event::Trace& trace, const FilePathResolver& resolve, const Replay& replay)
      : trace_(trace), resolve_(resolve), replay_(replay), code_(replay) {}

  Symbolised run(std::span<const StackUse> uses) {
    const std::vector<Nanoseconds> taken = times_taken(uses);
    for (std::size_t i = 0; i < trace_.stacks.size(); ++i) {
      event::Stack& stack = trace_.stacks[i];
      if (stack.pid == 0) continue;  // the kernel's
      bool changed = false;
      for (std::size_t depth = 0; depth < stack.frames.size(); ++depth) {
        changed = fill(stack.frames[depth], stack.pid, depth, taken[i]) || changed;
      }
      if (changed) result_.changed.push_back(static_cast<event::StackId>(i));
    }
    return std::move(result_);
  }

 private:
  // A stack is shared by all calls with the same frames; the first one's time stands for all.
  std::vector<Nanoseconds> times_taken(std::span<const StackUse> uses) const {
    std::vector<Nanoseconds> taken(trace_.stacks.size(), kLatest);
    const auto take = [&](event::StackId stack, Nanoseconds ts) {
      const auto index = static_cast<std::size_t>(stack);
      if (stack >= 0 && index < taken.size()) taken[index] = std::min(taken[index], ts);
    };
    for (const event::Syscall& call : trace_.syscalls) take(call.stack, call.ts);
    for (const StackUse& use : uses) take(use.stack, use.ts);
    return taken;
  }

  bool fill(event::Frame& frame, event::Pid pid, std::size_t depth, Nanoseconds ts) {
    if (frame.address == 0 || !frame.symbol.empty()) return false;
    // The innermost frame may be a pc; the others are return addresses, which may already belong to
    // the next function.
    const std::uint64_t inside = depth == 0 ? frame.address : frame.address - 1;
    const Box* box = code_.find(pid, inside, ts);
    // Code found by a later map only: the module was there before the recording could know.
    if (box == nullptr) box = code_.find(pid, inside, kLatest);
    if (box == nullptr) return false;
    const std::string& path = path_of(*box);
    if (path.empty()) return false;

    const std::string before = frame.module;
    frame.module = path;
    Module& module = module_of(pid, path);
    const std::uint64_t offset = inside + box->file_delta;
    frame.module_offset = offset + (frame.address - inside);
    if (!module.symbols) return frame.module != before;
    const auto address = module.symbols->virtual_address(offset);
    if (!address) return frame.module != before;
    frame.module_offset = *address + (frame.address - inside);
    if (const auto symbol = module.symbols->find(*address)) {
      const auto [it, added] = module.demangled.try_emplace(symbol->start);
      if (added) it->second = demangle(symbol->name);
      frame.symbol = it->second;
    }
    return true;
  }

  const std::string& path_of(const Box& box) const {
    static const std::string kNone;
    const auto file = static_cast<std::size_t>(box.file);
    if (box.file >= 0 && file < trace_.files.size()) return trace_.files[file].path;
    const Area& area = replay_.areas[box.area];
    const bool anonymous = (box.flags & MAP_ANONYMOUS) != 0 && !area.name.starts_with('[');
    return anonymous ? kNone : area.name;
  }

  Module& module_of(event::Pid pid, const std::string& path) {
    const std::string found = resolve_ ? resolve_(pid, path) : path;
    const auto [it, added] = modules_.try_emplace(found);
    if (added && found.starts_with('/') && !found.ends_with(" (deleted)")) {
      auto symbols = ElfSymbols::load(found);
      if (symbols) {
        it->second.symbols = std::move(*symbols);
      } else {
        result_.problems.push_back(std::move(symbols.error()));
      }
    }
    return it->second;
  }

  event::Trace& trace_;
  const FilePathResolver& resolve_;
  const Replay& replay_;
  CodeMap code_;
  std::map<std::string, Module> modules_;
  Symbolised result_;
};

}  // namespace

std::string path_in_root_of(event::Pid pid, const std::string& path) {
  return "/proc/" + std::to_string(pid) + "/root" + path;
}

Symbolised symbolise(event::Trace& trace, const FilePathResolver& resolve,
                     std::span<const StackUse> uses) {
  CallFacts facts(trace);
  const Replay replayed = replay(trace, facts);
  return Worker(trace, resolve, replayed).run(uses);
}

}  // namespace ft::attribution
