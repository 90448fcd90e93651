// One recorded call or fault: what it asked, the way the model takes through the kernel with its
// values, and what was measured.
#include <fmt/format.h>

#include <memory>

#include "attribution/owner_history.h"
#include "base/text.h"
#include "event/system_names.h"
#include "explain.h"
#include "jvm/subsystem.h"
#include "recording/reader.h"
#include "report/strace/format_call.h"
#include "sim/replay/flush_events.h"
#include "sim/replay/replay.h"

namespace ft::app::explain {

namespace {

namespace replay = sim::replay;

// Listens at one step, and ends the replay behind it.
class Listener final : public replay::Observer {
 public:
  Listener(replay::Stream stream, std::uint64_t number) : stream_(stream), number_(number) {}

  void before(const replay::Step& step, const replay::Scene& scene) override {
    if (!is_it(step)) return;
    path_.clear();  // of an order that was tried and given up
    scene.process.narrate(&path_);
    tables_before_ = scene.process.tables().all();
    resident_before_ = scene.process.resident().total();
  }
  void after_call(const replay::Step& step, const replay::CallOutcome& outcome,
                  const replay::Scene& scene) override {
    if (!is_it(step)) return;
    call_ = outcome;
    finish(step, scene);
  }
  void after_fault(const replay::Step& step, const replay::FaultOutcome& outcome,
                   const replay::Scene& scene) override {
    if (!is_it(step)) return;
    fault_ = outcome;
    finish(step, scene);
  }
  bool done() const override { return reached_; }

  bool reached() const { return reached_; }
  const replay::Step& step() const { return step_; }
  const sim::path::Path& path() const { return path_; }
  const replay::CallOutcome& call() const { return call_; }
  const replay::FaultOutcome& fault() const { return fault_; }
  const replay::FlushList& flushes() const { return flushes_; }
  std::int64_t tables_made() const { return tables_made_; }
  std::int64_t pages_made() const { return pages_made_; }
  bool start_known() const { return start_known_; }

 private:
  bool is_it(const replay::Step& step) const {
    return step.stream == stream_ && step.number() == number_;
  }
  void finish(const replay::Step& step, const replay::Scene& scene) {
    scene.process.narrate(nullptr);
    flushes_ = replay::flushes_from(scene.flushes);
    tables_made_ = static_cast<std::int64_t>(scene.process.tables().all() - tables_before_);
    pages_made_ = static_cast<std::int64_t>(scene.process.resident().total() - resident_before_);
    start_known_ = scene.start_known;
    step_ = step;
    reached_ = true;
  }

  replay::Stream stream_;
  std::uint64_t number_;
  sim::path::Path path_;
  replay::Step step_;
  replay::CallOutcome call_;
  replay::FaultOutcome fault_;
  replay::FlushList flushes_;
  std::uint64_t tables_before_ = 0;
  std::uint64_t resident_before_ = 0;
  std::int64_t tables_made_ = 0;
  std::int64_t pages_made_ = 0;
  bool start_known_ = true;
  bool reached_ = false;
};

std::string thread_name(const event::Trace& trace, event::Tid tid) {
  for (const event::Thread& thread : trace.threads) {
    if (thread.tid == tid && !thread.name.empty()) {
      return fmt::format("{} \"{}\"", tid, printable(thread.name));
    }
  }
  return std::to_string(tid);
}

std::string duration_words(Nanoseconds dur) {
  return dur >= 0 ? human_duration(dur) : "an unknown time";
}

std::string owner_words(const attribution::Owner& owner) {
  std::string text(jvm::name_of(owner.subsystem));
  if (!owner.detail.empty()) text += " / " + printable(owner.detail);
  return text + fmt::format(" (by {})", attribution::name_of(owner.evidence));
}

nlohmann::ordered_json owner_json(const attribution::Owner& owner) {
  return {{"name", std::string(jvm::name_of(owner.subsystem))},
          {"detail", owner.detail},
          {"evidence", std::string(attribution::name_of(owner.evidence))}};
}

std::string value_text(std::int64_t value) {
  if (value < 0 && value >= -4095) {
    return std::string(event::errno_name(static_cast<int>(-value)));
  }
  return value > 0xffff ? hex(static_cast<std::uint64_t>(value)) : std::to_string(value);
}

// False: the replay never came to that step, and there is nothing more to tell.
bool tell_path(const Listener& listener, Answer& answer) {
  answer.json["path"] = nlohmann::ordered_json::array();
  if (!listener.reached()) {
    answer.text += "model        its process is not known before its exec: nothing to follow\n";
    return false;
  }
  std::size_t width = 0;
  for (const sim::path::Step& step : listener.path().steps()) {
    width = std::max(width, step.function.size());
  }
  if (!listener.path().steps().empty()) answer.text += "the way through the kernel:\n";
  for (const sim::path::Step& step : listener.path().steps()) {
    answer.text += fmt::format("  {:<{}}  {}\n", step.function, width, step.text);
    answer.json["path"].push_back({{"function", std::string(step.function)}, {"text", step.text}});
  }
  return true;
}

void tell_flushes(const Listener& listener, const replay::FlushEvents& recorded, Answer& answer) {
  const std::string model = replay::text_of(listener.flushes());
  answer.text += fmt::format("TLB flush    model: {}", model);
  answer.json["tlb_flush"] = {{"model", model}};
  if (recorded.recorded()) {
    const std::string seen = replay::text_of(recorded.of(listener.step()));
    answer.text += fmt::format("; recorded: {}", seen);
    answer.json["tlb_flush"]["recorded"] = seen;
  }
  answer.text += "\n";
}

void tell_growth(const Listener& listener, Answer& answer) {
  answer.text += fmt::format("memory       {:+} pages resident, {:+} page-table pages\n",
                             listener.pages_made(), listener.tables_made());
  answer.json["resident_pages"] = listener.pages_made();
  answer.json["page_table_pages"] = listener.tables_made();
}

void tell_assumed(const replay::ReplayResult& replayed, const Listener& listener, Answer& answer) {
  answer.json["estimated"] = replayed.estimated;
  if (!listener.start_known()) {
    answer.text += "note         what was mapped before the first recorded call is not known\n";
  }
  for (const std::string& line : replayed.estimated) {
    answer.text += fmt::format("assumed      {}\n", printable(line));
  }
}

std::string access_words(const event::Fault& fault) {
  std::string text = (fault.error_code & event::kFaultInstruction) != 0 ? "instruction fetch"
                     : (fault.error_code & event::kFaultWrite) != 0     ? "write"
                                                                        : "read";
  text += (fault.error_code & event::kFaultProtection) != 0 ? ", an entry is there but forbids it"
                                                            : ", nothing mapped there";
  return text + ((fault.error_code & event::kFaultUser) != 0 ? "" : ", by the kernel");
}

std::string_view words_for(sim::fault::Kind kind) {
  using sim::fault::Kind;
  switch (kind) {
    case Kind::NoFault:
      return "none: the page is there";
    case Kind::AnonymousZero:
      return "anonymous read: the shared zero page";
    case Kind::AnonymousPage:
      return "anonymous write: a new zeroed page";
    case Kind::HugeZero:
      return "anonymous read: the huge zero page";
    case Kind::HugeAnonymous:
      return "anonymous write: a new 2 MiB page";
    case Kind::FileRead:
      return "file read, with its cached neighbours";
    case Kind::FileCopy:
      return "private file write: a copy of the page";
    case Kind::FileShared:
      return "shared file write";
    case Kind::WriteProtect:
      return "write to a shared page: a copy of it";
    case Kind::WriteReuse:
      return "write to a page nobody else has: made writable";
    case Kind::Hugetlb:
      return "page of the huge page pool";
    case Kind::StackGrowth:
      return "the stack grew";
    case Kind::SegvUnmapped:
      return "SIGSEGV: no area there";
    case Kind::SegvAccess:
      return "SIGSEGV: the area forbids it";
    case Kind::BusPastEnd:
      return "SIGBUS: behind the end of the file";
    case Kind::OutOfMemory:
      return "out of memory";
  }
  return {};
}

std::unexpected<Error> no_such(const std::string& file, std::string_view what, std::uint64_t number,
                               std::size_t count) {
  return fail(printable(file),
              fmt::format("there is no {} {}: it holds {} of them", what, number, count));
}

}  // namespace

Result<Answer> explain_call(const std::string& file, std::uint64_t number) {
  const auto reader = FT_TRY(recording::Reader::open(file));
  const replay::Material material = FT_TRY(replay::Material::load(*reader));
  const event::Trace& trace = material.trace;
  if (number > trace.syscalls.size()) return no_such(file, "call", number, trace.syscalls.size());
  const event::Syscall& call = trace.syscalls[number - 1];
  Listener listener(replay::Stream::Call, number);
  const replay::ReplayResult replayed = replay::replay(material, listener);
  const auto history = attribution::OwnerHistory::build(trace);
  const attribution::Owner& owner = history.owners()[history.owner_of_syscall(number - 1)];

  std::string asked;
  report::strace::append_arguments(asked, trace, call, nullptr);
  asked += ") = ";
  report::strace::append_result(asked, trace, call);
  Answer answer;
  answer.json = {{"format", 1},
                 {"call", number},
                 {"name", std::string(event::name_of(call.number))},
                 {"text", asked},
                 {"ts", call.ts},
                 {"dur", call.dur},
                 {"tid", call.tid},
                 {"subsystem", owner_json(owner)}};
  answer.text = fmt::format("call {}     {}\n", number, printable(asked));
  answer.text +=
      fmt::format("when         {} after the start, thread {}, took {}\n", human_duration(call.ts),
                  thread_name(trace, call.tid), duration_words(call.dur));
  answer.text += fmt::format("for          {}\n", owner_words(owner));
  if (!tell_path(listener, answer)) return answer;
  const replay::CallOutcome& outcome = listener.call();
  answer.json["model"] = outcome.model ? nlohmann::ordered_json(value_text(*outcome.model))
                                       : nlohmann::ordered_json(nullptr);
  answer.json["agrees"] =
      outcome.compared ? nlohmann::ordered_json(outcome.agrees) : nlohmann::ordered_json(nullptr);
  if (outcome.kind == replay::CallKind::NoEffect) {
    answer.text += "model        changes no address space\n";
  } else if (outcome.kind == replay::CallKind::NotModelled) {
    answer.text += "model        has no part for it\n";
  } else {
    if (outcome.model) {
      answer.text += fmt::format("model        answers {}{}\n", value_text(*outcome.model),
                                 !outcome.compared ? ""
                                 : outcome.agrees  ? ", as the kernel did"
                                                   : ": the kernel answered otherwise");
    }
    tell_growth(listener, answer);
    tell_flushes(listener, replay::FlushEvents(material.flushes), answer);
  }
  tell_assumed(replayed, listener, answer);
  return answer;
}

Result<Answer> explain_fault(const std::string& file, std::uint64_t number) {
  const auto reader = FT_TRY(recording::Reader::open(file));
  const replay::Material material = FT_TRY(replay::Material::load(*reader));
  const event::Trace& trace = material.trace;
  if (number > material.faults.size())
    return no_such(file, "fault", number, material.faults.size());
  const event::Fault& fault = material.faults[number - 1];
  Listener listener(replay::Stream::Fault, number);
  const replay::ReplayResult replayed = replay::replay(material, listener);
  const replay::ThreadTable threads(trace);
  const auto history = attribution::OwnerHistory::build(trace);
  const attribution::Owner& owner = history.owners()[history.owner_at(
      threads.process_of(fault.tid, fault.ts), fault.addr, fault.ts)];

  constexpr std::string_view kKinds[] = {"minor", "major", "never finished"};
  const std::string_view kind = kKinds[static_cast<std::size_t>(fault.kind) % std::size(kKinds)];
  Answer answer;
  answer.json = {{"format", 1},
                 {"fault", number},
                 {"address", hex(fault.addr)},
                 {"ip", hex(fault.ip)},
                 {"access", access_words(fault)},
                 {"kind", std::string(kind)},
                 {"ts", fault.ts},
                 {"dur", fault.dur},
                 {"tid", fault.tid},
                 {"subsystem", owner_json(owner)}};
  answer.text =
      fmt::format("fault {}    at {}: {}\n", number, hex(fault.addr), access_words(fault));
  answer.text +=
      fmt::format("when         {} after the start, thread {}, instruction {}, took {}: {}\n",
                  human_duration(fault.ts), thread_name(trace, fault.tid), hex(fault.ip),
                  duration_words(fault.dur), kind);
  answer.text += fmt::format("for          {}\n", owner_words(owner));
  if (!tell_path(listener, answer)) return answer;
  const sim::fault::Outcome& model = listener.fault().model;
  answer.json["model"] = {{"outcome", std::string(words_for(model.kind))},
                          {"major", model.major},
                          {"pages_mapped", model.pages_mapped},
                          {"tables_made", model.tables_made},
                          {"order", model.order}};
  answer.text +=
      fmt::format("model        {}, {}\n", words_for(model.kind), model.major ? "major" : "minor");
  tell_growth(listener, answer);
  tell_flushes(listener, replay::FlushEvents(material.flushes), answer);
  tell_assumed(replayed, listener, answer);
  return answer;
}

}  // namespace ft::app::explain
