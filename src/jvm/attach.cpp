#include "jvm/attach.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/clock.h"
#include "base/text.h"

namespace ft::jvm {

namespace {

constexpr std::size_t kLargestAnswer = std::size_t{256} << 20U;
constexpr Nanoseconds kMillisecond = 1'000'000;
constexpr Nanoseconds kLookAgain = 20 * kMillisecond;

std::unexpected<Error> too_slow(std::string_view doing) {
  return fail("asking the JVM", fmt::format("it does not {} in time", doing),
              "it may be busy, at a safepoint, or started with -XX:+DisableAttachMechanism");
}

// Removes the file that tells the JVM what the signal is for.
class TriggerFile {
 public:
  explicit TriggerFile(std::string path) : path_(std::move(path)) {}
  TriggerFile(const TriggerFile&) = delete;
  TriggerFile& operator=(const TriggerFile&) = delete;
  ~TriggerFile() {
    if (made_) ::unlink(path_.c_str());
  }

  // The JVM takes it from its own user and from root.
  Result<void> make(uid_t user) {
    ::unlink(path_.c_str());
    const Fd file(
        ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file.valid()) return fail_errno(path_, errno, "the JVM looks for this file in its /tmp");
    made_ = true;
    if (::geteuid() == 0 && user != 0) (void)!::fchown(file.get(), user, static_cast<gid_t>(-1));
    return {};
  }

 private:
  std::string path_;
  bool made_ = false;
};

class Asker {
 public:
  Asker(const AttachTarget& target, Nanoseconds deadline)
      : target_(target),
        deadline_(deadline),
        socket_path_(fmt::format("{}/.java_pid{}", target.temp_dir, target.inner_pid)) {}

  Result<std::string> ask(std::string_view command) {
    FT_TRY_VOID(start_listener());
    const Fd socket = FT_TRY(connect());
    FT_TRY_VOID(send(socket, command));
    return receive(socket);
  }

 private:
  // A file of somebody else's could be there to be connected to.
  bool listens() const {
    struct stat status{};
    return ::lstat(socket_path_.c_str(), &status) == 0 && S_ISSOCK(status.st_mode) &&
           (status.st_uid == target_.user || status.st_uid == 0);
  }

  Result<void> start_listener() {
    if (listens()) return {};
    TriggerFile trigger(fmt::format("{}/.attach_pid{}", target_.temp_dir, target_.inner_pid));
    FT_TRY_VOID(trigger.make(target_.user));
    if (::syscall(SYS_pidfd_send_signal, target_.process, SIGQUIT, nullptr, 0) != 0) {
      return fail_errno("asking the JVM: SIGQUIT", errno);
    }
    while (!listens()) {
      if (monotonic_now() >= deadline_) return too_slow("open its socket");
      ::poll(nullptr, 0, static_cast<int>(kLookAgain / kMillisecond));
    }
    return {};
  }

  Result<Fd> connect() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket_path_.size() >= sizeof address.sun_path) {
      return fail(socket_path_, "the path is too long for a socket");
    }
    std::memcpy(address.sun_path, socket_path_.c_str(), socket_path_.size() + 1);
    while (true) {
      Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      if (!socket.valid()) return fail_errno("asking the JVM: socket", errno);
      if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
        return socket;
      // Its queue is full (EAGAIN), or it is bound and does not listen yet.
      const bool again = errno == EAGAIN || errno == EINTR || errno == ECONNREFUSED;
      if (!again) return fail_errno(socket_path_, errno);
      if (monotonic_now() >= deadline_) return too_slow("take a connection");
      ::poll(nullptr, 0, static_cast<int>(kLookAgain / kMillisecond));
    }
  }

  Result<void> wait(const Fd& socket, short events, std::string_view doing) const {
    pollfd waiting{.fd = socket.get(), .events = events, .revents = 0};
    while (true) {
      const Nanoseconds left = deadline_ - monotonic_now();
      if (left <= 0) return too_slow(doing);
      const int ready = ::poll(&waiting, 1, static_cast<int>(left / kMillisecond) + 1);
      if (ready > 0) return {};
      if (ready < 0 && errno != EINTR) return fail_errno("asking the JVM", errno);
    }
  }

  // Version, name of the operation, three arguments; each with a final zero.
  Result<void> send(const Fd& socket, std::string_view command) const {
    using std::string_view_literals::operator""sv;
    std::string request("1\0jcmd\0"sv);
    request += command;
    request += "\0\0\0"sv;
    std::string_view rest = request;
    while (!rest.empty()) {
      const ssize_t sent = ::send(socket.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent > 0) {
        rest.remove_prefix(static_cast<std::size_t>(sent));
      } else if (errno == EAGAIN) {
        FT_TRY_VOID(wait(socket, POLLOUT, "take the question"));
      } else if (errno != EINTR) {
        return refused(errno);
      }
    }
    return {};
  }

  Result<std::string> receive(const Fd& socket) const {
    std::string answer;
    std::array<char, std::size_t{64} * 1024> part;
    while (true) {
      const ssize_t got = ::recv(socket.get(), part.data(), part.size(), 0);
      if (got > 0) {
        answer.append(part.data(), static_cast<std::size_t>(got));
        if (answer.size() > kLargestAnswer) return fail("asking the JVM", "its answer is too long");
      } else if (got == 0) {
        if (answer.empty()) return refused(0);
        return answer;
      } else if (errno == EAGAIN) {
        FT_TRY_VOID(wait(socket, POLLIN, "answer"));
      } else if (errno != EINTR) {
        return refused(errno);
      }
    }
  }

  static std::unexpected<Error> refused(int error_number) {
    if (error_number != 0 && error_number != ECONNRESET && error_number != EPIPE) {
      return fail_errno("asking the JVM", error_number);
    }
    return fail("asking the JVM", "it closed the connection without an answer",
                "it answers its own user and group, and root");
  }

  const AttachTarget& target_;
  Nanoseconds deadline_;
  std::string socket_path_;
};

}  // namespace

Result<std::string> parse_attach_answer(std::string_view answer, std::string_view name) {
  std::string_view rest = answer;
  const std::string_view first = take_until(rest, '\n');
  const auto code = parse_integer<int>(first);
  if (!code) return fail(std::string(name), "the JVM's answer does not begin with a number");
  if (*code != 0) {
    const std::string_view why = trim(take_until(rest, '\n')).substr(0, 300);
    return fail(std::string(name), why.empty() ? fmt::format("the JVM answers with error {}", *code)
                                               : "the JVM answers: " + printable(why));
  }
  return std::string(rest);
}

Result<std::string> ask_jvm(const AttachTarget& target, std::string_view command,
                            Nanoseconds deadline) {
  const std::string answer = FT_TRY(Asker(target, deadline).ask(command));
  return parse_attach_answer(answer, command);
}

}  // namespace ft::jvm
