// firsttouch explain: one address, call, fault or page-table entry, with the values of that very
// one.
#include "explain.h"

#include <sys/utsname.h>

#include <memory>
#include <vector>

#include "base/text.h"
#include "command.h"
#include "output.h"
#include "sim/kernel/behaviour.h"

namespace ft::app {

namespace {

struct ExplainArguments {
  std::vector<std::string> words;
  std::string entry;
  std::string level = "pte";
  std::string kernel;
  std::string format = "text";
  event::Pid pid = 0;
};

std::optional<std::uint64_t> parse_address(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
  return parse_integer<std::uint64_t>(text, 16);
}

Result<arch::EntryRules> rules_for(const std::string& kernel) {
  std::string release = kernel;
  if (release.empty()) {
    utsname names{};
    if (::uname(&names) == 0) release = names.release;
  }
  const sim::kernel::Behaviour behaviour = FT_TRY(sim::kernel::Behaviour::of_release(release));
  arch::EntryRules rules;
  if (behaviour.name == "6.1") rules.dialect = arch::Dialect::Linux6_1;
  if (behaviour.name == "6.12") rules.dialect = arch::Dialect::Linux6_12;
  return rules;
}

constexpr std::string_view kUsageRemedy =
    "explain ADDRESS FILE, explain ADDRESS -p PID, explain call N FILE, explain fault N FILE, "
    "explain --entry HEX";

std::unexpected<Error> wrong_usage(std::string why) {
  return fail("explain", std::move(why), std::string(kUsageRemedy));
}

bool is_wrong_usage(const Error& error) {
  return error.remedy == kUsageRemedy || error.what == "entry";
}

Result<explain::Answer> answer(const ExplainArguments& arguments) {
  const std::vector<std::string>& words = arguments.words;
  if (!arguments.entry.empty()) {
    if (!words.empty()) return wrong_usage("--entry stands alone");
    return explain::explain_entry(arguments.entry, *arch::level_named(arguments.level),
                                  FT_TRY(rules_for(arguments.kernel)));
  }
  if (words.empty()) return wrong_usage("what is to be explained?");
  if (words[0] == "call" || words[0] == "fault") {
    if (words.size() != 3) return wrong_usage(words[0] + " wants a number and a recording");
    const auto number = parse_integer<std::uint64_t>(words[1]);
    if (!number || *number == 0) {
      return wrong_usage("'" + printable(words[1]) + "' is no number of a " + words[0]);
    }
    return words[0] == "call" ? explain::explain_call(words[2], *number)
                              : explain::explain_fault(words[2], *number);
  }
  const auto address = parse_address(words[0]);
  if (!address) return wrong_usage("'" + printable(words[0]) + "' is not a hexadecimal address");
  if (words.size() == 1 && arguments.pid > 0) {
    return explain::explain_live_address(arguments.pid, *address);
  }
  if (words.size() != 2) return wrong_usage("an address wants a recording, or -p PID");
  std::optional<event::Pid> process;
  if (arguments.pid > 0) process = arguments.pid;
  return explain::explain_address(words[1], *address, process);
}

Result<void> run(const ExplainArguments& arguments) {
  const explain::Answer told = FT_TRY(answer(arguments));
  Output output = FT_TRY(Output::open({}));
  if (arguments.format == "json") {
    constexpr bool kAsciiOnly = true;
    output.write(told.json.dump(2, ' ', kAsciiOnly, nlohmann::json::error_handler_t::replace));
    output.write("\n");
  } else {
    output.write(told.text);
  }
  return output.finish();
}

}  // namespace

void add_explain(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand(
      "explain", "Explains one address, system call, page fault or page-table entry.");
  const auto arguments = std::make_shared<ExplainArguments>();
  command
      ->add_option("what", arguments->words,
                   "ADDRESS FILE, ADDRESS with -p, call N FILE, or fault N FILE")
      ->type_name("WHAT")
      ->expected(0, 3);
  command
      ->add_option("--entry", arguments->entry,
                   "A page-table entry in hexadecimal, or its parts: P,RW,US,A,D,NX,pfn=0x1a2b3c")
      ->type_name("HEX");
  command->add_option("--level", arguments->level, "The entry's level: pte, pmd, pud, p4d or pgd")
      ->check(CLI::IsMember({"pte", "pmd", "pud", "p4d", "pgd"}))
      ->capture_default_str();
  command
      ->add_option("--kernel", arguments->kernel,
                   "With --entry: the kernel that wrote it, as uname -r has it (default: this one)")
      ->type_name("RELEASE");
  command
      ->add_option("-p,--pid", arguments->pid,
                   "The process whose address it is: running, or in the recording")
      ->check(CLI::Range(1, 1 << 22))
      ->type_name("PID");
  command->add_option("--format", arguments->format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  command->footer(
      "Examples:\n"
      "  firsttouch explain 0x600000000 run.ft\n"
      "  firsttouch explain call 78 run.ft\n"
      "  firsttouch explain --entry 0x80000001a2b3c067\n"
      "Calls and faults are numbered from 1, in order of time: the column id of query's tables.");
  command->callback([arguments, &outcome] {
    if (auto done = run(*arguments); !done) {
      report_failure(outcome, done.error(),
                     is_wrong_usage(done.error()) ? kExitUsage : kExitFailed);
    }
  });
}

}  // namespace ft::app
