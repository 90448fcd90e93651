// The files and stacks of a log, each told to the sink once and known by its id from then on.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "event/sink.h"

namespace ft::capture::strace {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};

template <typename Value>
using ByText = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;

// No log has as many different files or stacks; a hostile one does not get more memory.
inline constexpr std::size_t kMostEntries = std::size_t{1} << 20;

class FileTable {
 public:
  explicit FileTable(event::EventSink& sink) : sink_(sink) {}

  // kNoFile once there are too many.
  // `printed` is what stands between < and >: escapes, and with -yy a device behind the path.
  event::FileId id_of(std::string_view printed, bool deleted);

  // For a path whose bytes are known.
  event::FileId id_of_path(const std::string& path);

 private:
  event::EventSink& sink_;
  ByText<event::FileId> by_printed_[2];  // [1]: "(deleted)"
  ByText<event::FileId> by_path_;
  std::string_view
      last_printed_;  // points into by_printed_; most mappings follow one of the same file
  bool last_deleted_ = false;
  event::FileId last_ = event::kNoFile;
};

class StackTable {
 public:
  explicit StackTable(event::EventSink& sink) : sink_(sink) {}

  // Adds a line " > module(symbol+0x1) [0x2]" to the stack being read. False where it is no such
  // line.
  bool add_frame(std::string_view line);
  bool reading() const { return !frames_.empty(); }

  // Ends the stack being read and gives its id; kNoStack where it has no frames.
  event::StackId finish(event::Pid pid);
  void discard() { frames_.clear(); }

 private:
  using FrameId = std::uint32_t;

  event::EventSink& sink_;
  ByText<FrameId> by_line_;
  std::vector<event::Frame> known_frames_;
  std::vector<FrameId> frames_;  // of the stack being read; front: the pid, once finished
  std::map<std::vector<FrameId>, event::StackId> known_stacks_;
};

// What one line of -k says.
bool parse_frame(std::string_view line, event::Frame& frame);

}  // namespace ft::capture::strace
