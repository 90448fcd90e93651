#include "capture/bpf/sampling.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/fd.h"
#include "capture/target_meta.h"
#include "host/kernel_symbols.h"

namespace ft::capture::bpf {

namespace {

constexpr std::string_view kKernelModule = "[kernel]";

event::Stack named(const StackTable::KernelStack& from, const host::KernelSymbols& symbols) {
  event::Stack stack;
  stack.truncated = from.truncated;
  for (std::size_t depth = 0; depth < from.frames.size(); ++depth) {
    event::Frame& frame = stack.frames.emplace_back();
    frame.address = from.frames[depth];
    // Behind the innermost come return addresses, which may already belong to the next function.
    const std::uint64_t inside = depth == 0 ? frame.address : frame.address - 1;
    const auto symbol = symbols.find(inside);
    if (!symbol) continue;
    frame.symbol = symbol->name;
    frame.module =
        symbol->module.empty() ? std::string(kKernelModule) : fmt::format("[{}]", symbol->module);
    frame.symbol_offset = frame.address - symbol->start;
  }
  return stack;
}

void name_kernel_stacks(const StackTable& stacks, event::EventSink& sink) {
  if (stacks.kernel_stacks().empty()) return;
  const auto nameless = [&](const std::string& why) {
    sink.on_meta("sample.kernel_symbols", "none");
    sink.on_loss({.kind = "kernel symbols",
                  .count = 1,
                  .severity = event::LossSeverity::Notice,
                  .meaning = "functions of the kernel have no names, so samples no stage: " + why});
  };
  auto text = read_file("/proc/kallsyms");
  if (!text) return nameless(text.error().message());
  const auto symbols = host::KernelSymbols::parse(std::move(*text));
  if (!symbols) return nameless(symbols.error().message());
  if (symbols->hidden()) {
    return nameless(
        "/proc/kallsyms shows no addresses here (kernel.kptr_restrict is 2, or "
        "CAP_SYSLOG is missing)");
  }
  sink.on_meta("sample.kernel_symbols", "kallsyms");
  for (const StackTable::KernelStack& stack : stacks.kernel_stacks()) {
    sink.on_stack(stack.id, named(stack, *symbols));
  }
}

}  // namespace

void tell_samples(const Sampling& sampling, const MessageDecoder& decoder, event::EventSink& sink) {
  if (sampling.refused) {
    sink.on_loss({.kind = "samples refused",
                  .count = 1,
                  .severity = event::LossSeverity::Notice,
                  .meaning = "threads were not sampled: " + sampling.refused->message()});
    if (decoder.samples() == 0) return;
  }
  sink.on_meta("sample.event", "cpu-clock");
  tell(sink, "sample.period_ns", sampling.period);
  tell(sink, "sample.clock_ns", sampling.clock);
  const auto due = static_cast<std::uint64_t>(sampling.clock / sampling.period);
  const std::uint64_t taken = decoder.samples() + sampling.lost;
  sink.on_loss({.kind = "samples that did not come",
                .count = due - std::min(due, taken),
                .severity = event::LossSeverity::Notice,
                .meaning = "periods of the samples' clock without a sample: interrupts were off, "
                           "the host took the CPU away, or another probe ran"});
  sink.on_loss({.kind = "stacks of samples",
                .count = decoder.stacks().not_kept(),
                .severity = event::LossSeverity::Notice,
                .meaning = "samples without their stack: 65,536 different ones were kept"});
  name_kernel_stacks(decoder.stacks(), sink);
}

}  // namespace ft::capture::bpf
