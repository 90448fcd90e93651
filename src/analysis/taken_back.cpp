#include "analysis/taken_back.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace ft::analysis {

namespace {

const event::Snapshot* host_snapshot(const event::Trace& trace, std::string_view moment) {
  for (const event::Snapshot& snapshot : trace.snapshots) {
    if (snapshot.pid == 0 && snapshot.source == "vmstat" && snapshot.moment == moment) {
      return &snapshot;
    }
  }
  return nullptr;
}

std::string counted(std::uint64_t count, std::string_view one) {
  return fmt::format("{} {}{}", grouped(count), one, count == 1 ? "" : "s");
}

bool picked_by_oom_killer(const event::Trace& trace, event::Pid pid) {
  const auto is_of_subject = [&](event::Tid tid) {
    return tid == pid || std::ranges::any_of(trace.threads, [&](const event::Thread& thread) {
             return thread.tid == tid && thread.pid == pid;
           });
  };
  return std::ranges::any_of(trace.mm_events, [&](const event::MmEvent& event) {
    return event.kind == event::MmEventKind::OomVictim && is_of_subject(event.tid);
  });
}

}  // namespace

std::optional<host::NumberTable> vmstat_change(const event::Trace& trace) {
  const event::Snapshot* start = host_snapshot(trace, "start");
  const event::Snapshot* end = host_snapshot(trace, "end");
  if (!start || !end) return std::nullopt;
  const auto before = host::parse_counters(start->text);
  const auto after = host::parse_counters(end->text);
  if (!before || !after) return std::nullopt;
  host::NumberTable change;
  for (const host::NamedNumber& number : after->numbers()) {
    const std::uint64_t old = before->value_or(number.name, number.value);
    change.add(number.name, number.value > old ? number.value - old : 0);
  }
  return change;
}

TakenBack taken_back(const event::Trace& trace, const Subject& subject) {
  TakenBack taken;
  if (subject.status) taken.in_swap = subject.status->vm_swap.value_or(0);
  taken.reaped = subject.process != nullptr && picked_by_oom_killer(trace, subject.pid);
  const auto change = vmstat_change(trace);
  if (!change) return taken;
  // Pages of zeros are only noted from Linux 6.12 on, and what zswap keeps is not written.
  taken.swapped_out = change->value_or("pswpout", 0) + change->value_or("swpout_zero", 0) +
                      change->value_or("zswpout", 0);
  taken.swapped_in = change->value_or("pswpin", 0) + change->value_or("swpin_zero", 0) +
                     change->value_or("zswpin", 0);
  // The counter came together with giving pages of zeros back.
  if (change->find("thp_underused_split_page")) {
    taken.split_to_zero_pages = change->value_or("thp_split_page", 0);
  }
  return taken;
}

std::string TakenBack::words() const {
  std::string text;
  const auto say = [&](std::string part) { text += (text.empty() ? "" : "; ") + std::move(part); };
  if (in_swap > 0) say(fmt::format("{} of it in swap at the end", human_bytes(in_swap)));
  if (swapped_out + swapped_in > 0) {
    say(fmt::format("the host swapped {} out and {} in meanwhile", counted(swapped_out, "page"),
                    counted(swapped_in, "page")));
  }
  if (split_to_zero_pages > 0) {
    say(fmt::format("it split {}, of which this kernel gives pages of zeros back",
                    counted(split_to_zero_pages, "huge page")));
  }
  if (reaped) say("the OOM killer picked it, whose reaper takes memory away before the end");
  return text;
}

}  // namespace ft::analysis
