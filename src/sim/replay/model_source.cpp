#include "sim/replay/model_source.h"

#include <fmt/format.h>

#include "sim/replay/area_lists.h"

namespace ft::sim::replay {

namespace {

std::string maps_text(const machine::Process& process) {
  std::string text;
  for (const virt::Vma& area : process.areas()) {
    const std::string line = maps_line(area);
    // range, rights and offset; device and inode are the host's.
    const std::size_t name = area.name.empty() ? line.size() : line.size() - area.name.size() - 1;
    text += fmt::format("{} 00:00 0 {}\n", line.substr(0, name), area.name);
  }
  return text;
}

std::string status_text(const machine::Process& process, event::Pid pid) {
  const virt::ResidentPages resident = process.resident();
  const auto kib = [](std::uint64_t pages) { return pages * kPageSize / kKiB; };
  return fmt::format(
      "Pid:\t{}\nVmSize:\t{} kB\nVmRSS:\t{} kB\nRssAnon:\t{} kB\nRssFile:\t{} kB\n"
      "RssShmem:\t{} kB\nVmPTE:\t{} kB\n",
      pid, kib(process.total_pages()), kib(resident.total()), kib(resident.anonymous),
      kib(resident.file), kib(resident.shmem), process.tables().vm_pte_bytes() / kKiB);
}

bool takes_page(fault::Kind kind) {
  return kind == fault::Kind::AnonymousPage || kind == fault::Kind::HugeAnonymous ||
         kind == fault::Kind::FileCopy || kind == fault::Kind::WriteProtect;
}

class Writer final : public Observer {
 public:
  Writer(const Material& material, event::EventSink& sink) : material_(material), sink_(sink) {}

  void after_call(const Step& step, const CallOutcome& outcome, const Scene& scene) override {
    event::Syscall call = material_.trace.syscalls[step.index];
    // Where the two chose different places, the replay went on with the recorded one.
    if (outcome.model && !chooses_place(call)) call.ret = *outcome.model;
    sink_.on_syscall(call);
    tell_flushes(step, scene);
  }

  void after_fault(const Step& step, const FaultOutcome& outcome, const Scene& scene) override {
    if (outcome.model.kind == fault::Kind::NoFault) return;
    event::Fault fault = material_.faults[step.index];
    fault.kind = outcome.model.signalled() ? event::FaultKind::Unfinished
                 : outcome.model.major     ? event::FaultKind::Major
                                           : event::FaultKind::Minor;
    fault.has_page = takes_page(outcome.model.kind);
    fault.page.order = static_cast<std::uint8_t>(outcome.model.order);
    fault.page.migratetype = 1;  // movable, as all memory of programs
    sink_.on_faults({&fault, 1});
    tell_flushes(step, scene);
  }

  void at_snapshot(const Step& step, const Scene& scene) override {
    event::Snapshot snapshot = material_.trace.snapshots[step.index];
    const bool begins = snapshot.moment == "exec" || snapshot.moment == "attach";
    // The beginning is given, not modelled.
    if (!begins && snapshot.source == "maps") snapshot.text = maps_text(scene.process);
    if (!begins && snapshot.source == "status") {
      snapshot.text = status_text(scene.process, step.pid);
    }
    if (snapshot.source == "maps" || snapshot.source == "status") sink_.on_snapshot(snapshot);
  }

 private:
  void tell_flushes(const Step& step, const Scene& scene) {
    for (const tlb::Flush& flush : scene.flushes) {
      if (flush.kind == tlb::FlushKind::None) continue;
      const event::TlbFlush told{.ts = step.to,
                                 .pages = flush.pages,
                                 .tid = step.tid,
                                 .reason = event::FlushReason::LocalMmShootdown};
      sink_.on_tlb_flushes({&told, 1});
    }
  }

  const Material& material_;
  event::EventSink& sink_;
};

}  // namespace

ModelSource ModelSource::make(const Material& material) {
  ModelSource source;
  const event::Trace& trace = material.trace;
  for (const auto& [key, value] : trace.meta) source.trace_.on_meta(key, value);
  source.trace_.on_meta("backend", "model");
  for (const event::Process& process : trace.processes) source.trace_.on_process(process);
  for (const event::Thread& thread : trace.threads) source.trace_.on_thread(thread);
  for (std::size_t i = 0; i < trace.files.size(); ++i) {
    source.trace_.on_file(static_cast<event::FileId>(i), trace.files[i]);
  }
  for (std::size_t i = 0; i < trace.stacks.size(); ++i) {
    source.trace_.on_stack(static_cast<event::StackId>(i), trace.stacks[i]);
  }
  for (const event::Phase& phase : trace.phases) source.trace_.on_phase(phase);
  Writer writer(material, source.trace_);
  replay(material, writer);
  return source;
}

}  // namespace ft::sim::replay
