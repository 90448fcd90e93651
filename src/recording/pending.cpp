#include "recording/pending.h"

namespace ft::recording {

namespace {

struct TextBytes {
  std::size_t operator()(const MetaItem& item) const { return item.key.size() + item.value.size(); }
  std::size_t operator()(const event::Process& process) const {
    std::size_t bytes = process.executable.size();
    for (const std::string& word : process.command) bytes += sizeof(std::string) + word.size();
    return bytes;
  }
  std::size_t operator()(const event::Thread& thread) const { return thread.name.size(); }
  std::size_t operator()(const FileItem& item) const { return item.file.path.size(); }
  std::size_t operator()(const StackItem& item) const {
    std::size_t bytes = 0;
    for (const event::Frame& frame : item.stack.frames) {
      bytes += sizeof frame + frame.symbol.size() + frame.module.size();
    }
    return bytes;
  }
  std::size_t operator()(const event::MmEvent&) const { return 0; }
  std::size_t operator()(const event::Phase& phase) const { return phase.name.size(); }
  std::size_t operator()(const event::Snapshot& snapshot) const {
    return snapshot.moment.size() + snapshot.source.size() + snapshot.text.size();
  }
  std::size_t operator()(const event::Loss& loss) const {
    return loss.kind.size() + loss.meaning.size();
  }
};

}  // namespace

std::size_t bytes_of(const Item& item) {
  return sizeof item + std::visit(TextBytes{}, item);
}

}  // namespace ft::recording
