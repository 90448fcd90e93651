#include "sim/replay/breakpoints.h"

#include <algorithm>

#include "base/text.h"

namespace ft::sim::replay {

Breakpoints::Breakpoints(const event::Trace& trace) {
  constexpr std::string_view kPrefix = "probe.uprobe.";
  for (auto it = trace.meta.lower_bound(std::string(kPrefix));
       it != trace.meta.end() && it->first.starts_with(kPrefix); ++it) {
    std::string_view rest = it->second;
    const auto offset = parse_integer<std::uint64_t>(take_until(rest, ' '));
    if (offset && !rest.empty()) marks_.push_back({*offset >> kPageShift, std::string(rest)});
  }
  std::ranges::sort(marks_);
  const auto repeated = std::ranges::unique(marks_);
  marks_.erase(repeated.begin(), repeated.end());
}

Breakpoints::Copies Breakpoints::copies_in(const machine::Process& process,
                                           const FileTable& files) const {
  Copies copies;
  if (marks_.empty()) return copies;
  for (const virt::Vma& area : process.areas()) {
    constexpr virt::VmFlags kMarked = virt::kVmExec;
    if (!area.file || !area.is_private() || (area.flags & kMarked) == 0) continue;
    const std::string_view path = files.path_of(area.file.get());
    for (const Mark& mark : marks_) {
      if (mark.path != path || mark.page < area.page_offset) continue;
      const std::uint64_t at = area.range.start + ((mark.page - area.page_offset) << kPageShift);
      if (!area.range.contains(at)) continue;
      ++copies.pages;
      const virt::PageView view = process.page_table().view(at);
      if (view.present && view.file) ++copies.shown_as_file;
    }
  }
  return copies;
}

bool Breakpoints::concern(const event::Syscall& call, const event::Trace& trace) const {
  if (call.file < 0 || static_cast<std::size_t>(call.file) >= trace.files.size()) return false;
  const std::string& path = trace.files[static_cast<std::size_t>(call.file)].path;
  return std::ranges::any_of(marks_, [&](const Mark& mark) { return mark.path == path; });
}

}  // namespace ft::sim::replay
