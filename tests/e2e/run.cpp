#include "run.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <numeric>
#include <thread>

#include "base/fd.h"
#include "base/text.h"
#include "recording/reader.h"

namespace ft::e2e {

namespace fs = std::filesystem;

namespace {

struct ScratchFolder {
  ScratchFolder() {
    path = fs::temp_directory_path() / fmt::format("firsttouch-e2e-{}", ::getpid());
    fs::create_directories(path);
    // A target may run as another user.
    fs::permissions(path, fs::perms::all);
  }
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  fs::path path;
};

pid_t start(const std::vector<std::string>& command, int out, int err) {
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const int null = ::open("/dev/null", O_RDONLY);
    ::dup2(null, 0);
    ::dup2(out, 1);
    ::dup2(err, 2);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  return pid;
}

int wait_for_end(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

std::string contents(const std::string& path) {
  const auto text = read_file(path);
  return text ? *text : std::string();
}

int exit_status_of(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

}  // namespace

std::string scratch(const std::string& name) {
  static const ScratchFolder folder;
  return (folder.path / name).string();
}

std::string firsttouch() {
  return std::string(FT_BINARY_DIR) + "/bin/firsttouch";
}
std::string target(const std::string& name) {
  return std::string(FT_BINARY_DIR) + "/bin/targets/" + name;
}

std::vector<Jdk> installed_jdks() {
  std::vector<Jdk> jdks;
  for (const Jdk& jdk : {Jdk{"17", "/usr/lib/jvm/java-17-openjdk-amd64"},
                         Jdk{"25", "/usr/lib/jvm/temurin-25-jdk-amd64"}}) {
    if (fs::exists(jdk.java())) jdks.push_back(jdk);
  }
  return jdks;
}

std::string classes() {
  static const std::string folder = [] {
    const std::string to = scratch("classes");
    fs::create_directories(to);
    std::vector<std::string> command = {"javac", "--release", "17", "-d", to};
    for (const auto& entry :
         fs::directory_iterator(std::string(FT_SOURCE_DIR) + "/tests/targets")) {
      if (entry.path().extension() == ".java") command.push_back(entry.path().string());
    }
    const Finished compiled = run(command);
    EXPECT_EQ(compiled.exit_status(), 0) << compiled.err;
    return to;
  }();
  return folder;
}

int Finished::exit_status() const {
  return exit_status_of(wait_status);
}

Finished run(const std::vector<std::string>& command) {
  static int count = 0;
  const std::string out_path = scratch(fmt::format("out-{}", count));
  const std::string err_path = scratch(fmt::format("err-{}", count++));
  const Fd out(::open(out_path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  const Fd err(::open(err_path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  const int status = wait_for_end(start(command, out.get(), err.get()));
  return {.wait_status = status, .out = contents(out_path), .err = contents(err_path)};
}

Running::Running(const std::vector<std::string>& command) {
  static int count = 0;
  output_path_ = scratch(fmt::format("running-{}", count++));
  const Fd out(
      ::open(output_path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644));
  pid_ = start(command, out.get(), out.get());
}

Running::~Running() {
  if (reaped_) return;
  ::kill(pid_, SIGKILL);
  wait_for_end(pid_);
}

void Running::send(int signal) const {
  ::kill(pid_, signal);
}

int Running::wait() {
  reaped_ = true;
  return wait_for_end(pid_);
}

std::string Running::output() const {
  return contents(output_path_);
}

bool Running::wait_for(const std::string& text) const {
  for (int i = 0; i < 200; ++i) {
    if (output().find(text) != std::string::npos) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

std::uint64_t Recorded::meta_number(const std::string& key) const {
  return parse_integer<std::uint64_t>(trace.meta_or(key)).value_or(0);
}

std::uint64_t Recorded::lost() const {
  std::uint64_t sum = 0;
  for (const event::Loss& loss : trace.losses) {
    if (loss.severity == event::LossSeverity::DataLoss) sum += loss.count;
  }
  return sum;
}

std::map<std::string, int> Recorded::calls_by_name(std::optional<event::Pid> pid) const {
  std::map<std::string, int> calls;
  for (const event::Syscall& call : trace.syscalls) {
    if (!pid || call.pid == *pid) ++calls[std::string(event::name_of(call.number))];
  }
  return calls;
}

Recorded load(const std::string& path) {
  Recorded recorded;
  auto reader = recording::Reader::open(path);
  EXPECT_TRUE(reader) << reader.error().message();
  if (!reader) return recorded;
  auto trace = (*reader)->trace();
  EXPECT_TRUE(trace) << trace.error().message();
  if (trace) recorded.trace = std::move(*trace);
  const auto keep = [](auto& into) {
    return [&into](auto batch) { into.insert(into.end(), batch.begin(), batch.end()); };
  };
  EXPECT_TRUE((*reader)->faults(keep(recorded.faults)));
  EXPECT_TRUE((*reader)->page_allocs(keep(recorded.page_allocs)));
  EXPECT_TRUE((*reader)->tlb_flushes(keep(recorded.tlb_flushes)));
  return recorded;
}

Recorded record(const std::string& name, const std::vector<std::string>& command,
                const std::vector<std::string>& options, int status) {
  const std::string path = scratch(name);
  std::vector<std::string> words = {firsttouch(), "record", "--backend", "bpf", "-o", path};
  words.insert(words.end(), options.begin(), options.end());
  words.emplace_back("--");
  words.insert(words.end(), command.begin(), command.end());
  const Finished finished = run(words);
  EXPECT_EQ(finished.exit_status(), status) << finished.err;
  return load(path);
}

std::optional<std::string> why_no_bpf() {
  static const std::optional<std::string> why = []() -> std::optional<std::string> {
    const Finished tried =
        run({firsttouch(), "record", "--backend", "bpf", "-o", scratch("probe.ft"), "--", "true"});
    if (tried.exit_status() == 0) return std::nullopt;
    return tried.err;
  }();
  return why;
}

}  // namespace ft::e2e
