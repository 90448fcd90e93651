// One address of a running process: its mapping, and its page as /proc/PID/pagemap shows it.
#include <fmt/format.h>

#include <algorithm>

#include "arch/pagemap.h"
#include "arch/paging.h"
#include "attribution/live/live_owners.h"
#include "base/text.h"
#include "explain.h"
#include "host/frame_facts.h"
#include "host/host_files.h"
#include "host/maps.h"
#include "host/page_scan.h"
#include "host/process_memory.h"
#include "jvm/subsystem.h"

namespace ft::app::explain {

namespace {

// "la57" among the processor's flags and an address space made for it would be five levels; the
// kernel says only the first, and gives programs four unless they ask.
arch::Levels levels_here(const host::HostFiles& files) {
  const auto cpuinfo = files.text("/proc/cpuinfo");
  return cpuinfo && cpuinfo->find(" la57") != std::string::npos ? arch::Levels::Five
                                                                : arch::Levels::Four;
}

std::string page_words(const arch::PagemapWord& page) {
  std::string text;
  const auto add = [&](std::string_view words) {
    if (!text.empty()) text += ", ";
    text += words;
  };
  if (page.present) add("present");
  // A guard page is an entry of the same form: a mark, nothing is in swap.
  if (page.swapped && !page.guard) {
    add(fmt::format("swapped out: area {}, slot {}", page.swap_type, page.swap_offset));
  }
  if (page.guard) add("guard page");
  if (text.empty()) add("nothing there: the next access faults");
  if (page.present || (page.swapped && !page.guard))
    add(page.file_or_shared ? "of a file or shared" : "anonymous");
  if (page.exclusive) add("mapped by this process alone");
  if (page.soft_dirty) add("soft-dirty");
  if (page.uffd_write_protected) add("write-protected through userfaultfd");
  if (page.present) {
    add(page.frame != 0 ? fmt::format("frame 0x{:x}", page.frame)
                        : "frame hidden (needs CAP_SYS_ADMIN)");
  }
  return text;
}

// What is around the address in the 2 MiB that one huge page would cover.
struct Neighbours {
  std::uint64_t present = 0;  // pages
  std::uint64_t swapped = 0;
  std::uint64_t zero = 0;
  bool huge = false;  // mapped by one entry of the middle table
};

Neighbours neighbours_of(const host::PageScan& scan, std::uint64_t address, AddressRange area) {
  Neighbours around;
  const AddressRange block =
      AddressRange::of_size(address & ~(kHugePageSize - 1), kHugePageSize).intersection(area);
  (void)scan.walk(block, [&](const host::PageRun& run) {
    const std::uint64_t pages = run.range.size() >> kPageShift;
    (run.zero ? around.zero : run.present ? around.present : around.swapped) += pages;
    around.huge = around.huge || (run.huge && run.range.contains(address));
  });
  return around;
}

class LiveAddress {
 public:
  LiveAddress(event::Pid process, std::uint64_t address, Answer answer)
      : process_(process), address_(address), answer_(std::move(answer)) {}

  void tell_owner(std::span<const host::Vma> areas) {
    auto owners = attribution::LiveOwners::make(process_, files_);
    owners.assign(areas);
    const auto pieces = owners.pieces();
    const auto piece = std::ranges::find_if(pieces, [&](const attribution::OwnedPiece& candidate) {
      return candidate.range.contains(address_);
    });
    if (piece == pieces.end()) return;
    const attribution::Owner& owner = owners.owners()[piece->owner];
    std::string name(jvm::name_of(owner.subsystem));
    if (!owner.detail.empty()) name += " / " + printable(owner.detail);
    answer_.text += fmt::format("subsystem    {} (by {})\n", name, name_of(owner.evidence));
    answer_.json["subsystem"] = {{"name", std::string(jvm::name_of(owner.subsystem))},
                                 {"detail", owner.detail},
                                 {"evidence", std::string(name_of(owner.evidence))}};
    for (const std::string& note : owners.notes()) {
      answer_.text += fmt::format("             {}\n", printable(note));
    }
  }

  void tell_page(const host::Vma& area) {
    const auto scan = host::PageScan::open(process_);
    const auto word = scan ? scan->word(address_) : std::nullopt;
    if (!scan || !word) {
      answer_.text += fmt::format("page         {}\n", scan ? "no page has that address"
                                                            : printable(scan.error().message()));
      answer_.json["page"] = nullptr;
      return;
    }
    const arch::PagemapWord page = arch::decode_pagemap(*word);
    const Neighbours around = neighbours_of(*scan, address_, area.range);
    answer_.text += fmt::format("page         {} (pagemap 0x{:016x})\n", page_words(page), *word);
    answer_.json["page"] = {{"pagemap", fmt::format("0x{:016x}", *word)},
                            {"present", page.present},
                            {"swapped", page.swapped && !page.guard},
                            {"file_or_shared", page.file_or_shared},
                            {"guard", page.guard},
                            {"exclusive", page.exclusive},
                            {"frame", page.frame}};
    if (page.swapped && !page.guard) {
      answer_.json["page"]["swap_area"] = page.swap_type;
      answer_.json["page"]["swap_slot"] = page.swap_offset;
    }
    if (page.present && scan->scans()) {
      answer_.text += fmt::format("page size    {}\n", around.huge ? "2 MiB: one pmd entry maps it"
                                                                   : "4 KiB: a pte entry maps it");
      answer_.json["page"]["huge"] = around.huge;
    }
    answer_.text += fmt::format(
        "neighbours   in its 2 MiB, as far as this mapping goes: {} of 512 pages present, {} "
        "swapped{}\n",
        around.present, around.swapped,
        around.zero != 0 ? fmt::format(", {} the page of zeros", around.zero) : "");
    answer_.json["neighbours"] = {
        {"present", around.present}, {"swapped", around.swapped}, {"zero", around.zero}};
    if (page.present) tell_frame(page.frame);
  }

  Answer take() { return std::move(answer_); }

 private:
  void tell_frame(std::uint64_t pfn) {
    answer_.json["frame"] = nullptr;
    if (pfn == 0) {
      answer_.text +=
          "frame        its number is hidden: only a process with CAP_SYS_ADMIN sees it\n";
      return;
    }
    const auto reader = host::FrameReader::open(files_);
    const auto facts =
        reader ? reader->look(pfn) : Result<host::FrameFacts>(std::unexpected(reader.error()));
    if (!facts) {
      answer_.text +=
          fmt::format("frame        0x{:x}: {}\n", pfn, printable(facts.error().message()));
      return;
    }
    const std::uint64_t bytes = kPageSize << facts->order;
    answer_.text += fmt::format(
        "frame        0x{:x}{}{}, part of a folio of order {} ({}) from frame 0x{:x}{}\n", pfn,
        facts->node ? fmt::format(", node {}", *facts->node) : "",
        facts->zone.empty() ? "" : ", zone " + facts->zone, facts->order, human_bytes(bytes),
        facts->folio_start,
        facts->mapped_count ? fmt::format(", mapped {} times", *facts->mapped_count) : "");
    nlohmann::ordered_json names = nlohmann::ordered_json::array();
    std::string words;
    for (const host::FrameFlag& flag : host::frame_flags(facts->flags)) {
      words += fmt::format("  {:<14} {}\n", flag.name, flag.meaning);
      names.push_back(std::string(flag.name));
    }
    answer_.text += fmt::format("flags        kpageflags 0x{:x}\n{}", facts->flags, words);
    answer_.json["frame"] = {{"pfn", fmt::format("0x{:x}", pfn)},
                             {"flags", fmt::format("0x{:x}", facts->flags)},
                             {"flag_names", std::move(names)},
                             {"order", facts->order},
                             {"folio_start", fmt::format("0x{:x}", facts->folio_start)},
                             {"zone", facts->zone}};
    if (facts->node) answer_.json["frame"]["node"] = *facts->node;
    if (facts->mapped_count) answer_.json["frame"]["mapped"] = *facts->mapped_count;
  }

  event::Pid process_;
  std::uint64_t address_;
  host::HostFiles files_;
  Answer answer_;
};

}  // namespace

Result<Answer> explain_live_address(event::Pid process, std::uint64_t address) {
  const host::HostFiles files;
  const host::ProcessIdentity who = FT_TRY(host::identify_process(files, process));
  FT_TRY_VOID(host::read_map_count(files, who));
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
  LiveAddress live(process, address, std::move(answer));
  live.tell_owner(areas);
  live.tell_page(*area);
  return live.take();
}

}  // namespace ft::app::explain
