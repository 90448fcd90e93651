#include "capture/strace/tables.h"

#include "base/text.h"
#include "capture/strace/text.h"

namespace ft::capture::strace {

namespace {

// strace stops at 256 frames.
constexpr std::size_t kDeepestStack = 512;

// strace names a deleted file as "<path>(deleted)", the kernel in /proc/PID/maps as "path
// (deleted)".
std::string path_of(std::string_view printed, bool deleted) {
  for (const std::string_view device : {"<char ", "<block "}) {
    printed = printed.substr(0, printed.rfind(device));
  }
  std::string path = unescape(printed);
  if (deleted) path += " (deleted)";
  return path;
}

}  // namespace

event::FileId FileTable::id_of(std::string_view printed, bool deleted) {
  if (last_ != event::kNoFile && printed == last_printed_ && deleted == last_deleted_) return last_;
  auto& known = by_printed_[deleted ? 1 : 0];
  auto it = known.find(printed);
  if (it == known.end()) {
    if (known.size() >= kMostEntries) return event::kNoFile;
    it = known.emplace(printed, id_of_path(path_of(printed, deleted))).first;
  }
  last_printed_ = it->first;
  last_deleted_ = deleted;
  last_ = it->second;
  return last_;
}

event::FileId FileTable::id_of_path(const std::string& path) {
  if (by_path_.size() >= kMostEntries && !by_path_.contains(path)) return event::kNoFile;
  const auto [it, added] = by_path_.emplace(path, static_cast<event::FileId>(by_path_.size()));
  if (added) {
    event::File file;
    file.path = path;
    sink_.on_file(it->second, file);
  }
  return it->second;
}

bool parse_frame(std::string_view line, event::Frame& frame) {
  if (!line.starts_with(" > ")) return false;
  line.remove_prefix(3);
  frame = {};
  if (const std::size_t at = line.rfind(" [0x"); at != std::string_view::npos) {
    std::string_view address = line.substr(at + 4);
    address = address.substr(0, address.find(']'));
    const auto offset = parse_integer<std::uint64_t>(address, 16);
    if (!offset) return false;
    frame.module_offset = *offset;
    line = line.substr(0, at);
  }
  // "/tmp/x (deleted)(main+0x1)": the parenthesis of the symbol is the first that is not that.
  std::size_t open = line.find('(');
  if (open != std::string_view::npos && line.substr(open).starts_with("(deleted)(")) open += 9;
  if (open == std::string_view::npos || !line.ends_with(')')) {
    // strace's own words: "unexpected_backtracing_error".
    return !line.empty();
  }
  frame.module = std::string(line.substr(0, open));
  std::string_view symbol = line.substr(open + 1, line.size() - open - 2);
  if (const std::size_t plus = symbol.rfind("+0x"); plus != std::string_view::npos) {
    const auto offset = parse_integer<std::uint64_t>(symbol.substr(plus + 3), 16);
    if (offset) {
      frame.symbol_offset = *offset;
      symbol = symbol.substr(0, plus);
    }
  }
  frame.symbol = std::string(symbol);
  return true;
}

bool StackTable::add_frame(std::string_view line) {
  auto it = by_line_.find(line);
  if (it == by_line_.end()) {
    event::Frame frame;
    if (!parse_frame(line, frame)) return false;
    if (known_frames_.size() >= kMostEntries || frames_.size() >= kDeepestStack) return true;
    it = by_line_.emplace(line, static_cast<FrameId>(known_frames_.size())).first;
    known_frames_.push_back(std::move(frame));
  }
  if (frames_.size() < kDeepestStack) frames_.push_back(it->second);
  return true;
}

event::StackId StackTable::finish(event::Pid pid) {
  if (frames_.empty()) return event::kNoStack;
  // The pid is part of the key: the same lines in another process are another stack.
  frames_.push_back(static_cast<FrameId>(pid));
  if (known_stacks_.size() >= kMostEntries && !known_stacks_.contains(frames_)) {
    frames_.clear();
    return event::kNoStack;
  }
  const auto [it, added] =
      known_stacks_.emplace(frames_, static_cast<event::StackId>(known_stacks_.size()));
  frames_.pop_back();
  if (added) {
    event::Stack stack;
    stack.pid = pid;
    for (const FrameId id : frames_) {
      const event::Frame& frame = known_frames_[id];
      // A frame without a module is where strace's unwinder gave up.
      if (frame.module.empty())
        stack.truncated = true;
      else
        stack.frames.push_back(frame);
    }
    sink_.on_stack(it->second, stack);
  }
  frames_.clear();
  return it->second;
}

}  // namespace ft::capture::strace
