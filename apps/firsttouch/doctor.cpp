// firsttouch doctor: what works on this host, what not, why, and the remedy.
#include "host/capabilities.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/terminal.h"
#include "base/text.h"
#include "command.h"
#include "host/facts.h"

namespace ft::app {

namespace {

using host::Capability;
using host::CapabilityState;

constexpr std::size_t kMarkWidth = 10;
constexpr std::size_t kNameWidth = 32;
constexpr std::size_t kIndent = 2;

std::string_view mark_of(CapabilityState state) {
  return state == CapabilityState::Works ? "ok" : host::name_of(state);
}

// What is missing and not missed (a recording lacks nothing without it) is no cause for red.
Style style_of(const Capability& capability) {
  if (capability.state == CapabilityState::Works) return Style::Good;
  const bool missed =
      capability.bpf_needs_it || capability.ptrace_needs_it || !capability.recording_lacks.empty();
  return capability.state == CapabilityState::Missing && missed ? Style::Bad : Style::Warning;
}

// Breaks text at blanks into lines of `width` columns (counted as bytes: the text is ours and
// plain).
std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  std::vector<std::string> lines(1);
  for (std::string_view word = take_word(text); !word.empty(); word = take_word(text)) {
    if (!lines.back().empty() && lines.back().size() + 1 + word.size() > width)
      lines.emplace_back();
    if (!lines.back().empty()) lines.back() += ' ';
    lines.back() += word;
  }
  return lines;
}

class TextDoctor {
 public:
  explicit TextDoctor(int fd)
      : style_(Styler::for_fd(fd)),
        width_(std::max<std::size_t>(terminal_width(fd), kIndent + kMarkWidth + kNameWidth + 30)) {}

  std::string render(const host::HostFacts& facts, const std::vector<Capability>& capabilities,
                     const host::BackendChoice& choice) {
    add_host(facts);
    std::string_view group;
    for (const Capability& capability : capabilities) {
      if (host::name_of(capability.group) != group) {
        group = host::name_of(capability.group);
        text_ += "\n" + style_(Style::Heading, group) + "\n";
      }
      add(capability);
    }
    add_choice(choice);
    return std::move(text_);
  }

 private:
  void add_host(const host::HostFacts& facts) {
    text_ += style_(Style::Strong, fmt::format("Linux {} on {}", printable(facts.kernel),
                                               printable(facts.cpu_model)));
    text_ +=
        fmt::format("\n{} CPU{}, {} node{}, {} of memory\n", facts.cpus, facts.cpus == 1 ? "" : "s",
                    facts.nodes, facts.nodes == 1 ? "" : "s", human_bytes(facts.memory_bytes));
  }

  void add(const Capability& capability) {
    const std::string mark = fmt::format("{:<{}}", mark_of(capability.state), kMarkWidth);
    text_ += fmt::format("{:{}}{}{:<{}}", "", kIndent, style_(style_of(capability), mark),
                         capability.name, kNameWidth);
    // A name that fills its column pushes the reason to the next line.
    if (capability.name.size() >= kNameWidth) text_ += fmt::format("\n{:{}}", "", column());
    add_lines(printable(capability.why), "");
    if (capability.state != CapabilityState::Works && !capability.remedy.empty()) {
      text_ += fmt::format("{:{}}", "", column());
      add_lines(printable(capability.remedy), "-> ");
    }
  }

  // Writes the first line where the cursor is, the others below it.
  void add_lines(std::string_view text, std::string_view lead) {
    const std::vector<std::string> lines = wrapped(text, width_ - column() - lead.size());
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (i == 0)
        text_ += style_(Style::Faint, lead);
      else
        text_ += fmt::format("{:{}}", "", column() + lead.size());
      text_ += lines[i] + "\n";
    }
  }

  void add_choice(const host::BackendChoice& choice) {
    text_ += "\n";
    switch (choice.backend) {
      case host::Backend::Bpf:
        text_ += style_(Style::Good, "firsttouch record would use bpf.") + "\n";
        break;
      case host::Backend::Ptrace:
        text_ += style_(Style::Warning, "firsttouch record would use ptrace") +
                 fmt::format(", because bpf lacks: {}.\n", choice.why_not_bpf);
        break;
      case host::Backend::None:
        text_ += style_(Style::Bad, "firsttouch record cannot work here") +
                 fmt::format(
                     ": bpf lacks {}, and ptrace is refused. firsttouch import reads logs "
                     "of strace.\n",
                     choice.why_not_bpf);
        return;
    }
    text_ +=
        choice.recording_lacks.empty()
            ? std::string("Nothing would be missing from a recording.\n")
            : fmt::format("Missing from a recording: {}.\n",
                          printable(fmt::format("{}", fmt::join(choice.recording_lacks, ", "))));
  }

  static constexpr std::size_t column() { return kIndent + kMarkWidth + kNameWidth; }

  Styler style_;
  std::size_t width_;
  std::string text_;
};

// "host.thp.enabled" becomes {"thp": {"enabled": ...}}; decimal digits become numbers.
nlohmann::json nested_facts(const host::HostFacts& facts) {
  constexpr std::string_view kPrefix = "host.";
  nlohmann::json root = nlohmann::json::object();
  for (const auto& [key, value] : host::flatten(facts)) {
    nlohmann::json* at = &root;
    for (const std::string_view part : split(std::string_view(key).substr(kPrefix.size()), '.')) {
      at = &(*at)[std::string(part)];
    }
    const auto number = parse_integer<std::uint64_t>(value);
    if (number)
      *at = *number;
    else
      *at = value;
  }
  return root;
}

std::string render_json(const host::HostFacts& facts, const std::vector<Capability>& capabilities,
                        const host::BackendChoice& choice) {
  nlohmann::json root;
  root["format"] = 1;
  root["backend"] = host::name_of(choice.backend);
  root["recording_lacks"] = choice.recording_lacks;
  root["capabilities"] = nlohmann::json::array();
  for (const Capability& capability : capabilities) {
    root["capabilities"].push_back({{"name", capability.name},
                                    {"group", host::name_of(capability.group)},
                                    {"state", host::name_of(capability.state)},
                                    {"why", capability.why},
                                    {"remedy", capability.remedy},
                                    {"needed_for", capability.needed_for}});
  }
  root["host"] = nested_facts(facts);
  // Names of files may hold any byte.
  return root.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

int run_doctor(const std::string& format) {
  const host::HostProbes probes =
      host::probe_host(host::HostFiles(), host::JdkHints::from_environment());
  const std::vector<Capability> capabilities = host::judge(probes);
  const host::BackendChoice choice = host::choose_backend(capabilities);
  const std::string text =
      format == "json" ? render_json(probes.facts, capabilities, choice)
                       : TextDoctor(STDOUT_FILENO).render(probes.facts, capabilities, choice);
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    return kExitFailed;
  }
  return choice.backend == host::Backend::Bpf ? kExitDone : kExitNo;
}

}  // namespace

void add_doctor(CLI::App& app, Outcome& outcome) {
  CLI::App* command =
      app.add_subcommand("doctor", "Says what works here, what does not, why, and the remedy.");
  const auto format = std::make_shared<std::string>("text");
  command->add_option("--format", *format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  command->footer(
      "Exit status: 0 if record can use its best backend (bpf), 1 if not.\n"
      "Everything is found out by trying it; no setting of the host is changed.");
  command->callback([&outcome, format] { outcome.exit_status = run_doctor(*format); });
}

}  // namespace ft::app
