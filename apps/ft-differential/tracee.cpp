#include "tracee.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "base/fd.h"
#include "base/units.h"
#include "host/maps.h"
#include "start_image.h"

namespace ft::differential {

namespace {

constexpr std::uint64_t kNotCanonical = 0x8000000000000000;
constexpr int kTrapped = SIGTRAP;
constexpr uid_t kNobody = 65534;
constexpr int kOutOfTheWay = 500;
constexpr std::size_t kMostFiles = 16;

Result<Fd> make_image_file() {
  Fd file(::memfd_create("ft-differential", MFD_CLOEXEC));
  if (!file.valid()) return fail_errno("memfd_create", errno);
  const std::vector<std::uint8_t> image = make_start_image();
  if (::write(file.get(), image.data(), image.size()) != static_cast<ssize_t>(image.size()))
    return fail_errno("memfd", errno);
  return file;
}

bool set_limit(int which, std::uint64_t bytes) {
  const rlimit limit{bytes, bytes};
  // glibc types the resource as an enum in C++.
  return ::syscall(SYS_setrlimit, which, &limit) == 0;
}

bool give_up_privileges() {
  return ::setgroups(0, nullptr) == 0 && ::setresgid(kNobody, kNobody, kNobody) == 0 &&
         ::setresuid(kNobody, kNobody, kNobody) == 0;
}

// In the child between fork and exec. Returns only if it fails.
void become(const Start& start, std::span<const int> files, int image) {
  // All out of the way first, so that no dup2 closes what is still needed.
  const int safe_image = ::fcntl(image, F_DUPFD_CLOEXEC, kOutOfTheWay);
  int safe[kMostFiles];
  if (files.size() > kMostFiles) return;
  for (std::size_t i = 0; i < files.size(); ++i)
    safe[i] = ::fcntl(files[i], F_DUPFD_CLOEXEC, kOutOfTheWay);
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (safe[i] < 0 || ::dup2(safe[i], kFirstFile + static_cast<int>(i)) < 0) return;
  }
  if (::personality(ADDR_NO_RANDOMIZE) < 0) return;
  if (!set_limit(RLIMIT_AS, start.address_space_limit) ||
      !set_limit(RLIMIT_DATA, start.data_limit) || !set_limit(RLIMIT_STACK, start.stack_limit) ||
      !set_limit(RLIMIT_MEMLOCK, start.memlock_limit))
    return;
  if (!start.privileged && ::geteuid() == 0 && !give_up_privileges()) return;
  if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) return;
  char name[] = "ft-differential";
  char* const arguments[] = {name, nullptr};
  char* const environment[] = {nullptr};
  ::syscall(SYS_execveat, safe_image, "", arguments, environment, AT_EMPTY_PATH);
}

bool stopped_by_event(int status, int event) {
  return status >> 8 == (SIGTRAP | (event << 8));
}

}  // namespace

std::string_view name_of(TouchEnd end) {
  switch (end) {
    case TouchEnd::Done:
      return "done";
    case TouchEnd::SegvMapError:
      return "SIGSEGV, SEGV_MAPERR";
    case TouchEnd::SegvAccessError:
      return "SIGSEGV, SEGV_ACCERR";
    case TouchEnd::BusError:
      return "SIGBUS";
  }
  return {};
}

Tracee::Tracee(Tracee&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), code_(other.code_), base_(other.base_) {}

Tracee& Tracee::operator=(Tracee&& other) noexcept {
  if (this != &other) {
    end();
    pid_ = std::exchange(other.pid_, -1);
    code_ = other.code_;
    base_ = other.base_;
  }
  return *this;
}

Tracee::~Tracee() {
  end();
}

void Tracee::end() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, __WALL) == pid_ && !WIFEXITED(status) && !WIFSIGNALED(status)) {
  }
  pid_ = -1;
}

Result<Tracee> Tracee::start(const Start& start, std::span<const int> files) {
  const Fd image = FT_TRY(make_image_file());
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno("fork", errno);
  if (pid == 0) {
    become(start, files, image.get());
    ::_exit(127);
  }
  Tracee tracee(pid);
  const int status = FT_TRY(tracee.wait());
  if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
    return fail("starting a process to trace", "it ended before it began",
                "ptrace must be allowed, and memfd files executable");
  const long options = PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK;
  if (::ptrace(PTRACE_SETOPTIONS, pid, nullptr, options) != 0)
    return fail_errno("PTRACE_SETOPTIONS", errno);
  tracee.base_ = FT_TRY(tracee.registers());
  tracee.code_ = kImageStub;
  FT_TRY_VOID(tracee.settle());
  return tracee;
}

// What is done here, ModelWorld does too (model_world.cpp, settle).
Result<void> Tracee::settle() {
  const auto must = [&](long number, const Arguments& arguments,
                        std::string_view what) -> Result<std::int64_t> {
    const std::int64_t value = FT_TRY(call(number, arguments));
    if (value < 0) return fail_errno(std::string(what), static_cast<int>(-value));
    return value;
  };
  FT_TRY(must(SYS_mmap,
              {kStub.start, kStub.size(), PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, ~std::uint64_t{0}, 0},
              "mapping the stub"));
  for (std::size_t at = 0; at < sizeof kStubCode; at += sizeof(long)) {
    long word = 0;
    std::memcpy(&word, kStubCode + at, sizeof word);
    if (::ptrace(PTRACE_POKEDATA, pid_, kStub.start + at, word) != 0)
      return fail_errno("PTRACE_POKEDATA", errno);
  }
  FT_TRY(must(SYS_mprotect, {kStub.start, kStub.size(), PROT_READ | PROT_EXEC}, "the stub"));
  code_ = kStub.start;
  FT_TRY(must(SYS_munmap, {kImageAddress, kPageSize}, "leaving the image"));

  const std::string maps_path = "/proc/" + std::to_string(pid_) + "/maps";
  const std::string maps = FT_TRY(read_file(maps_path));
  for (const host::Vma& area : FT_TRY(host::parse_maps(maps))) {
    if (area.name != "[stack]") continue;
    if (area.range.end != kArgumentPage.end) return fail(maps_path, "the stack is not at the top");
    FT_TRY(must(SYS_munmap, {kArgumentPage.start, kPageSize}, "the arguments"));
    FT_TRY(must(SYS_madvise, {area.range.start, area.range.size() - kPageSize, MADV_DONTNEED},
                "the stack"));
    return {};
  }
  return fail("starting a process to trace", "it has no stack");
}

Result<user_regs_struct> Tracee::registers() const {
  user_regs_struct registers{};
  if (::ptrace(PTRACE_GETREGS, pid_, nullptr, &registers) != 0)
    return fail_errno("PTRACE_GETREGS", errno);
  return registers;
}

Result<int> Tracee::wait() {
  int status = 0;
  while (::waitpid(pid_, &status, __WALL) != pid_) {
    if (errno != EINTR) return fail_errno("waitpid", errno);
  }
  return status;
}

// Lets it run from `registers` until it stops; what it stopped with. Anything but a stop is an
// error: somebody else killed it.
Result<int> Tracee::run(const user_regs_struct& registers) {
  if (::ptrace(PTRACE_SETREGS, pid_, nullptr, &registers) != 0)
    return fail_errno("PTRACE_SETREGS", errno);
  if (::ptrace(PTRACE_CONT, pid_, nullptr, nullptr) != 0) return fail_errno("PTRACE_CONT", errno);
  const int status = FT_TRY(wait());
  if (!WIFSTOPPED(status)) {
    pid_ = -1;
    return fail("the traced process", "was killed", "is there enough memory?");
  }
  return status;
}

Result<std::int64_t> Tracee::call(long number, const Arguments& arguments) {
  user_regs_struct wanted = base_;
  wanted.rip = code_ + kStubSyscall;
  wanted.rax = static_cast<std::uint64_t>(number);
  wanted.orig_rax = ~0ULL;  // not in a system call: nothing is to be restarted
  wanted.rdi = arguments[0];
  wanted.rsi = arguments[1];
  wanted.rdx = arguments[2];
  wanted.r10 = arguments[3];
  wanted.r8 = arguments[4];
  wanted.r9 = arguments[5];
  const int status = FT_TRY(run(wanted));
  if (WSTOPSIG(status) != kTrapped)
    return fail("the traced process", "a system call ended with a signal");
  return static_cast<std::int64_t>(FT_TRY(registers()).rax);
}

Result<TouchEnd> Tracee::touch(std::uint64_t address, Access access) {
  user_regs_struct wanted = base_;
  wanted.orig_rax = ~0ULL;
  wanted.rdi = address;
  wanted.rip = code_ + (access == Access::Write ? kStubWrite : kStubRead);
  if (access == Access::Execute) {
    // Every page that programs can execute holds zeros, but for the ones that were written: add
    // %al,(%rax), add %eax,(%rax) or add %al,(%rcx). With such addresses in the registers the
    // instruction, once fetched, stops by a general protection fault, which is no page fault.
    wanted.rip = address;
    wanted.rax = kNotCanonical;
    wanted.rcx = kNotCanonical;
  }
  const int status = FT_TRY(run(wanted));
  const int signal = WSTOPSIG(status);
  if (signal == kTrapped) return TouchEnd::Done;
  siginfo_t info{};
  if (::ptrace(PTRACE_GETSIGINFO, pid_, nullptr, &info) != 0)
    return fail_errno("PTRACE_GETSIGINFO", errno);
  if (signal == SIGBUS) return TouchEnd::BusError;
  if (signal == SIGSEGV && info.si_code == SI_KERNEL && access == Access::Execute &&
      address < kUserEnd)
    return TouchEnd::Done;
  if (signal == SIGSEGV && info.si_code == SEGV_ACCERR) return TouchEnd::SegvAccessError;
  // An address that no process can have raises a general protection fault; the model has one name
  // for both.
  if (signal == SIGSEGV) return TouchEnd::SegvMapError;
  return fail("the traced process", "an access ended with signal " + std::to_string(signal));
}

Result<std::expected<Tracee, int>> Tracee::fork() {
  user_regs_struct wanted = base_;
  wanted.rip = code_ + kStubSyscall;
  wanted.rax = SYS_clone;
  wanted.orig_rax = ~0ULL;
  // Our own child, so that we can wait for its end.
  wanted.rdi = CLONE_PARENT | SIGCHLD;
  wanted.rsi = wanted.rdx = wanted.r10 = wanted.r8 = wanted.r9 = 0;
  int status = FT_TRY(run(wanted));
  if (!stopped_by_event(status, PTRACE_EVENT_FORK)) {
    if (WSTOPSIG(status) != kTrapped) return fail("the traced process", "fork ended with a signal");
    return std::expected<Tracee, int>(std::unexpect, -static_cast<int>(FT_TRY(registers()).rax));
  }
  unsigned long pid = 0;
  if (::ptrace(PTRACE_GETEVENTMSG, pid_, nullptr, &pid) != 0)
    return fail_errno("PTRACE_GETEVENTMSG", errno);
  Tracee child(static_cast<pid_t>(pid));
  child.code_ = code_;
  child.base_ = base_;
  FT_TRY(child.wait());
  if (::ptrace(PTRACE_CONT, pid_, nullptr, nullptr) != 0) return fail_errno("PTRACE_CONT", errno);
  status = FT_TRY(wait());
  if (!WIFSTOPPED(status) || WSTOPSIG(status) != kTrapped)
    return fail("the traced process", "fork ended with a signal");
  return std::expected<Tracee, int>(std::move(child));
}

}  // namespace ft::differential
