#include "capture/strace/main_thread.h"

#include <unordered_set>

#include "base/text.h"
#include "capture/strace/line.h"

namespace ft::capture::strace {

namespace {

std::optional<event::Tid> leading_pid(std::string_view text) {
  text = text.substr(std::min(text.find_first_not_of(' '), text.size()));
  const auto pid =
      parse_integer<std::uint32_t>(text.substr(0, text.find_first_not_of("0123456789")));
  if (!pid || *pid == 0 || *pid > kLargestPid) return std::nullopt;
  return static_cast<event::Tid>(*pid);
}

}  // namespace

std::optional<event::Tid> find_main_thread(std::string_view beginning) {
  std::unordered_set<event::Tid> attached;
  // Both marks begin a line or stand inside one; walk over them in order.
  std::size_t at = 0;
  while (true) {
    const std::size_t bracket = beginning.find("[pid ", at);
    if (bracket == std::string_view::npos) return std::nullopt;
    std::size_t process = beginning.find("strace: Process ", at);
    while (process < bracket) {
      if (const auto pid = leading_pid(beginning.substr(process + 16, 10))) attached.insert(*pid);
      process = beginning.find("strace: Process ", process + 16);
    }
    const auto pid = leading_pid(beginning.substr(bracket + 5, 16));
    if (pid && !attached.contains(*pid)) return pid;
    at = bracket + 5;
  }
}

}  // namespace ft::capture::strace
