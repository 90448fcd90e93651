// One address of a running process: its mapping, and its page as /proc/PID/pagemap shows it.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "arch/pagemap.h"
#include "arch/paging.h"
#include "base/fd.h"
#include "base/text.h"
#include "explain.h"
#include "host/host_files.h"
#include "host/maps.h"

namespace ft::app::explain {

namespace {

// "la57" among the processor's flags and an address space made for it would be five levels; the
// kernel says only the first, and gives programs four unless they ask.
arch::Levels levels_here(const host::HostFiles& files) {
  const auto cpuinfo = files.text("/proc/cpuinfo");
  return cpuinfo && cpuinfo->find(" la57") != std::string::npos ? arch::Levels::Five
                                                                : arch::Levels::Four;
}

Result<std::uint64_t> read_pagemap(event::Pid process, std::uint64_t address) {
  const std::string path = fmt::format("/proc/{}/pagemap", process);
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return fail_errno(path, errno, "ask as the process's user, or as root");
  std::uint64_t word = 0;
  const ssize_t got = ::pread(file.get(), &word, sizeof word,
                              static_cast<off_t>((address >> kPageShift) * sizeof word));
  if (got < 0) return fail_errno(path, errno);
  if (got != sizeof word) return fail(path, "no page has that address");
  return word;
}

std::string page_words(const arch::PagemapWord& page) {
  std::string text;
  const auto add = [&](std::string_view words) {
    if (!text.empty()) text += ", ";
    text += words;
  };
  if (page.present) add("present");
  if (page.swapped) {
    add(fmt::format("swapped out: area {}, slot {}", page.swap_type, page.swap_offset));
  }
  if (page.guard) add("guard page");
  if (text.empty()) add("nothing there: the next access faults");
  if (page.present || page.swapped) add(page.file_or_shared ? "of a file or shared" : "anonymous");
  if (page.exclusive) add("mapped by this process alone");
  if (page.soft_dirty) add("soft-dirty");
  if (page.uffd_write_protected) add("write-protected through userfaultfd");
  if (page.present) {
    add(page.frame != 0 ? fmt::format("frame 0x{:x}", page.frame)
                        : "frame hidden (needs CAP_SYS_ADMIN)");
  }
  return text;
}

}  // namespace

Result<Answer> explain_live_address(event::Pid process, std::uint64_t address) {
  const host::HostFiles files;
  const std::string maps_path = fmt::format("/proc/{}/maps", process);
  const std::string maps = FT_TRY(files.read(maps_path));
  const auto areas = FT_TRY(host::parse_maps(maps, maps_path));
  const arch::Levels levels = levels_here(files);
  const Answer indices = describe_indices(address, levels);
  Answer answer;
  answer.text =
      fmt::format("address      {} of process {}\n", hex(address), process) + indices.text;
  answer.json = {
      {"format", 1}, {"address", hex(address)}, {"pid", process}, {"indices", indices.json}};
  const auto area = std::ranges::find_if(
      areas, [&](const host::Vma& candidate) { return candidate.range.contains(address); });
  answer.json["mapped"] = area != areas.end();
  if (area == areas.end()) {
    answer.text += "mapping      none\n";
    return answer;
  }
  const arch::TableNeed need = arch::tables_for(area->range, arch::Level::Pte, levels);
  answer.text +=
      fmt::format("mapping      {}-{} ({}) {} {}\n", hex(area->range.start), hex(area->range.end),
                  human_bytes(area->range.size()), permissions(*area), printable(area->name));
  answer.text +=
      fmt::format("tables       {} to populate all of it in 4 KiB pages: {} pte, {} pmd, {} pud\n",
                  grouped(need.total()), grouped(need.pte), need.pmd, need.pud);
  answer.json["mapping"] = {{"start", hex(area->range.start)},
                            {"end", hex(area->range.end)},
                            {"rights", permissions(*area)},
                            {"offset", area->offset},
                            {"name", area->name}};
  answer.json["tables_needed"] = {
      {"pte", need.pte}, {"pmd", need.pmd}, {"pud", need.pud}, {"p4d", need.p4d}};
  const auto word = read_pagemap(process, address);
  if (!word) {
    answer.text += fmt::format("page         {}\n", printable(word.error().message()));
    answer.json["page"] = nullptr;
    return answer;
  }
  const arch::PagemapWord page = arch::decode_pagemap(*word);
  answer.text += fmt::format("page         {} (pagemap 0x{:016x})\n", page_words(page), *word);
  answer.json["page"] = {{"pagemap", fmt::format("0x{:016x}", *word)},
                         {"present", page.present},
                         {"swapped", page.swapped},
                         {"file_or_shared", page.file_or_shared},
                         {"guard", page.guard},
                         {"exclusive", page.exclusive},
                         {"frame", page.frame}};
  return answer;
}

}  // namespace ft::app::explain
