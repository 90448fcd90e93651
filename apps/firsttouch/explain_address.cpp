// One address of a recorded process: where its page tables would hold it, whose it is, and what
// happened to it.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "analysis/call_words.h"
#include "arch/paging.h"
#include "attribution/owner_history.h"
#include "base/text.h"
#include "explain.h"
#include "jvm/subsystem.h"
#include "recording/reader.h"
#include "sim/replay/area_lists.h"
#include "sim/replay/replay.h"

namespace ft::app::explain {

namespace {

namespace replay = sim::replay;

// The address space as the model has it when the recording, or the process, ends.
class LastState final : public replay::Observer {
 public:
  LastState(event::Pid pid, std::uint64_t address) : pid_(pid), address_(address) {}

  void after_call(const replay::Step& step, const replay::CallOutcome&,
                  const replay::Scene& scene) override {
    if (step.pid == pid_) process_ = &scene.process;
  }
  void after_fault(const replay::Step& step, const replay::FaultOutcome&,
                   const replay::Scene& scene) override {
    if (step.pid == pid_) process_ = &scene.process;
  }
  void at_snapshot(const replay::Step& step, const replay::Scene& scene) override {
    if (step.pid == pid_) process_ = &scene.process;
  }
  // The model's processes live until then, no longer.
  void process_ends(const replay::Scene& scene) override {
    if (scene.pid != pid_) return;
    look_at(scene.process);
    process_ = nullptr;
  }
  void at_end() override {
    if (process_) look_at(*process_);
  }

  const std::optional<sim::virt::PageView>& view() const { return view_; }
  const std::optional<sim::virt::Vma>& area() const { return area_; }

 private:
  void look_at(const sim::machine::Process& process) {
    view_ = process.page_table().view(address_);
    area_.reset();
    if (const sim::virt::Vma* area = process.find_area(address_)) area_ = *area;
  }

  event::Pid pid_;
  std::uint64_t address_;
  const sim::machine::Process* process_ = nullptr;
  std::optional<sim::virt::PageView> view_;
  std::optional<sim::virt::Vma> area_;
};

// The regions that held the address one after the other since it was last unmapped, oldest first.
std::vector<const attribution::Region*> lineage(const attribution::OwnerHistory& history,
                                                event::Pid pid, std::uint64_t address) {
  std::vector<const attribution::Region*> line;
  for (const attribution::Region& region : history.regions()) {
    if (region.pid != pid || !region.range.contains(address)) continue;
    // What lay there before, with a time without anything in between, is another story.
    if (!line.empty() && line.back()->to_ts != region.from_ts) line.clear();
    line.push_back(&region);
  }
  return line;
}

event::Pid process_with(const event::Trace& trace, const attribution::OwnerHistory& history,
                        std::uint64_t address) {
  const auto target = parse_integer<event::Pid>(trace.meta_or("target.pid")).value_or(0);
  if (target != 0 && !lineage(history, target, address).empty()) return target;
  for (const event::Process& process : trace.processes) {
    if (!lineage(history, process.pid, address).empty()) return process.pid;
  }
  return target != 0 || trace.processes.empty() ? target : trace.processes.front().pid;
}

std::string thread_words(const event::Trace& trace, event::Tid tid) {
  for (const event::Thread& thread : trace.threads) {
    if (thread.tid == tid && !thread.name.empty()) {
      return fmt::format("thread {} \"{}\"", tid, printable(thread.name));
    }
  }
  return fmt::format("thread {}", tid);
}

class AddressStory {
 public:
  AddressStory(const replay::Material& material, std::uint64_t address,
               std::optional<event::Pid> process)
      : material_(material),
        trace_(material.trace),
        address_(address),
        history_(attribution::OwnerHistory::build(trace_)),
        pid_(process ? *process : process_with(trace_, history_, address)),
        line_(lineage(history_, pid_, address)),
        levels_(trace_.meta_or("host.page_table_levels") == "5" ? arch::Levels::Five
                                                                : arch::Levels::Four) {}

  Answer tell() {
    const Answer indices = describe_indices(address_, levels_);
    answer_.json = {
        {"format", 1}, {"address", hex(address_)}, {"pid", pid_}, {"indices", indices.json}};
    answer_.text =
        fmt::format("address      {} of process {}\n", hex(address_), pid_) + indices.text;
    if (line_.empty()) {
      answer_.text += "mapping      none: nothing was ever mapped there\n";
      answer_.json["mapped"] = false;
      return std::move(answer_);
    }
    tell_owner();
    tell_calls();
    tell_touches();
    tell_model();
    return std::move(answer_);
  }

 private:
  void tell_owner() {
    const attribution::Region& last = *line_.back();
    const attribution::Owner& owner = history_.owners()[last.owner];
    const bool gone = last.to_ts != event::kStillThere && last.to_ts < end_of_process();
    std::string name(jvm::name_of(owner.subsystem));
    if (!owner.detail.empty()) name += " / " + printable(owner.detail);
    answer_.text += fmt::format("subsystem    {} (by {})\n", name, name_of(owner.evidence));
    answer_.text += fmt::format("mapping      {}-{} ({}) {}{}{}\n", hex(last.range.start),
                                hex(last.range.end), human_bytes(last.range.size()),
                                analysis::rights(last.prot), last.committed ? ", committed" : "",
                                gone ? ", until " + human_duration(last.to_ts) : "");
    if (last.file >= 0 && static_cast<std::size_t>(last.file) < trace_.files.size()) {
      answer_.text += fmt::format(
          "file         {}\n", printable(trace_.files[static_cast<std::size_t>(last.file)].path));
    }
    const arch::TableNeed need = arch::tables_for(last.range, arch::Level::Pte, levels_);
    answer_.text += fmt::format(
        "tables       {} to populate all of it in 4 KiB pages: {} pte, {} pmd, {} pud\n",
        grouped(need.total()), grouped(need.pte), need.pmd, need.pud);
    answer_.json["mapped"] = !gone;
    answer_.json["subsystem"] = {{"name", std::string(jvm::name_of(owner.subsystem))},
                                 {"detail", owner.detail},
                                 {"evidence", std::string(name_of(owner.evidence))}};
    answer_.json["mapping"] = {{"start", hex(last.range.start)},
                               {"end", hex(last.range.end)},
                               {"prot", analysis::rights(last.prot)},
                               {"committed", last.committed}};
    answer_.json["tables_needed"] = {
        {"pte", need.pte}, {"pmd", need.pmd}, {"pud", need.pud}, {"p4d", need.p4d}};
  }

  Nanoseconds end_of_process() const {
    for (const event::Process& process : trace_.processes) {
      if (process.pid == pid_ && process.end_ts != event::kStillThere) return process.end_ts;
    }
    return std::numeric_limits<Nanoseconds>::max();
  }

  void tell_call(std::string_view what, const attribution::Region& region) {
    const std::string key(what);
    if (region.made_by < 0) {
      answer_.text += fmt::format("{:<12} before the first recorded call\n", what);
      answer_.json[key] = nullptr;
      return;
    }
    const auto index = static_cast<std::size_t>(region.made_by);
    const event::Syscall& call = trace_.syscalls[index];
    answer_.text += fmt::format(
        "{:<12} at {} by call {} ({}), {}, {}\n", what, human_duration(call.ts), index + 1,
        printable(analysis::in_words(call, trace_)), thread_words(trace_, call.tid),
        call.dur >= 0 ? human_duration(call.dur) : "unknown duration");
    answer_.json[key] = {
        {"call", index + 1}, {"ts", call.ts}, {"dur", call.dur}, {"tid", call.tid}};
  }

  void tell_calls() {
    tell_call("reserved", *line_.front());
    const auto committed = std::ranges::find_if(
        line_, [](const attribution::Region* region) { return region->committed; });
    if (committed == line_.end()) {
      answer_.text += "committed    never\n";
      answer_.json["committed"] = nullptr;
    } else {
      tell_call("committed", **committed);
    }
  }

  void tell_touches() {
    const replay::ThreadTable threads(trace_);
    const std::uint64_t page = address_ >> kPageShift;
    const event::Fault* first = nullptr;
    std::size_t number = 0;
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < material_.faults.size(); ++i) {
      const event::Fault& fault = material_.faults[i];
      const bool same = fault.huge() ? fault.addr / kHugePageSize == address_ / kHugePageSize
                                     : fault.addr >> kPageShift == page;
      if (!same || fault.ts < line_.front()->from_ts) continue;
      if (threads.process_of(fault.tid, fault.ts) != pid_) continue;
      ++count;
      if (first) continue;
      first = &fault;
      number = i + 1;
    }
    answer_.json["faults"] = count;
    if (!first) {
      answer_.text += "first touch  none recorded: never, or with the neighbours of another page\n";
      answer_.json["first_touch"] = nullptr;
      return;
    }
    const bool write = (first->error_code & event::kFaultWrite) != 0;
    answer_.text += fmt::format("first touch  at {} by fault {} ({} of {}), {}, took {}{}\n",
                                human_duration(first->ts), number, write ? "write" : "read",
                                hex(first->addr), thread_words(trace_, first->tid),
                                first->dur >= 0 ? human_duration(first->dur) : "an unknown time",
                                count > 1 ? fmt::format("; {} more faults later", count - 1) : "");
    answer_.json["first_touch"] = {{"fault", number},
                                   {"ts", first->ts},
                                   {"dur", first->dur},
                                   {"tid", first->tid},
                                   {"address", hex(first->addr)}};
  }

  void tell_model() {
    LastState last(pid_, address_);
    replay::replay(material_, last);
    if (!last.view()) return;
    const sim::virt::PageView& view = *last.view();
    if (last.area()) {
      answer_.text += fmt::format("area         {} (at the end, by the model)\n",
                                  printable(replay::maps_line(*last.area())));
      answer_.json["area"] = replay::maps_line(*last.area());
    }
    if (view.entry == 0) {
      answer_.text += "entry        none at the end, by the model: the next access faults\n";
      answer_.json["entry"] = nullptr;
      return;
    }
    const arch::Level level = view.shift == 30   ? arch::Level::Pud
                              : view.shift == 21 ? arch::Level::Pmd
                                                 : arch::Level::Pte;
    const Answer entry = describe_entry(view.entry, level, {.levels = levels_});
    answer_.text +=
        "entry        at the end, by the model (its frame numbers are not the host's):\n  ";
    answer_.text += entry.text;
    answer_.json["entry"] = entry.json;
  }

  const replay::Material& material_;
  const event::Trace& trace_;
  std::uint64_t address_;
  attribution::OwnerHistory history_;
  event::Pid pid_;
  std::vector<const attribution::Region*> line_;
  arch::Levels levels_;
  Answer answer_;
};

}  // namespace

Result<Answer> explain_address(const std::string& file, std::uint64_t address,
                               std::optional<event::Pid> process) {
  const auto reader = FT_TRY(recording::Reader::open(file));
  const replay::Material material = FT_TRY(replay::Material::load(*reader));
  return AddressStory(material, address, process).tell();
}

}  // namespace ft::app::explain
