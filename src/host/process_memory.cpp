#include "host/process_memory.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"

namespace ft::host {

namespace {

constexpr std::uint64_t kKernelThread = 0x200000;  // PF_KTHREAD

std::string file_of(pid_t pid, std::string_view name) {
  return fmt::format("/proc/{}/{}", pid, name);
}

bool has_ended(char state) {
  return state == 'Z' || state == 'X' || state == 'x';
}

std::optional<std::int64_t> signed_number(const HostFiles& files, const std::string& path) {
  const auto text = files.text(path);
  return text ? parse_integer<std::int64_t>(*text) : std::nullopt;
}

// Why a file of the process, which is there, cannot be read.
Error refusal(const HostFiles& files, pid_t pid, Error error) {
  const auto text = files.text(file_of(pid, "status"));
  if (!text) return error;
  const auto status = parse_status(*text);
  if (!status || status->real_uid == ::geteuid() || ::geteuid() == 0) return error;
  error.remedy = fmt::format("the process belongs to user {}: run this as that user or as root",
                             status->real_uid);
  return error;
}

}  // namespace

Result<ProcessIdentity> identify_process(const HostFiles& files, pid_t pid) {
  const std::string what = fmt::format("process {}", pid);
  if (!files.exists(fmt::format("/proc/{}", pid))) {
    return fail(what, "no such process", "pgrep -n java finds the newest JVM");
  }
  const std::string stat_text = FT_TRY(files.read(file_of(pid, "stat")));
  const ProcessStat stat = FT_TRY(parse_process_stat(stat_text, file_of(pid, "stat")));
  if (has_ended(stat.state)) {
    return fail(what, "it has ended, and its parent has not waited for it yet");
  }
  const std::string status_text = FT_TRY(files.read(file_of(pid, "status")));
  const ProcessStatus status = FT_TRY(parse_status(status_text, file_of(pid, "status")));
  if (status.tgid != status.pid) {
    return fail(what, "that is a thread",
                fmt::format("its process is {}: give that number", status.tgid));
  }
  // One that is ending has given up its address space already, and is no zombie yet.
  if (!status.vm_size && (stat.flags & kKernelThread) == 0) return fail(what, "has ended");
  if (!status.vm_size) {
    return fail(what, fmt::format("{} is a kernel thread: it has no address space", status.name));
  }
  return ProcessIdentity{.pid = pid, .start_ticks = stat.start_ticks};
}

Result<ProcessSight> look_at_process(const HostFiles& files, const ProcessIdentity& who,
                                     Nanoseconds now) {
  const auto stat_text = files.read(file_of(who.pid, "stat"));
  const auto status_text = files.read(file_of(who.pid, "status"));
  if (!stat_text || !status_text) return ProcessSight{};
  ProcessMemory memory;
  memory.at = now;
  memory.stat = FT_TRY(parse_process_stat(*stat_text, file_of(who.pid, "stat")));
  if (memory.stat.start_ticks != who.start_ticks) return ProcessSight{Presence::Reused, {}};
  if (has_ended(memory.stat.state)) return ProcessSight{};
  memory.status = FT_TRY(parse_status(*status_text, file_of(who.pid, "status")));
  // A thread group whose leader has left shows nothing, and one that is just ending neither.
  if (!memory.status.vm_size && memory.stat.threads <= 1) return ProcessSight{};
  memory.oom_score = signed_number(files, file_of(who.pid, "oom_score"));
  memory.oom_score_adj = signed_number(files, file_of(who.pid, "oom_score_adj"));
  return ProcessSight{Presence::There, std::move(memory)};
}

Result<SmapsCounters> read_rollup(const HostFiles& files, const ProcessIdentity& who) {
  const std::string path = file_of(who.pid, "smaps_rollup");
  const auto text = files.read(path);
  if (!text) return std::unexpected(refusal(files, who.pid, text.error()));
  return parse_smaps_rollup(*text, path);
}

Result<std::uint64_t> read_map_count(const HostFiles& files, const ProcessIdentity& who) {
  const auto text = files.read(file_of(who.pid, "maps"));
  if (!text) return std::unexpected(refusal(files, who.pid, text.error()));
  const auto lines = static_cast<std::uint64_t>(std::ranges::count(*text, '\n'));
  return lines - (text->find("[vsyscall]") != std::string::npos ? 1 : 0);
}

Result<CommandWords> read_command_words(const HostFiles& files, const ProcessIdentity& who) {
  CommandWords command;
  const std::string text = FT_TRY(files.read(file_of(who.pid, "cmdline")));
  for (const std::string_view word : split(text, '\0')) {
    if (!word.empty()) command.words.emplace_back(word);
  }
  const auto environment = files.read(file_of(who.pid, "environ"));
  if (!environment) return command;
  command.with_environment = true;
  for (const std::string_view variable : split(*environment, '\0')) {
    for (const std::string_view name :
         {"JAVA_TOOL_OPTIONS=", "JDK_JAVA_OPTIONS=", "_JAVA_OPTIONS="}) {
      if (!variable.starts_with(name)) continue;
      std::string_view rest = variable.substr(name.size());
      for (auto word = take_word(rest); !word.empty(); word = take_word(rest)) {
        command.words.emplace_back(word);
      }
    }
  }
  return command;
}

}  // namespace ft::host
