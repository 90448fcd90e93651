#include "attribution/symboliser.h"

#include <sys/mman.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <unordered_map>

#include "attribution/code_map.h"
#include "attribution/elf_symbols.h"
#include "attribution/replay.h"

namespace ft::attribution {

namespace {

constexpr Nanoseconds kLatest = std::numeric_limits<Nanoseconds>::max() - 1;

// One file's symbols, and the names already demangled.
struct Module {
  std::optional<ElfSymbols> symbols;
  std::unordered_map<std::uint64_t, std::string> demangled;  // by start of the symbol
};

class Worker {
 public:
  Worker(event::Trace& trace, const FilePathResolver& resolve, const Replay& replay)
      : trace_(trace), resolve_(resolve), code_(trace, replay) {}

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
    if (box == nullptr) return false;
    const std::string& path = code_.path_of(*box);
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
  CodeMap code_;
  std::map<std::string, Module> modules_;
  Symbolised result_;
};

}  // namespace

Symbolised symbolise(event::Trace& trace, const FilePathResolver& resolve,
                     std::span<const StackUse> uses) {
  CallFacts facts(trace);
  const Replay replayed = replay(trace, facts);
  return Worker(trace, resolve, replayed).run(uses);
}

}  // namespace ft::attribution
