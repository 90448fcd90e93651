#include "capture/strace/descriptors.h"

#include <optional>

#include "base/text.h"
#include "capture/strace/call_parser.h"
#include "capture/strace/text.h"

namespace ft::capture::strace {

namespace {

// The result of a call's line, nothing where it failed or did not return.
std::optional<std::int64_t> result_of(std::string_view line) {
  const std::size_t at = line.rfind(" = ");
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view rest = line.substr(at + 3);
  rest = rest.substr(0, rest.find_first_of(" <"));
  const auto value = parse_integer<std::int64_t>(rest);
  return value && *value >= 0 ? value : std::nullopt;
}

std::optional<std::string_view> take_argument(Scanner& scanner) {
  scanner.skip_blanks();
  const char* start = scanner.position();
  if (!skip_argument(scanner)) return std::nullopt;
  const std::string_view argument = scanner.since(start);
  scanner.take(',');
  return argument;
}

bool opens(std::string_view name) {
  return name == "open" || name == "openat" || name == "openat2" || name == "creat";
}

}  // namespace

bool Descriptors::changed_by(std::string_view name) {
  return opens(name) || name == "close" || name == "fcntl" || name == "dup" || name == "dup2" ||
         name == "dup3";
}

void Descriptors::note(event::Pid pid, event::Pid parent, std::string_view line) {
  const std::optional<std::int64_t> result = result_of(line);
  if (!result) return;
  Scanner scanner(line);
  const std::string_view name = CallParser::take_name(scanner);
  const std::optional<std::string_view> first = take_argument(scanner);
  if (!first) return;

  if (opens(name)) {
    const bool at = name.starts_with("openat");
    const std::optional<std::string_view> path = at ? take_argument(scanner) : first;
    if (!path || !path->starts_with('"')) return;
    opened(pid, parent, *result, files_.id_of_path(quoted_string(*path)));
    return;
  }
  const auto old = parse_integer<std::int64_t>(*first);
  if (!old) return;
  Table& table = table_of(pid, parent);
  if (name == "close") {
    table.erase(*old);
    return;
  }
  if (name == "fcntl") {
    const std::optional<std::string_view> command = take_argument(scanner);
    if (!command || !command->starts_with("F_DUPFD")) return;
  }
  const auto it = table.find(*old);
  if (it == table.end())
    table.erase(*result);
  else
    table[*result] = event::FileId{it->second};
}

void Descriptors::opened(event::Pid pid, event::Pid parent, std::int64_t fd, event::FileId file) {
  table_of(pid, parent)[fd] = file;
}

event::FileId Descriptors::find(event::Pid pid, event::Pid parent, std::int32_t fd) {
  if (fd < 0 || by_process_.empty()) return event::kNoFile;
  const Table& table = table_of(pid, parent);
  const auto it = table.find(fd);
  return it == table.end() ? event::kNoFile : it->second;
}

Descriptors::Table& Descriptors::table_of(event::Pid pid, event::Pid parent) {
  if (const auto it = by_process_.find(pid); it != by_process_.end()) return it->second;
  Table inherited;
  if (const auto it = by_process_.find(parent); it != by_process_.end()) inherited = it->second;
  return by_process_.emplace(pid, std::move(inherited)).first->second;
}

}  // namespace ft::capture::strace
