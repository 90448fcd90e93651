#include "attribution/dwarf_unwinder.h"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "attribution/call_facts.h"
#include "attribution/code_map.h"
#include "attribution/replay.h"
#include "attribution/unwind_expression.h"
#include "attribution/unwind_table.h"

namespace ft::attribution {

namespace {

// A target may map any number of files; real ones map some dozens.
constexpr std::size_t kMaxTables = 1024;
constexpr std::size_t kMaxTableBytes = std::size_t{256} << 20U;

enum class Step : std::uint8_t { Taken, Outermost, Stopped };
enum class CodeKind : std::uint8_t { OfFile, Generated };

// Where a walk is.
struct Frame {
  UnwindRegisters registers;
  std::uint64_t pc = 0;  // inside the instruction the frame is at
  bool innermost = true;
  bool interrupted = false;  // reached through a signal, not by a call
};

// Reads the tables of files, each once.
class Tables {
 public:
  explicit Tables(FilePathResolver resolve) : resolve_(std::move(resolve)) {}

  // nullptr: there is none.
  UnwindTable* of(event::Pid pid, const std::string& path) {
    if (!path.starts_with('/') || path.ends_with(" (deleted)")) return nullptr;
    const std::string found = resolve_ ? resolve_(pid, path) : path;
    if (found.empty()) return nullptr;
    const auto it = by_path_.find(found);
    if (it != by_path_.end()) return it->second ? &*it->second : nullptr;
    if (by_path_.size() >= kMaxTables || bytes_ >= kMaxTableBytes) return nullptr;

    std::optional<UnwindTable>& table = by_path_[found];
    auto loaded = UnwindTable::load(found);
    if (!loaded) {
      problems_.push_back(std::move(loaded.error()));
      return nullptr;
    }
    table = std::move(*loaded);
    bytes_ += table->section_bytes();
    return &*table;
  }

  std::span<const Error> problems() const { return problems_; }

 private:
  FilePathResolver resolve_;
  std::map<std::string, std::optional<UnwindTable>> by_path_;
  std::size_t bytes_ = 0;
  std::vector<Error> problems_;
};

std::optional<std::uint64_t> cfa_of(const UnwindRow& row, const UnwindTable& table,
                                    const UnwindRegisters& registers, StackMemory& memory) {
  if (row.cfa_by_expression) {
    return evaluate(table.bytes(row.cfa_expression), registers, memory);
  }
  if (row.cfa_register >= kRegisterCount || !registers[row.cfa_register]) return std::nullopt;
  return *registers[row.cfa_register] + static_cast<std::uint64_t>(row.cfa_offset);
}

std::optional<std::uint64_t> caller_value(unsigned number, const UnwindRule& rule,
                                          std::uint64_t cfa, const UnwindTable& table,
                                          const UnwindRegisters& registers, StackMemory& memory) {
  const auto offset = static_cast<std::uint64_t>(rule.offset);
  switch (rule.kind) {
    case UnwindRule::Kind::Undefined:
      return std::nullopt;
    case UnwindRule::Kind::Same:
      return registers[number];
    case UnwindRule::Kind::AtCfa:
      return memory.read(cfa + offset);
    case UnwindRule::Kind::CfaPlus:
      return cfa + offset;
    case UnwindRule::Kind::InRegister:
      return offset < kRegisterCount ? registers[static_cast<std::size_t>(offset)] : std::nullopt;
    case UnwindRule::Kind::AtExpression: {
      const auto place = evaluate(table.bytes(rule.expression), registers, memory, cfa);
      return place ? memory.read(*place) : std::nullopt;
    }
    case UnwindRule::Kind::Expression:
      return evaluate(table.bytes(rule.expression), registers, memory, cfa);
  }
  return std::nullopt;
}

// By the table. Other registers than the return address may get lost on the way: whether that
// matters shows when a caller's CFA needs them.
Step step_by_table(const UnwindRow& row, const UnwindTable& table, std::uint64_t cfa,
                   UnwindRegisters& registers, StackMemory& memory) {
  if (row.rules[kReturnAddress].kind == UnwindRule::Kind::Undefined) return Step::Outermost;
  UnwindRegisters caller;
  for (unsigned number = 0; number < kRegisterCount; ++number) {
    caller[number] = caller_value(number, row.rules[number], cfa, table, registers, memory);
  }
  if (!caller[kReturnAddress]) return Step::Stopped;
  if (*caller[kReturnAddress] == 0) return Step::Outermost;
  if (!caller[kRsp] || *caller[kRsp] <= *registers[kRsp]) return Step::Stopped;
  registers = caller;
  return Step::Taken;
}

// By the frame pointer: it points to the caller's, and the return address lies above that. Good for
// the interpreter and for stubs; compiled Java code leaves the frame pointer of whoever called it,
// so that it is skipped, or uses the register otherwise, which ends the walk.
Step step_by_frame_pointer(CodeKind kind, UnwindRegisters& registers, StackMemory& memory) {
  const auto frame = registers[kRbp];
  if (!frame) return Step::Stopped;
  // The ABI marks the outermost frame so; in generated code it is just a register that is 0.
  if (*frame == 0) return kind == CodeKind::OfFile ? Step::Outermost : Step::Stopped;
  if (*frame % 8 != 0 || *frame < *registers[kRsp]) return Step::Stopped;
  const auto caller_frame = memory.read(*frame);
  const auto return_address = memory.read(*frame + 8);
  if (!caller_frame || !return_address) return Step::Stopped;
  if (*return_address == 0) return Step::Outermost;

  const std::uint64_t stack_pointer = *frame + 16;
  registers = {};
  registers[kRbp] = *caller_frame;
  registers[kRsp] = stack_pointer;
  registers[kReturnAddress] = *return_address;
  return Step::Taken;
}

// As a function that has pushed nothing: its return address is where the stack pointer points. So
// is clone3 of the C library at its system call, which has no table there because the two threads
// that return from it would need two.
Step step_as_leaf(std::uint64_t return_address, UnwindRegisters& registers) {
  registers[kReturnAddress] = return_address;
  *registers[kRsp] += 8;
  return Step::Taken;
}

}  // namespace

struct DwarfUnwinder::State {
  State(const event::Trace& trace, FilePathResolver resolve)
      : facts(trace),
        replayed(replay(trace, facts)),
        code(trace, replayed),
        tables(std::move(resolve)) {}

  UnwindTable* table_of(const Box& box) {
    const auto [it, added] = table_of_box.try_emplace(&box);
    if (added) it->second = tables.of(box.pid, code.path_of(box));
    return it->second;
  }

  // True where nothing is known that could say otherwise.
  bool may_be_code(event::Pid pid, std::uint64_t address, Nanoseconds ts) const {
    return !code.knows(pid) || code.find(pid, address, ts) != nullptr;
  }

  const UnwindRow* row_at(UnwindTable* table, const Box& box, std::uint64_t pc) const {
    if (table == nullptr) return nullptr;
    const auto address = table->virtual_address(pc + box.file_delta);
    return address ? table->find(*address) : nullptr;
  }

  Step step(const event::StackCopy& copy, Frame& frame, StackMemory& memory) {
    frame.interrupted = false;
    const bool innermost = std::exchange(frame.innermost, false);
    const Box* box = code.find(copy.pid, frame.pc, copy.ts);
    if (box == nullptr) return step_by_frame_pointer(CodeKind::OfFile, frame.registers, memory);

    const CodeKind kind = code.path_of(*box).empty() ? CodeKind::Generated : CodeKind::OfFile;
    UnwindTable* table = table_of(*box);
    const UnwindRow* row = row_at(table, *box, frame.pc);
    if (row != nullptr) {
      if (const auto cfa = cfa_of(*row, *table, frame.registers, memory)) {
        frame.interrupted = row->signal_frame;
        return step_by_table(*row, *table, *cfa, frame.registers, memory);
      }
    } else if (innermost && kind == CodeKind::OfFile) {
      const auto on_top = memory.read(*frame.registers[kRsp]);
      if (on_top && code.find(copy.pid, *on_top - 1, copy.ts) != nullptr) {
        return step_as_leaf(*on_top, frame.registers);
      }
    }
    return step_by_frame_pointer(kind, frame.registers, memory);
  }

  CallFacts facts;
  Replay replayed;
  CodeMap code;
  Tables tables;
  std::unordered_map<const Box*, UnwindTable*> table_of_box;
};

DwarfUnwinder::DwarfUnwinder(const event::Trace& trace, FilePathResolver resolve)
    : state_(std::make_unique<State>(trace, std::move(resolve))) {}
DwarfUnwinder::DwarfUnwinder(DwarfUnwinder&&) noexcept = default;
DwarfUnwinder& DwarfUnwinder::operator=(DwarfUnwinder&&) noexcept = default;
DwarfUnwinder::~DwarfUnwinder() = default;

std::span<const Error> DwarfUnwinder::problems() const {
  return state_->tables.problems();
}

bool DwarfUnwinder::may_be_code(const event::StackCopy& copy, std::uint64_t address) const {
  return state_->may_be_code(copy.pid, address, copy.ts);
}

Walk DwarfUnwinder::walk(const event::StackCopy& copy) {
  StackMemory memory(copy.stack_pointer(), copy.memory);
  Frame frame;
  std::ranges::copy(copy.registers, frame.registers.begin());
  frame.pc = copy.instruction_pointer();

  Walk walk;
  walk.addresses.push_back(copy.instruction_pointer());
  for (;;) {
    const Step step = state_->step(copy, frame, memory);
    if (step == Step::Outermost) {
      walk.end = WalkEnd::Outermost;
      break;
    }
    if (step == Step::Stopped) {
      walk.end = memory.wanted_more() ? WalkEnd::CopyEnded : WalkEnd::NobodyKnows;
      break;
    }
    const std::uint64_t address = *frame.registers[kReturnAddress];
    // A return address may already belong to the next function; the call before it does not. What a
    // signal interrupted is no call.
    frame.pc = frame.interrupted ? address : address - 1;
    if (!may_be_code(copy, frame.pc)) break;  // the walk went astray
    if (walk.addresses.size() == kMaxFrames) {
      walk.end = WalkEnd::TooDeep;
      break;
    }
    walk.addresses.push_back(address);
  }
  return walk;
}

namespace {

// Adds to the walk what the frame pointers knew beyond it. The two are joined at the outermost
// address of the walk that they share; of a function that called itself, at the same turn. Where a
// register that is no frame pointer led that walk astray, the rest is left out.
void add_frames_beyond(const DwarfUnwinder& unwinder, const event::StackCopy& copy,
                       const event::Stack& by_frame_pointers, std::vector<std::uint64_t>& walked) {
  for (std::size_t i = walked.size(); i-- > 0;) {
    const auto upto = walked.begin() + static_cast<std::ptrdiff_t>(i) + 1;
    auto turns = std::count(walked.begin(), upto, walked[i]);
    const auto& frames = by_frame_pointers.frames;
    const auto joint = std::ranges::find_if(frames, [&](const event::Frame& frame) {
      return frame.address == walked[i] && --turns == 0;
    });
    if (joint == frames.end()) continue;
    for (auto frame = joint + 1; frame != frames.end(); ++frame) {
      if (!unwinder.may_be_code(copy, frame->address - 1)) return;
      walked.push_back(frame->address);
    }
    return;
  }
}

}  // namespace

UnwoundStacks unwind_all(event::Trace& trace, std::span<const event::StackCopy> copies,
                         const std::function<void(event::StackId, const event::Stack&)>& changed,
                         const FilePathResolver& resolve) {
  UnwoundStacks result;
  DwarfUnwinder unwinder(trace, resolve);
  for (const event::StackCopy& copy : copies) {
    const auto index = static_cast<std::size_t>(copy.stack);
    if (copy.stack < 0 || index >= trace.stacks.size()) continue;
    Walk walk = unwinder.walk(copy);
    event::Stack& stack = trace.stacks[index];
    const bool cut = walk.end == WalkEnd::CopyEnded || walk.end == WalkEnd::TooDeep;
    std::size_t& counted = cut                              ? result.truncated
                           : walk.end == WalkEnd::Outermost ? result.complete
                                                            : result.broken;
    ++counted;
    // Nothing found at all: what the frame pointers gave is better than nothing.
    const bool found_nothing = walk.addresses.size() == 1 && walk.end == WalkEnd::NobodyKnows;
    if (cut || found_nothing) add_frames_beyond(unwinder, copy, stack, walk.addresses);

    stack.pid = copy.pid;
    stack.truncated = cut;
    stack.frames.clear();
    for (const std::uint64_t address : walk.addresses) stack.frames.push_back({.address = address});
    changed(copy.stack, stack);
  }
  result.problems.assign(unwinder.problems().begin(), unwinder.problems().end());
  return result;
}

}  // namespace ft::attribution
