#include "event/system_names.h"

#include <array>
#include <cstring>

namespace ft::event {

namespace {

constexpr int kLastErrno = 133;  // EHWPOISON
constexpr int kFirstRealTimeSignal = 32;
constexpr int kLastSignal = 64;

struct RestartCode {
  int number;
  std::string_view name;
  std::string_view text;
};

// include/linux/errno.h; the texts are strace's.
constexpr std::array kRestartCodes = {
    RestartCode{512, "ERESTARTSYS", "To be restarted if SA_RESTART is set"},
    RestartCode{513, "ERESTARTNOINTR", "To be restarted"},
    RestartCode{514, "ERESTARTNOHAND", "To be restarted if no handler"},
    RestartCode{516, "ERESTART_RESTARTBLOCK", "Interrupted by signal"},
};

constexpr std::array<std::string_view, 33> kRealTimeNames = {
    "SIGRT_0",  "SIGRT_1",  "SIGRT_2",  "SIGRT_3",  "SIGRT_4",  "SIGRT_5",  "SIGRT_6",
    "SIGRT_7",  "SIGRT_8",  "SIGRT_9",  "SIGRT_10", "SIGRT_11", "SIGRT_12", "SIGRT_13",
    "SIGRT_14", "SIGRT_15", "SIGRT_16", "SIGRT_17", "SIGRT_18", "SIGRT_19", "SIGRT_20",
    "SIGRT_21", "SIGRT_22", "SIGRT_23", "SIGRT_24", "SIGRT_25", "SIGRT_26", "SIGRT_27",
    "SIGRT_28", "SIGRT_29", "SIGRT_30", "SIGRT_31", "SIGRT_32"};

constexpr std::array<std::string_view, 32> kSignalNames = {
    "",          "SIGHUP",  "SIGINT",    "SIGQUIT", "SIGILL",   "SIGTRAP", "SIGABRT", "SIGBUS",
    "SIGFPE",    "SIGKILL", "SIGUSR1",   "SIGSEGV", "SIGUSR2",  "SIGPIPE", "SIGALRM", "SIGTERM",
    "SIGSTKFLT", "SIGCHLD", "SIGCONT",   "SIGSTOP", "SIGTSTP",  "SIGTTIN", "SIGTTOU", "SIGURG",
    "SIGXCPU",   "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO",   "SIGPWR",  "SIGSYS"};

const RestartCode* find_restart_code(int number) {
  for (const RestartCode& code : kRestartCodes) {
    if (code.number == number) return &code;
  }
  return nullptr;
}

}  // namespace

std::optional<int> errno_number(std::string_view name) {
  for (int number = 1; number <= kLastErrno; ++number) {
    if (errno_name(number) == name) return number;
  }
  for (const RestartCode& code : kRestartCodes) {
    if (code.name == name) return code.number;
  }
  return std::nullopt;
}

std::string_view errno_name(int number) {
  if (const RestartCode* code = find_restart_code(number)) return code->name;
  const char* name = number > 0 ? ::strerrorname_np(number) : nullptr;
  return name ? std::string_view(name) : std::string_view();
}

std::string_view errno_text(int number) {
  if (const RestartCode* code = find_restart_code(number)) return code->text;
  const char* text = number > 0 ? ::strerrordesc_np(number) : nullptr;
  return text ? std::string_view(text) : std::string_view();
}

bool is_restart_code(int number) {
  return find_restart_code(number) != nullptr;
}

std::optional<int> signal_number(std::string_view name) {
  for (int number = 1; number <= kLastSignal; ++number) {
    if (signal_name(number) == name) return number;
  }
  if (name == "SIGRTMIN") return kFirstRealTimeSignal;
  return std::nullopt;
}

std::string_view signal_name(int number) {
  if (number <= 0 || number > kLastSignal) return {};
  if (number >= kFirstRealTimeSignal) {
    return kRealTimeNames[static_cast<std::size_t>(number - kFirstRealTimeSignal)];
  }
  return kSignalNames[static_cast<std::size_t>(number)];
}

}  // namespace ft::event
