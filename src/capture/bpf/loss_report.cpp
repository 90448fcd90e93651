#include "capture/bpf/loss_report.h"

#include <fmt/format.h>

#include <array>
#include <string>

namespace ft::capture::bpf {

namespace {

using event::LossSeverity;

struct RingLoss {
  ft_message_kind message;
  const char* kind;
  const char* meaning;
};

constexpr std::array kRingLosses = {
    RingLoss{FT_FAULTS, "faults: ring full", "page faults that found the event buffer full"},
    RingLoss{FT_SYSCALL, "system calls: ring full",
             "system calls that found the event buffer full"},
    RingLoss{FT_ALLOC, "page allocations: ring full",
             "page allocations that found the event buffer full"},
    RingLoss{FT_FLUSH, "TLB flushes: ring full", "TLB flushes that found the event buffer full"},
    RingLoss{FT_MM_EVENT, "stalls: ring full",
             "reclaim, compaction or lock events that found the event buffer full"},
    RingLoss{FT_FORK, "forks: ring full", "threads or processes whose start was not recorded"},
    RingLoss{FT_EXEC, "execs: ring full", "programs whose start was not recorded"},
    RingLoss{FT_EXIT, "exits: ring full", "threads whose end was not recorded"},
    RingLoss{FT_RENAME, "renames: ring full", "thread names that were not recorded"},
    RingLoss{FT_JVM_MARK, "JVM marks: ring full", "marks of the JVM's phases that are missing"},
    RingLoss{FT_AUX_MAPPER, "G1 table names: ring full",
             "names of G1's side tables that are missing"},
    RingLoss{FT_SAMPLE, "samples: ring full", "samples that found the event buffer full"},
};

}  // namespace

void report_losses(const Probes& probes, const MessageDecoder& decoder, event::EventSink& sink) {
  const ft_losses& losses = probes.losses();
  const auto report = [&](const char* kind, std::uint64_t count, LossSeverity severity,
                          const std::string& meaning) {
    sink.on_loss({.kind = kind, .count = count, .severity = severity, .meaning = meaning});
  };
  for (const RingLoss& loss : kRingLosses) {
    report(loss.kind, losses.ring_full[loss.message], LossSeverity::DataLoss, loss.meaning);
  }
  report("threads not followed", losses.threads_not_followed, LossSeverity::DataLoss,
         "threads whose place in the probes' table was taken by another live thread");
  report("system calls without entry", losses.calls_without_entry, LossSeverity::DataLoss,
         "system calls seen to return but not to begin");
  const Probes::Reentered reentered = probes.probes_reentered();
  const std::string which = reentered.probes.empty() ? "" : fmt::format(" ({})", reentered.probes);
  report("probe re-entered", reentered.count, LossSeverity::DataLoss,
         "events inside a probe that was already running on that CPU" + which);
  report("message not understood", decoder.messages_not_understood(), LossSeverity::DataLoss,
         "messages of the probes that the recorder could not read");
  report("stack truncated", losses.stacks_truncated, LossSeverity::Info,
         "calling stacks deeper than 48 frames: the outermost frames are missing");
  report("kernel stack truncated", losses.kernel_stacks_truncated, LossSeverity::Info,
         "sampled stacks of the kernel deeper than 64 frames: the outermost frames are missing");
  report("path truncated", losses.paths_truncated, LossSeverity::Info,
         "paths of mapped files too deep to be recorded whole");
  report("argv truncated", losses.argv_truncated, LossSeverity::Info,
         "command lines longer than 4096 bytes");
  report("short lock waits", losses.short_lock_waits, LossSeverity::Info,
         "times mmap_lock was had within 1 µs: counted, not listed");
  report("flush not needed", losses.flushes_not_needed, LossSeverity::Info,
         "switches to a thread of the target that kept its TLB entries: counted, not listed");
  report("swapped of nobody", losses.swapped_of_nobody, LossSeverity::Info,
         "anonymous pages written to swap, of the whole host, that were in no area any more");
  if (probes.fault_end() == FaultEnd::MemcgCount) {
    report("faults on the kernel's account", losses.gup_faults, LossSeverity::Info,
           "pages the kernel faulted in itself (MAP_POPULATE, mlock, direct I/O): counted by "
           "getrusage, without address or latency");
  }
  for (const std::string& missing : probes.missing()) {
    sink.on_loss({.kind = "missing " + missing.substr(0, missing.find(':')),
                  .count = 1,
                  .severity = LossSeverity::Notice,
                  .meaning = missing});
  }
  if (!probes.page_frames().known()) {
    report("frame numbers", 1, LossSeverity::Notice,
           "frame numbers and nodes of pages: /proc/self/pagemap does not show them here");
  }
}

}  // namespace ft::capture::bpf
