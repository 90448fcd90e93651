#include "live_world.h"

#include <sched.h>
#include <sys/syscall.h>

#include <string>

#include "base/text.h"

namespace ft::differential {

namespace {

constexpr long kMseal = 462;  // SYS_mseal of Linux 6.10

// Field N of /proc/PID/stat as proc(5) counts them.
std::optional<std::uint64_t> stat_field(std::string_view stat, unsigned number) {
  std::string_view rest = stat.substr(stat.rfind(')') + 1);
  constexpr unsigned kFirstAfterName = 3;
  for (unsigned field = kFirstAfterName; field < number; ++field) take_word(rest);
  return parse_integer<std::uint64_t>(take_word(rest));
}

std::uint64_t word(int number) {
  return static_cast<std::uint64_t>(std::int64_t{number});
}

// This process and those it starts. Each processor holds the pages that were mapped last on it back
// from MADV_PAGEOUT on another (mm/swap.c lru_add). And as the processes take turns, the switch
// costs least on one.
void stay_on_one_processor() {
  const int cpu = ::sched_getcpu();
  if (cpu < 0) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  ::sched_setaffinity(0, sizeof set, &set);
}

}  // namespace

Result<LiveWorld> LiveWorld::start(const Program& program) {
  stay_on_one_processor();
  LiveWorld world;
  world.files_ = FT_TRY(ProgramFiles::make(program.files));
  Tracee first = FT_TRY(Tracee::start(program.start, world.files_.descriptors()));
  FT_TRY_VOID(world.add(std::move(first)));
  FT_TRY_VOID(world.read_start_facts());
  return world;
}

Result<void> LiveWorld::add(Tracee tracee) {
  LiveView view = FT_TRY(LiveView::open(tracee.pid(), files_.numbers()));
  members_.push_back(Member{.tracee = std::move(tracee), .view = std::move(view)});
  return {};
}

Result<void> LiveWorld::read_start_facts() {
  Member& first = *members_.front();
  const ProcessState state = FT_TRY(first.view.read());
  first.minor_before = state.minor_faults;
  first.major_before = state.major_faults;
  facts_.areas = state.areas;
  const std::string path = "/proc/" + std::to_string(first.tracee.pid()) + "/stat";
  const std::string stat = FT_TRY(read_file(path));
  const auto field = [&](unsigned number) { return stat_field(stat, number).value_or(0); };
  facts_.start_stack = field(28);
  facts_.start_data = field(45);
  facts_.end_data = field(46);
  facts_.start_brk = field(47);
  if (facts_.start_brk == 0)
    return fail(path, "does not say where the break is", "run as the superuser");
  return {};
}

int LiveWorld::descriptor(int file) const {
  if (file == kNoFile) return -1;
  if (file < 0 || static_cast<std::size_t>(file) >= files_.descriptors().size()) return kNotOpen;
  return kFirstFile + file;
}

Result<Effect> LiveWorld::run(const Instruction& instruction) {
  if (const auto* call = std::get_if<Ftruncate>(&instruction))
    return Effect{.value = files_.truncate(call->file, call->size)};
  const unsigned process = *process_of(instruction);
  if (process >= members_.size() || !members_[process]) return Effect{.absent = true};
  if (std::holds_alternative<Fork>(instruction)) return fork(*members_[process]);
  if (std::holds_alternative<Exit>(instruction)) {
    if (process == 0) return Effect{.absent = true};
    members_[process].reset();
    return Effect{};
  }
  return act(*members_[process], instruction);
}

Result<Effect> LiveWorld::fork(Member& member) {
  std::size_t alive = 0;
  for (const auto& any : members_) alive += any.has_value() ? 1 : 0;
  if (alive >= kMostProcesses) return Effect{.absent = true};
  std::expected<Tracee, int> child = FT_TRY(member.tracee.fork());
  if (!child) return Effect{.value = -child.error()};
  FT_TRY_VOID(add(std::move(*child)));
  return Effect{};
}

Result<Effect> LiveWorld::act(Member& member, const Instruction& instruction) {
  Tracee& tracee = member.tracee;
  if (const auto* touch = std::get_if<Touch>(&instruction)) {
    Effect effect;
    for (unsigned page = 0; page < touch->pages && effect.end == TouchEnd::Done; ++page)
      effect.end = FT_TRY(tracee.touch(touch->addr + page * kPageSize, touch->access));
    return effect;
  }
  struct Request {
    long number = 0;
    Tracee::Arguments arguments{};
  };
  struct AsRequest {
    const LiveWorld& world;
    Request operator()(const Mmap& c) const {
      return {SYS_mmap,
              {c.addr, c.length, c.prot, c.flags, word(world.descriptor(c.file)), c.offset}};
    }
    Request operator()(const Munmap& c) const { return {SYS_munmap, {c.addr, c.length}}; }
    Request operator()(const Mprotect& c) const {
      return {SYS_mprotect, {c.addr, c.length, c.prot}};
    }
    Request operator()(const Madvise& c) const {
      return {SYS_madvise, {c.addr, c.length, word(c.advice)}};
    }
    Request operator()(const Mremap& c) const {
      return {SYS_mremap, {c.addr, c.old_length, c.new_length, c.flags, c.new_addr}};
    }
    Request operator()(const Brk& c) const { return {SYS_brk, {c.addr}}; }
    Request operator()(const Mlock& c) const { return {SYS_mlock2, {c.addr, c.length, c.flags}}; }
    Request operator()(const Munlock& c) const { return {SYS_munlock, {c.addr, c.length}}; }
    Request operator()(const Mseal& c) const { return {kMseal, {c.addr, c.length, c.flags}}; }
    Request operator()(const Touch&) const { return {}; }
    Request operator()(const Fork&) const { return {}; }
    Request operator()(const Exit&) const { return {}; }
    Request operator()(const Ftruncate&) const { return {}; }
  };
  const Request request = std::visit(AsRequest{*this}, instruction);
  return Effect{.value = FT_TRY(tracee.call(request.number, request.arguments))};
}

Result<WorldState> LiveWorld::state() {
  WorldState states;
  for (std::optional<Member>& member : members_) {
    if (!member) {
      states.emplace_back();
      continue;
    }
    ProcessState state = FT_TRY(member->view.read());
    state.minor_faults -= member->minor_before;
    state.major_faults -= member->major_before;
    states.push_back(std::move(state));
  }
  return states;
}

}  // namespace ft::differential
