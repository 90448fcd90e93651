#include "state.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <unordered_map>

#include "base/text.h"

namespace ft::differential {

namespace {

// A mismatch of pages is often one of very many; the first say enough.
constexpr std::size_t kMostPagesTold = 4;

std::string flag_text(const host::VmFlags& flags) {
  std::string text;
  for (const std::string_view code : host::VmFlags::kCodes) {
    if (!flags.has(code)) continue;
    if (!text.empty()) text += ' ';
    text += code;
  }
  if (flags.has_unknown()) text += " ??";
  return text;
}

std::string describe(const Area& area) {
  const std::string backing = area.backing == kAnonymous         ? "anonymous"
                              : area.backing == kSharedAnonymous ? "shared anonymous"
                              : area.backing == kOther
                                  ? "kernel's"
                                  : fmt::format("file {} at {}", area.backing, hex(area.offset));
  std::string text = fmt::format("{}-{} [{}] {}", hex(area.range.start), hex(area.range.end),
                                 flag_text(area.flags), backing);
  const auto figure = [&](std::string_view name, std::uint64_t bytes) {
    if (bytes) text += fmt::format(", {} {}", name, bytes / 1024);
  };
  figure("rss kB", area.rss);
  figure("anonymous kB", area.anonymous);
  figure("huge kB", area.huge);
  return text;
}

std::string describe(const Page& page) {
  std::string text = hex(page.address);
  const auto word = [&](bool is, std::string_view name) {
    if (is) text += fmt::format(" {}", name);
  };
  word(page.present, "present");
  word(page.swapped, "swapped");
  word(page.file_or_shared, "file");
  word(page.guard, "guard");
  word(page.exclusive, "exclusive");
  word(page.zero, "zero");
  word(page.huge, "huge");
  return text;
}

class Comparison {
 public:
  std::vector<Difference> run(const WorldState& live, const WorldState& model) {
    number("processes", live.size(), model.size());
    for (process_ = 0; process_ < std::min(live.size(), model.size()); ++process_)
      compare_process(live[process_], model[process_]);
    if (found_.empty()) compare_frames(live, model);
    return std::move(found_);
  }

 private:
  void compare_process(const ProcessState& live, const ProcessState& model) {
    compare_areas(live.areas, model.areas);
    compare_pages(live.pages, model.pages);
    number("VmPTE", live.page_tables, model.page_tables);
    number("RssAnon", live.rss_anonymous, model.rss_anonymous);
    number("RssFile", live.rss_file, model.rss_file);
    number("RssShmem", live.rss_shmem, model.rss_shmem);
    number("VmSize", live.size, model.size);
    number("VmLck", live.locked, model.locked);
    number("VmData", live.data, model.data);
    number("VmStk", live.stack, model.stack);
    number("minor faults", live.minor_faults, model.minor_faults);
    number("major faults", live.major_faults, model.major_faults);
  }

  // Pairs areas by their start, so that one area more or less does not make all others differ.
  void compare_areas(const std::vector<Area>& live, const std::vector<Area>& model) {
    merge(
        live, model, [](const Area& area) { return area.range.start; },
        [](const Area& a, const Area& b) { return a == b; },
        [&](const Area* a, const Area* b) {
          add("area", a ? describe(*a) : "none", b ? describe(*b) : "none");
        });
  }

  void compare_pages(const std::vector<Page>& live, const std::vector<Page>& model) {
    std::size_t differing = 0;
    merge(
        live, model, [](const Page& page) { return page.address; },
        [](const Page& a, const Page& b) { return a.looks_like(b); },
        [&](const Page* a, const Page* b) {
          if (++differing <= kMostPagesTold)
            add("page", a ? describe(*a) : "none", b ? describe(*b) : "none");
        });
    if (differing > kMostPagesTold) add("pages that differ", fmt::format("{}", differing), "");
  }

  template <typename Item, typename Key, typename Equal, typename Report>
  static void merge(const std::vector<Item>& live, const std::vector<Item>& model, Key key,
                    Equal equal, Report report) {
    std::size_t a = 0;
    std::size_t b = 0;
    while (a < live.size() || b < model.size()) {
      if (b == model.size() || (a < live.size() && key(live[a]) < key(model[b]))) {
        report(&live[a++], nullptr);
      } else if (a == live.size() || key(model[b]) < key(live[a])) {
        report(nullptr, &model[b++]);
      } else {
        if (!equal(live[a], model[b])) report(&live[a], &model[b]);
        ++a;
        ++b;
      }
    }
  }

  // The pages are the same by now; which of them share a frame must be the same too. Each side's
  // frames are named by the first page that has them, and the names must agree.
  void compare_frames(const WorldState& live, const WorldState& model) {
    std::unordered_map<std::uint64_t, std::string> live_names;
    std::unordered_map<std::uint64_t, std::string> model_names;
    for (process_ = 0; process_ < live.size(); ++process_) {
      for (std::size_t i = 0; i < live[process_].pages.size(); ++i) {
        const Page& a = live[process_].pages[i];
        const Page& b = model[process_].pages[i];
        if (a.frame == 0 || b.frame == 0) continue;
        const std::string name = fmt::format("process {} {}", process_, hex(a.address));
        const std::string& first_live = live_names.try_emplace(a.frame, name).first->second;
        const std::string& first_model = model_names.try_emplace(b.frame, name).first->second;
        if (first_live != first_model) {
          add("frame of " + hex(a.address), "the one of " + first_live,
              "the one of " + first_model);
          return;
        }
      }
    }
  }

  void number(std::string_view what, std::uint64_t live, std::uint64_t model) {
    if (live != model) add(what, fmt::format("{}", live), fmt::format("{}", model));
  }

  void add(std::string_view what, std::string live, std::string model) {
    found_.push_back(
        {process_ == 0 ? std::string(what) : fmt::format("process {}: {}", process_, what),
         std::move(live), std::move(model)});
  }

  std::size_t process_ = 0;
  std::vector<Difference> found_;
};

}  // namespace

bool Page::looks_like(const Page& other) const {
  const auto tied = [](const Page& page) {
    return std::tuple(page.address, page.present, page.swapped, page.file_or_shared, page.guard,
                      page.exclusive, page.zero, page.huge);
  };
  return tied(*this) == tied(other);
}

std::vector<Difference> compare(const WorldState& live, const WorldState& model) {
  return Comparison().run(live, model);
}

}  // namespace ft::differential
