#include "report/folded/folded.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace ft::report::folded {

namespace {

// A semicolon would end the frame; whatever bytes a file calls a function by must not end the line.
std::string frame_name(const std::string& name) {
  std::string text = printable(name);
  std::ranges::replace(text, ';', ':');
  return text;
}

}  // namespace

Result<std::string> render(const model::Report& report) {
  if (!report.samples) {
    return fail("folded stacks", model::why_missing(report, "samples"),
                "record as root, without --sample 0");
  }
  std::string text;
  for (const model::SampledStack& stack : report.sampled_stacks) {
    for (std::size_t depth = 0; depth < stack.frames.size(); ++depth) {
      if (depth != 0) text += ';';
      text += frame_name(stack.frames[depth]);
      if (depth >= stack.kernel_from) text += "_[k]";
    }
    text += fmt::format(" {}\n", stack.count);
  }
  return text;
}

}  // namespace ft::report::folded
