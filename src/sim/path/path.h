// Path is the way one request took through the kernel: the functions it passed, in order, and what
// each decided with which values. The model writes it while it works, where somebody asked for it;
// `explain` prints it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ft::sim::path {

struct Step {
  std::string_view function;  // of the kernel, a literal: "get_unmapped_area"
  std::string text;           // "hint 0x600000000 is free → taken"
};

class Path {
 public:
  void add(std::string_view function, std::string text) {
    steps_.push_back({function, std::move(text)});
  }
  const std::vector<Step>& steps() const { return steps_; }
  void clear() { steps_.clear(); }

 private:
  std::vector<Step> steps_;
};

// Where steps go: nowhere most of the time. The text is made only where somebody listens:
//   narrator.step("do_mmap", [&] { return fmt::format("length {}", length); });
class Narrator {
 public:
  void listen(Path* path) { path_ = path; }
  bool listening() const { return path_ != nullptr; }

  template <typename MakeText>
  void step(std::string_view function, MakeText make_text) const {
    if (path_) [[unlikely]]
      path_->add(function, make_text());
  }

 private:
  Path* path_ = nullptr;
};

}  // namespace ft::sim::path
